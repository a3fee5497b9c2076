// Package keys gives signing keys by URI, wherever they live.
//
// Start with Manager, which the program gets from keys/soft or, in the signer
// build, from a PKCS#11 token; ParseURI reads the addresses that configuration
// holds; Prove shows at start-up that a key is the one its certificate names.
//
// A URI never holds a secret: no PIN and no key, only paths and names. Keys
// sign digests of SHA-256, SHA-384 or SHA-512 and nothing else (CheckDigest);
// Checked verifies every signature before it leaves, for devices that may lie.
package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrURI is for an address that cannot be read or is not served here.
	ErrURI = errors.New("key URI")
	// ErrDigest is for something that no key of ours signs.
	ErrDigest = errors.New("not a digest that may be signed")
	// ErrSignature is for a signature that does not verify with the key's own
	// public half, or a key that is not its certificate's.
	ErrSignature = errors.New("key does not sign for its certificate")
)

// Manager opens and creates keys. Safe for concurrent use, as are its signers.
type Manager interface {
	// Signer opens a key that exists; fs.ErrNotExist when it does not. Its Sign
	// takes a digest and gives an ASN.1 DER signature.
	Signer(ctx context.Context, uri string) (crypto.Signer, error)
	// Create makes a key on P-256 or P-384 and opens it; fs.ErrExist when there
	// is one: a key is never overwritten. It is durable when Create returns.
	Create(ctx context.Context, uri string, curve elliptic.Curve) (crypto.Signer, error)
	// Close lets go of whatever keys are held in; signers fail from then on
	// where they need it.
	Close() error
}

// CheckDigest refuses what is no digest of the hash that opts names, and every
// hash but SHA-256, SHA-384 and SHA-512. Errors match ErrDigest.
func CheckDigest(digest []byte, opts crypto.SignerOpts) error {
	if opts == nil {
		return fmt.Errorf("%w: no hash named", ErrDigest)
	}
	switch h := opts.HashFunc(); h {
	case crypto.SHA256, crypto.SHA384, crypto.SHA512:
		if len(digest) != h.Size() {
			return fmt.Errorf("%w: %d bytes, %s has %d", ErrDigest, len(digest), h, h.Size())
		}
		return nil
	default:
		return fmt.Errorf("%w: hash %d", ErrDigest, uint(h))
	}
}

// Checked wraps an ECDSA signer so that nothing but a digest is signed and no
// signature leaves that does not verify: a token that answers with another
// key's signature, a truncated one or r=0 is found here. One verification per
// signature is the cost.
func Checked(signer crypto.Signer) (crypto.Signer, error) {
	pub, ok := signer.Public().(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: not an ECDSA key", ErrSignature)
	}
	return &checked{signer, pub}, nil
}

type checked struct {
	crypto.Signer
	pub *ecdsa.PublicKey
}

func (c *checked) Public() crypto.PublicKey { return c.pub }

func (c *checked) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := CheckDigest(digest, opts); err != nil {
		return nil, err
	}
	sig, err := c.Signer.Sign(rand, digest, opts)
	if err != nil {
		return nil, err
	}
	if !ecdsa.VerifyASN1(c.pub, digest, sig) {
		return nil, fmt.Errorf("%w: the signature made does not verify", ErrSignature)
	}
	return sig, nil
}

// ProofPrefix begins the message that Prove has signed; the certificate of the key
// follows. No token, no COSE structure and no certificate begins so.
const ProofPrefix = "vidimus key proof\x00"

// Batcher is a key that is elsewhere, where the way costs more than the signature.
type Batcher interface {
	crypto.Signer
	// Batch gives a signer for n messages that are signed by n goroutines at once:
	// they go in one request when the last of them is there.
	Batch(ctx context.Context, n int) Batch
}

// Batch signs the messages of one Batcher.Batch.
type Batch interface {
	crypto.Signer
	crypto.MessageSigner
	// Leave is called once for each of the n that will not sign: without it the
	// others would wait for ever. It may be called after a signature too, and does
	// nothing then as long as no more than n came or left.
	Leave()
}

// Prove shows that signer holds the key of cert, by one signature that is
// verified with the certificate's public key: equal public halves alone would
// prove nothing about a token. What is signed is of no use elsewhere. Errors
// match ErrSignature.
func Prove(signer crypto.Signer, cert *x509.Certificate, rand io.Reader) error {
	pub, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: %s: not an ECDSA key", ErrSignature, cert.Subject)
	}
	if !pub.Equal(signer.Public()) {
		return fmt.Errorf("%w: %s: the certificate is for another key", ErrSignature, cert.Subject)
	}
	message := append([]byte(ProofPrefix), cert.Raw...)
	sig, err := crypto.SignMessage(signer, rand, message, crypto.SHA256)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSignature, cert.Subject, err)
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(pub, digest[:], sig) {
		return fmt.Errorf("%w: %s: the signature made does not verify", ErrSignature, cert.Subject)
	}
	return nil
}
