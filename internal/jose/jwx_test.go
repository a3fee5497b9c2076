package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// jwx is the oracle: what we sign and encrypt it must read, and the reverse.
func TestJWXSignatures(t *testing.T) {
	ec := func(c elliptic.Curve) *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		alg jwa.SignatureAlgorithm
		key crypto.Signer
	}{
		{jwa.ES256(), ec(elliptic.P256())}, {jwa.ES384(), ec(elliptic.P384())}, {jwa.ES512(), ec(elliptic.P521())}, {jwa.EdDSA(), ed},
	} {
		t.Run(tt.alg.String(), func(t *testing.T) {
			for range 8 {
				payload := make([]byte, 100)
				if _, err := rand.Read(payload); err != nil {
					t.Fatal(err)
				}
				ours, err := Sign(tt.key, map[string]any{"typ": "test+jwt"}, payload, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := jws.Verify([]byte(ours), jws.WithKey(tt.alg, tt.key.Public())); err != nil || !bytes.Equal(got, payload) {
					t.Errorf("jwx does not read ours: %v", err)
				}
				theirs, err := jws.Sign(payload, jws.WithKey(tt.alg, tt.key))
				if err != nil {
					t.Fatal(err)
				}
				parsed, err := Parse(string(theirs))
				if err != nil {
					t.Fatal(err)
				}
				if err := parsed.Verify(tt.key.Public()); err != nil || !bytes.Equal(parsed.Payload, payload) {
					t.Errorf("we do not read jwx: %v", err)
				}
			}
		})
	}
}

func TestJWXEncryption(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		for _, enc := range []jwa.ContentEncryptionAlgorithm{jwa.A128GCM(), jwa.A256GCM()} {
			t.Run(curve.Params().Name+"/"+enc.String(), func(t *testing.T) {
				private, err := ecdsa.GenerateKey(curve, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				plain := bytes.Repeat([]byte("credential "), 50)
				ours, err := Encrypt(&Key{Public: &private.PublicKey}, enc.String(), nil, plain, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := jwe.Decrypt([]byte(ours), jwe.WithKey(jwa.ECDH_ES(), private)); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("jwx does not open ours: %v", err)
				}
				theirs, err := jwe.Encrypt(plain, jwe.WithKey(jwa.ECDH_ES(), &private.PublicKey), jwe.WithContentEncryption(enc))
				if err != nil {
					t.Fatal(err)
				}
				got, _, err := Decrypt(string(theirs), func(string) *Key { return &Key{Public: &private.PublicKey, Private: private} })
				if err != nil || !bytes.Equal(got, plain) {
					t.Errorf("we do not open jwx: %v", err)
				}
			})
		}
	}
}
