package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
)

// Key is one that the service signs with.
type Key struct {
	// Name is what requests call it: signer:key=NAME.
	Name string
	// Signer holds it, in a file or in a token: its Sign takes a digest and gives
	// an ASN.1 DER signature. Nobody else may use it.
	Signer crypto.Signer
	// Chain is the certificate of the key and those between it and the anchor,
	// DER, leaf first. For a root it is the root itself.
	Chain [][]byte
	// Policy is what it may sign.
	Policy Policy
	// Parallel is how many signatures it is asked for at once, 0 for as many as
	// there are processors: right for keys in memory.
	Parallel int
}

// held is a key that has proven itself.
type held struct {
	Key
	leaf     *pki.Certificate
	pub      *ecdsa.PublicKey
	hash     crypto.Hash // of whatever it signs but proofs
	alg      string      // of JOSE
	coseAlg  cose.Algorithm
	kid      string // RFC 7638 thumbprint of the key
	limit    *rate.Limiter
	expected map[Kind][]byte // the protected headers that its messages have
	counts   counts
	certs    []*pki.Certificate // its chain
	own      *ownKeys           // of this signer

	// Of keys whose lists follow each other; lists is guarded by counts.
	follows bool
	turn    sync.Mutex
	lists   []Series
}

// hold proves a key and prepares what its messages are compared with.
func hold(k Key, rand io.Reader) (*held, error) {
	if !validName(k.Name) {
		return nil, fmt.Errorf("the name of a key is 1 to 64 of a to z, 0 to 9, . _ and -")
	}
	if k.Signer == nil || len(k.Chain) == 0 || len(k.Chain) > pki.MaxChain || k.Parallel < 0 {
		return nil, fmt.Errorf("a key needs a signer and a chain of 1 to %d certificates", pki.MaxChain)
	}
	if err := k.Policy.check(); err != nil {
		return nil, err
	}
	h := &held{Key: k, follows: slices.ContainsFunc(k.Policy.Kinds, func(k Kind) bool { return seriesOf(k) != nil })}
	certs := make([]*pki.Certificate, len(k.Chain))
	for i, der := range k.Chain {
		var err error
		if certs[i], err = pki.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
	}
	h.leaf, h.certs = certs[0], certs
	var issuer *pki.Certificate
	if len(certs) > 1 {
		issuer = certs[1]
	}
	old := func(finding string) bool { return finding == pki.FindingSecondEKU }
	if findings := slices.DeleteFunc(pki.Lint(h.leaf, k.Policy.Profile, issuer), old); len(findings) > 0 {
		return nil, fmt.Errorf("its certificate does not conform to %s: %s", k.Policy.Profile, strings.Join(findings, "; "))
	}
	var err error
	if h.coseAlg, err = cose.AlgorithmFor(h.leaf.PublicKey()); err != nil {
		return nil, err
	}
	if h.alg, err = jose.AlgorithmFor(h.leaf.PublicKey()); err != nil {
		return nil, err
	}
	if h.pub, _ = h.leaf.PublicKey().(*ecdsa.PublicKey); h.pub == nil {
		return nil, fmt.Errorf("not an ECDSA key")
	}
	if h.hash, err = hashOf(h.pub); err != nil {
		return nil, err
	}
	if err := keys.Prove(k.Signer, h.leaf.Cert, rand); err != nil {
		return nil, err
	}
	thumbprint, err := jose.Thumbprint(h.pub)
	if err != nil {
		return nil, err
	}
	h.kid = jose.EncodeBase64URL(thumbprint)
	if h.expected, err = h.headers(); err != nil {
		return nil, err
	}
	if r := k.Policy.Rate; r != (Rate{}) {
		h.limit = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	return h, nil
}

// hashOf is the hash that goes with a curve in COSE, in JOSE and in what
// crypto/x509 makes.
func hashOf(pub *ecdsa.PublicKey) (crypto.Hash, error) {
	switch pub.Curve {
	case elliptic.P256():
		return crypto.SHA256, nil
	case elliptic.P384():
		return crypto.SHA384, nil
	case elliptic.P521():
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("key on %s", pub.Curve.Params().Name)
}

// HashFor is the hash with which a key signs a message: that of its curve, and
// SHA-256 for what keys.Prove asks for.
func HashFor(pub crypto.PublicKey, message []byte) (crypto.Hash, error) {
	if isProof(message) {
		return crypto.SHA256, nil
	}
	k, ok := pub.(*ecdsa.PublicKey)
	if !ok {
		return 0, fmt.Errorf("key of type %T", pub)
	}
	return hashOf(k)
}

// covers says whether the certificate of the key holds at an instant.
func (h *held) covers(now time.Time) error {
	switch {
	case now.Before(h.leaf.NotBefore().Add(-skew)):
		return refuse(ReasonCertificate, "the certificate of the key does not hold before %s", h.leaf.NotBefore().UTC().Format(time.RFC3339))
	case now.After(h.leaf.NotAfter()):
		return refuse(ReasonCertificate, "the certificate of the key has ended at %s", h.leaf.NotAfter().UTC().Format(time.RFC3339))
	}
	return nil
}

func (h *held) sign(rand io.Reader, hash crypto.Hash, digest []byte) ([]byte, error) {
	sig, err := h.Signer.Sign(rand, digest, hash)
	if err == nil && len(sig) == 0 {
		err = fmt.Errorf("%w: the key answered with nothing", keys.ErrSignature)
	}
	return sig, err
}

// validName keeps names fit for URIs, records and file names.
func validName(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
	})
}
