package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// trustYAML says what the roots of the demo count for.
const trustYAML = `# What the anchors of this demo count for. Nothing here is to be trusted.
as_of: %s
anchors:
  iaca.pem:
    purposes: [issue-mdoc, issue-sd-jwt, status-list]
    doctypes: [%s, %s]
    vcts: ["%s"]
  reader-ca.pem: {purposes: [reader]}
`

// writeTrust writes the folder of anchors, for the readers of the story and for
// whoever tries cmd/verifier by hand, and loads it.
func writeTrust(dir string, cfg *issuer.Config, readers *pki.Certificate, now time.Time) (*trust.Store, error) {
	root, err := os.ReadFile(cfg.Path(cfg.IACA.Certificate))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	table := fmt.Sprintf(trustYAML, now.UTC().Format(time.RFC3339), elements.MDLDocType, elements.PIDDocType, elements.PIDVCT)
	for name, data := range map[string][]byte{"iaca.pem": root, "reader-ca.pem": pki.EncodePEM(readers), "trust.yaml": []byte(table)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return trust.LoadDir(dir, trust.Scope{})
}
