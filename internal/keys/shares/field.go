package shares

// Arithmetic in GF(256) modulo x^8 + x^4 + x^3 + x + 1. Every operand may be a
// secret: nothing here branches, and nothing is looked up. A test reads this file
// and holds it to that.

// add is addition and subtraction.
func add(a, b byte) byte { return a ^ b }

// mul multiplies as on paper: eight times, a is added where b has a bit (by a mask,
// not by a branch) and doubled.
func mul(a, b byte) byte {
	var sum byte
	for range 8 {
		sum ^= a & -(b & 1)
		a = a<<1 ^ 0x1b&-(a>>7)
		b >>= 1
	}
	return sum
}

// inv is a^254, which is 1/a, and 0 for 0.
func inv(a byte) byte {
	a2 := mul(a, a)
	a3 := mul(a2, a)
	a6 := mul(a3, a3)
	a12 := mul(a6, a6)
	a15 := mul(a12, a3)
	a30 := mul(a15, a15)
	a60 := mul(a30, a30)
	a120 := mul(a60, a60)
	a127 := mul(mul(a120, a6), a)
	return mul(a127, a127)
}
