package jose

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
)

// zipDeflate is the one compression of RFC 7516 section 4.1.3: DEFLATE
// (RFC 1951) without any frame.
const zipDeflate = "DEF"

// EncryptDeflated is Encrypt of the compressed plaintext, with zip in the
// header. Whoever can put text of his own beside a secret and see the length
// learns of it: it is for messages in which that is no harm.
func EncryptDeflated(pub *Key, enc string, header map[string]any, plaintext []byte, random io.Reader) (string, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(plaintext)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("encrypting JWE: %w", err)
	}
	return encrypt(pub, enc, header, b.Bytes(), random, true)
}

// DecryptInflating is Decrypt for a JWE that may be compressed. No more than
// max octets are ever inflated, and only of what was authentic.
func DecryptInflating(token string, max int, find func(kid string) *Key, encs ...string) ([]byte, Header, error) {
	plaintext, h, err := decrypt(token, find, encs, parseZipHeader)
	if err == nil {
		plaintext, err = inflated(plaintext, h, max)
	}
	if err != nil {
		return nil, Header{}, fmt.Errorf("decrypting JWE: %w", err)
	}
	return plaintext, h, nil
}

func inflated(plaintext []byte, h Header, max int) ([]byte, error) {
	if raw, ok := h.Members["zip"]; ok {
		if string(raw) != `"`+zipDeflate+`"` {
			return nil, fmt.Errorf("%w: zip %s", ErrUnsupported, quote(raw))
		}
		from := bytes.NewReader(plaintext)
		r := flate.NewReader(from)
		text, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
		if err != nil || len(text) <= max && from.Len() > 0 {
			return nil, fmt.Errorf("%w: compressed text", ErrMalformed)
		}
		plaintext = text
	}
	if len(plaintext) > max {
		return nil, fmt.Errorf("%w: plaintext of more than %d bytes", ErrLimit, max)
	}
	return plaintext, nil
}
