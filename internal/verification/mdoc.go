package verification

import (
	"crypto"
	"errors"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

// DeviceResponse verifies what a holder sent: a DeviceResponse of ISO/IEC
// 18013-5, at most mdoc.MaxResponse bytes. One Document per document; the
// verdict of the Report is that of the worst.
func DeviceResponse(data []byte, o Options) *Report {
	r := newReport(FormatDeviceResponse, o)
	c := &checks{}
	response, err := mdoc.ParseDeviceResponse(data)
	if err != nil {
		c.parseError(err)
		r.conclude(c)
		return r
	}
	c.findings(response.Verify())
	for _, e := range response.DocumentErrors {
		r.Errors = append(r.Errors, DocumentError{Type: e.DocType, Code: e.Code})
	}
	for i := range response.Documents {
		doc := &response.Documents[i]
		r.Documents = append(r.Documents, o.document(doc.DocType, doc.IssuerSigned, doc))
	}
	r.conclude(c)
	return r
}

// IssuerSigned verifies a credential as an issuer hands it out (OpenID4VCI 1.0,
// A.2.4). Nobody shows it, so that the holder is never proven.
func IssuerSigned(data []byte, o Options) *Report {
	r := newReport(FormatIssuerSigned, o)
	c := &checks{}
	signed, err := mdoc.ParseIssuerSigned(data)
	if err != nil {
		c.parseError(err)
		r.conclude(c)
		return r
	}
	r.Documents = []Document{o.document(signed.MSO.DocType, signed, nil)}
	r.conclude(c)
	return r
}

// newReport begins a report with what the reader knows, whatever was shown.
func newReport(f Format, o Options) *Report {
	return &Report{Format: f, At: o.Now.UTC(), Policy: o.policyName(), Knowledge: Knowledge{
		AnchorsAsOf: known(o.anchorsAsOf()), StatusAsOf: known(o.StatusAsOf), PolicyVersion: o.policy().Version,
	}}
}

// checksMdoc are the checks that every document of an mdoc has, made or not.
var checksMdoc = []string{"mso.doctype", "mso.status", "ds.revocation", "da.keyauth", "mdl.elements", "mdl.country", "req.satisfied"}

// document makes every check of one mdoc document; shown is nil for a bare
// IssuerSigned.
func (o *Options) document(docType string, signed *mdoc.IssuerSigned, shown *mdoc.Document) Document {
	d := Document{Type: docType}
	c := &checks{list: make([]Check, 0, 40)}
	request, asked := o.request(c, policy.FormatMDoc, docType)

	p := o.validate(c, trust.IssueMdoc, docType, signed.IssuerAuth.Header.X5Chain, idsMdoc)
	d.Trust = o.describe(p, trust.IssueMdoc, docType)

	opt := mdoc.VerifyOptions{Leaf: noKey{}, Now: o.Now, Skew: o.skew(), DeviceAuth: mdoc.DeviceAuthOptions{Transcript: o.Transcript, ReaderKey: o.ReaderKey}}
	if p.leaf != nil {
		// The signature is looked at also when the path does not hold, so that
		// "expired" can be told from "forged". Whether it counts, judge decides.
		opt.Leaf = p.leaf.PublicKey()
		opt.DSNotBefore, opt.DSNotAfter = p.leaf.NotBefore(), p.leaf.NotAfter()
	}
	needed := neededMdoc
	if shown != nil {
		c.findings(shown.Verify(opt))
		if shown.DeviceSigned.MAC != nil && o.ReaderKey == nil {
			c.undone("da.mac", "a MAC cannot be checked without the reader's private key")
		}
	} else {
		needed = neededIssued
		c.findings(signed.Verify(opt))
		const bare = "this is a credential as issued, nobody shows it"
		c.notDone("mso.doctype", bare)
		c.notDone("da.keyauth", bare)
		c.notDone("da.sig", bare)
	}
	info := signed.MSO.ValidityInfo
	d.Validity = Validity{Signed: info.Signed.Time, From: info.ValidFrom.Time, Until: info.ValidUntil.Time}

	signer := o.revocation(c, p, false, &d.Revocation)
	status := o.mdocStatus(c, signed.MSO, p, &d.Status).beside(signer)
	entitlement := unasked(asked)
	if (p.trusted() || p.lapsed()) && !c.forged(p.excused()...) {
		d.issuer = p.leaf.Country
		entitlement = o.mdocElements(c, &d, signed, shown, p, request)
	}
	c.complete(checksMdoc)
	o.judge(&d, c, p, needed, status, entitlement, asked)
	return d
}

// request finds what was asked of this type, and makes check doc.requested.
// asked says whether a question is open.
func (o *Options) request(c *checks, format, typ string) (request *policy.DocumentRequest, asked bool) {
	if o.Profile == nil {
		c.notDone("doc.requested", "nothing in particular was asked for")
		return nil, false
	}
	found, ok := o.Profile.Document(format, typ)
	if !ok {
		c.fail("doc.requested", "a document of this type was not asked for")
		return &policy.DocumentRequest{Format: format, Type: typ}, true
	}
	c.pass("doc.requested", "")
	return &found, o.Profile.Question.Asked()
}

// noKey stands for a certificate that cannot be read: no signature verifies
// with it.
type noKey struct{ crypto.PublicKey }

// parseError turns the error of a parser into the failed check that it names.
func (c *checks) parseError(err error) {
	id := "cbor.strict"
	var pe *mdoc.ParseError
	if errors.As(err, &pe) {
		id, err = pe.Check, pe.Err
	}
	c.fail(id, err.Error())
}

// findings takes over the checks that the mdoc room has made.
func (c *checks) findings(list []mdoc.Finding) {
	for _, f := range list {
		c.add(f.Check, Result(f.Result), f.Detail)
	}
}

// validityOutcome tells expired from not yet valid, and both from dates that
// contradict each other, which say nothing.
func validityOutcome(c *checks, now time.Time, skew time.Duration, v *mdoc.ValidityInfo) policy.Status {
	switch {
	case c.holds("mso.validity"):
		return policy.Valid
	case now.Add(skew).Before(v.ValidFrom.Time):
		return policy.NotYetValid
	case now.Add(-skew).After(v.ValidUntil.Time):
		return policy.Expired
	}
	return policy.Unknown
}
