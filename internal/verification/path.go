package verification

import (
	"errors"
	"fmt"
	"strings"

	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// path is what became of a certificate chain.
type path struct {
	*pki.Path                  // nil unless the chain holds
	leaf      *pki.Certificate // chain[0] when it can be read, trusted or not
	reason    string           // pki reason when the chain does not hold
}

// trusted reports whether the leaf's key may be believed at this moment.
func (p path) trusted() bool { return p.Path != nil }

// validate takes a chain to an anchor that may issue typ (ISO/IEC 18013-5,
// 9.3.3; presentation rules in ARCHITECTURE.md). The three parts of the answer
// are told apart: whether there is a path, whether its end may sign this, and
// whether its country is the anchor's.
func (o *Options) validate(c *checks, purpose trust.Purpose, typ string, chain [][]byte, ids pathIDs) path {
	var p path
	if len(chain) > 0 {
		if leaf, err := pki.ParseCertificate(chain[0]); err == nil {
			p.leaf = leaf
		}
	}
	var anchors []*pki.Certificate
	if o.Trust != nil {
		anchors = o.Trust.Anchors(purpose, typ)
	}
	rules := o.policy()
	valid, err := o.Chains.Validate(chain, anchors, pki.PathOptions{
		Now: o.Now, Purposes: o.purposes(typ), RequireEKU: rules.RequireEKU, CheckCountry: true,
		MaxIntermediates: rules.MaxIntermediates, AllowRSA: purpose == trust.IssueSDJWT,
	})
	if err == nil {
		p.Path, p.leaf = valid, valid.Leaf
		if w := valid.Warnings; len(w) > 0 {
			c.warn(ids.path, strings.Join(w, "; "))
		} else {
			c.pass(ids.path, "to "+valid.Anchor.String())
		}
		ids.rest(c, "", "")
		return p
	}
	p.reason = pki.ReasonMalformed
	var pe *pki.PathError
	if errors.As(err, &pe) {
		p.reason = pe.Reason
	}
	switch {
	case p.reason == pki.ReasonEKU && ids.eku != "":
		c.pass(ids.path, "")
		c.fail(ids.eku, err.Error())
		c.notDone(ids.country, "the certificate may not sign this")
	case (p.reason == pki.ReasonCountry || p.reason == pki.ReasonState) && ids.country != "":
		c.pass(ids.path, "")
		c.pass(ids.eku, "")
		c.fail(ids.country, err.Error())
	default:
		detail := err.Error()
		if p.reason == pki.ReasonNoAnchor {
			detail = fmt.Sprintf("%s; %d anchors are trusted for %s", detail, len(anchors), typ)
		}
		c.fail(ids.path, detail)
		ids.rest(c, NotDone, "no path to an anchor")
	}
	return p
}

// pathIDs are the check ids of a format's path; eku and country may be "".
type pathIDs struct{ path, eku, country string }

func (i pathIDs) rest(c *checks, result Result, detail string) {
	if result == "" {
		result = Pass
	}
	for _, id := range []string{i.eku, i.country} {
		if id != "" {
			c.add(id, result, detail)
		}
	}
}

// describe fills in on whose word the document rests.
func (o *Options) describe(p path) Trust {
	var t Trust
	if p.leaf != nil {
		t.Signer, t.Serial = p.leaf.Cert.Subject.String(), p.leaf.Cert.SerialNumber.Text(16)
	}
	if p.trusted() {
		t.Anchor = p.Anchor.Cert.Subject.String()
		for _, a := range o.Trust.All() {
			if a.Cert.Equal(p.Anchor) {
				t.Source = a.Source
				break
			}
		}
	}
	if o.Trust != nil {
		t.AnchorAt = o.Trust.AsOf()
	}
	return t
}
