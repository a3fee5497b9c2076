package trust

import (
	"errors"
	"testing"
	"testing/fstest"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

// FuzzLoadFolder: whatever trust.yaml and a certificate file hold, what is
// loaded has a scope, and what is refused leaves nothing.
func FuzzLoadFolder(f *testing.F) {
	w, err := pkitest.New(pkitest.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("anchors:\n  \"*.pem\": {purposes: [issue-mdoc], doctypes: [a]}\n"), pki.EncodePEM(w.IACA.Cert))
	f.Add([]byte("as_of: 2026-06-01T00:00:00Z\n"), pki.EncodePEM(w.Reader.Cert))
	f.Add([]byte("anchors: &a {x.pem: {purposes: [vical]}}\n"), []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, table, certs []byte) {
		s, err := LoadFS(fstest.MapFS{"trust.yaml": {Data: table}, "x.pem": {Data: certs}}, Scope{})
		if err != nil {
			if s != nil || !errors.Is(err, ErrFolder) && !errors.Is(err, ErrAnchor) {
				t.Fatalf("%v, %v", s, err)
			}
			return
		}
		all := s.All()
		if len(all) == 0 {
			t.Fatal("loaded nothing without an error")
		}
		for _, a := range all {
			if a.check() != nil {
				t.Fatalf("%+v", a)
			}
		}
	})
}
