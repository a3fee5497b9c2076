package cbor

import "math"

// float returns the number of a float head (additional information 25 to 27).
func (h head) float() float64 {
	switch h.info {
	case 25:
		return halfToFloat(uint16(h.arg))
	case 26:
		return float64(math.Float32frombits(uint32(h.arg)))
	}
	return math.Float64frombits(h.arg)
}

// shortestFloat reports whether no shorter float states the same value (RFC
// 8949, 4.2.2).
func (h head) shortestFloat(value float64) bool {
	switch h.info {
	case 26:
		return !fitsHalf(value)
	case 27:
		return float64(float32(value)) != value
	}
	return true
}

// halfToFloat is the decoder of RFC 8949, Appendix D.
func halfToFloat(bits uint16) float64 {
	exponent, mantissa := int(bits>>10&31), float64(bits&0x3ff)
	var value float64
	switch exponent {
	case 0:
		value = math.Ldexp(mantissa, -24)
	case 31:
		if value = math.Inf(1); mantissa != 0 {
			value = math.NaN()
		}
	default:
		value = math.Ldexp(mantissa+1024, exponent-25)
	}
	if bits&0x8000 != 0 {
		value = -value
	}
	return value
}

// fitsHalf reports whether a finite value is a half-precision float: a multiple
// of 2^-24, at most 65504, with at most 11 significant bits.
func fitsHalf(value float64) bool {
	value = math.Abs(value)
	if value == 0 {
		return true
	}
	if value > 65504 {
		return false
	}
	_, exponent := math.Frexp(value) // value = f * 2^exponent, 0.5 <= f < 1
	scaled := math.Ldexp(value, min(24, 11-exponent))
	return scaled == math.Trunc(scaled)
}
