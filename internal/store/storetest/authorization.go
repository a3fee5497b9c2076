package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/authserver"
)

var authorizationTests = []test{
	{name: "Request", run: request},
	{name: "EndRequestOnce", run: endRequestOnce},
	{name: "Code", run: code},
	{name: "CodeOnce", run: codeOnce},
	{name: "Once", run: onceValues},
	{name: "OnceTogether", run: onceTogether},
	{name: "RevokeIssued", run: revokeIssued},
	{name: "RevokeGrantWithRefresh", run: revokeGrantWithRefresh},
	{name: "Refresh", run: refresh},
	{name: "RefreshAgainstRevocation", run: refreshAgainstRevocation},
	{name: "RefreshVoid", run: refreshVoid},
	{name: "RefreshOfRevokedUnit", run: refreshOfRevokedUnit},
	{name: "AuthorizationSweep", run: authorizationSweep},
}

func pushedRequest(n int) authserver.RequestRecord {
	return authserver.RequestRecord{
		Hash: Digest(3000 + n), ClientID: "wallet", Wallet: authserver.Wallet{Instance: "jkt", Statuses: []authserver.StatusRef{{List: "https://s.example/1", Index: 7}}, StatusUntil: Now.Add(hour)},
		RedirectURI: "https://w.example/cb", State: "s", Challenge: "c", Configurations: []string{"mdl"}, Scopes: []string{"mdl"}, Locales: []string{"de"},
		Created: Now, Expires: Now.Add(5 * time.Minute),
	}
}

func authorizationCode(n int) authserver.CodeRecord {
	return authserver.CodeRecord{
		Hash: Digest(4000 + n), ClientID: "wallet", Wallet: authserver.Wallet{Instance: "jkt"}, RedirectURI: "https://w.example/cb", Challenge: "c",
		Scopes: []string{"mdl"}, Subject: "P", Documents: map[string]string{"mdl": "N"}, ACR: "high", LoggedIn: Now, Created: Now, Expires: Now.Add(time.Minute),
	}
}

// both is what code n is exchanged for, with a refresh token.
func both(n int) authserver.Given {
	g := exchanged(n)
	g.Token.Grant, g.Token.Granted = authorizationCode(n).Hash, Now
	g.Refresh = &authserver.RefreshRecord{
		Hash: Digest(5000 + n), ID: fmt.Sprint("refresh-", n), Grant: g.Token.Grant, ClientID: "wallet", Key: "jkt", Attested: true, Subject: "P",
		Documents: map[string]string{"mdl": "N"}, Identifiers: map[string]string{"id": "mdl"}, Scopes: []string{"mdl"}, ACR: "high",
		Granted: Now, Issued: Now, Expires: Now.Add(90 * 24 * hour),
	}
	g.Token.Refresh = g.Refresh.Hash
	return g
}

// again is another access token of code n, numbered m.
func again(n, m int) authserver.TokenRecord {
	t := token(m)
	t.Grant, t.Granted, t.Refresh, t.Refreshed = authorizationCode(n).Hash, Now, both(n).Refresh.Hash, true
	return t
}

func putCode(t *testing.T, s Store, n int) {
	t.Helper()
	c := authorizationCode(n)
	if err := errors.Join(s.PutRequest(t.Context(), pushedRequest(n), nil), s.EndRequest(t.Context(), pushedRequest(n).Hash, Now, &c, AuditEvent("R"))); err != nil {
		t.Fatal(err)
	}
}

func putRefresh(t *testing.T, s Store, n int) {
	t.Helper()
	putCode(t, s, n)
	if err := s.RedeemCode(t.Context(), authorizationCode(n).Hash, Now, nil, both(n)); err != nil {
		t.Fatal(err)
	}
}

func noToken(t *testing.T, s Store, what string, hash authserver.Digest) {
	t.Helper()
	if _, err := s.Token(t.Context(), hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("%s: %v", what, err)
	}
}

func noRefresh(t *testing.T, s Store, what string, hash authserver.Digest) {
	t.Helper()
	if _, err := s.RefreshToken(t.Context(), hash); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("%s: %v", what, err)
	}
}

func request(t *testing.T, s Store) {
	ctx := t.Context()
	r := pushedRequest(1)
	if _, err := s.Request(ctx, r.Hash); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("a request from nowhere: %v", err)
	}
	if err := s.EndRequest(ctx, r.Hash, Now, nil, AuditEvent("R")); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("the end of a request from nowhere: %v", err)
	}
	if err := s.PutRequest(ctx, r, nil); err != nil {
		t.Fatal(err)
	}
	r.Configurations[0], r.Wallet.Statuses[0].Index = "spoiled", 99
	got, err := s.Request(ctx, r.Hash)
	if err != nil || got.Configurations[0] != "mdl" || got.Wallet.Statuses[0].Index != 7 || !got.Wallet.StatusUntil.Equal(Now.Add(hour)) || got.State != "s" ||
		got.Used || !got.Expires.Equal(r.Expires) || got.Wallet.Instance != "jkt" || got.RedirectURI != r.RedirectURI {
		t.Errorf("%+v, %v", got, err)
	}
	got.Configurations[0] = "spoiled"
	if got, _ = s.Request(ctx, r.Hash); got.Configurations[0] != "mdl" {
		t.Error("the store shares memory with its readers")
	}
	c := authorizationCode(1)
	if err := s.EndRequest(ctx, r.Hash, r.Expires, &c, AuditEvent("R")); !errors.Is(err, authserver.ErrGrantExpired) {
		t.Errorf("at its end: %v", err)
	}
	if _, err := s.AuthorizationCode(ctx, c.Hash); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("a code of a refused step: %v", err)
	}
	if err := s.EndRequest(ctx, r.Hash, r.Expires.Add(-1), &c, AuditEvent("R")); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Request(ctx, r.Hash); err != nil || !got.Used {
		t.Errorf("%+v, %v", got, err)
	}
	for _, code := range []*authserver.CodeRecord{nil, &c} {
		if err := s.EndRequest(ctx, r.Hash, Now, code, AuditEvent("R")); !errors.Is(err, authserver.ErrGrantUsed) {
			t.Errorf("a second time: %v", err)
		}
	}
}

// Bad input B04: approved and denied from many places at once.
func endRequestOnce(t *testing.T, s Store) {
	if err := s.PutRequest(t.Context(), pushedRequest(1), nil); err != nil {
		t.Fatal(err)
	}
	var won, codes atomic.Int32
	together(16, func(i int) {
		c := authorizationCode(i)
		code := &c
		if i%2 == 1 {
			code = nil
		}
		err := s.EndRequest(t.Context(), pushedRequest(1).Hash, Now, code, AuditEvent("R"))
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, authserver.ErrGrantUsed) {
			t.Error(err)
		}
	})
	for i := range 16 {
		if _, err := s.AuthorizationCode(t.Context(), authorizationCode(i).Hash); err == nil {
			codes.Add(1)
		}
	}
	if won.Load() != 1 || codes.Load() > 1 {
		t.Errorf("one request was answered %d times and gave %d codes", won.Load(), codes.Load())
	}
}

func code(t *testing.T, s Store) {
	ctx := t.Context()
	putCode(t, s, 1)
	hash, g := authorizationCode(1).Hash, both(1)
	got, err := s.AuthorizationCode(ctx, hash)
	if err != nil || got.Documents["mdl"] != "N" || got.ACR != "high" || got.Used || !got.LoggedIn.Equal(Now) || got.Wallet.Instance != "jkt" {
		t.Fatalf("%+v, %v", got, err)
	}
	got.Documents["mdl"] = "spoiled"
	if got, _ = s.AuthorizationCode(ctx, hash); got.Documents["mdl"] != "N" {
		t.Error("the store shares memory with its readers")
	}
	if err := s.RedeemCode(ctx, Digest(7), Now, nil, g); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Errorf("an unknown code: %v", err)
	}
	if err := s.RedeemCode(ctx, hash, Now.Add(time.Minute), nil, g); !errors.Is(err, authserver.ErrGrantExpired) {
		t.Errorf("at its end: %v", err)
	}
	noToken(t, s, "a token of a refused redemption", g.Token.Hash)
	noRefresh(t, s, "a refresh token of a refused redemption", g.Refresh.Hash)
	if err := s.RedeemCode(ctx, hash, Now.Add(time.Minute-1), nil, g); err != nil {
		t.Fatal(err)
	}
	g.Token.Documents["mdl"], g.Refresh.Documents["mdl"] = "spoiled", "spoiled"
	if token, err := s.Token(ctx, g.Token.Hash); err != nil || token.Documents["mdl"] != "N" || token.Grant != hash || token.Refresh != g.Refresh.Hash {
		t.Errorf("%+v, %v", token, err)
	}
	if r, err := s.RefreshToken(ctx, g.Refresh.Hash); err != nil || r.Documents["mdl"] != "N" || r.Grant != hash || r.Key != "jkt" || !r.Attested || !r.Granted.Equal(Now) ||
		!slices.Equal(r.Scopes, []string{"mdl"}) || !r.Expires.Equal(g.Refresh.Expires) {
		t.Errorf("%+v, %v", r, err)
	}
	// B01: who comes again ends what the first one got, however late.
	if err := s.RedeemCode(ctx, hash, Now.Add(hour), nil, both(2)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a second time: %v", err)
	}
	noToken(t, s, "the token of a code that was replayed", g.Token.Hash)
	noRefresh(t, s, "the refresh token of a code that was replayed", g.Refresh.Hash)
	noToken(t, s, "the token of the replay", both(2).Token.Hash)
}

// Bad input B01: one code from many connections at once.
func codeOnce(t *testing.T, s Store) {
	putCode(t, s, 1)
	var won atomic.Int32
	together(16, func(i int) {
		g := both(100 + i)
		g.Token.Grant = authorizationCode(1).Hash
		err := s.RedeemCode(t.Context(), authorizationCode(1).Hash, Now, nil, g)
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, authserver.ErrGrantUsed) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one code was redeemed %d times", won.Load())
	}
	for i := range 16 {
		noToken(t, s, "a token of a code that was replayed", both(100+i).Token.Hash)
		noRefresh(t, s, "a refresh token of a code that was replayed", both(100+i).Refresh.Hash)
	}
}

func onceOf(ns ...int) (once []authserver.Once) {
	for _, n := range ns {
		once = append(once, authserver.Once{Value: Digest(6000 + n), Expires: Now.Add(time.Minute)})
	}
	return once
}

func onceValues(t *testing.T, s Store) {
	ctx := t.Context()
	putCode(t, s, 1)
	putRefresh(t, s, 2)
	create(t, s, grant(1))
	if err := s.PutRequest(ctx, pushedRequest(5), onceOf(1, 2)); err != nil {
		t.Fatal(err)
	}
	steps := map[string]func(once []authserver.Once) error{
		"PutRequest": func(once []authserver.Once) error { return s.PutRequest(ctx, pushedRequest(6), once) },
		"RedeemCode": func(once []authserver.Once) error {
			return s.RedeemCode(ctx, authorizationCode(1).Hash, Now, once, both(1))
		},
		"Refresh": func(once []authserver.Once) error {
			_, err := s.Refresh(ctx, both(2).Refresh.Hash, Now, once, again(2, 20), nil, Recorded)
			return err
		},
		"Redeem": func(once []authserver.Once) error {
			_, err := s.RedeemPreAuthorizedCode(ctx, Digest(1), nil, Now, once, exchanged(1))
			return err
		},
	}
	n := 10
	for name, step := range steps {
		n++
		for at, once := range map[int][]authserver.Once{0: onceOf(1, n), 1: onceOf(n, 2)} {
			var replay *authserver.ReplayError
			if err := step(once); !errors.Is(err, authserver.ErrReplay) || !errors.As(err, &replay) || replay.Index != at {
				t.Errorf("%s: %v, want value %d", name, err, at)
			}
		}
		if err := step(onceOf(n)); err != nil { // neither the step nor its other value was used up
			t.Errorf("%s after replays: %v", name, err)
		}
		if err := s.SeenJTI(ctx, onceOf(n)[0].Value, Now); !errors.Is(err, authserver.ErrReplay) {
			t.Errorf("%s did not remember: %v", name, err)
		}
	}
	// Remembered also when the step refuses.
	if err := s.RedeemCode(ctx, Digest(7), Now, onceOf(30), both(1)); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Error(err)
	}
	if _, err := s.Refresh(ctx, Digest(7), Now, onceOf(31), again(2, 21), nil, Recorded); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Error(err)
	}
	if _, err := s.RedeemPreAuthorizedCode(ctx, Digest(7), nil, Now, onceOf(32), exchanged(1)); !errors.Is(err, authserver.ErrGrantNotFound) {
		t.Error(err)
	}
	for _, o := range onceOf(30, 31, 32) {
		if err := s.SeenJTI(ctx, o.Value, Now); !errors.Is(err, authserver.ErrReplay) {
			t.Errorf("a refused step did not remember: %v", err)
		}
	}
	if err := s.PutRequest(ctx, pushedRequest(8), onceOf(40, 40)); !errors.Is(err, authserver.ErrReplay) {
		t.Errorf("one value twice in a step: %v", err)
	}
}

// Bad input B11: one proof on many connections at once, some of them alone.
func onceTogether(t *testing.T, s Store) {
	var won atomic.Int32
	together(16, func(i int) {
		var err error
		if i%2 == 0 {
			err = s.PutRequest(t.Context(), pushedRequest(i), onceOf(100+i, 1))
		} else {
			err = s.SeenJTI(t.Context(), onceOf(1)[0].Value, Now.Add(time.Minute))
		}
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, authserver.ErrReplay) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("one proof passed %d times", won.Load())
	}
}

func authorizationSweep(t *testing.T, s Store) {
	ctx := t.Context()
	putRefresh(t, s, 1)
	if err := s.PutRequest(ctx, pushedRequest(2), onceOf(1)); err != nil {
		t.Fatal(err)
	}
	sweep := func(after time.Duration, want int) {
		t.Helper()
		if n, err := s.SweepExpired(ctx, Now.Add(after), 100); err != nil || n != want {
			t.Errorf("swept %d after %s, want %d; %v", n, after, want, err)
		}
	}
	sweep(time.Minute, 1)   // the value
	sweep(5*time.Minute, 2) // both requests
	sweep(hour, 1)          // the access token
	sweep(24*hour+time.Minute, 0)
	if err := s.RedeemCode(ctx, authorizationCode(1).Hash, Now.Add(24*hour), nil, both(9)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a code that is forgotten too soon: %v", err)
	}
	noRefresh(t, s, "the refresh token of a replayed code", both(1).Refresh.Hash)
	sweep(24*hour+time.Minute+time.Second, 1) // the code
	sweep(25*hour, 1)                         // that it was revoked
	putRefresh(t, s, 4)
	sweep(24*hour+2*time.Minute, 3)
	sweep(90*24*hour-1, 0)
	sweep(90*24*hour, 1)
	noRefresh(t, s, "a refresh token that was swept", both(4).Refresh.Hash)
}

// authorize leaves what authorized looks for after a restart.
func authorize(t *testing.T, s Store) {
	t.Helper()
	putCode(t, s, 51)
	putRefresh(t, s, 52)
	putRefresh(t, s, 53)
	if err := errors.Join(
		s.PutRequest(t.Context(), pushedRequest(54), onceOf(54)),
		s.RevokeIssued(t.Context(), authorizationCode(53).Hash, both(53).Refresh.Hash, Now),
	); err != nil {
		t.Fatal(err)
	}
}

func authorized(t *testing.T, s Store) {
	t.Helper()
	ctx := t.Context()
	if err := s.PutRequest(ctx, pushedRequest(55), onceOf(54)); !errors.Is(err, authserver.ErrReplay) {
		t.Errorf("a proof after a restart: %v", err)
	}
	if r, err := s.Request(ctx, pushedRequest(54).Hash); err != nil || r.Used {
		t.Errorf("a request after a restart: %+v, %v", r, err)
	}
	if err := s.EndRequest(ctx, pushedRequest(51).Hash, Now, nil, AuditEvent("R")); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("an answered request after a restart: %v", err)
	}
	if err := s.RedeemCode(ctx, authorizationCode(51).Hash, Now, nil, both(51)); err != nil {
		t.Errorf("a code after a restart: %v", err)
	}
	if err := s.RedeemCode(ctx, authorizationCode(51).Hash, Now, nil, both(56)); !errors.Is(err, authserver.ErrGrantUsed) {
		t.Errorf("a used code after a restart: %v", err)
	}
	if r, err := s.RefreshToken(ctx, both(52).Refresh.Hash); err != nil || r.Key != "jkt" {
		t.Errorf("a refresh token after a restart: %+v, %v", r, err)
	}
	noRefresh(t, s, "a revoked refresh token after a restart", both(53).Refresh.Hash)
	noToken(t, s, "a revoked access token after a restart", token(53).Hash)
}
