package issuance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/statuslist"
)

// lists are what wallet providers publish, and who ends wallets.
type lists struct {
	t testing.TB

	mu      sync.Mutex
	lists   map[string]*statuslist.List
	by      map[string]string // who signs them, where that is told
	issued  time.Time
	until   time.Time
	expires time.Time
	down    bool
	fetched int
	ended   []string
	hangs   chan struct{} // until it is closed; nil for an answer at once
	asked   chan struct{} // told of each question while it hangs
}

func (l *lists) Fetch(_ context.Context, uri, provider string) (issuance.FetchedList, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fetched++
	if hangs := l.hangs; hangs != nil {
		l.mu.Unlock()
		l.asked <- struct{}{}
		<-hangs
		l.mu.Lock()
	}
	if l.down || l.lists[uri] == nil {
		return issuance.FetchedList{}, errors.New("no answer")
	}
	if by := l.by[uri]; by != "" && provider != "" && by != provider {
		return issuance.FetchedList{}, errors.New("signed by another provider")
	}
	copied, err := statuslist.FromBytes(2, slices.Clone(l.lists[uri].Bytes()))
	return issuance.FetchedList{List: copied, Issued: l.issued, Until: l.until, Expires: l.expires}, err
}

func (l *lists) RevokeWallet(_ context.Context, unit string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = append(l.ended, unit)
	return nil
}

func (l *lists) set(uri string, index uint64, s statuslist.Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lists[uri] == nil {
		list, err := statuslist.New(2, 1024)
		if err != nil {
			l.t.Fatal(err)
		}
		l.lists[uri] = list
	}
	if err := l.lists[uri].Set(index, s); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lists) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func watched(t testing.TB) (*world, *lists) {
	w := newWorld(t)
	w.lists = &lists{t: t, lists: map[string]*statuslist.List{}}
	w.lists.set("https://p.example/1", 0, statuslist.Valid)
	w.restart()
	return w, w.lists
}

// shown is the access of a wallet that showed an attestation.
func (w *world) shown(index uint64) issuance.Access {
	a := w.access()
	a.TokenID, a.InstanceThumbprint = fmt.Sprint("t", index), fmt.Sprint("phone ", index)
	a.Attestations = []issuance.StatusIndex{{List: "https://p.example/1", Index: index}}
	return a
}

func TestWalletStatus(t *testing.T) {
	w, l := watched(t)
	ask := func(index uint64) error {
		_, err := w.ask(w.shown(index), "mdl", w.proofs(1, w.nonce())...)
		return err
	}
	for i := range uint64(5) {
		if err := ask(i); err != nil {
			t.Fatal(err)
		}
	}
	if l.fetched != 1 {
		t.Errorf("one list was fetched %d times", l.fetched)
	}
	l.set("https://p.example/1", 7, statuslist.Invalid)
	l.set("https://p.example/1", 8, statuslist.Suspended)
	if err := ask(7); err != nil {
		t.Errorf("the list is still good: %v", err)
	}
	w.clock.Advance(2 * time.Hour)
	for index, ended := range map[uint64]bool{7: true, 8: false, 5000: false} {
		before := len(l.ended)
		nonce := w.nonce()
		allocated := w.allocated()
		_, err := w.ask(w.shown(index), "mdl", w.proofs(1, nonce)...)
		wantKind(t, err, problem.CredentialRequestDenied)
		if w.allocated() != allocated || (len(l.ended) > before) != ended {
			t.Errorf("%d: %v ended", index, l.ended)
		}
		a := w.access()
		a.TokenID = nonce
		if _, err := w.ask(a, "mdl", w.proofs(1, nonce)...); err != nil {
			t.Errorf("%d: the nonce was lost: %v", index, err)
		}
	}
	if len(l.ended) != 1 || l.ended[0] != w.service.WalletUnit("phone 7") {
		t.Errorf("%v", l.ended)
	}
}

// A provider who does not answer: what was read within a day serves, then
// wallets wait, unless the office decided otherwise.
func TestWalletStatusUnknown(t *testing.T) {
	w, l := watched(t)
	ask := func() error {
		_, err := w.ask(w.shown(1), "mdl", w.proofs(1, w.nonce())...)
		return err
	}
	l.change(func() { l.until = w.clock.Now().Add(100 * time.Hour) })
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	l.change(func() { l.down = true })
	w.clock.Advance(11 * time.Hour)
	if err := ask(); err != nil || l.fetched != 1 {
		t.Errorf("%v, %d fetched", err, l.fetched)
	}
	w.clock.Advance(2 * time.Hour) // longer than any list may say
	for range 3 {
		if err := ask(); err != nil || l.fetched != 2 {
			t.Errorf("%v, %d fetched", err, l.fetched)
		}
	}
	w.clock.Advance(12 * time.Hour)
	wantKind(t, ask(), problem.Unavailable)
	w.cfg.OpenStatus = true
	w.restart()
	if err := ask(); err != nil {
		t.Errorf("open: %v", err)
	}
	w.cfg.OpenStatus = false
	w.restart()
	wantKind(t, ask(), problem.Unavailable)
	l.change(func() { l.down = false })
	wantKind(t, ask(), problem.Unavailable) // not asked again at once
	w.clock.Advance(11 * time.Second)
	if err := ask(); err != nil {
		t.Error(err)
	}
	if err := func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); return err }(); err != nil {
		t.Errorf("a wallet without attestations: %v", err)
	}
}

// What a list says ends with the list, also when there is no newer one; and none
// goes back.
func TestExpiredAndOlderLists(t *testing.T) {
	w, l := watched(t)
	ask := func(index uint64) error {
		_, err := w.ask(w.shown(index), "mdl", w.proofs(1, w.nonce())...)
		return err
	}
	start := w.clock.Now()
	l.change(func() { l.issued, l.until, l.expires = start, start.Add(time.Hour), start.Add(2*time.Hour) })
	if err := ask(1); err != nil {
		t.Fatal(err)
	}
	l.change(func() { l.down = true })
	w.clock.Advance(90 * time.Minute)
	if err := ask(1); err != nil {
		t.Errorf("stale, but it has not expired: %v", err)
	}
	w.clock.Advance(30 * time.Minute)
	wantKind(t, ask(1), problem.Unavailable)
	w.clock.Advance(time.Minute)
	l.change(func() { l.down, l.issued, l.expires = false, start.Add(-time.Second), start.Add(100*time.Hour) })
	wantKind(t, ask(1), problem.Unavailable)
	w.clock.Advance(time.Minute)
	l.change(func() { l.issued = start.Add(2 * time.Hour) })
	if err := ask(1); err != nil {
		t.Error(err)
	}
}

// A restart forgets no list: what one took back is not good again by an older
// one of its provider.
func TestOlderListAfterRestart(t *testing.T) {
	w, l := watched(t)
	start := w.clock.Now()
	l.change(func() { l.issued = start })
	l.set("https://p.example/1", 7, statuslist.Invalid)
	_, err := w.ask(w.shown(7), "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.CredentialRequestDenied)
	w.restart()
	l.change(func() { l.issued = start.Add(-time.Second) }) // replayed, from before it was revoked
	l.set("https://p.example/1", 7, statuslist.Valid)
	_, err = w.ask(w.shown(7), "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.Unavailable)
	if !errors.Is(err, issuance.ErrListOlder) {
		t.Errorf("%v", err)
	}
	w.clock.Advance(time.Minute)
	l.change(func() { l.issued = start.Add(time.Second) })
	if _, err := w.ask(w.shown(7), "mdl", w.proofs(1, w.nonce())...); err != nil {
		t.Errorf("a newer one: %v", err)
	}
}

// The list of one provider says nothing of the attestations of another, also
// when it was read already for the first.
func TestListOfAnotherProvider(t *testing.T) {
	w, p := attesting(t)
	w.lists = &lists{t: t, lists: map[string]*statuslist.List{}, by: map[string]string{"https://p.example/1": "one", "https://p.example/k": "keys"}}
	w.lists.set("https://p.example/1", 0, statuslist.Valid)
	w.lists.set("https://p.example/k", 0, statuslist.Valid)
	w.restart()
	check := func(provider string) error {
		return w.service.CheckUnit(t.Context(), "phone", []issuance.StatusIndex{{List: "https://p.example/1", Index: 5, Provider: provider}})
	}
	for provider, passes := range map[string]bool{"one": true, "two": false, "": true} {
		if err := check(provider); (err == nil) != passes || errors.Is(err, issuance.ErrAttestation) {
			t.Errorf("%q: %v", provider, err)
		}
	}
	// Nor does it for keys: those of "keys" are not told by "one".
	claims := func(list string) map[string]any {
		return map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": 5, "uri": list}}}
	}
	_, err := w.ask(w.access(), "mdl", w.attested(p, 1, w.nonce(), claims("https://p.example/1")))
	wantKind(t, err, problem.Unavailable)
	a := w.access()
	a.TokenID, a.InstanceThumbprint = "t", "phone"
	if _, err := w.ask(a, "mdl", w.attested(p, 1, w.nonce(), claims("https://p.example/k"))); err != nil {
		t.Fatal(err)
	}
	// It is kept whose they are: the sweep asks nobody else.
	w.lists.change(func() { w.lists.by["https://p.example/k"] = "one" })
	w.clock.Advance(26 * time.Hour)
	if got, err := w.service.SweepWallets(t.Context()); err == nil || got.Unknown != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A provider that hangs keeps nobody waiting whose list is fresh enough, is asked
// once, and gathers only so many of the others.
func TestHangingStatusList(t *testing.T) {
	w, l := watched(t)
	l.change(func() { l.until = w.clock.Now().Add(100 * time.Hour) })
	check := func() error { return w.service.CheckUnit(t.Context(), "phone", w.shown(1).Attestations) }
	if _, err := w.ask(w.shown(1), "mdl", w.proofs(1, w.nonce())...); err != nil {
		t.Fatal(err)
	}
	hang := func() chan struct{} {
		hangs := make(chan struct{})
		l.change(func() { l.hangs, l.asked = hangs, make(chan struct{}, 1000) })
		return hangs
	}
	w.clock.Advance(2 * time.Hour) // old for a sweep, and fresh for a wallet
	hangs, swept := hang(), make(chan error, 1)
	go func() {
		_, err := w.service.SweepWallets(context.WithoutCancel(t.Context()))
		swept <- err
	}()
	<-l.asked
	if err := check(); err != nil {
		t.Errorf("while a sweep waits for the same list: %v", err)
	}
	l.change(func() { l.hangs = nil })
	close(hangs)
	if err := <-swept; err != nil {
		t.Error(err)
	}
	w.clock.Advance(13 * time.Hour)
	hangs = hang()
	const many = 400
	got := make(chan error, many)
	for range many {
		go func() { got <- check() }()
	}
	<-l.asked
	for range many - issuance.MaxStatusWaiters - 1 {
		if err := <-got; problem.KindOf(err) != problem.Unavailable {
			t.Errorf("one too many: %v", err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.service.CheckUnit(gone, "phone", w.shown(1).Attestations); err == nil {
		t.Error("an answer for who has gone")
	}
	close(hangs)
	for range issuance.MaxStatusWaiters + 1 {
		if err := <-got; err != nil {
			t.Errorf("who waited: %v", err)
		}
	}
	if n := len(l.asked); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}

func TestMergeAttestations(t *testing.T) {
	at := func(index uint64, provider string) issuance.StatusIndex {
		return issuance.StatusIndex{List: "https://p.example/1", Index: index, Provider: provider}
	}
	for _, c := range []struct{ now, before, want []issuance.StatusIndex }{
		{[]issuance.StatusIndex{at(1, "one")}, []issuance.StatusIndex{at(1, ""), at(2, "")}, []issuance.StatusIndex{at(1, "one"), at(2, "")}},
		{[]issuance.StatusIndex{at(1, "two")}, []issuance.StatusIndex{at(1, "one")}, []issuance.StatusIndex{at(1, "two"), at(1, "one")}},
		{[]issuance.StatusIndex{at(1, "")}, []issuance.StatusIndex{at(1, "one")}, []issuance.StatusIndex{at(1, ""), at(1, "one")}},
	} {
		got := issuance.MergeAttestations(c.now, c.before)
		if !slices.EqualFunc(got, c.want, func(a, b issuance.StatusIndex) bool { return a.Index == b.Index && a.Provider == b.Provider }) {
			t.Errorf("%v and %v: %v, want %v", c.now, c.before, got, c.want)
		}
	}
}

func TestCheckUnit(t *testing.T) {
	ctx := context.Background()
	w, l := watched(t)
	l.set("https://p.example/1", 3, statuslist.Invalid)
	l.set("https://p.example/1", 4, statuslist.Suspended)
	check := func(index uint64) error {
		return w.service.CheckUnit(ctx, fmt.Sprint("phone ", index), w.shown(index).Attestations)
	}
	if err := check(1); err != nil {
		t.Error(err)
	}
	if err := w.service.CheckUnit(ctx, "phone 1", nil); err != nil {
		t.Error(err)
	}
	for _, index := range []uint64{3, 4, 5000} {
		if err := check(index); !errors.Is(err, issuance.ErrAttestation) {
			t.Errorf("%d: %v", index, err)
		}
	}
	if !slices.Equal(l.ended, []string{w.service.WalletUnit("phone 3")}) {
		t.Errorf("ended %v", l.ended)
	}
	l.change(func() { l.down = true })
	w.clock.Advance(26 * time.Hour)
	if err := check(1); err == nil || errors.Is(err, issuance.ErrAttestation) {
		t.Errorf("unreachable: %v", err)
	}
	w.cfg.OpenStatus = true
	w.restart()
	if err := check(1); err != nil {
		t.Errorf("open: %v", err)
	}
}

func TestRevokedKeyAttestation(t *testing.T) {
	w, p := attesting(t)
	w.lists = &lists{t: t, lists: map[string]*statuslist.List{}}
	w.lists.set("https://p.example/k", 3, statuslist.Invalid)
	w.restart()
	claims := func(index int) map[string]any {
		return map[string]any{"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": "https://p.example/k"}}}
	}
	_, err := w.ask(w.access(), "mdl", w.attested(p, 1, w.nonce(), claims(3)))
	wantKind(t, err, problem.InvalidProof) // C14
	if len(w.lists.ended) != 1 {
		t.Errorf("%v", w.lists.ended)
	}
	if _, err := w.ask(w.access(), "mdl", w.attested(p, 1, w.nonce(), claims(4))); err != nil {
		t.Error(err)
	}
}

func TestSweepWallets(t *testing.T) {
	ctx := context.Background()
	w, l := watched(t)
	for i := range uint64(12) {
		a := w.shown(i)
		if i >= 10 {
			l.set("https://p.example/2", 0, statuslist.Valid)
			a.Attestations = append(a.Attestations, issuance.StatusIndex{List: "https://p.example/2", Index: i})
		}
		if _, err := w.ask(a, "mdl", w.proofs(1, w.nonce())...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); err != nil { // showed nothing
		t.Fatal(err)
	}
	sweep := func(want issuance.WalletSweep, failed bool) {
		t.Helper()
		if got, err := w.service.SweepWallets(ctx); got != want || (err != nil) != failed {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	sweep(issuance.WalletSweep{Units: 12}, false)
	l.set("https://p.example/1", 3, statuslist.Invalid)
	l.set("https://p.example/2", 11, statuslist.Invalid)
	l.set("https://p.example/1", 4, statuslist.Suspended)
	w.clock.Advance(2 * time.Hour)
	fetched := l.fetched
	sweep(issuance.WalletSweep{Units: 12, Revoked: 2}, false)
	if l.fetched != fetched+2 {
		t.Errorf("two lists were fetched %d times", l.fetched-fetched)
	}
	slices.Sort(l.ended)
	want := []string{w.service.WalletUnit("phone 11"), w.service.WalletUnit("phone 3")}
	slices.Sort(want)
	if !slices.Equal(l.ended, want) {
		t.Errorf("%v, want %v", l.ended, want)
	}
	// A provider that is away ends nobody.
	l.change(func() { delete(l.lists, "https://p.example/2") })
	w.clock.Advance(26 * time.Hour)
	sweep(issuance.WalletSweep{Units: 12, Revoked: 1, Unknown: 2}, true)
	// What has expired is looked at no more.
	w.clock.Advance(15 * 24 * time.Hour)
	sweep(issuance.WalletSweep{}, false)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := w.service.SweepWallets(cancelled); err == nil {
		t.Error("swept without end")
	}
}
