package verification

import (
	"crypto/ecdh"
	"encoding/asn1"
	"errors"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// Options is what the verifier knows, none of it from the holder.
type Options struct {
	Now    time.Time
	Policy *policy.Policy // nil for the built-in one
	// PolicyName stands in the Report beside the policy's own version, so that it
	// says by what it was judged.
	PolicyName string

	// Trust holds the anchors; nil trusts nobody.
	Trust *trust.Store
	// Lists gives the token of a status or identifier list by its URI, from a
	// file, a bundle or the network: a CWT for an mdoc (ISO/IEC 18013-5 second
	// edition, 12.3.6), a JWT for an SD-JWT VC (draft -19, 2.2.2.2). The other
	// container gives no answer. It is asked only for references that a trusted
	// issuer has signed. Nil means that there is none at hand. An error becomes
	// the reason why the status is unknown, or, where it matches ErrNotAtHand, why
	// it was not checked.
	Lists func(uri string) ([]byte, error)
	// Carried is asked before Lists, for the same, and for lists that were read before
	// and stay at hand, such as those of a bundle: none is parsed again, and no
	// signature that was proven is verified again. It is given the instant of the
	// check. Nil without an error sends on to Lists.
	Carried func(uri string, now time.Time) (*statuslist.Opened, error)
	// CRLs are the certificate revocation lists at hand; nil checks no signer.
	CRLs *pki.CRLs
	// AnchorsAsOf is when the anchors were put together, for stores whose anchors
	// do not say it themselves. Zero: nobody knows.
	AnchorsAsOf time.Time
	// AnchorsEnd is until when whoever put the anchors together vouches for them: from
	// then on they are too old at least, whatever the policy gives them otherwise.
	// Zero: for ever.
	AnchorsEnd time.Time
	// StatusAsOf is when the lists were gathered: it stands in a Report for which
	// none had to be looked at. Zero: nobody knows.
	StatusAsOf time.Time
	// Chains remembers certificate paths between calls; may be nil.
	Chains *pki.Cache

	// Transcript and ReaderKey belong to the session of an mdoc; without a
	// transcript, or for a deviceMac without the key, the holder is not proven.
	Transcript mdoc.SessionTranscript
	ReaderKey  *ecdh.PrivateKey
	// Nonce and Audience belong to the transaction of an SD-JWT; without them
	// the holder is not proven.
	Nonce, Audience string

	// DecodePortrait decodes portraits to the last pixel, within the limits of
	// package elements, before they count as portraits. Without it their structure
	// is checked alone, and whoever shows them finds out.
	DecodePortrait bool

	// Profile is what was asked; nil asks nothing and shows everything.
	Profile *policy.Profile
	// Purposes replaces the extended key usages that the signer of a doctype or
	// vct must have one of.
	Purposes map[string][]asn1.ObjectIdentifier
}

// ErrNotAtHand is for the functions Carried and Lists: the list was never asked for, since it is
// not among those that this reader carries. Every other error says that it was
// looked for and does not count.
var ErrNotAtHand = errors.New("no such list at hand")

// statusPurposes let a certificate sign status lists of any type.
var statusPurposes = []asn1.ObjectIdentifier{pki.OIDStatusSigner}

var builtIn = policy.Default()

func (o *Options) policy() *policy.Policy {
	if o.Policy != nil {
		return o.Policy
	}
	return builtIn
}

func (o *Options) policyName() string {
	if o.PolicyName != "" {
		return o.PolicyName
	}
	return "built-in"
}

// skew is the tolerance for clocks, the same for every date of a document.
func (o *Options) skew() time.Duration {
	return min(max(o.policy().ClockSkew.Std(), 0), mdoc.MaxSkew)
}

// purposes are the usages that let a certificate sign this type: for the mDL
// its own alone (B.1.4), for every other type that of our PID signers or the
// general one of ISO/IEC 23220.
func (o *Options) purposes(typ string) []asn1.ObjectIdentifier {
	if p, ok := o.Purposes[typ]; ok {
		return p
	}
	if typ == elements.MDLDocType {
		return []asn1.ObjectIdentifier{pki.OIDMdlDS}
	}
	return []asn1.ObjectIdentifier{pki.OIDPIDSigner, pki.OIDMdocDS}
}
