package registry

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"

	"vidimus/internal/document"
)

// Source is one registry and what it may say.
type Source struct {
	// Name is its iss claim, and the name under which its TLS certificate is
	// known.
	Name string
	// Keys verify its tokens, by kid.
	Keys map[string]crypto.PublicKey
	// Events lists the names that it may send, such as person-put.
	Events []string
	// DocumentTypes lists the types of document that it may speak of.
	DocumentTypes []string
	// Kinds lists the kinds of entitlement that it may put, and on which its
	// measures may hang.
	Kinds []string
	// Measures lists the kinds of measure that it may add, lift, correct or
	// revoke on appeal.
	Measures []document.MeasureKind
}

func (s Source) validate() error {
	if !validID(s.Name) {
		return errors.New("a source needs a name of visible ASCII characters")
	}
	if len(s.Keys) == 0 {
		return fmt.Errorf("source %s has no key", s.Name)
	}
	for kid, pub := range s.Keys {
		k, ok := pub.(*ecdsa.PublicKey)
		if !ok || k.Curve != elliptic.P256() || !validID(kid) {
			return fmt.Errorf("source %s: key %q is not a P-256 key with a name", s.Name, kid)
		}
	}
	for _, e := range s.Events {
		if !slices.Contains(document.Names(), e) {
			return fmt.Errorf("source %s: no such event: %q", s.Name, e)
		}
	}
	for _, m := range s.Measures {
		if !slices.Contains(document.MeasureKinds(), m) {
			return fmt.Errorf("source %s: no such kind of measure: %q", s.Name, m)
		}
	}
	return nil
}

// validID accepts 1 to maxID visible ASCII characters.
func validID(s string) bool {
	if s == "" || len(s) > maxID {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
