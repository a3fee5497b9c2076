package verifier

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
)

// MaxFile bounds every file that is read: presentations are at most 4 MiB in
// binary, and hexadecimal doubles that.
const MaxFile = 9 << 20

// Kind is what a file turned out to hold.
type Kind string

// What check and inspect tell apart.
const (
	KindDeviceResponse Kind = "mdoc DeviceResponse"
	KindDeviceRequest  Kind = "mdoc DeviceRequest"
	KindIssuerSigned   Kind = "mdoc IssuerSigned"
	KindSDJWT          Kind = "SD-JWT"
	KindJSON           Kind = "JSON text"
	KindJWT            Kind = "JWT"
	KindCOSE           Kind = "COSE message"
	KindEngagement     Kind = "mdoc engagement"
	KindCBOR           Kind = "CBOR or unknown"
)

// Input is the bytes of a file, freed of hexadecimal or base64.
type Input struct {
	Kind Kind
	Data []byte
}

// ReadFile reads a file, or standard input for "-", up to MaxFile. A nil stdin
// stands for one that was read already.
func ReadFile(name string, stdin io.Reader) ([]byte, error) {
	r := stdin
	switch {
	case name == "-" && stdin == nil:
		return nil, errors.New(`"-" is standard input, which is for one file alone`)
	case name != "-":
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a folder, a file is wanted", name)
		}
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", name, MaxFile)
	}
	return data, nil
}

// files reads the files of one command, of which one may be standard input.
type files struct{ stdin io.Reader }

func (f *files) read(name string) ([]byte, error) {
	data, err := ReadFile(name, f.stdin)
	if name == "-" {
		f.stdin = nil
	}
	return data, err
}

// open is read and Detect.
func (f *files) open(name string) (Input, error) {
	data, err := f.read(name)
	if err != nil {
		return Input{}, err
	}
	in, err := Detect(data)
	if err != nil {
		return Input{}, fmt.Errorf("%s: %w", name, err)
	}
	return in, nil
}

// Detect finds out what data hold. Text may be hexadecimal, base64url or base64
// of binary data, in one line or in many.
func Detect(data []byte) (Input, error) {
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return Input{}, errors.New("the file is empty")
	case strings.HasPrefix(strings.ToLower(text), "mdoc:"):
		return Input{KindEngagement, []byte(text)}, nil
	case text[0] == '{':
		return Input{KindJSON, []byte(text)}, nil
	case token(text) && strings.Contains(text, "~"):
		return Input{KindSDJWT, []byte(text)}, nil
	case token(text) && strings.Count(text, ".") == 2:
		return Input{KindJWT, []byte(text)}, nil
	}
	if text[0] < 0x80 { // no structure that we know begins like text
		if raw, ok := decodeText(text); ok {
			data = raw
		}
	}
	return Input{kindOfCBOR(data), data}, nil
}

// token reports text of the alphabet of compact JWTs and SD-JWTs.
func token(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_.~", r)
	})
}

// decodeText frees binary data of the text that people pass it on in.
func decodeText(text string) ([]byte, bool) {
	text = strings.Join(strings.Fields(text), "")
	if raw, err := hex.DecodeString(text); err == nil {
		return raw, true
	}
	if raw, err := jose.DecodeBase64URL(text); err == nil {
		return raw, true
	}
	raw, err := jose.DecodeBase64(text)
	return raw, err == nil
}

// kindOfCBOR tells the structures of ISO/IEC 18013-5 by their member names.
func kindOfCBOR(data []byte) Kind {
	if len(data) > 0 && (data[0] == 0xd2 || data[0] == 0x84 || data[0] == 0xd1) {
		return KindCOSE
	}
	entries, err := cbor.MapEntries(data)
	if err != nil {
		return KindCBOR
	}
	kind := KindCBOR
	for _, e := range entries {
		var name string
		if cbor.Unmarshal(e.Key, &name) != nil {
			continue
		}
		switch name {
		case "issuerAuth":
			return KindIssuerSigned
		case "docRequests":
			return KindDeviceRequest
		case "documents", "documentErrors", "status":
			kind = KindDeviceResponse
		}
	}
	return kind
}
