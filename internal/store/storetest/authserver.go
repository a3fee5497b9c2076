package storetest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/authserver"
)

var authserverTests = []test{
	{name: "CreateGrant", run: createGrant},
	{name: "Redeem", run: redeem},
	{name: "RedeemOnce", run: redeemOnce},
	{name: "TxCode", run: txCode},
	{name: "ParallelGuesses", run: parallelGuesses},
	{name: "RevokeGrant", run: revokeGrant},
	{name: "SeenJTI", run: seenJTI},
	{name: "AuthserverSweep", run: authserverSweep},
}

var mac = []byte("0123456789abcdef0123456789abcdef")

func grant(n int) authserver.GrantRecord {
	return authserver.GrantRecord{
		CodeHash: Digest(n), IdempotencyKey: fmt.Sprint("offer-", n), Salt: []byte{1, 2}, ContentHash: Digest(1000 + n), Subject: "P",
		Documents: map[string]string{"mdl": "N"}, Created: Now, Expires: Now.Add(10 * time.Minute),
	}
}

func token(n int) authserver.TokenRecord {
	return authserver.TokenRecord{
		Hash: Digest(2000 + n), ID: fmt.Sprint("token-", n), ClientID: "wallet", Subject: "P", Documents: map[string]string{"mdl": "N"},
		Identifiers: map[string]string{"id": "mdl"}, Thumbprint: "jkt", Issued: Now, Expires: Now.Add(time.Hour),
	}
}

// exchanged is what a code is exchanged for, without a refresh token.
func exchanged(n int) authserver.Given {
	return authserver.Given{Token: token(n), Issued: AuditEvent(fmt.Sprint("T", n))}
}

func create(t *testing.T, s Store, g authserver.GrantRecord) authserver.GrantRecord {
	t.Helper()
	stored, created, err := s.CreateGrant(t.Context(), g)
	if err != nil || !created {
		t.Fatalf("creating a grant: %v, %v", created, err)
	}
	return stored
}

func createGrant(t *testing.T, s Store) {
	if _, err := s.Grant(t.Context(), Digest(1)); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("a grant from nowhere: %v", err)
	}
	g := grant(1)
	g.TxCodeMAC, g.AttemptsLeft = append([]byte(nil), mac...), 5
	stored := create(t, s, g)
	g.Salt[0], g.TxCodeMAC[0], g.Documents["mdl"] = 99, 99, "spoiled"
	stored.Salt[0], stored.Documents["mdl"] = 99, "spoiled"
	other := grant(2)
	other.IdempotencyKey = "offer-1"
	again, created, err := s.CreateGrant(t.Context(), other)
	if err != nil || created || again.CodeHash != Digest(1) || again.ContentHash != Digest(1001) {
		t.Errorf("the same key: %+v, %v, %v", again, created, err)
	}
	if _, err := s.Grant(t.Context(), Digest(2)); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("the second grant was written: %v", err)
	}
	got, err := s.Grant(t.Context(), Digest(1))
	if err != nil || got.Salt[0] != 1 || got.TxCodeMAC[0] != '0' || got.Documents["mdl"] != "N" || got.AttemptsLeft != 5 ||
		got.Used || got.Revoked || !got.Created.Equal(Now) || !got.Expires.Equal(g.Expires) || got.Subject != "P" {
		t.Errorf("%+v, %v", got, err)
	}
	var won atomic.Int32
	together(8, func(i int) {
		g := grant(100 + i)
		g.IdempotencyKey = "one for all"
		if _, created, err := s.CreateGrant(t.Context(), g); err != nil {
			t.Error(err)
		} else if created {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d grants under one key", won.Load())
	}
}

func redeem(t *testing.T, s Store) {
	create(t, s, grant(1))
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(7), nil, Now, nil, exchanged(1)); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("an unknown code: %v", err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now.Add(10*time.Minute), nil, exchanged(1)); !errors.Is(err, authserver.ErrGrantExpired) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), mac, Now, nil, exchanged(1)); !errors.Is(err, authserver.ErrTxCode) {
		t.Errorf("a transaction code where none is wanted: %v", err)
	}
	if _, err := s.Token(t.Context(), token(1).Hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("a token without a redemption: %v", err)
	}
	g, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now.Add(10*time.Minute-1), nil, exchanged(1))
	if err != nil || !g.Used || g.Token != token(1).Hash {
		t.Fatalf("%+v, %v", g, err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, nil, exchanged(2)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a second time: %v", err)
	}
	got, err := s.Token(t.Context(), token(1).Hash)
	if err != nil || got.ID != "token-1" || got.Documents["mdl"] != "N" || got.Identifiers["id"] != "mdl" || got.Thumbprint != "jkt" || !got.Expires.Equal(token(1).Expires) {
		t.Fatalf("%+v, %v", got, err)
	}
	got.Documents["mdl"] = "spoiled"
	if got, _ = s.Token(t.Context(), token(1).Hash); got.Documents["mdl"] != "N" {
		t.Error("the store shares memory with its readers")
	}
	if _, err := s.Token(t.Context(), token(2).Hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("the token of a refused redemption: %v", err)
	}
}

func redeemOnce(t *testing.T, s Store) {
	create(t, s, grant(1))
	var won atomic.Int32
	together(32, func(i int) {
		_, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, nil, exchanged(i))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, authserver.ErrGrantUsed) {
			t.Error(err)
		}
	})
	tokens := 0
	for i := range 32 {
		if _, err := s.Token(t.Context(), token(i).Hash); err == nil {
			tokens++
		}
	}
	if won.Load() != 1 || tokens != 1 {
		t.Errorf("one code was redeemed %d times and gave %d tokens", won.Load(), tokens)
	}
}

func txCode(t *testing.T, s Store) {
	g := grant(1)
	g.TxCodeMAC, g.AttemptsLeft = mac, 3
	create(t, s, g)
	wrong := append([]byte(nil), mac...)
	wrong[31] ^= 1
	for i, guess := range [][]byte{nil, wrong} {
		left, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), guess, Now, nil, exchanged(1))
		if !errors.Is(err, authserver.ErrTxCode) || left.AttemptsLeft != 2-i || left.Used {
			t.Errorf("guess %d: %+v, %v", i, left, err)
		}
		if stored, _ := s.Grant(t.Context(), Digest(1)); stored.AttemptsLeft != 2-i {
			t.Errorf("guess %d is not kept: %d left", i, stored.AttemptsLeft)
		}
	}
	// Refusals before the code is looked at cost nothing.
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), wrong, g.Expires, nil, exchanged(1)); !errors.Is(err, authserver.ErrGrantExpired) {
		t.Error(err)
	}
	last, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), mac, Now, nil, exchanged(1))
	if err != nil || last.AttemptsLeft != 0 || !last.Used {
		t.Errorf("right at the last attempt: %+v, %v", last, err)
	}
	g = grant(2)
	g.TxCodeMAC, g.AttemptsLeft = mac, 1
	create(t, s, g)
	for _, want := range []error{authserver.ErrTxCode, authserver.ErrGrantDead} {
		guess := mac
		if want == authserver.ErrTxCode {
			guess = wrong
		}
		if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(2), guess, Now, nil, exchanged(2)); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// Bad input P02: guesses in parallel, evaluated as often as attempts are left.
func parallelGuesses(t *testing.T, s Store) {
	g := grant(1)
	g.TxCodeMAC, g.AttemptsLeft = mac, 5
	create(t, s, g)
	var evaluated, dead atomic.Int32
	together(64, func(i int) {
		guess := append([]byte(nil), mac...)
		guess[0] = byte(i)
		if guess[0] == mac[0] {
			guess[1] ^= 1
		}
		switch _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), guess, Now, nil, exchanged(i)); {
		case errors.Is(err, authserver.ErrTxCode):
			evaluated.Add(1)
		case errors.Is(err, authserver.ErrGrantDead):
			dead.Add(1)
		default:
			t.Error(err)
		}
	})
	if evaluated.Load() != 5 || dead.Load() != 59 {
		t.Errorf("%d guesses were looked at, %d refused unseen", evaluated.Load(), dead.Load())
	}
}

func revokeGrant(t *testing.T, s Store) {
	if err := s.RevokeGrant(t.Context(), "offer-1", Now); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("a grant from nowhere: %v", err)
	}
	create(t, s, grant(1))
	create(t, s, grant(2))
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(2), nil, Now, nil, exchanged(2)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, key := range []string{"offer-1", "offer-2"} {
			if err := s.RevokeGrant(t.Context(), key, Now); err != nil {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, nil, exchanged(1)); !errors.Is(err, authserver.ErrGrantDead) {
		t.Errorf("a revoked grant: %v", err)
	}
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(2), nil, Now, nil, exchanged(1)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a used and revoked grant: %v", err)
	}
	if _, err := s.Token(t.Context(), token(2).Hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("the token of a revoked grant: %v", err)
	}
}

func seenJTI(t *testing.T, s Store) {
	var won atomic.Int32
	together(32, func(int) {
		if err := s.SeenJTI(t.Context(), Digest(1), Now.Add(time.Minute)); err == nil {
			won.Add(1)
		} else if !errors.Is(err, authserver.ErrReplay) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one jti was new %d times", won.Load())
	}
	if err := s.SeenJTI(t.Context(), Digest(2), Now); err != nil {
		t.Error(err)
	}
}

func authserverSweep(t *testing.T, s Store) {
	create(t, s, grant(1))
	if _, err := s.RedeemPreAuthorizedCode(t.Context(), Digest(1), nil, Now, nil, exchanged(1)); err != nil {
		t.Fatal(err)
	}
	if err := s.SeenJTI(t.Context(), Digest(5), Now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	sweep := func(after time.Duration, want int) {
		t.Helper()
		if n, err := s.SweepExpired(t.Context(), Now.Add(after), 100); err != nil || n != want {
			t.Errorf("swept %d after %s, want %d; %v", n, after, want, err)
		}
	}
	sweep(59*time.Second, 0)
	sweep(time.Minute, 1)
	if err := s.SeenJTI(t.Context(), Digest(5), Now.Add(time.Minute)); err != nil {
		t.Errorf("a value that was swept: %v", err)
	}
	sweep(time.Minute, 1)
	sweep(time.Hour-time.Second, 0)
	sweep(time.Hour, 1)
	if _, err := s.Token(t.Context(), token(1).Hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("a token that was swept: %v", err)
	}
	sweep(24*time.Hour+10*time.Minute, 0)
	if again, created, err := s.CreateGrant(t.Context(), grant(1)); err != nil || created || !again.Used {
		t.Errorf("the caller's key is forgotten too soon: %+v, %v", again, err)
	}
	sweep(24*time.Hour+10*time.Minute+2*time.Second, 1)
	create(t, s, grant(1))
}
