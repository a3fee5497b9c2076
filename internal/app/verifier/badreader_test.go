package verifier

import (
	"crypto/elliptic"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
)

// TestBadReaderCertificate is X12 on the side of the reader: it does not start with
// a certificate that no holder would take.
func TestBadReaderCertificate(t *testing.T) {
	w := pkitest.NewWorld(t)
	for name, tt := range map[string]struct {
		template pki.Template
		at       time.Time
		says     string
	}{
		"X12/sound":               {pki.Template{Profile: pki.ProfileReader}, w.Now, ""},
		"X12/no_usage_of_readers": {pki.Template{Profile: pki.ProfileStatusSigner}, w.Now, "1.0.18013.5.1.6"},
		"X12/expired":             {pki.Template{Profile: pki.ProfileReader}, w.Now.AddDate(3, 0, 0), "ended on"},
		"X12/not_yet_valid":       {pki.Template{Profile: pki.ProfileReader}, w.Now.AddDate(-1, 0, 0), "begins on"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := CreateState(filepath.Join(t.TempDir(), "state"))
			if err != nil {
				t.Fatal(err)
			}
			key, err := soft.New(s.dir).Create(t.Context(), "soft:path="+stateKey, elliptic.P256())
			if err != nil {
				t.Fatal(err)
			}
			tt.template.Public, tt.template.Subject = key.Public(), pki.Name{Country: pkitest.Country, Organization: "Utopia", CommonName: "Patrol 9"}
			cert := w.MustIssue(t, tt.template, &w.ReaderCA).Cert
			if err := s.keep(Enrolled{}, []*pki.Certificate{cert}, w.ReaderCA.Cert, nil); err != nil {
				t.Fatal(err)
			}
			id, err := s.Identity(t.Context(), tt.at)
			switch {
			case tt.says == "" && (err != nil || id == nil):
				t.Error(err)
			case tt.says != "" && (id != nil || err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}
