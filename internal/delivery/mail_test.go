package delivery

import (
	"bufio"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/clock"
)

// sink is an SMTP server that keeps what it is told.
type sink struct {
	t       *testing.T
	ln      net.Listener
	config  *tls.Config // of STARTTLS; nil offers none
	atOnce  bool        // TLS from the start
	answers map[string]string

	mu       sync.Mutex
	commands []string // with the state of TLS before each
	messages []string
}

// certificate is one for 127.0.0.1, and the pool with its root.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, roots
}

func (s *sink) start() string {
	s.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.ln = ln
	s.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return ln.Addr().String()
}

func (s *sink) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	r, secure := bufio.NewReader(conn), false
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	if s.atOnce {
		conn, secure = tls.Server(conn, s.config), true
		r = bufio.NewReader(conn)
	}
	say("220 sink")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb := strings.ToUpper(strings.Fields(line + " -")[0])
		s.mu.Lock()
		s.commands = append(s.commands, fmt.Sprint(secure, " ", line))
		s.mu.Unlock()
		if a, ok := s.answers[verb]; ok {
			say(a)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-sink")
			if s.config != nil && !secure {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go")
			conn, secure = tls.Server(conn, s.config), true
			r = bufio.NewReader(conn)
		case "AUTH":
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			s.mu.Lock()
			s.messages = append(s.messages, b.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *sink) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.commands, "\n")
}

func sends(t *testing.T, server string, roots *x509.CertPool, change func(*MailOptions)) error {
	t.Helper()
	opt := MailOptions{Server: server, From: "Office <office@office.example>", Roots: roots, Clock: clock.System{}, Rand: rand.Reader, Timeout: 2 * time.Second}
	if change != nil {
		change(&opt)
	}
	m, err := NewMail(opt)
	if err != nil {
		t.Fatal(err)
	}
	return m.SendMail(t.Context(), "erika@mail.example", "Ihr Dokument – Mitteilung", "Grüezi\n\n.\nEnd of "+strings.Repeat("x", 200)+"\n")
}

func TestMail(t *testing.T) {
	config, roots := certificate(t)
	s := &sink{t: t, config: config}
	err := sends(t, s.start(), roots, func(o *MailOptions) { o.User, o.Password, o.Hello = "office", "pass", "office.example" })
	if err != nil {
		t.Fatal(err)
	}
	want := "false EHLO office.example\nfalse STARTTLS\ntrue EHLO office.example\ntrue AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00office\x00pass")) +
		"\ntrue MAIL FROM:<office@office.example>\ntrue RCPT TO:<erika@mail.example>\ntrue DATA"
	if got := s.heard(); !strings.HasPrefix(got, want) {
		t.Errorf("%s", got)
	}
	msg, err := mail.ReadMessage(strings.NewReader(s.messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || subject != "Ihr Dokument – Mitteilung" {
		t.Errorf("%q, %v", subject, err)
	}
	if date, err := msg.Header.Date(); err != nil || time.Since(date).Abs() > time.Hour {
		t.Errorf("%v, %v", date, err)
	}
	for name, value := range map[string]string{
		"From": `"Office" <office@office.example>`, "To": "<erika@mail.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
		"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "base64",
	} {
		if got := msg.Header.Get(name); got != value {
			t.Errorf("%s: %q", name, got)
		}
	}
	if id := msg.Header.Get("Message-Id"); !strings.HasSuffix(id, "@office.example>") || len(id) != 32+len("<@office.example>") {
		t.Errorf("%q", id)
	}
	text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, msg.Body))
	if err != nil || string(text) != "Grüezi\r\n\r\n.\r\nEnd of "+strings.Repeat("x", 200)+"\r\n" {
		t.Errorf("%q, %v", text, err)
	}
	for line := range strings.Lines(s.messages[0]) {
		if len(line) > 78+2 {
			t.Errorf("a line of %d characters", len(line))
		}
	}
}

func TestMailFailures(t *testing.T) {
	config, roots := certificate(t)
	for name, c := range map[string]struct {
		sink    *sink
		change  func(*MailOptions)
		word    string
		lasting bool
	}{
		"plain to this machine": {&sink{}, nil, "", false},
		"unknown root":          {&sink{config: config}, func(o *MailOptions) { o.Roots = x509.NewCertPool() }, Insecure, false},
		"no such mailbox":       {&sink{config: config, answers: map[string]string{"RCPT": "550 no such user erika"}}, nil, Refused, true},
		"mailbox busy":          {&sink{config: config, answers: map[string]string{"RCPT": "450 later"}}, nil, Refused, false},
		"sender refused":        {&sink{config: config, answers: map[string]string{"MAIL": "554 go away"}}, nil, Refused, true},
		"wrong password":        {&sink{config: config, answers: map[string]string{"AUTH": "535 no"}}, func(o *MailOptions) { o.User, o.Password = "u", "secret" }, Refused, false},
		"endless greeting":      {&sink{config: config, answers: map[string]string{"EHLO": strings.Repeat("250-x\r\n", maxConversation/6) + "250 y"}}, nil, Unreachable, false},
		"silent":                {&sink{config: config, answers: map[string]string{"EHLO": "250-x"}}, func(o *MailOptions) { o.Timeout = 200 * time.Millisecond }, Unreachable, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.sink
			s.t = t
			err := sends(t, s.start(), roots, c.change)
			var f *Failure
			switch {
			case c.word == "" && err != nil:
				t.Errorf("%v", err)
			case c.word != "" && (!errors.As(err, &f) || f.Problem() != c.word || f.Permanent() != c.lasting):
				t.Errorf("%v", err)
			case err != nil && (strings.Contains(err.Error(), "erika") || strings.Contains(err.Error(), "secret")):
				t.Errorf("it tells too much: %v", err)
			}
			if c.word != "" && len(s.messages) != 0 {
				t.Error("and yet it is sent")
			}
		})
	}
	// Elsewhere nothing is said without TLS. A connection that claims to come
	// from elsewhere stands for a server there.
	m, err := NewMail(MailOptions{Server: "mail.example:25", From: "o@office.example", Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{t: t}
	conn, err := net.Dial("tcp", s.start())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var f *Failure
	if err := m.converse(elsewhere{conn}, "a@b.example", nil); !errors.As(err, &f) || f.Problem() != Insecure || strings.Contains(s.heard(), "MAIL") {
		t.Errorf("%v, %s", err, s.heard())
	}
}

type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(8, 8, 8, 8), Port: 25} }

func TestMailImplicitTLS(t *testing.T) {
	config, roots := certificate(t)
	s := &sink{t: t, config: config, atOnce: true}
	server := s.start()
	m, err := NewMail(MailOptions{Server: "127.0.0.1:465", From: "o@office.example", Roots: roots, Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := m.converse(conn, "a@b.example", []byte("x\r\n")); err != nil || !strings.HasPrefix(s.heard(), "true EHLO") || strings.Contains(s.heard(), "STARTTLS") {
		t.Errorf("%v, %s", err, s.heard())
	}
}

// A message that is sent again is the same one to whoever reads it.
func TestMessageID(t *testing.T) {
	s := &sink{t: t}
	m, err := NewMail(MailOptions{Server: s.start(), From: "o@office.example", Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.SendIdentified(t.Context(), "aB-_9", "a@b.example", "s", "t"); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range s.messages {
		if msg, err := mail.ReadMessage(strings.NewReader(text)); err != nil || msg.Header.Get("Message-Id") != "<aB-_9@office.example>" {
			t.Errorf("%d: %v, %v", i, msg, err)
		}
	}
	for _, id := range []string{"", "a@b", "a b", "a\r\nBcc: c@d.example", "a>", "é", strings.Repeat("a", maxMessageID+1)} {
		var f *Failure
		if err := m.SendIdentified(t.Context(), id, "a@b.example", "s", "t"); !errors.As(err, &f) || f.Problem() != Malformed || !f.Permanent() {
			t.Errorf("%.20q: %v", id, err)
		}
	}
	if len(s.messages) != 2 {
		t.Errorf("%d messages", len(s.messages))
	}
}

// What would become another header, another recipient or another command is
// refused before anybody is spoken to.
func TestMailInjection(t *testing.T) {
	m, err := NewMail(MailOptions{Server: "127.0.0.1:1", From: "o@office.example", Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][3]string{
		{"a@b.example\r\nRCPT TO:<c@d.example>", "s", "t"}, {"a@b.example, c@d.example", "s", "t"}, {"A <a@b.example>", "s", "t"}, {"", "s", "t"}, {"a", "s", "t"},
		{"<a@b.example>", "s", "t"}, {"é@b.example", "s", "t"}, {strings.Repeat("a", 250) + "@b.example", "s", "t"}, {`"a b"@b.example`, "s", "t"},
		{"a@b.example", "s\r\nBcc: c@d.example", "t"}, {"a@b.example", "s\n", "t"}, {"a@b.example", "", "t"}, {"a@b.example", strings.Repeat("s", maxSubject+1), "t"}, {"a@b.example", "\xff", "t"},
		{"a@b.example", "s", ""}, {"a@b.example", "s", "\xff"}, {"a@b.example", "s", strings.Repeat("t", maxText+1)},
	} {
		var f *Failure
		if err := m.SendMail(t.Context(), c[0], c[1], c[2]); !errors.As(err, &f) || f.Problem() != Malformed || !f.Permanent() {
			t.Errorf("%.40q: %v", c, err)
		}
	}
	for _, opt := range []MailOptions{
		{Server: "x", From: "o@office.example"}, {Server: "x:25", From: "nobody"}, {Server: "x:25", From: "o@office.example\r\nBcc: a@b.example"}, {Server: ":25", From: "o@office.example"},
	} {
		opt.Clock, opt.Rand = clock.System{}, rand.Reader
		if _, err := NewMail(opt); err == nil {
			t.Errorf("%+v: taken", opt)
		}
	}
}
