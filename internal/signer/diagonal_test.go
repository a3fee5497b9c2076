package signer_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"vidimus/internal/problem"
	. "vidimus/internal/signer"
)

// TestDiagonal is bad input K09: every kind of message to every key, made as this
// product makes it. It is signed by the key that made it, and by no other.
func TestDiagonal(t *testing.T) {
	w := newWorld(t)
	for _, kind := range Kinds() {
		s, ok := speakers[kind]
		if !ok {
			t.Errorf("no message of kind %s", kind)
			continue
		}
		message := s.speak(w)
		for _, name := range keyNames {
			t.Run(fmt.Sprintf("K09/%s_to_%s", kind, name), func(t *testing.T) {
				signatures, err := w.sign(name, message)
				if name == s.key {
					if err != nil {
						t.Fatal(err)
					}
					w.verify(name, message, signatures[0])
					return
				}
				// The headers of these two are the same: it is the payload that is another.
				alike := (kind == KindMSO && name == "vical" || kind == KindVICAL && (name == "mdl" || name == "pid")) && ReasonOf(err) == ReasonForm
				if signatures != nil || !errors.Is(err, ErrRefused) || ReasonOf(err) != ReasonKind && ReasonOf(err) != ReasonPolicy && !alike {
					t.Errorf("signed %d, %q: %v", len(signatures), ReasonOf(err), err)
				}
				if kind := problem.KindOf(err); kind != problem.AccessDenied && !alike {
					t.Errorf("problem %s", kind)
				}
			})
		}
	}
	if w.audit.Head().Seq == 0 {
		t.Error("nothing was recorded")
	}
}

// A root of documents signs its list, and nothing else.
func TestRoots(t *testing.T) {
	w := newWorld(t)
	if _, err := w.sign("iaca", w.crl("iaca")); err != nil {
		t.Error(err)
	}
	if _, err := w.sign("iaca", w.crl("reader-ca")); ReasonOf(err) != ReasonPolicy {
		t.Errorf("the list of another: %v", err)
	}
	if kinds := w.service.Status()[0].Kinds; !slices.Equal(kinds, []Kind{KindCRL}) {
		t.Errorf("the IACA signs %v", kinds)
	}
	if _, err := w.sign("pid", w.mso("pid", pidMdoc, nil)); err != nil {
		t.Error(err)
	}
}
