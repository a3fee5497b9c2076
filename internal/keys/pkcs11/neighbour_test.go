//go:build pkcs11

package pkcs11

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
)

// One token of a module that goes away is nothing to another; a module that is gone
// is begun anew, though one of its tokens is not in use and does not know.
func TestTwoTokens(t *testing.T) {
	w := newWorld(t)
	w.addToken(t, "second")
	m := open(t)
	gone := create(t, m, w.uri(theLiar.module, "ds"))
	other := create(t, m, strings.Replace(w.uri(theLiar.module, "ds"), "token=state", "token=second", 1))
	inits := theLiar.count(cellInits)
	l, stays := newRequests(t, gone, 2), newRequests(t, other, 4)
	theLiar.tell(oneRemoved, -1)
	within(t, backIn, "the breaker did not open", func() bool { return gone.t.status().State == StateOpen })
	lies := theLiar.count(cellLies)
	within(t, 4*backIn, "the token is not looked for", func() bool { return theLiar.count(cellLies) > lies+3 })
	theLiar.tell(honest, 0)
	l.back(t, "the token")
	l.end()
	stays.end()
	if n := theLiar.count(cellInits) - inits; n != 0 || stays.refused.Load() > 0 || stays.released.Load() == 0 {
		t.Errorf("the module was begun anew %d times; of the other token %d requests were refused, %d not", n, stays.refused.Load(), stays.released.Load())
	}
	if s := other.t.status(); s.State != StateConnected || s.Returned != 0 {
		t.Errorf("%+v", s)
	}

	theLiar.tell(removed, -1)
	digest := sha256.Sum256([]byte("x"))
	gone.Sign(rand.Reader, digest[:], crypto.SHA256)
	within(t, 2*backIn, "the module was not begun anew", func() bool { return theLiar.count(cellInits) > inits })
	theLiar.tell(honest, 0)
	for _, k := range []*key{gone, other} {
		within(t, backIn, "the token did not come back", func() bool {
			sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256)
			return err == nil && verifies(k, digest[:], sig)
		})
	}
}
