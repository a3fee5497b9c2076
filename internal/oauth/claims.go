package oauth

import (
	"fmt"
	"time"
)

// CheckIssuedAt judges an iat claim (seconds since 1970): not more than maxAge
// ago and not more than maxSkew ahead. Zero durations mean the defaults.
func CheckIssuedAt(iat int64, now time.Time, maxAge, maxSkew time.Duration) error {
	maxAge, maxSkew = defaults(maxAge, maxSkew)
	// Compared as integers: iat may be anything up to 2^63.
	if iat < now.Add(-maxAge).Unix() {
		return fmt.Errorf("iat is more than %d s ago", int64(maxAge/time.Second))
	}
	if iat > now.Add(maxSkew).Unix() {
		return fmt.Errorf("iat is more than %d s ahead", int64(maxSkew/time.Second))
	}
	return nil
}

// CheckValidity judges exp and nbf where they are: now must be before exp and
// not before nbf, with maxSkew for a clock ahead of ours.
func CheckValidity(exp, nbf *int64, now time.Time, maxSkew time.Duration) error {
	if exp != nil && now.Unix() >= *exp {
		return fmt.Errorf("exp is past")
	}
	_, maxSkew = defaults(0, maxSkew)
	if nbf != nil && *nbf > now.Add(maxSkew).Unix() {
		return fmt.Errorf("nbf is ahead")
	}
	return nil
}

func defaults(maxAge, maxSkew time.Duration) (time.Duration, time.Duration) {
	if maxAge <= 0 {
		maxAge = DefaultMaxAge
	}
	if maxSkew <= 0 {
		maxSkew = DefaultMaxSkew
	}
	return maxAge, maxSkew
}
