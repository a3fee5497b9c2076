package shares

import (
	"errors"
	"fmt"
	"io"
)

// point is one share's value: what the polynomials of all octets give at x.
type point struct {
	x byte
	y []byte
}

// divide gives count points, of which any threshold together are the secret. rand
// gives threshold-1 octets for each octet of the secret; with fewer points every
// secret is as likely as every other.
func divide(secret []byte, threshold, count int, rand io.Reader) ([]point, error) {
	if threshold < minThreshold || count < threshold || count > MaxShares || len(secret) == 0 {
		return nil, fmt.Errorf("%d of %d shares: the threshold is at least %d and at most the number of shares, of which there are at most %d",
			threshold, count, minThreshold, MaxShares)
	}
	points := make([]point, count)
	for i := range points {
		points[i] = point{byte(i + 1), make([]byte, len(secret))}
	}
	coefficients := make([]byte, threshold-1)
	defer clear(coefficients)
	for i, s := range secret {
		if _, err := io.ReadFull(rand, coefficients); err != nil {
			return nil, fmt.Errorf("drawing a polynomial: %w", err)
		}
		for _, p := range points {
			// Horner, from the highest: it may be zero, or the shares would say that it is not.
			var y byte
			for _, c := range coefficients {
				y = mul(add(y, c), p.x)
			}
			p.y[i] = add(y, s)
		}
	}
	return points, nil
}

// rebuild interpolates at 0. Points that belong to no one polynomial give some
// other secret: that is for the caller to find out.
func rebuild(points []point) ([]byte, error) {
	if len(points) < minThreshold {
		return nil, errors.New("one point is none")
	}
	secret := make([]byte, len(points[0].y))
	for i, p := range points {
		if p.x == 0 || len(p.y) != len(secret) {
			return nil, errors.New("a point that is no share")
		}
		weight := byte(1)
		for j, q := range points {
			if j == i {
				continue
			}
			if p.x == q.x {
				return nil, errors.New("one point twice")
			}
			weight = mul(weight, mul(q.x, inv(add(p.x, q.x))))
		}
		for k, y := range p.y {
			secret[k] = add(secret[k], mul(weight, y))
		}
	}
	return secret, nil
}
