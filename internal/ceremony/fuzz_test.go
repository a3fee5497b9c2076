package ceremony

import (
	"bytes"
	"crypto"
	"testing"
)

// FuzzAct: an act that is taken is the same act when it is read again, and holds to
// the two that every act needs.
func FuzzAct(f *testing.F) {
	w := newWorld(f)
	w.do("iaca", w.root("iaca-root", "iaca"))
	f.Add([]byte(w.root("iaca-root", "iaca")))
	f.Add([]byte(w.leaf("document-signer-mdl", "mdl", "iaca")))
	f.Add([]byte(w.crl("crl", "iaca", 1, "revoked: [{serial: 1a, at: 2026-06-14T00:00:00Z}]\n")))
	f.Add([]byte("act: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err != nil {
			if a != nil {
				t.Error("an act and an error")
			}
			return
		}
		if len(a.Operators) < minOperators || len(a.Witnesses) < 1 || a.Operators[0].PublicKey == a.Operators[1].PublicKey {
			t.Errorf("%d operators, %d witnesses", len(a.Operators), len(a.Witnesses))
		}
		again, err := Parse(a.raw)
		if err != nil || again.Hash() != a.Hash() || !bytes.Equal(again.raw, data) {
			t.Errorf("read again: %v", err)
		}
	})
}

// FuzzTranscript: no text but the one that was signed is a transcript.
func FuzzTranscript(f *testing.F) {
	w := newWorld(f)
	w.do("iaca", w.root("iaca-root", "iaca"))
	good := w.tokens[0]
	pub := []crypto.PublicKey{w.keys["recorder"].Public()}
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add("e30.e30.e30")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := Verify(token, pub)
		if (err == nil) != (token == good) || (err == nil) != (got != nil) {
			t.Errorf("%v", err)
		}
	})
}

// FuzzApproval: no text but what operators signed is an approval.
func FuzzApproval(f *testing.F) {
	w := newWorld(f)
	p := w.plan("iaca", w.root("iaca-root", "iaca"))
	tokens := w.approve(p)
	f.Add(tokens[0])
	f.Add(tokens[1][:100])
	f.Fuzz(func(t *testing.T, token string) {
		a, err := p.approval(token)
		if (err == nil) != (token == tokens[0] || token == tokens[1]) {
			t.Errorf("%q: %v", a.Name, err)
		}
	})
}
