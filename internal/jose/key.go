package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"slices"
)

// Key is one JSON Web Key (RFC 7517).
type Key struct {
	Public    crypto.PublicKey  // *ecdsa.PublicKey (P-256, P-384, P-521) or ed25519.PublicKey
	Private   crypto.PrivateKey // *ecdsa.PrivateKey or ed25519.PrivateKey; nil for a public key
	KeyID     string
	Algorithm string   // the only algorithm that the key may be used with; "" = any that fits
	Use       string   // "sig", "enc" or ""
	KeyOps    []string // RFC 7517 section 4.3; nil = not restricted
	X5C       [][]byte // DER, leaf first. Not compared with Public: that is the certificate reader's work
}

// wireKey has every registered member that matters, so that a case variant of
// any is refused.
type wireKey struct {
	KeyType span     `json:"kty"`
	Curve   span     `json:"crv"`
	X       span     `json:"x"`
	Y       span     `json:"y"`
	D       span     `json:"d"`
	Use     string   `json:"use"`
	Alg     string   `json:"alg"`
	KeyID   string   `json:"kid"`
	KeyOps  []string `json:"key_ops"`
	X5C     []string `json:"x5c"`
	K       presence `json:"k"`
	P       presence `json:"p"`
	Q       presence `json:"q"`
	DP      presence `json:"dp"`
	DQ      presence `json:"dq"`
	QI      presence `json:"qi"`
	Oth     presence `json:"oth"`
	N       presence `json:"n"`
	E       presence `json:"e"`
}

// ParseKey reads a JWK, public or private (Private != nil): EC on P-256, P-384
// or P-521, or OKP Ed25519. The point must lie on the curve, coordinates and d
// must have their full length, and d must belong to the point.
func ParseKey(jwk []byte) (*Key, error) { return parseKey(jwk, false) }

// ParsePublicKey reads the JWK of a peer. A private member is refused, not
// dropped: a peer that sends one has lost its key.
func ParsePublicKey(jwk []byte) (*Key, error) { return parseKey(jwk, true) }

func parseKey(jwk []byte, public bool) (*Key, error) {
	var w wireKey
	if err := DecodeJSONLimit(jwk, &w, maxKey); err != nil {
		return nil, fmt.Errorf("parsing JWK: %w", err)
	}
	if public && (w.D != nil || bool(w.K || w.P || w.Q || w.DP || w.DQ || w.QI || w.Oth)) {
		return nil, fmt.Errorf("parsing JWK: %w: private member in a public key", ErrKey)
	}
	k, err := w.key()
	if err != nil {
		return nil, fmt.Errorf("parsing JWK: %w", err)
	}
	return k, nil
}

// ParseKeySet reads a JWK Set (RFC 7517 section 5). It refuses a set with two
// keys of one kid, one that mixes public and private keys, and one with a key
// that ParseKey refuses.
func ParseKeySet(set []byte) ([]*Key, error) {
	var w struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := DecodeJSON(set, &w); err != nil {
		return nil, fmt.Errorf("parsing JWK Set: %w", err)
	}
	if len(w.Keys) == 0 {
		return nil, fmt.Errorf("parsing JWK Set: %w: no keys", ErrMalformed)
	}
	if len(w.Keys) > maxKeys {
		return nil, fmt.Errorf("parsing JWK Set: %w: %d keys, at most %d", ErrLimit, len(w.Keys), maxKeys)
	}
	var keys []*Key
	seen := map[string]bool{}
	for i, raw := range w.Keys {
		k, err := ParseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i, err)
		}
		if k.KeyID != "" && seen[k.KeyID] {
			return nil, fmt.Errorf("parsing JWK Set: %w: two keys with kid %s", ErrKey, quote([]byte(k.KeyID)))
		}
		seen[k.KeyID] = true
		if len(keys) > 0 && (k.Private == nil) != (keys[0].Private == nil) {
			return nil, fmt.Errorf("parsing JWK Set: %w: public and private keys mixed", ErrKey)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (w *wireKey) key() (*Key, error) {
	k := &Key{KeyID: w.KeyID, Algorithm: w.Alg, Use: w.Use, KeyOps: w.KeyOps}
	var err error
	switch string(w.KeyType) {
	case "EC":
		err = w.ec(k)
	case "OKP":
		err = w.okp(k)
	case "":
		err = fmt.Errorf("%w: no kty", ErrMalformed)
	default:
		err = fmt.Errorf("%w: kty %s", ErrUnsupported, quote(w.KeyType))
	}
	if err != nil {
		return nil, err
	}
	if w.K || w.P || w.Q || w.DP || w.DQ || w.QI || w.Oth || w.N || w.E {
		return nil, fmt.Errorf("%w: members of another key type", ErrKey)
	}
	if err := k.checkUse(); err != nil {
		return nil, err
	}
	if k.X5C, err = certificates(w.X5C); err != nil {
		return nil, err
	}
	return k, nil
}

func curveNamed(crv []byte) (elliptic.Curve, int) {
	for i := range algorithms {
		if a := &algorithms[i]; a.crv == string(crv) {
			return a.curve, a.size
		}
	}
	return nil, 0
}

func (w *wireKey) ec(k *Key) error {
	curve, size := curveNamed(w.Curve)
	if curve == nil {
		return fmt.Errorf("%w: EC curve %s", ErrUnsupported, quote(w.Curve))
	}
	if w.Y == nil {
		return fmt.Errorf("%w: EC key without y", ErrMalformed)
	}
	var buf [1 + 2*66]byte
	point := append(buf[:0], 4) // SEC 1 section 2.3.3, uncompressed
	for _, c := range [2]span{w.X, w.Y} {
		before := len(point)
		var err error
		if point, err = appendBase64URL(point, c); err != nil {
			return fmt.Errorf("EC coordinate: %w", err)
		}
		if n := len(point) - before; n != size { // RFC 7518 section 6.2.1.2: the full length
			return fmt.Errorf("%w: EC coordinate of %d octets, %s has %d", ErrKey, n, w.Curve, size)
		}
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return fmt.Errorf("%w: the point is not on %s", ErrKey, w.Curve)
	}
	k.Public = pub
	if w.D == nil {
		return nil
	}
	d, err := appendBase64URL(nil, w.D)
	if err != nil {
		return fmt.Errorf("EC private key: %w", err)
	}
	priv, err := ecdsa.ParseRawPrivateKey(curve, d)
	if err != nil || !priv.PublicKey.Equal(pub) {
		return fmt.Errorf("%w: EC private key does not belong to its point", ErrKey)
	}
	k.Private = priv
	return nil
}

func (w *wireKey) okp(k *Key) error {
	if string(w.Curve) != "Ed25519" {
		return fmt.Errorf("%w: OKP curve %s", ErrUnsupported, quote(w.Curve))
	}
	if w.Y != nil {
		return fmt.Errorf("%w: OKP key with y", ErrKey)
	}
	x, err := appendBase64URL(nil, w.X)
	if err != nil {
		return fmt.Errorf("Ed25519 key: %w", err)
	}
	if len(x) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: Ed25519 key of %d octets", ErrKey, len(x))
	}
	k.Public = ed25519.PublicKey(x)
	if w.D == nil {
		return nil
	}
	d, err := appendBase64URL(nil, w.D)
	if err != nil {
		return fmt.Errorf("Ed25519 private key: %w", err)
	}
	if len(d) != ed25519.SeedSize {
		return fmt.Errorf("%w: Ed25519 private key of %d octets", ErrKey, len(d))
	}
	priv := ed25519.NewKeyFromSeed(d)
	if !priv.Public().(ed25519.PublicKey).Equal(k.Public) {
		return fmt.Errorf("%w: Ed25519 private key does not belong to its public key", ErrKey)
	}
	k.Private = priv
	return nil
}

// checkUse holds alg, use and key_ops against the key and against each other
// (RFC 7517 sections 4.2 to 4.4).
func (k *Key) checkUse() error {
	agreement := k.Algorithm == algECDHES
	if k.Algorithm != "" && !agreement {
		a, ok := algorithmNamed(k.Algorithm)
		if !ok {
			return fmt.Errorf("%w: alg %s of a key", ErrUnsupported, quote([]byte(k.Algorithm)))
		}
		if err := a.fits(k.Public); err != nil {
			return err
		}
	}
	if _, ec := k.Public.(*ecdsa.PublicKey); agreement && !ec {
		return fmt.Errorf("%w: ECDH-ES does not go with a signature key", ErrKey)
	}
	switch {
	case agreement && k.Use == "sig", k.Algorithm != "" && !agreement && k.Use == "enc":
		return fmt.Errorf("%w: use %q contradicts alg %q", ErrKey, k.Use, k.Algorithm)
	}
	for i, op := range k.KeyOps {
		signing := op == "sign" || op == "verify"
		if slices.Contains(k.KeyOps[:i], op) {
			return fmt.Errorf("%w: key_ops names %s twice", ErrMalformed, quote([]byte(op)))
		}
		if signing && k.Use == "enc" || !signing && k.Use == "sig" {
			return fmt.Errorf("%w: key_ops contradicts use %q", ErrKey, k.Use)
		}
	}
	return nil
}

// allows says whether use, alg and key_ops let the key do op.
func (k *Key) allows(alg, use string, ops ...string) error {
	switch {
	case k.Algorithm != "" && k.Algorithm != alg:
		return fmt.Errorf("%w: the key is for %s, not %s", ErrKey, k.Algorithm, alg)
	case k.Use != "" && k.Use != use:
		return fmt.Errorf("%w: the key has use %s, not %s", ErrKey, quote([]byte(k.Use)), use)
	case k.KeyOps != nil && !slices.ContainsFunc(ops, func(op string) bool { return slices.Contains(k.KeyOps, op) }):
		return fmt.Errorf("%w: key_ops does not hold %s", ErrKey, ops[0])
	}
	return nil
}

func certificates(x5c []string) ([][]byte, error) {
	if len(x5c) > maxCertificates {
		return nil, fmt.Errorf("%w: x5c of %d certificates, at most %d", ErrLimit, len(x5c), maxCertificates)
	}
	var out [][]byte
	for _, c := range x5c {
		der, err := DecodeBase64(c)
		if err != nil {
			return nil, fmt.Errorf("x5c: %w", err)
		}
		if len(der) == 0 {
			return nil, fmt.Errorf("%w: empty certificate in x5c", ErrMalformed)
		}
		out = append(out, der)
	}
	return out, nil
}
