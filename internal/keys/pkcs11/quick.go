package pkcs11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"math/big"
	"sync"
)

// quick verifies signatures of one key on P-256 with tables of its multiples: in a
// third of the time of crypto/ecdsa, which is as long as SoftHSM takes to sign. It says
// yes only when the equation of FIPS 186-5, 6.4.2, holds, computed whole; whatever else
// it says is not a no, and crypto/ecdsa decides. It is not used in FIPS 140-3 mode.
type quick struct{ multiples *table }

// window is how many bits of a number one addition sees to; a table has j*2^(10i)*P at
// [i][j-1], in 1.7 MB. With 8 bits it would take 12 additions more and half a megabyte.
const (
	window  = 10
	windows = (256 + window - 1) / window
	row     = 1 << window
)

type table [windows][row - 1]affine

type affine struct{ x, y element }

// jacobian is x/z², y/z³; z is 0 at infinity.
type jacobian struct{ x, y, z element }

var generator = sync.OnceValue(func() *table {
	params := elliptic.P256().Params()
	var g affine
	g.x.enter(params.Gx.FillBytes(make([]byte, 32)))
	g.y.enter(params.Gy.FillBytes(make([]byte, 32)))
	return newTable(g)
})

// newQuick makes the tables of a key, in some ten milliseconds; nil for a
// key that is not on P-256.
func newQuick(pub *ecdsa.PublicKey) *quick {
	if pub.Curve != elliptic.P256() {
		return nil
	}
	point, err := pub.Bytes()
	if err != nil {
		return nil
	}
	var q affine
	q.x.enter(point[1:33])
	q.y.enter(point[33:])
	generator()
	return &quick{newTable(q)}
}

func newTable(base affine) *table {
	t := new(table)
	multiples, flat := new([row]jacobian), new([row]affine)
	for i := range t {
		multiples[0] = jacobian{base.x, base.y, fieldOne}
		multiples[1].double(&multiples[0])
		for j := 2; j < row; j++ {
			multiples[j] = multiples[j-1]
			multiples[j].add(&base) // j times the base is neither it nor its opposite
		}
		normalize(flat, multiples)
		copy(t[i][:], flat[:row-1])
		base = flat[row-1]
	}
	return t
}

// normalize makes all z one, with one inversion.
func normalize(out *[row]affine, in *[row]jacobian) {
	all := fieldOne
	for j := range in {
		out[j].x = all // the product of all z before
		all.mul(&all, &in[j].z)
	}
	all.invert(&all)
	for j := row - 1; j >= 0; j-- {
		var inverse, square element
		inverse.mul(&all, &out[j].x)
		all.mul(&all, &in[j].z)
		square.square(&inverse)
		out[j].x.mul(&in[j].x, &square)
		square.mul(&square, &inverse)
		out[j].y.mul(&in[j].y, &square)
	}
}

// double sets p to 2q, for a q that is not at infinity (dbl-2001-b, a = -3).
func (p *jacobian) double(q *jacobian) {
	var delta, gamma, beta, alpha, t, u element
	delta.square(&q.z)
	gamma.square(&q.y)
	beta.mul(&q.x, &gamma)
	t.sub(&q.x, &delta)
	u.add(&q.x, &delta)
	t.mul(&t, &u)
	alpha.add(&t, &t)
	alpha.add(&alpha, &t)
	var x, y, z element
	x.square(&alpha)
	t.add(&beta, &beta)
	t.add(&t, &t) // 4 beta
	x.sub(&x, &t)
	x.sub(&x, &t)
	z.add(&q.y, &q.z)
	z.square(&z)
	z.sub(&z, &gamma)
	z.sub(&z, &delta)
	y.sub(&t, &x)
	y.mul(&y, &alpha)
	gamma.square(&gamma)
	gamma.add(&gamma, &gamma)
	gamma.add(&gamma, &gamma)
	gamma.add(&gamma, &gamma)
	y.sub(&y, &gamma)
	*p = jacobian{x, y, z}
}

// add adds q to p (8 multiplications and 3 squarings). False when they are the same
// or opposite, for which the formula does not hold.
func (p *jacobian) add(q *affine) bool {
	if p.z.isZero() {
		*p = jacobian{q.x, q.y, fieldOne}
		return true
	}
	var zz, h, r, hh, hhh, v element
	zz.square(&p.z)
	h.mul(&q.x, &zz)
	h.sub(&h, &p.x)
	if h.isZero() {
		return false
	}
	r.mul(&q.y, &zz)
	r.mul(&r, &p.z)
	r.sub(&r, &p.y)
	hh.square(&h)
	hhh.mul(&hh, &h)
	v.mul(&p.x, &hh)
	p.z.mul(&p.z, &h)
	p.x.square(&r)
	p.x.sub(&p.x, &hhh)
	p.x.sub(&p.x, &v)
	p.x.sub(&p.x, &v)
	v.sub(&v, &p.x)
	v.mul(&v, &r)
	hhh.mul(&hhh, &p.y)
	p.y.sub(&v, &hhh)
	return true
}

// digit is window i of a number, from the lowest.
func digit(number *[34]byte, i int) int {
	at := i * window
	low := 33 - at/8
	return (int(number[low-1])<<8 | int(number[low])) >> (at % 8) & (row - 1)
}

// proves says that raw, r and s side by side, is a signature over a digest. False is
// "not shown".
func (q *quick) proves(digest, raw []byte) bool {
	if len(raw) != 64 || len(digest) < 32 {
		return false
	}
	n := elliptic.P256().Params().N
	r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	if r.Sign() == 0 || s.Sign() == 0 || r.Cmp(n) >= 0 || s.Cmp(n) >= 0 {
		return false
	}
	w := s.ModInverse(s, n)
	u1 := new(big.Int).SetBytes(digest[:32]) // the leftmost bits, as many as n has
	u1.Mod(u1.Mul(u1, w), n)
	u2 := w.Mod(w.Mul(w, r), n)
	var b1, b2 [34]byte // with two of nothing before the highest
	u1.FillBytes(b1[2:])
	u2.FillBytes(b2[2:])
	var sum jacobian
	base := generator()
	for i := range base {
		g := &base[i]
		if b := digit(&b1, i); b != 0 && !sum.add(&g[b-1]) {
			return false
		}
		if b := digit(&b2, i); b != 0 && !sum.add(&q.multiples[i][b-1]) {
			return false
		}
	}
	if sum.z.isZero() {
		return false
	}
	// x/z² = r mod n: x is r or r+n times z², and r+n is seldom below p.
	var zz, x element
	zz.square(&sum.z)
	x.enter(raw[:32])
	x.mul(&x, &zz)
	if x == sum.x {
		return true
	}
	if r.Add(r, n).Cmp(modulusP) >= 0 {
		return false
	}
	x.enter(r.FillBytes(make([]byte, 32)))
	x.mul(&x, &zz)
	return x == sum.x
}
