package sdjwt

import (
	"crypto"
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/jose"
)

// Claims gives the path of every disclosure that a holder can choose from, in
// their order.
func (s *SDJWT) Claims() ([]Path, error) {
	p, err := s.Process()
	if err != nil {
		return nil, err
	}
	return p.Disclosed(), nil
}

// Present makes a presentation of the disclosures that choose accepts, and of
// the disclosures that these lie in (RFC 9901, section 7.2). nil chooses none.
// Paths count in the claims with all disclosures in place.
//
// With a holder, which must have the key of cnf, it adds a key binding JWT for
// this verifier, transaction and instant; without, nonce and aud must be empty.
func (s *SDJWT) Present(choose func(Path) bool, holder crypto.Signer, nonce, aud string, now time.Time, rand io.Reader) (string, error) {
	return s.PresentWith(choose, holder, KeyBindingClaims{Nonce: nonce, Audience: aud, IssuedAt: now}, rand)
}

// KeyBindingClaims is what a key binding JWT says besides sd_hash.
type KeyBindingClaims struct {
	Nonce, Audience string
	IssuedAt        time.Time
	// TransactionDataHashes and their algorithm bind what the holder agreed to
	// (OpenID4VP 1.0, annex B.3.3.1); left out when empty.
	TransactionDataHashes    []string
	TransactionDataHashesAlg string
}

// PresentWith is [SDJWT.Present] with all claims of the key binding JWT.
func (s *SDJWT) PresentWith(choose func(Path) bool, holder crypto.Signer, kb KeyBindingClaims, rand io.Reader) (string, error) {
	if s.KeyBinding != nil {
		return "", refuse(CheckKB, "an SD-JWT+KB cannot be presented again")
	}
	p, err := s.Process()
	if err != nil {
		return "", err
	}
	chosen := make([]bool, len(s.Disclosures))
	for i, path := range p.paths {
		if choose == nil || !choose(path) {
			continue
		}
		for at := i; at >= 0 && !chosen[at]; at = p.parents[at] {
			chosen[at] = true
		}
	}
	var b strings.Builder
	b.Grow(len(s.Compact) + 512)
	b.WriteString(s.Issuer.Token)
	b.WriteByte('~')
	for i, d := range s.Disclosures {
		if chosen[i] {
			b.WriteString(d.Encoded)
			b.WriteByte('~')
		}
	}
	if holder == nil {
		if kb.Nonce != "" || kb.Audience != "" {
			return "", refuse(CheckKB, "nonce or aud without holder key")
		}
		return b.String(), nil
	}
	token, err := s.bind(b.String(), holder, kb, rand)
	if err != nil {
		return "", err
	}
	b.WriteString(token)
	return b.String(), nil
}

// bind signs the key binding JWT over the presentation up to its last "~".
func (s *SDJWT) bind(presentation string, holder crypto.Signer, kb KeyBindingClaims, rand io.Reader) (string, error) {
	if kb.Nonce == "" || kb.Audience == "" || kb.IssuedAt.IsZero() {
		return "", refuse(CheckKB, "key binding needs nonce, aud and iat")
	}
	if err := holderFits(s, holder); err != nil {
		return "", err
	}
	_, hash, err := hashOf(s.payload)
	if err != nil {
		return "", err
	}
	claims := Object{
		{"iat", kb.IssuedAt.Unix()},
		{"aud", kb.Audience},
		{"nonce", kb.Nonce},
		{"sd_hash", digestOf(hash, presentation)},
	}
	if len(kb.TransactionDataHashes) > 0 {
		claims = append(claims, Member{"transaction_data_hashes", kb.TransactionDataHashes})
		if kb.TransactionDataHashesAlg != "" {
			claims = append(claims, Member{"transaction_data_hashes_alg", kb.TransactionDataHashesAlg})
		}
	}
	payload, err := (&templateBuilder{policy: Nothing}).node(claims)
	if err != nil {
		return "", fmt.Errorf("encoding the key binding JWT: %w", err)
	}
	token, err := jose.Sign(holder, map[string]any{"typ": kbType}, payload.static, rand)
	if err != nil {
		return "", fmt.Errorf("signing the key binding JWT: %w", err)
	}
	return token, nil
}
