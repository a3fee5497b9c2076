package wallet

import (
	"encoding/asn1"
	"errors"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/proximity"
	"vidimus/internal/trust"
)

// ReaderState is how much is known of who asks.
type ReaderState string

// States of a reader. Nothing but ReaderKnown may be shown to a holder as a name.
const (
	// ReaderAnonymous did not sign its request.
	ReaderAnonymous ReaderState = "anonymous"
	// ReaderUnknown signed it, with a certificate that leads to no anchor.
	ReaderUnknown ReaderState = "unknown"
	// ReaderInvalid has a signature that is not over this request, or a
	// certificate that may not ask, or not now.
	ReaderInvalid ReaderState = "invalid"
	// ReaderRevoked signed it, and the authority that vouched for it has taken
	// that back: a reader that was lost or stolen.
	ReaderRevoked ReaderState = "revoked"
	// ReaderKnown signed it, and an anchor of ours vouches for the name.
	ReaderKnown ReaderState = "known"
)

// ReaderIdentity is who asks for a document.
type ReaderIdentity struct {
	State ReaderState
	// Name is the organization, or the common name, of the certificate, Device its
	// common name where there is an organization too. They are claims of a stranger
	// unless State is ReaderKnown or ReaderRevoked.
	Name, Device string
	// Authority is who vouches for the name: the organization of our anchor. Empty
	// unless State is ReaderKnown or ReaderRevoked.
	Authority string
	// Revocation is what is known of that: good, not checked without a list, or
	// unknown with one that has ended. Empty without a path to an anchor.
	Revocation pki.RevocationState
	Reason     string // for a person; empty when known
}

// Refused says that nobody sensible shows anything to this reader: what it says of
// itself is false, or was taken back.
func (r ReaderIdentity) Refused() bool {
	return r.State == ReaderInvalid || r.State == ReaderRevoked
}

// String says in one line who asks and how sure that is, for a person. The text of
// a stranger in it is the caller's to clean.
func (r ReaderIdentity) String() string {
	device := ""
	if r.Device != "" {
		device = " (" + r.Device + ")"
	}
	switch r.State {
	case ReaderKnown:
		sure := ", whether it was revoked is not known"
		if r.Revocation == pki.NotRevoked {
			sure = ", not revoked"
		}
		return r.Name + device + ", vouched for by " + r.Authority + sure
	case ReaderRevoked:
		return "REVOKED: " + r.Name + device + " of " + r.Authority + " may not ask any more"
	case ReaderUnknown:
		return "somebody who says to be " + r.Name + device + ", whom nobody vouches for"
	case ReaderInvalid:
		return "FALSE: the signature or certificate of who asks does not hold: " + r.Reason
	}
	return "somebody who does not say who"
}

// Capabilities are what an engagement of ours announces: that a signature over
// the whole request is read (ISO/IEC 18013-5 second edition, readerAuthAll).
func Capabilities() *proximity.Capabilities { return &proximity.Capabilities{ReaderAuthAll: true} }

// asker is what readers are judged with.
type asker struct {
	anchors []*pki.Certificate
	revoked *pki.CRLs
	now     time.Time
}

func newAsker(anchors *trust.Store, revoked *pki.CRLs, now time.Time) asker {
	a := asker{revoked: revoked, now: now}
	if anchors != nil {
		a.anchors = anchors.Anchors(trust.Reader, "")
	}
	return a
}

// identify says who asks for document i: by the signature over it, and by those
// over the whole request, of which there may be one for each domain of trust
// (ISO/IEC 18013-5, 9.1.4; second edition for readerAuthAll). One that is false or
// revoked is not made good by another.
func (a asker) identify(r *mdoc.DeviceRequest, i int, transcript mdoc.SessionTranscript) ReaderIdentity {
	out := ReaderIdentity{State: ReaderAnonymous, Reason: "the reader does not say who it is"}
	consider := func(auth *cose.Sign1, verify func(*pki.Certificate) []mdoc.Finding) {
		if id := a.judge(auth.Header.X5Chain, verify); weight[id.State] > weight[out.State] {
			out = id
		}
	}
	if auth := r.DocRequests[i].ReaderAuth; auth != nil {
		consider(auth, func(leaf *pki.Certificate) []mdoc.Finding { return r.VerifyReaderAuth(i, transcript, leaf.PublicKey()) })
	}
	for j, auth := range r.ReaderAuthAll {
		consider(auth, func(leaf *pki.Certificate) []mdoc.Finding {
			return r.VerifyReaderAuthAll(j, transcript, leaf.PublicKey())
		})
	}
	return out
}

// weight says which of several signatures decides.
var weight = map[ReaderState]int{ReaderAnonymous: 0, ReaderUnknown: 1, ReaderKnown: 2, ReaderRevoked: 3, ReaderInvalid: 4}

// judge follows ISO/IEC 18013-5, 9.1.4: the signature over this very session and
// request, the path to an anchor for readers, and whether it was revoked.
func (a asker) judge(chain [][]byte, verify func(*pki.Certificate) []mdoc.Finding) ReaderIdentity {
	leaf, err := leafOf(chain)
	if err != nil {
		return ReaderIdentity{State: ReaderInvalid, Reason: err.Error()}
	}
	id := ReaderIdentity{State: ReaderKnown, Name: nameOf(leaf)}
	if cn := leaf.Cert.Subject.CommonName; cn != id.Name {
		id.Device = cn
	}
	// The signature first: without it the certificate is somebody else's.
	for _, f := range verify(leaf) {
		if f.Result != mdoc.Pass && f.Result != mdoc.Warn {
			id.State, id.Reason = ReaderInvalid, f.Check+": "+f.Detail
			return id
		}
	}
	path, err := pki.Validate(chain, a.anchors, pki.PathOptions{Now: a.now, Purposes: []asn1.ObjectIdentifier{pki.OIDReaderAuth}, RequireEKU: true, MaxIntermediates: 1})
	var refused *pki.PathError
	switch {
	case err == nil:
	case errors.As(err, &refused) && (refused.Reason == pki.ReasonNoAnchor || refused.Reason == pki.ReasonSelfSigned):
		id.State, id.Reason = ReaderUnknown, err.Error()
		return id
	default:
		id.State, id.Reason = ReaderInvalid, err.Error()
		return id
	}
	id.Authority = nameOf(path.Anchor)
	revocation := a.revoked.Of(path, a.now, readerSkew, false)
	id.Revocation = revocation.State
	if revocation.State == pki.Revoked {
		id.State, id.Reason = ReaderRevoked, revocation.Detail
	}
	return id
}

func nameOf(c *pki.Certificate) string {
	if o := c.Cert.Subject.Organization; len(o) > 0 && o[0] != "" {
		return o[0]
	}
	return c.Cert.Subject.CommonName
}
