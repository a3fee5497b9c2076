package pkcs11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
)

func TestPublicKey(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		k, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := k.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		wrapped, err := asn1.Marshal(point)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range [][]byte{point, wrapped} {
			if pub, err := publicKey(curve, form); err != nil || !pub.Equal(k.Public()) {
				t.Errorf("%d bytes: %v", len(form), err)
			}
		}
		off := append([]byte(nil), point...)
		off[len(off)-1] ^= 1
		for name, bad := range map[string][]byte{"empty": nil, "short": point[1:], "long": append(wrapped, 0), "off the curve": off,
			"infinity": {0}, "compressed": append([]byte{2}, point[1:1+len(point)/2]...)} {
			if pub, err := publicKey(curve, bad); !errors.Is(err, ErrKey) || pub != nil {
				t.Errorf("%s: %v, %v", name, pub, err)
			}
		}
		params, err := paramsOf(curve)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := curveOf(params); err != nil || back != curve {
			t.Errorf("%v, %v", back, err)
		}
	}
	if _, err := paramsOf(elliptic.P521()); !errors.Is(err, ErrKey) {
		t.Errorf("P-521: %v", err)
	}
	if _, err := curveOf([]byte{0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a}); !errors.Is(err, ErrKey) {
		t.Errorf("secp256k1: %v", err)
	}
}

// What a token may answer as a signature becomes the DER that encoding/asn1 would
// make of it, or nothing.
func FuzzSignature(f *testing.F) {
	f.Add(make([]byte, 64), false)
	f.Add([]byte("short"), true)
	f.Fuzz(func(t *testing.T, raw []byte, long bool) {
		field := 32
		if long {
			field = 48
		}
		der := derSignature(raw, field)
		if len(raw) != 2*field {
			if der != nil {
				t.Fatalf("%d bytes became %x", len(raw), der)
			}
			return
		}
		want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:field]), new(big.Int).SetBytes(raw[field:])})
		if err != nil || string(der) != string(want) {
			t.Fatalf("%x, expected %x, %v", der, want, err)
		}
	})
}

// What a token may say of a public key is a point of the curve, or refused.
func FuzzPublicKey(f *testing.F) {
	f.Add([]byte{4}, false)
	f.Add(make([]byte, 99), true)
	f.Fuzz(func(t *testing.T, point []byte, long bool) {
		curve := elliptic.P256()
		if long {
			curve = elliptic.P384()
		}
		pub, err := publicKey(curve, point)
		if (pub == nil) != (err != nil) || err != nil && !errors.Is(err, ErrKey) {
			t.Fatalf("%v, %v", pub, err)
		}
		if err == nil {
			if back, err := pub.Bytes(); err != nil || string(back) != string(point[len(point)-len(back):]) {
				t.Fatalf("%x became %x, %v", point, back, err)
			}
		}
	})
}
