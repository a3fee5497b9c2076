package issuer_test

import (
	"crypto/rand"
	"math/big"
	"net/http"
	"slices"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
)

// TestRevokedSignerSignsNoMore: a document signer that the office's own list names signs
// nothing from then on, also after a restart, and the doctor says so; the next one
// takes over where there is one.
func TestRevokedSignerSignsNoMore(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first, second := o.generation("mdl", "first", 0, 90), o.generation("mdl", "second", 0, 114)
	o.turns("mdl", first, second)
	o.clock.Set(start.Add(10 * day))
	o.serve().people()
	w, token := o.grant("DL-1")
	status, code, copies := w.draws(token, 1)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, code)
	}
	one, other := first, second
	if o.judge(copies[0]).key == o.keyOf(second) {
		one, other = second, first
	}
	revoke := func(g issuer.Generation) {
		t.Helper()
		serial := o.certificate(o.cfg.Path(g.Chain)).Cert.SerialNumber
		_, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", []*big.Int{serial}, o.clock.Now(), rand.Reader)
		o.must(err)
	}
	found := func() bool {
		return slices.ContainsFunc(o.diagnosed(o.clock.Now()).Findings, func(f diagnosis.Finding) bool {
			return f.Area == "rotation" && f.Grade == diagnosis.Wrong && f.Detail == "revoked by the list iaca of our own root: it signs no more"
		})
	}
	if found() {
		t.Error("nobody is revoked")
	}
	revoke(one)
	if status, code, copies = w.draws(token, 1); status != http.StatusOK || o.judge(copies[0]).key != o.keyOf(other) {
		t.Fatalf("after the first was revoked: %d %s", status, code)
	}
	if !found() {
		t.Error("the doctor does not say so")
	}
	revoke(other)
	for range 2 {
		if status, _, _ := w.draws(token, 1); status != http.StatusServiceUnavailable {
			t.Errorf("after both were revoked: %d", status)
		}
		o.clock.Advance(time.Minute)
		o.restart()
	}
}
