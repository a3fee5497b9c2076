package storetest

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

// RunDurable checks that a store keeps everything over closing and opening
// again. reopen closes s and opens the same store anew.
func RunDurable(t *testing.T, open func(t *testing.T) Store, reopen func(t *testing.T, s Store) Store) {
	s := open(t)
	person(t, s, "P", "N")
	given := intend(t, s, withNonce(Intent("B1", "P", "N", 2, 4)))
	intend(t, s, Intent("B2", "P", "N", 2, 1))
	create(t, s, grant(1))
	g := grant(2)
	g.TxCodeMAC, g.AttemptsLeft = mac, 2
	create(t, s, g)
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, token(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(2), nil, Now, token(2)); !errors.Is(err, authserver.ErrTxCode) {
		t.Fatal(err)
	}
	if err := errors.Join(
		s.SeenJTI(t.Context(), Digest(1), Now.Add(time.Minute)),
		s.PutOffer(t.Context(), issuance.OfferRecord{ID: Digest(1), Sealed: []byte("x"), Expires: Now.Add(time.Minute)}),
		s.MarkSigned(t.Context(), "B1", AuditEvent("B1")),
		s.Append(t.Context(), AuditEvent("before")),
	); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Event("R", 1, "", Annulled("N")))
	before := snapshot(t, s, []string{"P"}, []string{"N"})

	s = reopen(t, s)
	if after := snapshot(t, s, []string{"P"}, []string{"N"}); after != before {
		t.Errorf("after opening again:\n%s\nbefore\n%s", after, before)
	}
	if set := revoked(t, s); len(set) != 5 || !set[given[0]] {
		t.Errorf("%d revoked", len(set))
	}
	if r, err := applyOne(t, s, Event("R", 1, "", Annulled("N"))); err != nil || !r.Repeated || r.Copies != 5 {
		t.Errorf("the same event after a restart: %+v, %v", r, err)
	}
	if _, err := applyOne(t, s, Event("R", 1, "", Annulled("other"))); !errors.Is(err, registry.ErrOtherToken) {
		t.Errorf("another token after a restart: %v", err)
	}
	if n, err := s.MarkCovered(t.Context(), publishedNow(t, s), Now); err != nil || n != 1 {
		t.Errorf("an outcome that waited over a restart: %d, %v", n, err)
	}
	if err := s.SeenJTI(t.Context(), Digest(1), Now); !errors.Is(err, authserver.ErrReplay) {
		t.Errorf("a jti after a restart: %v", err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, token(3)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a code after a restart: %v", err)
	}
	if g, err := s.Grant(t.Context(), Digest(2)); err != nil || g.AttemptsLeft != 1 {
		t.Errorf("attempts after a restart: %+v, %v", g, err)
	}
	if _, err := s.Token(t.Context(), token(1).Hash); err != nil {
		t.Errorf("a token after a restart: %v", err)
	}
	if _, err := s.Offer(t.Context(), Digest(1), Now); err != nil {
		t.Errorf("an offer after a restart: %v", err)
	}
	in := withNonce(Intent("B3", "P", "N", 3, 40))
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("B3")); !errors.Is(err, issuance.ErrNonceUsed) {
		t.Errorf("a nonce after a restart: %v", err)
	}
	in.Nonce = issuance.Digest{}
	old := map[issuance.StatusIndex]bool{}
	for _, g := range given {
		old[g] = true
	}
	for _, g := range intend(t, s, in) {
		if old[g] {
			t.Errorf("index %v again after a restart", g)
		}
		if g.List != given[0].List {
			t.Errorf("a new list after a restart: %s", g.List)
		}
	}
	if err := s.MarkSigned(t.Context(), "B1", AuditEvent("B1")); !errors.Is(err, issuance.ErrNotIntended) {
		t.Errorf("signed a second time after a restart: %v", err)
	}
	CheckAudit(t, s)
}

func withNonce(in issuance.Intent) issuance.Intent {
	in.Nonce, in.NonceExpires = Digest(50), Now.Add(time.Minute)
	return in
}
