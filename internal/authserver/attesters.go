package authserver

import (
	"crypto"
	"errors"
	"time"

	"vidimus/internal/pki"
)

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
func TrustAttesters(anchors func(now time.Time) ([]*pki.Certificate, error)) func(x5c [][]byte, now time.Time) (crypto.PublicKey, time.Time, error) {
	cache := pki.NewCache(maxAttesters)
	return func(x5c [][]byte, now time.Time) (crypto.PublicKey, time.Time, error) {
		trusted, err := anchors(now)
		if err != nil {
			return nil, time.Time{}, unavailable(err)
		}
		opt := pki.PathOptions{Now: now, MaxIntermediates: 2, AllowOddSerial: true}
		path, err := pki.ValidatePinned(x5c, trusted, opt)
		if pinned := new(pki.PathError); errors.As(err, &pinned) && pinned.Reason == pki.ReasonNoAnchor {
			path, err = cache.Validate(x5c, trusted, opt)
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		return path.Leaf.PublicKey(), path.NotAfter, nil
	}
}
