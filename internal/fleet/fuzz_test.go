package fleet

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"testing"
)

// A request that is taken gives a key that reads again, in our encoding: what is
// kept is never the sender's bytes.
func FuzzParseRequest(f *testing.F) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P224()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{"x.example"}}, key)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(csr)
	}
	f.Add([]byte{})
	f.Add([]byte("0\x80"))
	f.Fuzz(func(t *testing.T, request []byte) {
		public, err := parseRequest(request)
		if err != nil {
			return
		}
		key, err := parsePublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, public) {
			t.Fatalf("the key reads otherwise: %v", err)
		}
		if len(request) > MaxRequest {
			t.Fatal("larger than the limit")
		}
	})
}
