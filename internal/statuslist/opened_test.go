package statuslist

import (
	"crypto"
	"sync"
	"testing"
)

// Proving does the work of verifying and unlocks nothing; afterwards the same key
// unlocks, and no other.
func TestProve(t *testing.T) {
	w := newWorld(t)
	for format, data := range w.both(t, body(t, list16(t, 1)), claims()) {
		o := &Opened{Raw: data}
		token, err := o.Token()
		if err != nil {
			t.Fatal(err)
		}
		for name, key := range map[string]crypto.PublicKey{"another": w.other.Public(), "none": nil, "no key at all": struct{}{}} {
			if err := token.Prove(key); CheckOf(err) != CheckSignature {
				t.Errorf("%s: %s: %v", format, name, err)
			}
		}
		if err := token.Prove(w.signer.Public()); err != nil {
			t.Fatal(err)
		}
		ref := Reference{URI: token.Subject, Index: 1}
		if _, err := token.Lookup(ref, now); CheckOf(err) != CheckSignature {
			t.Errorf("%s: an answer before anybody vouched for the key: %v", format, err)
		}
		if err := token.Verify(w.other.Public()); CheckOf(err) != CheckSignature {
			t.Errorf("%s: another key: %v", format, err)
		}
		if a := token.Evaluate(ref, LookupOptions{Now: now}); a.Known {
			t.Errorf("%s: unlocked by another key", format)
		}
		o.List = token
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				shared, err := o.Token()
				if err != nil || shared != token || shared.Verify(w.signer.Public()) != nil {
					t.Errorf("%s: not shared: %v", format, err)
				}
				if _, err := shared.Lookup(ref, now); err != nil {
					t.Errorf("%s: %v", format, err)
				}
			})
		}
		all.Wait()
		if _, err := o.IdentifierList(); err == nil {
			t.Errorf("%s: a status list read as an identifier list", format)
		}
	}
}
