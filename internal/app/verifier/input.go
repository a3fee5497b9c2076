package verifier

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
	KindSDJWTJSON      Kind = "SD-JWT in JSON"
	KindJWT            Kind = "JWT"
	KindCOSE           Kind = "COSE message"
	KindEngagement     Kind = "mdoc engagement"
	KindCBOR           Kind = "CBOR"
)

// Input is the bytes of a file, freed of hexadecimal or base64url.
type Input struct {
	Kind Kind
	Data []byte
}

// ReadFile reads a file, or standard input for "-", up to MaxFile.
func ReadFile(name string, stdin io.Reader) ([]byte, error) {
	r := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
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

// Detect finds out what data hold. Text may be hexadecimal or base64url of
// binary data, with white space around it.
func Detect(data []byte) (Input, error) {
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return Input{}, errors.New("the file is empty")
	case strings.HasPrefix(strings.ToLower(text), "mdoc:"):
		return Input{KindEngagement, []byte(text)}, nil
	case strings.HasPrefix(text, "{"):
		return Input{KindSDJWTJSON, []byte(text)}, nil
	case strings.HasPrefix(text, "eyJ") && strings.Contains(text, "~"):
		return Input{KindSDJWT, []byte(text)}, nil
	case strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2:
		return Input{KindJWT, []byte(text)}, nil
	}
	if raw, err := hex.DecodeString(text); err == nil {
		data = raw
	} else if raw, err := jose.DecodeBase64URL(text); err == nil {
		data = raw
	}
	return Input{kindOfCBOR(data), data}, nil
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
