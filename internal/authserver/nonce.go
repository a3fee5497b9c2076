package authserver

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"time"

	"vidimus/internal/jose"
)

// windows makes values that tell when they were made without being kept: the
// number of a window of time, and a MAC over it that nobody can know before
// the server gives it out. Every node with the same secret makes and knows the
// same ones, and so does the next process.
type windows struct {
	key    []byte // of this use alone: a value of one use is none of another
	length time.Duration
}

const (
	windowMAC  = 16 // octets
	windowSize = 8 + windowMAC
)

func (w windows) at(now time.Time) int64 { return now.Unix() / int64(w.length/time.Second) }

// value gives the one of the window that now is in.
func (w windows) value(now time.Time) string { return jose.EncodeBase64URL(w.of(w.at(now))) }

func (w windows) of(n int64) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, windowSize), uint64(n))
	return append(b, sum(w.key, b)[:windowMAC]...)
}

var (
	errNonceForeign = errors.New("not one of ours")
	errNonceOld     = errors.New("too old")
)

// check says whether a value was given out in this window or the one before,
// so that one that was fetched just before the change holds. The next one
// passes too: another node's clock may be ahead.
func (w windows) check(value string, now time.Time) error {
	b, err := jose.DecodeBase64URL(value)
	if err != nil || len(b) != windowSize {
		return errNonceForeign
	}
	n := int64(binary.BigEndian.Uint64(b))
	if !hmac.Equal(b, w.of(n)) {
		return errNonceForeign
	}
	if at := w.at(now); n < at-1 || n > at+1 {
		return errNonceOld
	}
	return nil
}

// ServerNonce is the DPoP nonce of the authorization server: for proofs at the
// PAR and token endpoints, and for no other.
func (s *Server) ServerNonce() string { return s.secrets.serverNonce.value(s.p.Clock.Now()) }

// ResourceNonce is the DPoP nonce of the endpoints that take an access token.
func (s *Server) ResourceNonce() string { return s.secrets.resourceNonce.value(s.p.Clock.Now()) }

// Challenge gives what a proof of possession of an attestation must repeat
// when Config.AttestationChallenges demands it (challenge endpoint of
// attestation-based client authentication, section 8). Nothing is stored.
func (s *Server) Challenge(context.Context) (string, error) {
	return s.secrets.challenge.value(s.p.Clock.Now()), nil
}

// proofNonce judges the nonce of a proof; nil when none is demanded.
func (s *Server) proofNonce(w windows) func(string) error {
	if !s.cfg.DPoPNonces {
		return nil
	}
	return func(nonce string) error { return w.check(nonce, s.p.Clock.Now()) }
}
