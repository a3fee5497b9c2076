package shares

import (
	"bytes"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
)

// magic begins a share, so that a custodian who decrypts one sees what it is.
const magic = "vidimus share 1\n"

// share is what one custodian has, decrypted. On the wire: magic, set (16 octets),
// statement (32), threshold, index, salt (32), and the value to the end, as long as
// a scalar of the curve.
type share struct {
	set       [16]byte
	statement [sha256.Size]byte // of set.json
	threshold byte
	index     byte // from 1; the x of the point
	salt      [32]byte
	value     []byte
}

const shareHead = len(magic) + 16 + sha256.Size + 2 + 32

func (s *share) encode() []byte {
	out := make([]byte, 0, shareHead+len(s.value))
	out = append(out, magic...)
	out = append(out, s.set[:]...)
	out = append(out, s.statement[:]...)
	out = append(out, s.threshold, s.index)
	out = append(out, s.salt[:]...)
	return append(out, s.value...)
}

// parseShare reads a share; its value is a slice of data. Errors match ErrDamaged
// and do not repeat what stands there.
func parseShare(data []byte) (*share, error) {
	if len(data) != shareHead+32 && len(data) != shareHead+48 || !bytes.HasPrefix(data, []byte(magic)) {
		return nil, fmt.Errorf("%w: not in the form of a share", ErrDamaged)
	}
	s := &share{}
	rest := data[len(magic):]
	rest = rest[copy(s.set[:], rest):]
	rest = rest[copy(s.statement[:], rest):]
	s.threshold, s.index = rest[0], rest[1]
	rest = rest[2:]
	s.value = rest[copy(s.salt[:], rest):]
	if s.threshold < minThreshold || s.threshold > MaxShares || s.index < 1 || s.index > MaxShares {
		return nil, fmt.Errorf("%w: share %d with a threshold of %d", ErrDamaged, s.index, s.threshold)
	}
	return s, nil
}

// commitment binds a share's value and says nothing of it: the salt is as long as
// the digest and known to the custodian alone.
func (s *share) commitment() [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte("vidimus share commitment\x00"))
	h.Write(s.set[:])
	h.Write([]byte{s.threshold, s.index})
	h.Write(s.salt[:])
	h.Write(s.value)
	return [sha256.Size]byte(h.Sum(nil))
}

// curves that a key may be on, as keys of files.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()}

func scalarBytes(c elliptic.Curve) int { return (c.Params().BitSize + 7) / 8 }
