package timingtest

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"testing"
)

// recorder takes failures instead of failing.
type recorder struct {
	testing.TB
	failed string
}

func (r *recorder) Helper()                      {}
func (r *recorder) Logf(string, ...any)          {}
func (r *recorder) Errorf(f string, args ...any) { r.failed = fmt.Sprintf(f, args...) }

var sink bool

// The measure must bite: a comparison that ends at the first difference is found, one
// that does not is not.
func TestConstantTime(t *testing.T) {
	secret := bytes.Repeat([]byte("secret"), 400)
	early, late := bytes.Clone(secret), bytes.Clone(secret)
	early[0]++
	late[len(late)-1]++
	var r recorder
	Constant(&r, early, late, func(given []byte) {
		for i := range secret {
			if secret[i] != given[i] {
				sink = false
				return
			}
		}
		sink = true
	})
	if r.failed == "" {
		t.Error("a comparison that ends early passed")
	}
	t.Log(r.failed)
	Constant(t, early, late, func(given []byte) { sink = subtle.ConstantTimeCompare(secret, given) == 1 })
}
