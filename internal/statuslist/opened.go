package statuslist

import (
	"crypto"
	"errors"
)

// Opened is a list token that was read before, for whoever is asked about it
// again and again.
type Opened struct {
	Raw []byte // as it was received
	// At most one of them is there: none when the token cannot be read.
	List        *Token
	Identifiers *IdentifierList
}

// Token gives the status list, read now when that was not done before.
func (o *Opened) Token() (*Token, error) {
	if o.List != nil {
		return o.List, nil
	}
	return ParseToken(o.Raw)
}

// IdentifierList likewise gives the identifier list.
func (o *Opened) IdentifierList() (*IdentifierList, error) {
	if o.Identifiers != nil {
		return o.Identifiers, nil
	}
	return ParseIdentifierList(o.Raw)
}

// Prove checks the signature ahead of [Envelope.Verify], with a key of which
// nobody has said yet that it counts, such as that of the certificate which the
// token carries. It unlocks nothing. Verify then has nothing left to do but to
// compare keys, and refuses every other; what was signed is let go. Prove first,
// share the token afterwards.
func (e *Envelope) Prove(key crypto.PublicKey) error {
	comparable, ok := key.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return refuse(CheckSignature, "key of type %T", key)
	}
	if err := e.verify(key); err != nil {
		return refuse(CheckSignature, "%w", err)
	}
	e.proven, e.jws, e.sign1 = comparable.Equal, nil, nil
	return nil
}

// errAnotherKey is for a key that is not the one under which the token was proven.
var errAnotherKey = errors.New("the signature is that of another key")

func (e *Envelope) verify(key crypto.PublicKey) error {
	switch {
	case e.proven != nil && e.proven(key):
		return nil
	case e.proven != nil:
		return errAnotherKey
	case e.jws != nil:
		return e.jws.Verify(key)
	}
	return e.sign1.Verify(key)
}
