package ceremony

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/pki"
)

// named is the end of a list's act: what it follows, and whom it names.
func (w *world) named(follows string, serials ...string) string {
	out := ""
	if follows != "" {
		out = "follows: {file: " + follows + ".crl, sha256: " + w.derHash(follows+".crl") + "}\n"
	}
	out += "revoked:\n"
	for _, s := range serials {
		out += "  - {serial: " + s + ", at: 2026-06-14T12:00:00Z}\n"
	}
	return out
}

// A list goes on from the last one of its key in the record: one that follows an
// earlier one, or none, would bring back whom the last one revoked.
func TestListsGoOn(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	w.do("other", w.root("iaca-root", "other"))
	later := func(text, minute string) string {
		return strings.ReplaceAll(text, "this_update: 2026-06-15T00:00:00Z", "this_update: 2026-06-15T00:"+minute+":00Z")
	}
	w.do("crl1", w.crl("crl1", "iaca", 1, w.named("", "0aa1")))
	w.do("other1", w.crl("other1", "other", 1, w.named("", "0bb1")))
	w.do("crl2", later(w.crl("crl2", "iaca", 2, w.named("crl1", "0aa1", "0aa2")), "10"))

	for _, tt := range []struct{ name, text, says string }{
		{"the first is followed again", later(w.crl("bad", "iaca", 3, w.named("crl1", "0aa1")), "20"), "follows number 1"},
		{"the first again, with all that is revoked", later(w.crl("bad", "iaca", 3, w.named("crl1", "0aa1", "0aa2")), "20"), "is number 2"},
		{"number 1 once more", later(w.crl("bad", "iaca", 1, w.named("", "0aa1", "0aa2")), "20"), "follows none, and the last list of this key in the audit record is number 2"},
	} {
		p := w.plan("bad", tt.text)
		if len(p.Draft.Findings) > 0 {
			t.Fatalf("%s: %q", tt.name, p.Draft.Findings)
		}
		w.opened = nil
		_, err := w.ceremony(line(p)).Run(context.Background(), p, w.approve(p))
		if !errors.Is(err, ErrPrevious) || !strings.Contains(err.Error(), tt.says) || len(w.opened) > 0 {
			t.Errorf("%s: %v, %v", tt.name, err, w.opened)
		}
		if got := p.Behind(); !strings.Contains(got, tt.says) {
			t.Errorf("%s: warned of %q", tt.name, got)
		}
	}
	for _, tt := range []struct{ name, text, says string }{
		{"the number steps back", later(w.crl("bad", "iaca", 2, w.named("crl2", "0aa1", "0aa2")), "20"), "number 2"},
		{"the date steps back", later(w.crl("bad", "iaca", 3, w.named("crl2", "0aa1", "0aa2")), "05"), "written before"},
		{"one is forgotten", later(w.crl("bad", "iaca", 3, w.named("crl2", "0aa1")), "20"), "certificate aa2 was revoked"},
	} {
		p := w.plan("bad", tt.text)
		if !strings.Contains(strings.Join(p.Draft.Findings, "; "), tt.says) {
			t.Errorf("%s: %q", tt.name, p.Draft.Findings)
		}
	}

	good := later(w.crl("crl3", "iaca", 3, w.named("crl2", "0aa1", "0aa2", "0aa3")), "20")
	if got := w.plan("crl3", good).Behind(); got != "" {
		t.Errorf("warned of %q", got)
	}
	w.do("crl3", good)
	w.do("other2", later(w.crl("other2", "other", 2, w.named("other1", "0bb1")), "20"))
	pub := []crypto.PublicKey{w.keys["recorder"].Public()}
	if _, err := VerifyChain(w.tokens, pub); err != nil {
		t.Fatal(err)
	}
	// A record that is not here says nothing.
	p := w.plan("crl4", later(w.crl("crl4", "iaca", 4, w.named("crl1", "0aa1")), "30"))
	if err := os.Remove(filepath.Join(w.dir, "audit.log")); err != nil || p.Behind() != "" {
		t.Errorf("%q, %v", p.Behind(), err)
	}
	// Whose machine signed it nevertheless is found by the transcripts.
	approved, err := p.Approvals(w.approve(p), w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	list, err := pki.BuildCRL(p.revocations, p.Issuer, w.keys["iaca"], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claims := p.record(approved, []Witness{{Name: "Charles Babbage", Line: strings.TrimSpace(line(p)), At: "2026-06-15T10:30:00Z"}}, w.clock.Now(), "vault", "signer test")
	token, err := claims.sign(list.Raw, w.clock.Now(), w.keys["recorder"], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(token, pub); err != nil {
		t.Fatalf("the transcript is a bad one: %v", err)
	}
	if _, err := VerifyChain(append(w.tokens, token), pub); !errors.Is(err, ErrTranscript) || !strings.Contains(err.Error(), "certificate aa2 was revoked") {
		t.Errorf("%v", err)
	}
}
