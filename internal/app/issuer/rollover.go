package issuer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki"
)

// operationsList is the name of the list of what the operations CA has revoked:
// signers of VICALs, whose certificates have to name one (ISO/IEC 18013-5, Annex B).
const operationsList = "operations"

// listNames are names of revocation lists: they stand in certificates and are names of
// files. That of readers is taken.
var listNames = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9]){0,39}$`)

func taken(name string) bool { return name == readersList || name == operationsList }

// rollover checks what concerns the change from one IACA to the next.
func (k *checker) rollover() {
	r := k.c.Rollover
	if !listNames.MatchString(r.CRL) || taken(r.CRL) {
		k.bad("rollover.crl", "small letters, digits and single hyphens, neither %s nor %s: iaca, or iaca-2 for the second root; got %q", readersList, operationsList, r.CRL)
	}
	for i, root := range r.Also {
		key := fmt.Sprintf("rollover.also[%d]", i)
		if root.Certificate == "" {
			k.bad(key, "certificate is missing: a PEM file with the root")
		}
		if root.Key != "" {
			k.uri(key+".key", root.Key)
		}
	}
	for i, name := range r.Links {
		if name == "" {
			k.bad(fmt.Sprintf("rollover.links[%d]", i), "missing: a PEM file with link certificates")
		}
	}
}

// listURL is the address of a revocation list of ours.
func (c *Config) listURL(name string) string {
	return c.PublicURL + issuerhttp.RevocationPath + name + crlSuffix
}

// loadRollover reads the roots beside the IACA and the links between them. A link is
// for readers to follow: one that does not lead from one of our roots to another is a
// mistake that they would find first.
func (c *Config) loadRollover(r *roots) error {
	for i, also := range c.Rollover.Also {
		key := fmt.Sprintf("rollover.also[%d]", i)
		root, err := readRoot(c.Path(also.Certificate))
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		if findings := pki.Lint(root, pki.ProfileIACA, nil); len(findings) > 0 {
			return fmt.Errorf("%s: %s does not conform to %s: %s", key, c.Path(also.Certificate), pki.ProfileIACA, strings.Join(findings, "; "))
		}
		if root.Country != r.iaca.Country || root.State != r.iaca.State {
			return fmt.Errorf("%s: %s is of another country or state than %s", key, root, r.iaca)
		}
		if slices.Contains(root.Cert.CRLDistributionPoints, c.listURL(readersList)) {
			return fmt.Errorf("%s: %s is the root of readers, not an IACA", key, root)
		}
		for _, other := range r.iacas() {
			if other.Equal(root) {
				return fmt.Errorf("%s: %s is there twice: take one out", key, root)
			}
		}
		r.also = append(r.also, root)
	}
	names := map[string]*pki.Certificate{}
	for _, root := range r.iacas() {
		name := c.listName(root, r.iaca)
		if other := names[name]; other != nil {
			return fmt.Errorf("rollover: %s and %s both name %s as the list of their revoked signers, and one list has one issuer: make the new root with another name in rollover.crl", other, root, c.listURL(name))
		}
		names[name] = root
	}
	for i, file := range c.Rollover.Links {
		certs, err := readChain(c.Path(file))
		if err != nil {
			return fmt.Errorf("rollover.links[%d]: %w", i, err)
		}
		for _, link := range certs {
			if err := r.leads(link); err != nil {
				return fmt.Errorf("rollover.links[%d]: %s: %w", i, link, err)
			}
			r.links = append(r.links, link)
		}
	}
	return nil
}

// leads says whether a link leads from one of the roots to another: to the day on
// which the later one of the three begins, whatever day it is now.
func (r roots) leads(link *pki.Certificate) error {
	failed := errors.New("it leads from none of our roots to another: name both in iaca and rollover.also")
	for _, from := range r.iacas() {
		for _, to := range r.iacas() {
			if from == to || !bytes.Equal(link.RawIssuer, from.RawSubject) || !bytes.Equal(link.Cert.RawSubjectPublicKeyInfo, to.Cert.RawSubjectPublicKeyInfo) {
				continue
			}
			at := link.NotBefore()
			for _, c := range []*pki.Certificate{from, to} {
				if c.NotBefore().After(at) {
					at = c.NotBefore()
				}
			}
			if failed = pki.VerifyLink(from, link, to, at); failed == nil {
				return nil
			}
		}
	}
	return failed
}

// iacas are the IACA and those of before and to come.
func (r roots) iacas() []*pki.Certificate { return append([]*pki.Certificate{r.iaca}, r.also...) }

// over gives the root over a chain of a profile, leaf first, and whether it stands
// directly over the leaf: of several IACAs the one whose name and key the leaf names,
// else the last certificate. What follows a leaf that stands directly below a root are
// links, for readers who hold another root.
func (r roots) over(p pki.Profile, chain []*pki.Certificate) (root *pki.Certificate, direct bool) {
	candidates := []*pki.Certificate{r.of(p)}
	if candidates[0] == r.iaca {
		candidates = r.iacas()
	}
	for i, cert := range []*pki.Certificate{chain[0], chain[len(chain)-1]} {
		for _, c := range candidates {
			if bytes.Equal(c.RawSubject, cert.RawIssuer) && bytes.Equal(c.SubjectKeyID(), cert.AuthorityKeyID()) {
				return c, i == 0 || len(chain) == 1
			}
		}
	}
	return candidates[0], len(chain) == 1
}

// listName is the name of the list of what a root has revoked: that of the address
// which it names itself where that is ours, iaca for the IACA of an office whose
// lists are elsewhere too.
func (c *Config) listName(root, main *pki.Certificate) string {
	for _, uri := range root.Cert.CRLDistributionPoints {
		name, _ := strings.CutPrefix(uri, c.PublicURL+issuerhttp.RevocationPath)
		if name, ours := strings.CutSuffix(name, crlSuffix); ours && name+crlSuffix != uri && listNames.MatchString(name) && !taken(name) {
			return name
		}
	}
	if root.Equal(main) {
		return signersList
	}
	return signersList + "-" + hex.EncodeToString(root.Fingerprint[:4])
}

// diagnose looks at what is beside the IACA while it changes.
func (r roots) diagnose(d *diagnosis.Diagnosis, now time.Time) {
	for _, beside := range []struct {
		key   string
		certs []*pki.Certificate
	}{{"rollover.also", r.also}, {"rollover.links", r.links}} {
		for i, c := range beside.certs {
			grade := diagnosis.Good
			if now.After(c.NotAfter()) {
				grade = diagnosis.Look
			}
			d.Add("certificates", fmt.Sprintf("%s[%d]", beside.key, i), grade, "it has ended: take it out of "+beside.key, "until %s", c.NotAfter().UTC().Format(time.DateOnly))
		}
	}
}
