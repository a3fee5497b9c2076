package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
)

func TestZip(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := &Key{Public: &private.PublicKey, Private: private}
	find := func(string) *Key { return key }
	text := []byte(strings.Repeat("vidimus ", 1000))
	zipped, err := EncryptDeflated(key, "A128GCM", map[string]any{"cty": "json"}, text, rand.Reader)
	if err != nil || len(zipped) > 1000 {
		t.Fatalf("%d characters, %v", len(zipped), err)
	}
	plain, err := Encrypt(key, "A256GCM", nil, text, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{zipped, plain} {
		if got, _, err := DecryptInflating(token, len(text), find); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d octets, %v", len(got), err)
		}
		if got, _, err := DecryptInflating(token, len(text)-1, find); !errors.Is(err, ErrLimit) || got != nil {
			t.Errorf("one octet too many: %v", err)
		}
	}
	if _, _, err := Decrypt(zipped, find); !errors.Is(err, ErrUnsupported) {
		t.Errorf("compressed, for who does not want that: %v", err)
	}
	for name, c := range map[string]struct {
		plaintext []byte
		want      error
	}{
		"not compressed": {[]byte("x"), ErrMalformed},
		"empty":          {nil, ErrMalformed},
		"trailing":       {append([]byte{3, 0}, 'x'), ErrMalformed},
	} {
		token, err := encrypt(key, "A128GCM", nil, c.plaintext, rand.Reader, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := DecryptInflating(token, 100, find); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := EncryptDeflated(key, "A128GCM", map[string]any{"zip": "GZ"}, text, rand.Reader); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
