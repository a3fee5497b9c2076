package policy

// Authenticity says whose document it is and who holds it.
type Authenticity string

const (
	Genuine         Authenticity = "genuine"
	Forged          Authenticity = "forged"
	UnknownIssuer   Authenticity = "unknown issuer"
	HolderNotProven Authenticity = "holder not proven"
)

// Status says whether the issuer still stands by the document.
type Status string

const (
	Valid       Status = "valid"
	NotYetValid Status = "not yet valid"
	Expired     Status = "expired"
	Revoked     Status = "revoked"
	// Unknown: something was asked, and its answer does not count.
	Unknown Status = "unknown"
	// NotChecked: there was nothing to look it up in.
	NotChecked Status = "not checked"
)

// Freshness says how old that knowledge of the status is, against policy.
type Freshness string

const (
	WithinPolicy Freshness = "within policy"
	Old          Freshness = "old"
	TooOld       Freshness = "too old"
	NotKnown     Freshness = "not known"
	PastUse      Freshness = "past use" // so old that policy refuses it
)

// Entitlement answers what was asked: may drive B, is over 18.
type Entitlement string

const (
	Yes             Entitlement = "yes"
	No              Entitlement = "no"
	UnderConditions Entitlement = "under conditions"
	NotAsked        Entitlement = "not asked"
	CannotTell      Entitlement = "cannot tell"
)

// Authenticities, Statuses, Freshnesses and Entitlements are the closed lists of
// words.
func Authenticities() []Authenticity {
	return []Authenticity{Genuine, Forged, UnknownIssuer, HolderNotProven}
}

func Statuses() []Status { return []Status{Valid, NotYetValid, Expired, Revoked, Unknown, NotChecked} }

func Freshnesses() []Freshness { return []Freshness{WithinPolicy, Old, TooOld, NotKnown, PastUse} }

func Entitlements() []Entitlement {
	return []Entitlement{Yes, No, UnderConditions, NotAsked, CannotTell}
}

// Verdict is what is known about one document on four axes that are never
// collapsed. The zero value knows nothing, and is amber.
type Verdict struct {
	Authenticity Authenticity `json:"authenticity"`
	Status       Status       `json:"status"`
	Freshness    Freshness    `json:"freshness"`
	Entitlement  Entitlement  `json:"entitlement"`
}

// Colour is what a screen shows first.
type Colour string

const (
	Green Colour = "green" // checked, and as it should be
	Red   Colour = "red"   // known to be wrong
	Amber Colour = "amber" // cannot tell
)

// Reason is one axis that keeps a verdict from green, and how far.
type Reason struct {
	Axis   string `json:"axis"`
	Value  string `json:"value"`
	Colour Colour `json:"colour"`
}

// Colour joins the axes. Green needs every axis to say so: genuine, valid, known
// within policy, and yes or not asked. Red needs one axis to know the contrary:
// forged, expired, revoked, not yet valid, entitlement no; or a policy that
// refuses knowledge of such an age. Everything else,
// unknown words among them, is amber: cannot tell.
//
// Not yet valid is red although time may heal it: the issuer says that the
// document may not be relied on now. An issuer that is not known is amber, for
// its document may be genuine, and what a document of unknown origin says of its
// own end or of its rights is still no reason to accept it: red stays red.
func (v Verdict) Colour() Colour {
	colour := Green
	for _, r := range v.Reasons() {
		if r.Colour == Red {
			return Red
		}
		colour = Amber
	}
	return colour
}

// Reasons lists the axes that keep the verdict from green, what is known to be
// wrong first, otherwise in the order of the axes.
func (v Verdict) Reasons() []Reason {
	var red, amber []Reason
	judge := func(axis, value string, good, bad bool) {
		switch {
		case good:
		case bad:
			red = append(red, Reason{axis, value, Red})
		default:
			amber = append(amber, Reason{axis, value, Amber})
		}
	}
	judge("authenticity", string(v.Authenticity), v.Authenticity == Genuine, v.Authenticity == Forged)
	judge("status", string(v.Status), v.Status == Valid, v.Status == Expired || v.Status == Revoked || v.Status == NotYetValid)
	judge("freshness", string(v.Freshness), v.Freshness == WithinPolicy, v.Freshness == PastUse)
	judge("entitlement", string(v.Entitlement), v.Entitlement == Yes || v.Entitlement == NotAsked, v.Entitlement == No)
	return append(red, amber...)
}
