package storetest

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/bulk"
	"vidimus/internal/citizen"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
)

// RunDurable checks that a store keeps everything over closing and opening
// again. reopen closes s and opens the same store anew.
func RunDurable(t *testing.T, open func(t *testing.T, o Options) Store, reopen func(t *testing.T, s Store) Store) {
	ctx := t.Context()
	s := open(t, Usual())
	person(t, s, "P", "N")
	given := intend(t, s, withNonce(Intent("B1", "P", "N", 2, 4)))
	inWallet := Intent("B2", "P", "N", 2, 1)
	inWallet.Wallet = issuance.Wallet{Unit: "U", Expires: Now.Add(hour)}
	intend(t, s, inWallet)
	intend(t, s, Intent("hides noise", "P", "other", 2, 1))
	create(t, s, grant(1))
	g := grant(2)
	g.TxCodeMAC, g.AttemptsLeft = mac, 2
	create(t, s, g)
	if _, err := s.RedeemPreAuthorizedCode(ctx, Digest(1), nil, Now, nil, exchanged(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RedeemPreAuthorizedCode(ctx, Digest(2), nil, Now, nil, exchanged(2)); !errors.Is(err, authserver.ErrTxCode) {
		t.Fatal(err)
	}
	authorize(t, s)
	ban := Ban("M", time.Time{})
	confirmed, beginErr := s.BeginImport(ctx, bulk.Import{Source: "R", ID: "L", Digest: Digest(3), Begun: Now})
	if err := errors.Join(
		s.SeenJTI(ctx, Digest(1), Now.Add(time.Minute)),
		s.PutOffer(ctx, issuance.OfferRecord{ID: Digest(1), Sealed: []byte("x"), Expires: Now.Add(time.Minute)}),
		s.MarkSigned(ctx, "B1", AuditEvent("B1")),
		s.Append(ctx, AuditEvent("before")),
		s.SetCursor(ctx, "webhook", 5),
		s.PutProposal(ctx, proposal("X"), AuditEvent("x")),
		s.PutLink(ctx, link(1), AuditEvent("x")),
		s.PutCode(ctx, revocation(1, "P", "U"), AuditEvent("x")),
		s.PutCode(ctx, revocation(2, "P", "U"), AuditEvent("x")),
		s.AdvanceList(ctx, listMark(1, 5, Now)),
		s.GrowTree(ctx, 0, 1, [][32]byte{Digest(0)}),
		s.PutCheckpoint(ctx, 1, "one"),
		beginErr,
	); err != nil || confirmed.ID != "L" {
		t.Fatal(err)
	}
	deferSome(t, s)
	apply(t, s, Event("R", 1, "", Annulled("N")), Future(Event("R", 2, "P", ban), ban, Now.Add(hour)),
		Deciding("R", 3, "P", document.Change{Wallets: []string{"U"}, Void: []string{"N"}}))
	planCover(t, s, plan(1, 20), 20)
	before := snapshot(t, s, []string{"P"}, []string{"N"})

	s = reopen(t, s)
	if after := snapshot(t, s, []string{"P"}, []string{"N"}); after != before {
		t.Errorf("after opening again:\n%s\nbefore\n%s", after, before)
	}
	if err := s.AdvanceList(ctx, listMark(1, 4, Now)); !errors.Is(err, issuance.ErrListOlder) {
		t.Errorf("an older list after a restart: %v", err)
	}
	if r, err := applyOne(t, s, Event("R", 1, "", Annulled("N"))); err != nil || !r.Repeated || r.Copies != 7 {
		t.Errorf("the same event after a restart: %+v, %v", r, err)
	}
	if _, err := applyOne(t, s, Event("R", 1, "", Annulled("other"))); !errors.Is(err, registry.ErrOtherToken) {
		t.Errorf("another token after a restart: %v", err)
	}
	planCover(t, s, plan(1, 100), 0)
	publish(t, s, Now.Add(24*hour), 1) // an outcome that waited over a restart
	if set := revoked(t, s); len(set) != 27 || !set[spots(given)[0]] {
		t.Errorf("%d revoked", len(set))
	}
	applyDue(t, s, Now.Add(hour), 10, 1)
	if err := s.SeenJTI(ctx, Digest(1), Now); !errors.Is(err, authserver.ErrReplay) {
		t.Errorf("a jti after a restart: %v", err)
	}
	if _, err := s.RedeemPreAuthorizedCode(ctx, Digest(1), nil, Now, nil, exchanged(3)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a code after a restart: %v", err)
	}
	if g, err := s.Grant(ctx, Digest(2)); err != nil || g.AttemptsLeft != 1 {
		t.Errorf("attempts after a restart: %+v, %v", g, err)
	}
	if _, err := s.Token(ctx, token(1).Hash); err != nil {
		t.Errorf("a token after a restart: %v", err)
	}
	authorized(t, s)
	if _, err := s.Offer(ctx, Digest(1), Now); err != nil {
		t.Errorf("an offer after a restart: %v", err)
	}
	if n, err := s.Cursor(ctx, "webhook"); err != nil || n != 5 {
		t.Errorf("a cursor after a restart: %d, %v", n, err)
	}
	if _, err := s.RedeemLink(ctx, Digest(1), session(1), Now, loggedIn); err != nil {
		t.Errorf("a link after a restart: %v", err)
	}
	if _, err := s.Code(ctx, Digest(1), Now); !errors.Is(err, citizen.ErrCode) {
		t.Errorf("a replaced revocation code after a restart: %v", err)
	}
	if err := s.EndCode(ctx, Digest(2), AuditEvent("x")); err != nil {
		t.Errorf("a revocation code after a restart: %v", err)
	}
	if _, err := s.ConfirmProposal(ctx, "X", "bert", "Anna A.", "j", Now, AuditEvent("x")); !errors.Is(err, officer.ErrSamePerson) {
		t.Errorf("a proposal after a restart: %v", err)
	}
	if _, err := s.BeginImport(ctx, bulk.Import{Source: "R", ID: "L", Digest: Digest(4)}); !errors.Is(err, bulk.ErrOtherImport) {
		t.Errorf("an import after a restart: %v", err)
	}
	if h, err := s.TreeHashes(ctx, []int64{0}); err != nil || h[0] != Digest(0) {
		t.Errorf("the tree after a restart: %v", err)
	}
	if n, token, err := s.LastCheckpoint(ctx); err != nil || n != 1 || token != "one" {
		t.Errorf("a checkpoint after a restart: %d, %v", n, err)
	}
	p, err := s.Subject(ctx, "P")
	if err != nil {
		t.Fatal(err)
	}
	deferredStill(t, s, p.Version)
	in := withNonce(Intent("B3", "P", "N", p.Version, 40))
	in.Granted = Now.Add(hour)
	if _, err := s.RecordIntent(ctx, in, AuditEvent("B3")); !errors.Is(err, issuance.ErrNonceUsed) {
		t.Errorf("a nonce after a restart: %v", err)
	}
	in.Nonce = issuance.Digest{}
	lost := in
	lost.Wallet.Unit, lost.Batch, lost.TokenID = "U", "B4", "T4"
	if _, err := s.RecordIntent(ctx, lost, AuditEvent("B4")); !errors.Is(err, issuance.ErrWalletRevoked) {
		t.Errorf("a wallet after a restart: %v", err)
	}
	void := in
	void.Granted = Now
	if _, err := s.RecordIntent(ctx, void, AuditEvent("B3")); !errors.Is(err, issuance.ErrGrantVoid) {
		t.Errorf("a grant after a restart: %v", err)
	}
	old, known := map[spot]bool{}, map[string]bool{}
	for _, at := range spots(given) {
		old[at] = true
	}
	for _, l := range lists(t, s) {
		known[l.URI] = true
	}
	for _, at := range spots(intend(t, s, in)) {
		if old[at] {
			t.Errorf("index %v again after a restart", at)
		}
		if !known[at.list] {
			t.Errorf("a new list after a restart: %s", at.list)
		}
	}
	if err := s.MarkSigned(ctx, "B1", AuditEvent("B1")); !errors.Is(err, issuance.ErrNotIntended) {
		t.Errorf("signed a second time after a restart: %v", err)
	}
	CheckAudit(t, s)
}

func withNonce(in issuance.Intent) issuance.Intent {
	in.Nonce, in.NonceExpires = Digest(50), Now.Add(time.Minute)
	return in
}
