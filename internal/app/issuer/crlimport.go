package issuer

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/pki"
)

// crlSkew is how far the clock of whoever signs lists elsewhere may be ahead of ours.
const crlSkew = 5 * time.Minute

// ImportCRL takes over a revocation list that a root of this office has signed
// elsewhere, PEM or DER, and publishes it under the address that stands in the
// certificates. Refused is a list that the root did not sign or that departs from
// Annex B, one that has ended or is of the future, one with a number that is not
// higher than that of the newest list, and one that lacks somebody whom an earlier
// list names: what was revoked stays revoked. The newest list once more changes nothing.
//
// The answer also names whose list it is: "iaca", "readers". An error beside a list says
// that it was taken over and not put among the published lists.
func ImportCRL(ctx context.Context, cfg *Config, data []byte, now time.Time) (*pki.CRL, string, error) {
	list, err := pki.ParseCRL(bundle.DER(data))
	if err != nil {
		return nil, "", err
	}
	shelf, err := cfg.shelfOf(list)
	if err != nil {
		return nil, "", err
	}
	if err := list.Verify(shelf.root, false); err != nil {
		return nil, "", err
	}
	if findings := pki.LintCRL(list); len(findings) > 0 {
		return nil, "", fmt.Errorf("%w: %s", pki.ErrCRL, strings.Join(findings, "; "))
	}
	switch {
	case !list.Number.IsUint64():
		return nil, "", fmt.Errorf("%w: its number has more than 64 bits: after it no other could be numbered", pki.ErrCRL)
	case list.ThisUpdate.After(now.Add(crlSkew)):
		return nil, "", fmt.Errorf("%w: it is of %s, which is to come: see that the clocks are right", pki.ErrCRL, stamp(list.ThisUpdate))
	case !now.Before(list.NextUpdate):
		return nil, "", fmt.Errorf("%w: it has ended on %s: have a new one signed", pki.ErrCRL, stamp(list.NextUpdate))
	}
	unlock, err := cfg.aloneWithLists(ctx, byImport)
	if err != nil {
		return nil, "", err
	}
	defer unlock()
	held, err := shelf.Kept()
	if err != nil {
		return nil, "", err
	}
	if cfg.Status.Directory != "" {
		// What the world has read counts too, also when the state folder is of a time before.
		there, err := shelf.published(cfg.Path(cfg.Status.Directory))
		if err == nil && there != nil {
			held = append(held, there)
		}
	}
	if len(held) > 0 && bytes.Equal(highest(held).Raw, list.Raw) {
		if err := shelf.adopt(list); err != nil {
			return nil, "", err
		}
		return list, shelf.name, shelf.publish(list)
	}
	for _, old := range held {
		if err := list.Supersedes(old); err != nil {
			return nil, "", fmt.Errorf("%w: sign a list with a number above %s", err, highest(held).Number)
		}
	}
	if lost := lacks(list, united(held)); len(lost) > 0 {
		return nil, "", fmt.Errorf("%w: it lacks %s, which an earlier list has revoked: have one signed that names them too", pki.ErrCRL, strings.Join(lost, ", "))
	}
	if err := shelf.Keep(list); err != nil {
		return nil, "", err
	}
	return list, shelf.name, shelf.publish(list)
}

// ImportCRLFile is ImportCRL of a file.
func ImportCRLFile(ctx context.Context, cfg *Config, file string, now time.Time) (*pki.CRL, string, error) {
	data, err := readLimited(file, 2*pki.MaxCRLBytes) // PEM is longer by a third
	if err != nil {
		return nil, "", err
	}
	return ImportCRL(ctx, cfg, data, now)
}

// shelfOf is the place of a list: that of the root by whose name and key it is.
func (c *Config) shelfOf(list *pki.CRL) (crlShelf, error) {
	shelves, err := c.crlShelves(c.Path(crlFolder))
	if err != nil {
		return crlShelf{}, err
	}
	var names []string
	for _, s := range shelves {
		if bytes.Equal(list.RawIssuer, s.root.RawSubject) && bytes.Equal(list.AuthorityKeyID, s.root.SubjectKeyID()) {
			return s, nil
		}
		names = append(names, s.root.String())
	}
	// A root of ours whose list nobody would look for here.
	for _, r := range []struct{ key, certificate, remedy string }{
		{"operations_ca", c.OperationsCA.Certificate, "its list is served for signers of VICALs alone, and no signer has the profile vical-signer: configure signers.vical, its key and chain, then import it again; without one hand the list to those who read receipts and checkpoints yourself"},
		{"access_ca", c.AccessCA.Certificate, "no list of that root is served here: hand it to those who trust the root yourself"},
	} {
		root, err := c.restoredRoot(c.Path(crlFolder), r.certificate)
		if err == nil && bytes.Equal(list.RawIssuer, root.RawSubject) && bytes.Equal(list.AuthorityKeyID, root.SubjectKeyID()) {
			return crlShelf{}, fmt.Errorf("%w: it is of %s (%s): %s", pki.ErrCRL, r.key, root, r.remedy)
		}
	}
	return crlShelf{}, fmt.Errorf("%w: it is of none of the roots of this office: %s", pki.ErrCRL, strings.Join(names, "; "))
}

func highest(lists []*pki.CRL) *pki.CRL {
	return slices.MaxFunc(lists, func(a, b *pki.CRL) int { return a.Number.Cmp(b.Number) })
}

// lacks names, in hexadecimal, whom a list does not name.
func lacks(list *pki.CRL, revoked []pki.RevokedCertificate) []string {
	there := map[string]bool{}
	for _, e := range list.Entries() {
		there[string(e.Serial.Bytes())] = true
	}
	var out []string
	for _, e := range revoked {
		if !there[string(e.Serial.Bytes())] {
			out = append(out, e.Serial.Text(16))
		}
	}
	return out
}
