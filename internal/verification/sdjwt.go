package verification

import (
	"crypto"
	"net/url"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/trust"
)

// SDJWT verifies an SD-JWT VC in compact form, with or without a key binding
// JWT. JSON serialization is not taken: no presentation protocol carries it
// (OpenID4VP 1.0, B.3).
func SDJWT(compact string, o Options) *Report {
	r := newReport(FormatSDJWT, o)
	c := &checks{}
	token, err := sdjwt.Parse(compact)
	if err != nil {
		c.sdFindings(sdjwt.ParseFindings(err)...)
		r.conclude(c)
		return r
	}
	c.pass("sd.parse", "")
	r.Documents = []Document{o.sdDocument(token)}
	r.conclude(c)
	return r
}

// checksSDJWT are the checks that every SD-JWT has, made or not.
var checksSDJWT = []string{"sd.sig", "sd.disclosure", "sd.digest", "sd.validity", "sd.vct", "sd.status", "ds.revocation",
	"sd.kb", "sd.sdhash", "sd.nonce", "sd.aud", "sd.iat", "mdl.elements", "mdl.country", "req.satisfied"}

// sdDocument makes every check of RFC 9901, 7.3 and of SD-JWT VC.
//
// The type is vct alone: that a credential calls itself by other types as well
// (aka_vcts) makes its issuer trusted for none of them.
func (o *Options) sdDocument(token *sdjwt.SDJWT) Document {
	var d Document
	c := &checks{list: make([]Check, 0, 40)}
	c.sdFindings(token.VerifyType())
	payload, found := token.VerifyDisclosures()
	c.sdFindings(found...)
	if payload != nil {
		d.Type = payload.VCT
	}
	request, asked := o.request(c, policy.FormatSDJWT, d.Type)

	p := o.sdPath(c, token, payload, d.Type)
	d.Trust = o.describe(p, trust.IssueSDJWT, d.Type)
	var leaf crypto.PublicKey = noKey{}
	if p.leaf != nil {
		leaf = p.leaf.PublicKey()
	}
	c.sdFindings(token.VerifySignature(leaf))
	signer := o.revocation(c, p, true, &d.Revocation)
	status, entitlement := notKnown, unasked(asked)
	if payload != nil {
		validity := payload.VerifyValidity(sdjwt.ValidityOptions{Now: o.Now, Skew: o.skew()})
		c.sdFindings(payload.VerifyVCT(), validity)
		d.Validity = Validity{Signed: payload.IssuedAt, From: payload.NotBefore, Until: payload.Expires}
		o.keyBinding(c, token)
		status = o.sdStatus(c, payload, validity, p, &d.Status).beside(signer)
		if (p.trusted() || p.lapsed()) && !c.forged(p.excused()...) {
			d.issuer = p.leaf.Country
			entitlement = o.sdElements(c, &d, payload, p, request)
		}
	}
	c.complete(checksSDJWT)
	o.judge(&d, c, p, neededSDJWT, status, entitlement, asked)
	return d
}

// keyBinding checks the holder's proof (RFC 9901, 7.3). It is required as soon
// as one of nonce and audience is known, and proves nothing without both: the
// options decide, never what was sent.
func (o *Options) keyBinding(c *checks, token *sdjwt.SDJWT) {
	c.sdFindings(token.KeyBindingFindings(sdjwt.KeyBindingOptions{
		NotRequired: o.Nonce == "" && o.Audience == "", Nonce: o.Nonce, Audience: o.Audience, Now: o.Now, Skew: o.skew(),
	})...)
	if token.KeyBinding == nil || c.has(Fail, "sd.kb") {
		return
	}
	if o.Nonce == "" {
		c.undone("sd.nonce", "the nonce of the transaction is not known")
	}
	if o.Audience == "" {
		c.undone("sd.aud", "the audience of the transaction is not known")
	}
	if o.Nonce == "" || o.Audience == "" {
		c.undone("sd.kb", "without the nonce and the audience of the transaction the holder is not proven")
	}
}

// sdPath validates x5c and the binding of iss to the leaf: an iss must be a URI
// of the certificate, or an https URL whose host is a DNS name of it (older
// drafts of SD-JWT VC, 3.5; verifiers in the field still ask for it).
func (o *Options) sdPath(c *checks, token *sdjwt.SDJWT, payload *sdjwt.Payload, vct string) path {
	chain, err := token.Chain()
	if err != nil {
		c.fail("sd.path", detailOf(err))
		return path{reason: pki.ReasonMalformed, ids: idsSDJWT}
	}
	p := o.validate(c, trust.IssueSDJWT, vct, chain, idsSDJWT)
	if payload == nil || payload.Issuer == "" || !p.trusted() && !p.lapsed() {
		return p
	}
	u, err := url.Parse(payload.Issuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		c.fail("sd.path", "iss is no https URL")
	case !p.leaf.HasURI(payload.Issuer) && !p.leaf.HasDNSName(u.Hostname()):
		c.fail("sd.path", "iss is not a name of the signer's certificate")
	default:
		return p
	}
	p.Path, p.reason = nil, pki.ReasonKeyUsage
	return p
}

func (c *checks) sdFindings(list ...sdjwt.Finding) {
	for _, f := range list {
		c.add(f.Check, Result(f.Result), f.Detail)
	}
}
