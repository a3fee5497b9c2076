package pkcs11

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// element is of the field of P-256, in the domain of Montgomery: x times 2^256, below
// p. Everything here is about public keys and signatures that are public; nothing
// takes the same time for all values.
type element [4]uint64

// p is 2^256 - 2^224 + 2^192 + 2^96 - 1; one is 2^256 mod p.
const p0, p1, p2, p3 = 0xffffffffffffffff, 0x00000000ffffffff, 0, 0xffffffff00000001

var (
	fieldP   = element{p0, p1, p2, p3}
	fieldOne = element{1, 0xffffffff00000000, 0xffffffffffffffff, 0x00000000fffffffe}
)

// mul sets z to xy/2^256 (Montgomery, one word at a time). The lowest word of p is -1,
// so that the factor of a round is the lowest word itself.
func (z *element) mul(x, y *element) {
	x0, x1, x2, x3 := x[0], x[1], x[2], x[3]
	var t0, t1, t2, t3, t4 uint64
	for _, w := range y {
		h0, l0 := bits.Mul64(x0, w)
		h1, l1 := bits.Mul64(x1, w)
		h2, l2 := bits.Mul64(x2, w)
		h3, l3 := bits.Mul64(x3, w)
		// xw, whose words are added one place up: it has five.
		var c, t5 uint64
		l1, c = bits.Add64(l1, h0, 0)
		l2, c = bits.Add64(l2, h1, c)
		l3, c = bits.Add64(l3, h2, c)
		h3 += c
		t0, c = bits.Add64(t0, l0, 0)
		t1, c = bits.Add64(t1, l1, c)
		t2, c = bits.Add64(t2, l2, c)
		t3, c = bits.Add64(t3, l3, c)
		t4, t5 = bits.Add64(t4, h3, c)
		// Add m*p, m the lowest word, and drop that word:
		// p = 2^256 - 2^224 + 2^192 + 2^96 - 1.
		hi, lo := bits.Mul64(t0, p3)
		t1, c = bits.Add64(t1, t0<<32, 0)
		t2, c = bits.Add64(t2, t0>>32, c)
		t3, c = bits.Add64(t3, lo, c)
		t4, c = bits.Add64(t4, hi, c)
		t0, t1, t2, t3, t4 = t1, t2, t3, t4, t5+c
	}
	z.reduce(t0, t1, t2, t3, t4)
}

// reduce takes p off once, if there is as much.
func (z *element) reduce(t0, t1, t2, t3, t4 uint64) {
	s0, b := bits.Sub64(t0, p0, 0)
	s1, b := bits.Sub64(t1, p1, b)
	s2, b := bits.Sub64(t2, p2, b)
	s3, b := bits.Sub64(t3, p3, b)
	_, b = bits.Sub64(t4, 0, b)
	keep := -b // all ones when there was less; a branch would be guessed wrong half of the time
	z[0], z[1], z[2], z[3] = s0^keep&(s0^t0), s1^keep&(s1^t1), s2^keep&(s2^t2), s3^keep&(s3^t3)
}

func (z *element) square(x *element) { z.mul(x, x) }

func (z *element) add(x, y *element) {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, c := bits.Add64(x[3], y[3], c)
	z.reduce(t0, t1, t2, t3, c)
}

func (z *element) sub(x, y *element) {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, b := bits.Sub64(x[3], y[3], b)
	back := -b
	t0, c := bits.Add64(t0, back&p0, 0)
	t1, c = bits.Add64(t1, back&p1, c)
	t2, c = bits.Add64(t2, 0, c)
	t3, _ = bits.Add64(t3, back&p3, c)
	z[0], z[1], z[2], z[3] = t0, t1, t2, t3
}

func (z *element) isZero() bool { return z[0]|z[1]|z[2]|z[3] == 0 }

// invert sets z to 1/x, for tables.
func (z *element) invert(x *element) {
	e := new(big.Int).Sub(modulusP, big.NewInt(2))
	y := fieldOne
	for i := e.BitLen() - 1; i >= 0; i-- {
		y.square(&y)
		if e.Bit(i) == 1 {
			y.mul(&y, x)
		}
	}
	*z = y
}

var (
	modulusP = fieldP.integer()
	// rSquared is 2^512 mod p: to multiply by it is to enter the domain.
	rSquared = func() element {
		x := new(big.Int).Lsh(big.NewInt(1), 512)
		return plain(x.Mod(x, modulusP).FillBytes(make([]byte, 32)))
	}()
)

// plain reads 32 bytes, the highest first, as they are.
func plain(b []byte) element {
	return element{binary.BigEndian.Uint64(b[24:]), binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b)}
}

func (z *element) integer() *big.Int {
	b := make([]byte, 32)
	for i, w := range z {
		binary.BigEndian.PutUint64(b[24-8*i:], w)
	}
	return new(big.Int).SetBytes(b)
}

// enter reads 32 bytes below p into the domain.
func (z *element) enter(b []byte) {
	x := plain(b)
	z.mul(&x, &rSquared)
}
