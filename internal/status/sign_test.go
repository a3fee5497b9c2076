package status_test

import (
	"crypto"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
)

// TestTurns: bad input K05 for lists: each publication is signed by one key, that of
// its time, in every form; a signer that is none changes nothing.
func TestTurns(t *testing.T) {
	w, s, cfg := newWorld(t)
	s.set("a", 1)
	s.set("b", 1)
	second := w.MustIssue(t, pki.Template{Profile: pki.ProfileStatusSigner, Subject: pki.Name{Country: "UT", Organization: "Utopia", CommonName: "Utopia Status Signer 2"}}, &w.IACA)
	change := w.Clock.Now().Add(time.Hour)
	broken := false
	cfg.Current = func(now time.Time) (crypto.Signer, [][]byte) {
		switch {
		case broken:
			return nil, nil
		case now.Before(change):
			return w.StatusSigner.Key, w.StatusSigner.Chain
		}
		return second.Key, second.Chain
	}
	p := newPublisher(t, cfg)
	by := func(want pkitest.Entity) {
		t.Helper()
		for _, id := range []string{"a", "b"} {
			for _, f := range []statuslist.Format{statuslist.FormatJWT, statuslist.FormatCWT} {
				token, err := statuslist.ParseToken(object(t, p, id, f).Body)
				if err != nil {
					t.Fatal(err)
				}
				if err := token.Verify(want.Cert.PublicKey()); err != nil {
					t.Errorf("%s %s: %v", id, f, err)
				}
			}
		}
	}
	publish(t, p)
	by(w.StatusSigner)
	w.Clock.Set(change)
	publish(t, p)
	by(*second)
	broken = true
	w.Clock.Advance(time.Hour)
	if err := p.Publish(t.Context()); err == nil {
		t.Error("published without a signer")
	}
	by(*second)
}
