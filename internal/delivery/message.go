package delivery

import (
	"bytes"
	"encoding/base64"
	"mime"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// address reads an address that is nothing but one: local@domain, in ASCII.
func address(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text || len(text) > maxAddress || !visible(text) {
		return "", never(Malformed, "not a plain mail address")
	}
	return a.Address, nil
}

// sender reads an address that may have a name before it.
func sender(text string) (*mail.Address, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || len(a.Address) > maxAddress || !visible(a.Address) || strings.ContainsFunc(a.Name, unicode.IsControl) {
		return nil, never(Malformed, "not a mail address")
	}
	return a, nil
}

func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// notInID is what has no place before the @ of a Message-ID of ours.
func notInID(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

// message writes a mail in the form of RFC 5322. id is what stands before the
// @ of its Message-ID.
func message(from *mail.Address, to, subject, text, id string, date time.Time) ([]byte, error) {
	switch {
	case subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.ContainsFunc(subject, unicode.IsControl):
		return nil, never(Malformed, "the subject is empty, too long or holds control characters")
	case text == "" || len(text) > maxText || !utf8.ValidString(text):
		return nil, never(Malformed, "the text is empty, too long or not UTF-8")
	case id == "" || len(id) > maxMessageID || strings.ContainsFunc(id, notInID):
		return nil, never(Malformed, "not the id of a message")
	}
	domain := from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", from.String()},
		{"To", "<" + to + ">"},
		{"Subject", mime.BEncoding.Encode("utf-8", subject)},
		{"Date", date.Format(time.RFC1123Z)},
		{"Message-ID", "<" + id + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\r\n")
	return b.Bytes(), nil
}
