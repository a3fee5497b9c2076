package signer_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/sdjwt"
	. "vidimus/internal/signer"
)

// TestOracle is bad input K09 in messages of the right kind: what a front end in other
// hands would have signed for later, or to poison what comes after.
func TestOracle(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		for i := range c.Keys {
			if name := c.Keys[i].Name; name == "mdl" || name == "pid" {
				c.Keys[i].Policy.Office.MaxValidity = 14 * 24 * time.Hour
			}
		}
	})
	day := w.Now.Truncate(24 * time.Hour)
	end := w.DocumentSignerPID.Cert.NotAfter()
	list := func(change func(*x509.RevocationList)) []byte {
		return w.spoken("iaca", func(key crypto.Signer, _ [][]byte) error {
			l := &x509.RevocationList{Number: big.NewInt(7), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 7),
				RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(77), RevocationTime: w.Now.Add(-time.Hour)}}}
			change(l)
			_, err := x509.CreateRevocationList(rand.Reader, l, w.entities["iaca"].Cert.Cert, key)
			return err
		})
	}
	for _, c := range []struct {
		name, key string
		message   []byte
	}{
		{"K09/an mdoc for the last days of the certificate", "mdl", w.mso("mdl", mdl, func(c *mdoc.Copy) {
			c.Validity = mdoc.NewValidityInfo(day, day.AddDate(0, 0, 60), day.AddDate(0, 0, 74))
		})},
		{"K09/an SD-JWT for the last days of the certificate", "pid", w.sdjwt(func(c *sdjwt.Copy) {
			c.NotBefore, c.Expires = end.Add(-14*24*time.Hour).Truncate(time.Second), end
		})},
		{"K09/a list after which there is no number", "iaca", list(func(l *x509.RevocationList) { l.Number = new(big.Int).Lsh(big.NewInt(1), 100) })},
		{"K09/a list with an entry to come", "iaca", list(func(l *x509.RevocationList) { l.RevokedCertificateEntries[0].RevocationTime = w.Now.AddDate(1, 0, 0) })},
		{"K09/a list that revokes its root", "iaca", list(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].SerialNumber = w.entities["iaca"].Cert.Cert.SerialNumber
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			if signatures, err := w.sign(c.key, c.message); signatures != nil || !errors.Is(err, ErrRefused) || ReasonOf(err) != ReasonPolicy {
				t.Errorf("signed %d, %q: %v", len(signatures), ReasonOf(err), err)
			}
		})
	}
	if _, err := w.sign("iaca", list(func(*x509.RevocationList) {})); err != nil {
		t.Errorf("a list as it should be: %v", err)
	}
}
