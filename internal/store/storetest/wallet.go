package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

var walletTests = []test{
	{name: "Kept", run: walletKept},
	{name: "Revoked", run: walletRevoked},
	{name: "Foreign", run: walletForeign},
	{name: "UnitEvent", run: unitEvent},
	{name: "RevokedRacesWithIntents", run: walletRaces},
}

func walletKept(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("B", "P", "N", 2, 2)
	in.Wallet = issuance.Wallet{Unit: "U", Attestations: []issuance.StatusIndex{{List: "https://provider.example/1", Index: 7, Provider: "one"}, {List: "https://provider.example/2", Identifier: []byte{1, 2}}}, Expires: Now.Add(hour)}
	given := intend(t, s, in)
	in.Wallet.Attestations[0].Index = 8
	w, revoked, err := s.Wallet(t.Context(), "U")
	if err != nil || !revoked.IsZero() || len(w.Attestations) != 2 || w.Attestations[0].Index != 7 || w.Attestations[0].Provider != "one" || w.Attestations[1].Provider != "" || !slices.Equal(w.Attestations[1].Identifier, []byte{1, 2}) || !w.Expires.Equal(Now.Add(hour)) {
		t.Errorf("%+v, %v, %v", w, revoked, err)
	}
	copies, err := s.WalletCopies(t.Context(), "U")
	if err != nil || len(copies) != 2 || copies[0].Wallet != "U" || copies[0].Index != given[0].Index || copies[0].Document != "N" {
		t.Errorf("%+v, %v", copies, err)
	}
	if copies, err := s.WalletCopies(t.Context(), "V"); err != nil || len(copies) != 0 {
		t.Errorf("%+v, %v", copies, err)
	}
	// What it showed before stays: copies hang on it.
	in = Intent("C", "P", "N", 2, 1)
	in.Wallet = issuance.Wallet{Unit: "U", Expires: Now.Add(2 * hour)}
	intend(t, s, in)
	if w, _, err := s.Wallet(t.Context(), "U"); err != nil || len(w.Attestations) != 2 || !w.Expires.Equal(Now.Add(2*hour)) || w.Unit != "U" {
		t.Errorf("%+v, %v", w, err)
	}
	in = Intent("D", "P", "N", 2, 1)
	in.Wallet = issuance.Wallet{Unit: "U"}
	for i := range issuance.MaxAttestations {
		in.Wallet.Attestations = append(in.Wallet.Attestations, issuance.StatusIndex{List: "https://provider.example/1", Index: uint64(7 + i)})
	}
	intend(t, s, in)
	if w, _, err := s.Wallet(t.Context(), "U"); err != nil || len(w.Attestations) != issuance.MaxAttestations || w.Attestations[0].Index != 7 || w.Attestations[1].Index != 8 {
		t.Errorf("%+v, %v", w, err)
	}
}

func walletRevoked(t *testing.T, s Store) {
	person(t, s, "P", "N")
	in := Intent("before", "P", "N", 2, 1)
	in.Wallet.Unit = "U"
	intend(t, s, in)
	apply(t, s, Deciding("R", 1, "P", document.Change{Applied: true, Wallets: []string{"U", "never seen"}}))
	for _, unit := range []string{"U", "never seen"} {
		in := Intent("B"+unit, "P", "N", 3, 1)
		in.Wallet.Unit = unit
		if given, err := s.RecordIntent(t.Context(), in, AuditEvent("B")); !errors.Is(err, issuance.ErrWalletRevoked) || given != nil {
			t.Errorf("%s: %v", unit, err)
		}
	}
	for _, unit := range []string{"", "V"} {
		in := Intent("B"+unit, "P", "N", 3, 1)
		in.Wallet.Unit = unit
		intend(t, s, in)
	}
	if _, since, err := s.Wallet(t.Context(), "U"); err != nil || !since.Equal(Now) {
		t.Errorf("%v, %v", since, err)
	}
}

// walletForeign: nobody ends the wallet of others by an event about somebody
// else, and the refusal leaves no trace.
func walletForeign(t *testing.T, s Store) {
	for _, p := range []string{"P", "Q"} {
		person(t, s, p, "N"+p)
	}
	in := Intent("P's", "P", "NP", 2, 1)
	in.Wallet.Unit = "U"
	intend(t, s, in)
	lost := document.Change{Applied: true, Wallets: []string{"U"}}
	if _, err := applyOne(t, s, Deciding("R", 1, "Q", lost)); !errors.Is(err, registry.ErrForeignWallet) {
		t.Fatalf("%v", err)
	}
	in = Intent("more", "P", "NP", 2, 1)
	in.Wallet.Unit = "U"
	intend(t, s, in)
	// One that two people share is of either.
	in = Intent("Q's", "Q", "NQ", 2, 1)
	in.Wallet.Unit = "U"
	intend(t, s, in)
	apply(t, s, Deciding("R", 1, "Q", lost))
	in = Intent("again", "P", "NP", 2, 1)
	in.Wallet.Unit = "U"
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("B")); !errors.Is(err, issuance.ErrWalletRevoked) {
		t.Errorf("%v", err)
	}
}

// unitEvent: an event whose subject is a wallet unit has a version of its own,
// flips every copy in it, and tells everybody who had one.
func unitEvent(t *testing.T, s Store) {
	for _, p := range []string{"P", "Q"} {
		person(t, s, p, "N"+p)
		in := Intent("B"+p, p, "N"+p, 2, 2)
		in.Wallet.Unit = "U"
		intend(t, s, in)
	}
	one, two := uint64(0), uint64(2)
	app := Event("provider", 1, "", document.WalletUnitRevoked{Wallet: "U"})
	app.Record.Prev = &two
	var conflict *registry.VersionError
	if _, err := applyOne(t, s, app); !errors.As(err, &conflict) || conflict.Current != 0 {
		t.Errorf("%v", err)
	}
	app.Record.Prev = &one
	o := apply(t, s, app)[0]
	if o.Version != 1 || o.Copies != 4 || o.Event != document.NameWalletUnitRevoked {
		t.Errorf("%+v", o)
	}
	publish(t, s, Now, 1)
	if len(revoked(t, s)) != 4 {
		t.Errorf("%d revoked", len(revoked(t, s)))
	}
	in := Intent("again", "P", "NP", 2, 1)
	in.Wallet.Unit = "U"
	if _, err := s.RecordIntent(t.Context(), in, AuditEvent("B")); !errors.Is(err, issuance.ErrWalletRevoked) {
		t.Errorf("%v", err)
	}
	for _, p := range []string{"P", "Q"} {
		if n, err := s.Notices(t.Context(), p, 10); err != nil || len(n) != 1 || n[0].Notice.Fact != document.FactWalletUnitRevoked {
			t.Errorf("%s: %+v, %v", p, n, err)
		}
		if subject, err := s.Subject(t.Context(), p); err != nil || subject.Version != 2 {
			t.Errorf("%+v, %v", subject, err)
		}
	}
	// A unit of which nobody has heard is revoked too.
	if o := apply(t, s, Event("provider", 2, "", document.WalletUnitRevoked{Wallet: "X"}))[0]; o.Version != 1 || o.State() != registry.StateNoCopies {
		t.Errorf("%+v", o)
	}
}

// walletRaces: each intent is refused, or its indices are revoked.
func walletRaces(t *testing.T, s Store) {
	for round := range 8 {
		p, n, unit := fmt.Sprint("P", round), fmt.Sprint("N", round), fmt.Sprint("U", round)
		person(t, s, p, n)
		var mu sync.Mutex
		var given []issuance.StatusIndex
		together(9, func(i int) {
			if i == 4 {
				if r := s.ApplyEvents(t.Context(), []registry.Application{Event("provider", uint64(round+1), "", document.WalletUnitRevoked{Wallet: unit})})[0]; r.Err != nil {
					t.Error(r.Err)
				}
				return
			}
			in := Intent(fmt.Sprintf("B%d-%d", round, i), p, n, 2, 3)
			in.Wallet = issuance.Wallet{Unit: unit, Expires: Now.Add(time.Hour)}
			got, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
			if err != nil && !errors.Is(err, issuance.ErrWalletRevoked) {
				t.Error(err)
			}
			mu.Lock()
			given = append(given, got...)
			mu.Unlock()
		})
		release(t, s, Now)
		set := revoked(t, s)
		for _, at := range spots(given) {
			if !set[at] {
				t.Errorf("round %d: %v escaped the revocation", round, at)
			}
		}
	}
}
