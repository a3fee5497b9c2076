package wallet

import (
	"encoding/asn1"
	"errors"
	"time"

	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
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
	// ReaderKnown signed it, and an anchor of ours vouches for the name.
	ReaderKnown ReaderState = "known"
)

// ReaderIdentity is who asks for a document.
type ReaderIdentity struct {
	State ReaderState
	// Name is the organization, or the common name, of the certificate. It is
	// a claim of a stranger unless State is ReaderKnown.
	Name   string
	Reason string // for a person; empty when known
}

// identify follows ISO/IEC 18013-5, 9.1.4: path to an anchor for readers, then
// the signature over this very session and request. readerAuthAll is not looked
// at: our engagements do not announce that we would.
func identify(r *mdoc.DeviceRequest, i int, transcript mdoc.SessionTranscript, anchors *trust.Store, now time.Time) ReaderIdentity {
	auth := r.DocRequests[i].ReaderAuth
	if auth == nil {
		return ReaderIdentity{State: ReaderAnonymous, Reason: "the reader does not say who it is"}
	}
	chain := auth.Header.X5Chain
	leaf, err := leafOf(chain)
	if err != nil {
		return ReaderIdentity{State: ReaderInvalid, Reason: err.Error()}
	}
	id := ReaderIdentity{State: ReaderKnown, Name: nameOf(leaf)}
	// The signature first: without it the certificate is somebody else's.
	for _, f := range r.VerifyReaderAuth(i, transcript, leaf.PublicKey()) {
		if f.Result != mdoc.Pass && f.Result != mdoc.Warn {
			return ReaderIdentity{ReaderInvalid, id.Name, f.Check + ": " + f.Detail}
		}
	}
	var trusted []*pki.Certificate
	if anchors != nil {
		trusted = anchors.Anchors(trust.Reader, "")
	}
	_, err = pki.Validate(chain, trusted, pki.PathOptions{Now: now, Purposes: []asn1.ObjectIdentifier{pki.OIDReaderAuth}, RequireEKU: true, MaxIntermediates: 1})
	var path *pki.PathError
	switch {
	case err == nil:
		return id
	case errors.As(err, &path) && (path.Reason == pki.ReasonNoAnchor || path.Reason == pki.ReasonSelfSigned):
		id.State = ReaderUnknown
	default:
		id.State = ReaderInvalid
	}
	id.Reason = err.Error()
	return id
}

func nameOf(c *pki.Certificate) string {
	if o := c.Cert.Subject.Organization; len(o) > 0 && o[0] != "" {
		return o[0]
	}
	return c.Cert.Subject.CommonName
}
