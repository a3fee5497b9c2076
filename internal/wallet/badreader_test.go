package wallet_test

import (
	"testing"

	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/wallet"
)

// TestBadReaders is X12 on the side of the holder: a certificate that is none of a
// reader, or has ended, gives nobody a name, and neither does a signature over
// another request.
func TestBadReaders(t *testing.T) {
	w := holding(t, 1)
	under := func(profile pki.Profile, change func(*pki.Template)) pkitest.Entity {
		template := pki.Template{Profile: profile, Subject: pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: "Patrol"}}
		if change != nil {
			change(&template)
		}
		return *w.pki.MustIssue(t, template, &w.pki.ReaderCA)
	}
	for _, tt := range []struct {
		name string
		by   pkitest.Entity
		want wallet.ReaderState
	}{
		{"X12/sound", under(pki.ProfileReader, nil), wallet.ReaderKnown},
		{"X12/no_usage_of_readers", under(pki.ProfileStatusSigner, nil), wallet.ReaderInvalid},
		{"X12/expired", under(pki.ProfileReader, func(t *pki.Template) {
			t.NotBefore, t.NotAfter = w.pki.Now.AddDate(0, -6, 0), w.pki.Now.AddDate(0, 0, -1)
		}), wallet.ReaderInvalid},
		{"X12/not_yet_valid", under(pki.ProfileReader, func(t *pki.Template) {
			t.NotBefore, t.NotAfter = w.pki.Now.AddDate(0, 0, 1), w.pki.Now.AddDate(0, 6, 0)
		}), wallet.ReaderInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked, r := w.ask(wallet.Session{Readers: w.readers(), Consent: wallet.AgreeToAll}, mdoc.RequestOptions{Reader: asReader(tt.by)}, licence("family_name"))
			if id := asked.Documents[0].Reader; id.State != tt.want || id.Refused() != (tt.want != wallet.ReaderKnown) {
				t.Errorf("%+v, want %s", id, tt.want)
			}
			if answered := len(r.Documents) == 1; answered != (tt.want == wallet.ReaderKnown) {
				t.Errorf("%d documents", len(r.Documents))
			}
		})
	}
}
