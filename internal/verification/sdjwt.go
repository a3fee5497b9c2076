package verification

import (
	"crypto"
	"fmt"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"vidimus/internal/elements"
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

// sdDocument makes every check of RFC 9901, 7.3 and of SD-JWT VC.
func (o *Options) sdDocument(token *sdjwt.SDJWT) Document {
	var d Document
	c := &checks{}
	c.sdFindings(token.VerifyType())
	payload, found := token.VerifyDisclosures()
	c.sdFindings(found...)
	if payload != nil {
		d.Type = payload.VCT
	}
	request, asked := o.request(c, policy.FormatSDJWT, d.Type)

	p := o.sdPath(c, token, payload, d.Type)
	d.Trust = o.describe(p)
	var leaf crypto.PublicKey = noKey{}
	if p.leaf != nil {
		leaf = p.leaf.PublicKey()
	}
	c.sdFindings(token.VerifySignature(leaf))
	if payload == nil {
		d.judge(c, p, statusOutcome{policy.Unknown, policy.NotKnown}, unasked(asked), asked)
		return d
	}
	skew := o.policy().ClockSkew.Std()
	validity := payload.VerifyValidity(sdjwt.ValidityOptions{Now: o.Now, Skew: skew})
	c.sdFindings(payload.VerifyVCT(), validity)
	d.Validity = Validity{Signed: payload.IssuedAt, From: payload.NotBefore, Until: payload.Expires}

	c.sdFindings(token.KeyBindingFindings(sdjwt.KeyBindingOptions{
		NotRequired: o.Nonce == "" && o.Audience == "", Nonce: o.Nonce, Audience: o.Audience, Now: o.Now, Skew: skew,
	})...)

	status := o.sdStatus(c, payload, validity, p, &d.Status)
	var entitlement policy.Entitlement
	if !forged(c, true) && p.leaf != nil {
		entitlement = o.sdElements(c, &d, payload, p, request)
	}
	if entitlement == "" {
		entitlement = unasked(asked)
	}
	if o.Nonce == "" || o.Audience == "" {
		c.downgrade("sd.kb", "without the nonce and the audience of the transaction the holder is not proven")
	}
	d.judge(c, p, status, entitlement, asked)
	if d.Verdict.Authenticity == policy.Forged || d.Verdict.Authenticity == policy.UnknownIssuer {
		d.hide()
	}
	return d
}

// downgrade turns a passed check into one that was not done: its pass proves
// nothing without what is missing.
func (c *checks) downgrade(id, detail string) {
	for i := range c.list {
		if c.list[i].ID == id && c.list[i].Result == Pass {
			c.list[i].Result, c.list[i].Detail = NotDone, detail
		}
	}
}

// sdPath validates x5c and the binding of iss to the leaf: an iss that is a URL
// must be a URI or the host a DNS name of the certificate (older drafts of
// SD-JWT VC, 3.5; verifiers in the field still ask for it).
func (o *Options) sdPath(c *checks, token *sdjwt.SDJWT, payload *sdjwt.Payload, vct string) path {
	chain, err := token.Chain()
	if err != nil {
		c.fail("sd.path", err.Error())
		return path{reason: pki.ReasonMalformed}
	}
	p := o.validate(c, trust.IssueSDJWT, vct, chain, pathIDs{path: "sd.path"})
	if payload == nil || payload.Issuer == "" || p.leaf == nil {
		return p
	}
	u, err := url.Parse(payload.Issuer)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		c.fail("sd.path", "iss is no URL")
	case !p.leaf.HasURI(payload.Issuer) && !p.leaf.HasDNSName(u.Hostname()):
		c.fail("sd.path", "iss is not a name of the signer's certificate")
	default:
		return p
	}
	p.Path, p.reason = nil, pki.ReasonKeyUsage
	return p
}

// sdElements reads the claims, keeps what was asked for and answers the
// question.
func (o *Options) sdElements(c *checks, d *Document, payload *sdjwt.Payload, p path, request *policy.DocumentRequest) policy.Entitlement {
	h := newHeld()
	set, known := elements.ForVCT(d.Type)
	var wrong, odd []string
	walkClaims(payload.Claims, nil, func(claim []string, value any) {
		if known {
			if row, ok := set.ByClaim(claim...); ok {
				decoded, err := row.DecodeClaim(value)
				if err != nil {
					wrong = append(wrong, err.Error())
					return
				}
				for _, w := range decoded.Warnings {
					odd = append(odd, row.Name()+": "+w)
				}
				h.put(row.Data, decoded.Value)
			}
		}
		name := strings.Join(claim, ".")
		if request != nil && !slices.ContainsFunc(request.Elements, func(e policy.ElementRequest) bool {
			return len(e.Path) <= len(claim) && slices.Equal(e.Path, claim[:len(e.Path)])
		}) {
			d.Dropped = append(d.Dropped, name)
			return
		}
		e := Element{Name: name, Value: value}
		if b, ok := h.values["portrait"].([]byte); ok && name == "picture" {
			e.Bytes = b
		}
		d.IssuerSigned = append(d.IssuerSigned, e)
	})
	o.elementChecks(c, h, wrong, odd, known, p, d)
	return o.answer(c, d, h, request)
}

// technical are the members that say how the credential works, not what it
// says of its holder.
var technical = []string{"vct", "vct#integrity", "aka_vcts", "iss", "nbf", "exp", "iat", "cnf", "status"}

// walkClaims visits every leaf claim in the order of names; arrays, and objects
// that the data model knows as one value (a place), are leaves.
func walkClaims(claims map[string]any, above []string, visit func(path []string, value any)) {
	names := make([]string, 0, len(claims))
	for name := range claims {
		if len(above) == 0 && slices.Contains(technical, name) {
			continue
		}
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		at := append(slices.Clone(above), name)
		if inner, ok := claims[name].(map[string]any); ok && name != "place_of_birth" {
			walkClaims(inner, at, visit)
			continue
		}
		visit(at, claims[name])
	}
}

func (c *checks) sdFindings(list ...sdjwt.Finding) {
	for _, f := range list {
		c.add(f.Check, Result(f.Result), f.Detail)
	}
}

// indexText says where in a list a copy stands.
func indexText(uri string, index uint64) string {
	return fmt.Sprintf("entry %s of %s", strconv.FormatUint(index, 10), uri)
}
