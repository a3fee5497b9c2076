package verification

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// path is what became of a certificate chain.
type path struct {
	*pki.Path                  // nil unless the chain holds
	leaf      *pki.Certificate // chain[0] when it can be read, trusted or not
	reason    string           // pki reason when the chain does not hold
	ids       pathIDs
}

// trusted reports whether the leaf's key may be believed at this moment.
func (p path) trusted() bool { return p.Path != nil }

// lapsed reports that the chain holds but for its dates.
func (p path) lapsed() bool {
	return p.leaf != nil && (p.reason == pki.ReasonExpired || p.reason == pki.ReasonNotYetValid)
}

// excused are the checks whose failure is told as "unknown issuer" or as
// "expired", and not as "forged".
func (p path) excused() []string {
	if p.reason == pki.ReasonNoAnchor || p.lapsed() {
		return []string{p.ids.path}
	}
	return nil
}

// pathIDs are the check ids of a format's path; eku and country may be "".
type pathIDs struct{ path, eku, country string }

var (
	idsMdoc  = pathIDs{"ia.path", "ia.eku", "ia.country"}
	idsSDJWT = pathIDs{path: "sd.path"}
)

// validate takes a chain to an anchor that may issue typ (ISO/IEC 18013-5,
// 9.3.3; HAIP 1.0, 6.1.1). The three parts of the answer are told apart: whether
// there is a path, whether its end may sign this, and whether its country is
// the anchor's. Countries bind an IACA and its signers alone (B.1.2), and RSA
// occurs above SD-JWT issuers alone.
func (o *Options) validate(c *checks, purpose trust.Purpose, typ string, chain [][]byte, ids pathIDs) path {
	anchors := o.Trust.Anchors(purpose, typ)
	rules := o.policy()
	opt := pki.PathOptions{
		Now: o.Now, Purposes: o.purposes(typ), RequireEKU: rules.RequireEKU, CheckCountry: purpose == trust.IssueMdoc,
		MaxIntermediates: rules.MaxIntermediates, AllowRSA: purpose == trust.IssueSDJWT,
	}
	valid, err := o.Chains.Validate(chain, anchors, opt)
	if err == nil && !o.maySign(valid.Leaf, typ) {
		err = &pki.PathError{Reason: pki.ReasonEKU, Subject: valid.Leaf, Err: errors.New("a signer of driving licences signs nothing else")}
	}
	if err == nil {
		p := path{Path: valid, leaf: valid.Leaf, ids: ids}
		warnings := valid.Warnings
		if slices.ContainsFunc(chain, func(der []byte) bool { return bytes.Equal(der, valid.Anchor.Raw) }) {
			warnings = append(slices.Clip(warnings), "the anchor travels in the chain")
		}
		if len(warnings) > 0 {
			c.warn(ids.path, strings.Join(warnings, "; "))
		} else {
			c.pass(ids.path, "to "+valid.Anchor.String())
		}
		ids.rest(c, Pass, "")
		return p
	}
	p := path{reason: pki.ReasonMalformed, ids: ids}
	var pe *pki.PathError
	if errors.As(err, &pe) {
		p.reason = pe.Reason
	}
	if len(chain) > 0 {
		if leaf, err := pki.ParseCertificate(chain[0]); err == nil {
			p.leaf = leaf
		}
	}
	detail := err.Error()
	switch p.reason {
	case pki.ReasonExpired, pki.ReasonNotYetValid:
		// Dates are looked at last: all else holds.
		c.fail(ids.path, detail)
		ids.rest(c, Pass, "")
	case pki.ReasonEKU, pki.ReasonCountry, pki.ReasonState:
		o.diagnose(c, chain, anchors, opt, ids, err)
	case pki.ReasonNoAnchor:
		c.fail(ids.path, fmt.Sprintf("%s; %d anchors are trusted for %.100s", detail, len(anchors), typ))
		ids.rest(c, NotDone, "no path to an anchor")
	default:
		c.fail(ids.path, detail)
		ids.rest(c, NotDone, "no path to an anchor")
	}
	return p
}

// diagnose tells which of the three parts fails when a path holds but for the
// purpose or the country of its end: each is asked for by itself, so that none
// is called passed unseen.
func (o *Options) diagnose(c *checks, chain [][]byte, anchors []*pki.Certificate, opt pki.PathOptions, ids pathIDs, err error) {
	if ids.eku == "" {
		c.fail(ids.path, err.Error())
		return
	}
	ask := func(id string, eku, country bool) {
		part := opt
		part.CheckCountry = country
		if !eku {
			part.Purposes, part.RequireEKU = nil, false
		}
		if _, err := pki.Validate(chain, anchors, part); err != nil {
			c.fail(id, err.Error())
		} else {
			c.pass(id, "")
		}
	}
	ask(ids.path, false, false)
	if c.has(Fail, ids.path) {
		ids.rest(c, NotDone, "no path to an anchor")
	} else {
		ask(ids.eku, true, false)
		ask(ids.country, false, true)
	}
	if !c.has(Fail, ids.path, ids.eku, ids.country) {
		c.fail(ids.eku, err.Error())
	}
}

// maySign keeps signers of driving licences from signing anything else: they
// bear the general usage of ISO/IEC 23220 beside their own, as the second
// edition advises, and an authority often has both kinds of signer.
func (o *Options) maySign(leaf *pki.Certificate, typ string) bool {
	if _, configured := o.Purposes[typ]; configured || typ == elements.MDLDocType {
		return true
	}
	return !leaf.HasExtKeyUsage(pki.OIDMdlDS) || leaf.HasExtKeyUsage(pki.OIDPIDSigner)
}

func (i pathIDs) rest(c *checks, result Result, detail string) {
	for _, id := range []string{i.eku, i.country} {
		if id != "" {
			c.add(id, result, detail)
		}
	}
}

// anchorsAsOf is the age of the anchors as a whole: the oldest of those that tell
// one, else what the caller says.
func (o *Options) anchorsAsOf() time.Time {
	if at := o.Trust.AsOf(); !at.IsZero() {
		return at
	}
	return o.AnchorsAsOf
}

// describe fills in on whose word the document rests.
func (o *Options) describe(p path, purpose trust.Purpose, typ string) Trust {
	t := Trust{AnchorAt: o.anchorsAsOf()}
	if p.leaf != nil {
		t.Signer, t.Serial = p.leaf.Subject(), p.leaf.Serial()
	}
	if !p.trusted() {
		return t
	}
	t.Anchor = p.Anchor.Subject()
	if a, ok := o.Trust.Find(p.Anchor, purpose, typ); ok {
		if t.Source = a.Source; !a.AsOf.IsZero() {
			t.AnchorAt = a.AsOf
		}
	}
	return t
}
