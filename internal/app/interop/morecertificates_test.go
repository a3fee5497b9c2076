//go:build interop && more

package interop

import (
	"crypto/elliptic"
	"strings"
	"testing"

	"vidimus/internal/pki"
)

// The path validation of pyca/cryptography takes the chain and the revocation list of
// every profile but links: its leaf is never an authority.
func TestPythonCertificates(t *testing.T) {
	o := &office{t: t}
	python, program := top(t, "bin", "python", "bin", "python"), top(t, "testdata", "interop", "python", "certificates.py")
	for _, c := range everyProfile(t, t.TempDir(), elliptic.P256()) {
		if c.leaf == "" || c.profile == pki.ProfileIACALink {
			continue
		}
		for crl, more := range map[string][]string{c.crl: nil, c.revoking: {"--revoked"}} {
			if printed, err := o.peer(python, append([]string{program, "--root", c.root, "--leaf", c.leaf, "--crl", crl}, more...)...); err != nil || !strings.Contains(printed, "RESULT ok") {
				t.Errorf("%s: %v\n%s", c.profile, err, printed)
			}
		}
	}
}
