//go:build pkcs11

package pkcs11

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/fips140"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"vidimus/internal/keys"
)

// key is a key pair of a token; it outlives connections, in each of which it is
// found anew.
type key struct {
	t         *token
	label, id string
	pub       *ecdsa.PublicKey

	signed atomic.Int64
	quick  atomic.Pointer[quick] // nil until there is reason for it

	finds  chan struct{} // holds one: whoever has it may look at what follows
	at     *connection   // where handle is of
	handle pkcs11.ObjectHandle
}

// Public is the public half, as it was when the key was opened.
func (k *key) Public() crypto.PublicKey { return k.pub }

// Sign signs a digest within 2 seconds. The source of randomness is the token's.
func (k *key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext is Sign for a request that may be given up: then its place is
// another's. Errors match ErrUnavailable, keys.ErrDigest, keys.ErrSignature, ErrKey.
func (k *key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := keys.CheckDigest(digest, opts); err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for again := false; ; again = true {
		c, err := k.t.connected(bounded)
		if err != nil {
			return nil, err
		}
		raw, err := k.unchecked(bounded, c, digest)
		var sig []byte
		if err == nil {
			sig, err = k.checked(digest, raw)
		}
		if err == nil {
			c.slow.Store(0)
			return sig, nil
		}
		if ctx.Err() != nil { // the caller's doing, not the token's
			return nil, unavailable(ctx.Err())
		}
		k.t.blame(c, err)
		switch faultOf(err) {
		case FaultLie:
			k.t.lies.Add(1)
			return nil, err
		case FaultKey:
			return nil, err
		case FaultTimeout:
			return nil, unavailable(err)
		}
		if again {
			return nil, unavailable(err)
		}
		// Nothing came of it: once more, in the next connection if it is soon there.
	}
}

// unchecked is a signature as the token gave it, r and s side by side.
func (k *key) unchecked(ctx context.Context, c *connection, digest []byte) ([]byte, error) {
	handle, err := k.find(ctx, c)
	if err != nil {
		return nil, err
	}
	return k.t.signature(ctx, c, handle, digest)
}

// checked is what lets a signature out, in DER: none that does not verify.
func (k *key) checked(digest, raw []byte) ([]byte, error) {
	sig := derSignature(raw, fieldSize(k.pub.Curve))
	if q := k.quick.Load(); q != nil && q.proves(digest, raw) {
		return sig, nil
	}
	if !ecdsa.VerifyASN1(k.pub, digest, sig) {
		return nil, fmt.Errorf("%w: the signature made does not verify", keys.ErrSignature)
	}
	if k.signed.Add(1) == quickAfter && !fips140.Enabled() && k.t.tables.Add(1) <= maxTables {
		go func() { k.quick.Store(newQuick(k.pub)) }()
	}
	return sig, nil
}

// find gives the key's handle in a connection; it must be the same key still.
func (k *key) find(ctx context.Context, c *connection) (pkcs11.ObjectHandle, error) {
	select {
	case k.finds <- struct{}{}:
		defer func() { <-k.finds }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if k.at == c {
		return k.handle, nil
	}
	known, err := c.index(ctx)
	if err != nil {
		return 0, err
	}
	var o object
	err = c.with(ctx, func(p *pkcs11.Ctx, s pkcs11.SessionHandle) (err error) {
		o, err = load(p, s, known, k.label, k.id)
		return err
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("%w: %q is no longer in the token: %w", ErrKey, k.label, err)
	case err != nil:
		return 0, err
	case k.pub != nil && !k.pub.Equal(o.pub):
		return 0, fmt.Errorf("%w: %q is another key than before", ErrKey, k.label)
	}
	k.at, k.handle = c, o.private
	if k.pub == nil {
		k.pub = o.pub
	}
	return k.handle, nil
}

// prove makes a signature of no use in a connection and verifies it.
func (k *key) prove(ctx context.Context, c *connection) error {
	if _, err := k.find(ctx, c); err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(keys.ProofPrefix + k.label))
	raw, err := k.unchecked(ctx, c, digest[:])
	if err == nil {
		_, err = k.checked(digest[:], raw)
	}
	return err
}

// Format keeps everything but the name out of every %v of every log.
func (k *key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// String names the key for people.
func (k *key) String() string { return fmt.Sprintf("key %q of token %q", k.label, k.t.label) }
