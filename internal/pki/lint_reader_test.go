package pki

import (
	"slices"
	"testing"
)

// TestLintReader spoils the certificate of a reader (ISO/IEC 18013-5, B.1.7): it
// needs no country, and lives at most 1187 days.
func TestLintReader(t *testing.T) {
	const reader = ProfileReader
	for _, tt := range []struct {
		name  string
		spoil func(*forge)
		want  []string
	}{
		{"conforming", func(*forge) {}, nil},
		{"name alone", func(f *forge) { f.subject = Name{CommonName: "Patrol 7"}.marshal() }, nil},
		{"no name", func(f *forge) { f.subject = Name{Country: "UT", Organization: "Police"}.marshal() }, []string{"common name is missing"}},
		{"another country than its authority", func(f *forge) { f.subject = Name{Country: "LU", CommonName: "Patrol 7"}.marshal() }, nil},
		{"1187 days", func(f *forge) { f.validity = validityOf("260601000000Z", "290831000000Z") }, nil},
		{"1188 days", func(f *forge) { f.validity = validityOf("260601000000Z", "290901000000Z") }, []string{"validity is longer than 1187 days"}},
		{"without its own purpose", func(f *forge) { f.set(extEKU(true, OIDMdocReaderAuth)) }, []string{"extended key usage does not list 1.0.18013.5.1.6"}},
		{"signs licences too", func(f *forge) { f.set(extEKU(true, OIDReaderAuth, OIDMdlDS)) }, []string{"extended key usage lists 1.0.18013.5.1.2 of another purpose"}},
		{"for anything", func(f *forge) { f.set(extEKU(true, OIDReaderAuth, OIDAnyEKU)) }, []string{"extended key usage lists 2.5.29.37.0 of another purpose"}},
		{"purpose not critical", func(f *forge) { f.set(extEKU(false, OIDReaderAuth)) }, []string{"extended key usage is not critical"}},
		{"nowhere to ask whether it was revoked", func(f *forge) { f.drop(oidCRLDistribution) }, []string{"CRL distribution point is missing"}},
		{"no contact", func(f *forge) { f.drop(oidIssuerAltName) }, nil}, // only below an IACA
		{"an authority", func(f *forge) { f.set(extCA(true, true, 0)) }, []string{"basic constraints in a leaf"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := root("reader ca")
			issuer := root.cert(t)
			f := leaf("Patrol 7", root)
			f.subject = Name{Country: "UT", Organization: "Police", CommonName: "Patrol 7"}.marshal()
			f.set(extEKU(true, OIDReaderAuth, OIDMdocReaderAuth))
			tt.spoil(f)
			if got := Lint(f.cert(t), reader, issuer); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
