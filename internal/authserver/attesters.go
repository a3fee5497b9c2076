package authserver

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"vidimus/internal/pki"
)

// Anchor is a certificate that vouches for attesters, and whose attesters these
// are.
type Anchor struct {
	*pki.Certificate
	Provider string // opaque
}

// Attester is who signed an attestation.
type Attester struct {
	Key      crypto.PublicKey
	Until    time.Time // when the answer holds no more, zero when that is open
	Provider string    // of the anchor that vouches for it
}

// TrustAttesters makes Config.Attesters of anchors: a chain is good that leads
// from a leaf which may sign, over at most two authorities, to one of the
// anchors at that instant (HAIP 1.0 section 4.4.1). anchors is asked each time,
// so that a list of trusted wallet providers can be replaced while the server
// runs; an error of it means that nobody knows. Chains that held are remembered.
//
// An anchor that is no CA is the certificate of an attester itself, as lists of
// trusted entities name them (ETSI TS 119 602 Annex E): it is trusted as a leaf
// and for nothing below it.
//
// What the certificate of a wallet provider is for is said by the list that it
// stands on and not by an extended key usage, of which no standard names one.
func TrustAttesters(anchors func(now time.Time) ([]Anchor, error)) func(x5c [][]byte, now time.Time) (Attester, error) {
	cache := pki.NewCache(maxAttesters)
	return func(x5c [][]byte, now time.Time) (Attester, error) {
		from, err := anchors(now)
		if err != nil {
			return Attester{}, unavailable(err)
		}
		trusted := make([]*pki.Certificate, len(from))
		for i, a := range from {
			trusted[i] = a.Certificate
		}
		opt := pki.PathOptions{Now: now, MaxIntermediates: 2, AllowOddSerial: true}
		path, err := pki.ValidatePinned(x5c, trusted, opt)
		if pinned := new(pki.PathError); errors.As(err, &pinned) && pinned.Reason == pki.ReasonNoAnchor {
			path, err = cache.Validate(x5c, trusted, opt)
		}
		if err != nil {
			return Attester{}, err
		}
		at := slices.IndexFunc(from, func(a Anchor) bool { return a.Equal(path.Anchor) })
		if at < 0 { // a path leads to one of those that were given
			return Attester{}, errors.New("the path leads to no anchor")
		}
		return Attester{path.Leaf.PublicKey(), path.NotAfter, from[at].Provider}, nil
	}
}
