package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"slices"

	"vidimus/internal/cbor"
)

// Labels and values of COSE_Key (RFC 9052, 7 and RFC 9053, 7).
const (
	keyType = 1
	keyCrv  = -1
	keyX    = -2
	keyY    = -3
	keyD    = -4

	typeOKP = 1
	typeEC2 = 2

	crvX25519  = 4
	crvEd25519 = 6
)

// ec2Curves are the curves of EC2 keys by their COSE number.
var ec2Curves = map[int64]elliptic.Curve{1: elliptic.P256(), 2: elliptic.P384(), 3: elliptic.P521()}

// otherCurves are curves of ISO/IEC 18013-5 for which the standard library has
// no arithmetic, named in the refusal.
var otherCurves = map[int64]string{
	5: "X448", 7: "Ed448", 8: "secp256k1", 256: "brainpoolP256r1", 257: "brainpoolP320r1", 258: "brainpoolP384r1", 259: "brainpoolP512r1",
}

// Key is a public COSE_Key.
type Key struct {
	// Public is *ecdsa.PublicKey (P-256, P-384, P-521), ed25519.PublicKey, or
	// *ecdh.PublicKey for X25519.
	Public crypto.PublicKey

	// Compressed says that the y coordinate was given as its sign bit, which is not
	// legal for an EReaderKey.
	Compressed bool
}

// ParseKey reads a public COSE_Key and proves that its point lies on the curve.
// Labels other than kty, crv, x and y are ignored, except that a private key is refused.
func ParseKey(data []byte) (*Key, error) {
	if len(data) > MaxKey {
		return nil, fmt.Errorf("parsing COSE_Key: %w: %d bytes, at most %d", ErrMalformed, len(data), MaxKey)
	}
	labels, err := labelsOf(data)
	if err != nil {
		return nil, fmt.Errorf("parsing COSE_Key: %w", err)
	}
	key, err := parseKey(labels)
	if err != nil {
		return nil, fmt.Errorf("parsing COSE_Key: %w", err)
	}
	return key, nil
}

// labels are the few of a key: they are looked through, not sorted into a map.
type labels []cbor.Entry

// labelsOf is byLabel for a key.
func labelsOf(data []byte) (labels, error) {
	entries, err := entriesOf(data)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if _, _, ok := integerOrText(entry.Key); !ok {
			return nil, fmt.Errorf("%w: label is neither integer nor text", ErrMalformed)
		}
	}
	return entries, nil
}

// get gives the value of an integer label, nil when it is not there.
func (l labels) get(label int64) cbor.RawMessage {
	for _, entry := range l {
		if n, text, ok := integerOrText(entry.Key); ok && text == nil && n == label {
			return entry.Value
		}
	}
	return nil
}

func parseKey(labels labels) (*Key, error) {
	kty, err := number(labels, keyType, "kty")
	if err != nil {
		return nil, err
	}
	if kty != typeEC2 && kty != typeOKP {
		return nil, fmt.Errorf("%w: kty %d", ErrUnsupported, kty)
	}
	// -4 is d for both types: whoever sends it has given the key away.
	if labels.get(keyD) != nil {
		return nil, fmt.Errorf("%w: private key", ErrKey)
	}
	crv, err := number(labels, keyCrv, "crv")
	if err != nil {
		return nil, err
	}
	if name, ok := otherCurves[crv]; ok {
		return nil, fmt.Errorf("%w: curve %s", ErrUnsupported, name)
	}
	x, err := cbor.Bytes(labels.get(keyX))
	if err != nil {
		return nil, fmt.Errorf("%w: x: %w", ErrMalformed, err)
	}
	if kty == typeEC2 {
		return parseEC2(crv, x, labels.get(keyY))
	}
	return parseOKP(crv, x)
}

// parseEC2 takes x and y in the full width of the field (RFC 9053, 7.1.1).
func parseEC2(crv int64, x []byte, y cbor.RawMessage) (*Key, error) {
	curve, ok := ec2Curves[crv]
	if !ok {
		return nil, fmt.Errorf("%w: curve %d for an EC2 key", curveError(crv), crv)
	}
	width := (curve.Params().BitSize + 7) / 8
	if len(x) != width {
		return nil, fmt.Errorf("%w: x of %d bytes instead of %d", ErrKey, len(x), width)
	}
	compressed := len(y) == 1 && (y[0] == 0xf4 || y[0] == 0xf5) // false or true
	var yBytes []byte
	var err error
	if compressed {
		px, py := elliptic.UnmarshalCompressed(curve, append([]byte{2 + y[0]&1}, x...))
		if px == nil {
			return nil, fmt.Errorf("%w: point is not on the curve", ErrKey)
		}
		yBytes = py.FillBytes(make([]byte, width))
	} else if yBytes, err = cbor.Bytes(y); err != nil {
		return nil, fmt.Errorf("%w: y: %w", ErrMalformed, err)
	}
	if len(yBytes) != width {
		return nil, fmt.Errorf("%w: y of %d bytes instead of %d", ErrKey, len(yBytes), width)
	}
	point := slices.Concat([]byte{4}, x, yBytes)
	pub, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("%w: point is not on the curve", ErrKey)
	}
	return &Key{Public: pub, Compressed: compressed}, nil
}

func parseOKP(crv int64, x []byte) (*Key, error) {
	if crv != crvX25519 && crv != crvEd25519 {
		return nil, fmt.Errorf("%w: curve %d for an OKP key", curveError(crv), crv)
	}
	if len(x) != 32 {
		return nil, fmt.Errorf("%w: x of %d bytes instead of 32", ErrKey, len(x))
	}
	if crv == crvEd25519 {
		return &Key{Public: ed25519.PublicKey(bytes.Clone(x))}, nil
	}
	pub, err := ecdh.X25519().NewPublicKey(x)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return &Key{Public: pub}, nil
}

// curveError tells a curve of the other key type from an unknown one.
func curveError(crv int64) error {
	if crv >= 1 && crv <= crvEd25519 {
		return ErrKey
	}
	return ErrUnsupported
}

// number returns an integer label.
func number(labels labels, label int64, name string) (int64, error) {
	item := labels.get(label)
	if item == nil {
		return 0, fmt.Errorf("%w: no %s", ErrMalformed, name)
	}
	n, text, ok := integerOrText(item)
	switch {
	case !ok:
		return 0, fmt.Errorf("%w: %s", ErrMalformed, name)
	case text != nil:
		return 0, fmt.Errorf("%w: %s %.32q", ErrUnsupported, name, *text)
	}
	return n, nil
}

// MarshalKey encodes a public key with nothing but kty, crv, x and y. It takes
// the types of [Key.Public] and *ecdh.PublicKey on every supported curve.
func MarshalKey(pub crypto.PublicKey) (cbor.RawMessage, error) {
	switch key := pub.(type) {
	case ed25519.PublicKey:
		return marshalOKP(crvEd25519, key)
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return marshalEC2(key.Curve, point)
	case *ecdh.PublicKey:
		switch key.Curve() {
		case ecdh.X25519():
			return marshalOKP(crvX25519, key.Bytes())
		case ecdh.P256():
			return marshalEC2(elliptic.P256(), key.Bytes())
		case ecdh.P384():
			return marshalEC2(elliptic.P384(), key.Bytes())
		case ecdh.P521():
			return marshalEC2(elliptic.P521(), key.Bytes())
		}
	}
	return nil, fmt.Errorf("%w: key of type %T", ErrUnsupported, pub)
}

func marshalOKP(crv int64, x []byte) (cbor.RawMessage, error) {
	if len(x) != 32 {
		return nil, fmt.Errorf("%w: x of %d bytes instead of 32", ErrKey, len(x))
	}
	return cbor.Marshal(map[int64]any{keyType: typeOKP, keyCrv: crv, keyX: x})
}

// marshalEC2 takes the uncompressed point 04 || x || y.
func marshalEC2(curve elliptic.Curve, point []byte) (cbor.RawMessage, error) {
	for crv, c := range ec2Curves {
		if c == curve {
			x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
			b := cbor.AppendMap(make([]byte, 0, len(point)+16), 4) // its labels as they sort
			b = cbor.AppendInt(cbor.AppendInt(b, keyType), typeEC2)
			b = cbor.AppendInt(cbor.AppendInt(b, keyCrv), crv)
			b = cbor.AppendBytes(cbor.AppendInt(b, keyX), x)
			return cbor.AppendBytes(cbor.AppendInt(b, keyY), y), nil
		}
	}
	return nil, fmt.Errorf("%w: elliptic curve %s", ErrUnsupported, curve.Params().Name)
}

// ECDH returns the key for key agreement; an Ed25519 key has none.
func (k *Key) ECDH() (*ecdh.PublicKey, error) {
	switch key := k.Public.(type) {
	case *ecdh.PublicKey:
		return key, nil
	case *ecdsa.PublicKey:
		pub, err := key.ECDH()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return pub, nil
	}
	return nil, fmt.Errorf("%w: key of type %T agrees on nothing", ErrKey, k.Public)
}
