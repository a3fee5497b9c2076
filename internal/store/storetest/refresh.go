package storetest

import (
	"errors"
	"maps"
	"testing"

	"vidimus/internal/authserver"
	"vidimus/internal/document"
)

func revokeIssued(t *testing.T, s Store) {
	ctx := t.Context()
	putRefresh(t, s, 1)
	putRefresh(t, s, 2)
	if _, err := s.Refresh(ctx, both(1).Refresh.Hash, Now, nil, again(1, 11), nil, Recorded); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.RevokeIssued(ctx, authorizationCode(1).Hash, both(1).Refresh.Hash, Now); err != nil {
			t.Fatal(err)
		}
	}
	noToken(t, s, "the first token", token(1).Hash)
	noToken(t, s, "the refreshed token", token(11).Hash)
	noRefresh(t, s, "the refresh token", both(1).Refresh.Hash)
	if _, err := s.Refresh(ctx, both(1).Refresh.Hash, Now, nil, again(1, 12), nil, Recorded); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("a revoked refresh token: %v", err)
	}
	if _, err := s.Token(ctx, token(2).Hash); err != nil {
		t.Errorf("the token of another grant: %v", err)
	}
	putCode(t, s, 3)
	if err := s.RevokeIssued(ctx, authorizationCode(3).Hash, authserver.Digest{}, Now); err != nil {
		t.Fatal(err)
	}
	if err := s.RedeemCode(ctx, authorizationCode(3).Hash, Now, nil, both(3)); !errors.Is(err, authserver.ErrGrantDead) {
		t.Errorf("a code that was revoked before it was redeemed: %v", err)
	}
}

func revokeGrantWithRefresh(t *testing.T, s Store) {
	ctx := t.Context()
	create(t, s, grant(1))
	g := both(1)
	g.Token.Grant, g.Refresh.Grant = Digest(1), Digest(1)
	if stored, err := s.RedeemPreAuthorizedCode(ctx, Digest(1), nil, Now, nil, g); err != nil || stored.Refresh != g.Refresh.Hash {
		t.Fatalf("%+v, %v", stored, err)
	}
	more := again(1, 11)
	more.Grant = Digest(1)
	if _, err := s.Refresh(ctx, g.Refresh.Hash, Now, nil, more, nil, Recorded); err != nil {
		t.Fatal(err)
	}
	// The office can take it back as long as the refresh token lives.
	if n, err := s.SweepExpired(ctx, Now.Add(48*hour), 100); err != nil || n == 0 {
		t.Fatalf("swept %d, %v", n, err)
	}
	if err := s.RevokeGrant(ctx, "offer-1", Now.Add(48*hour)); err != nil {
		t.Fatal(err)
	}
	noToken(t, s, "the first token", g.Token.Hash)
	noToken(t, s, "the refreshed token", more.Hash)
	noRefresh(t, s, "the refresh token", g.Refresh.Hash)
}

func refresh(t *testing.T, s Store) {
	ctx := t.Context()
	putRefresh(t, s, 1)
	hash := both(1).Refresh.Hash
	if _, err := s.Refresh(ctx, Digest(7), Now, nil, again(1, 10), nil, Recorded); !errors.Is(err, authserver.ErrTokenNotFound) {
		t.Errorf("an unknown refresh token: %v", err)
	}
	if _, err := s.Refresh(ctx, hash, both(1).Refresh.Expires, nil, again(1, 10), nil, Recorded); !errors.Is(err, authserver.ErrGrantExpired) {
		t.Errorf("at its end: %v", err)
	}
	noToken(t, s, "a token of a refused refresh", token(10).Hash)
	for i := range 3 {
		in := again(1, 10+i)
		got, err := s.Refresh(ctx, hash, Now, nil, in, nil, Recorded)
		if err != nil || got.Hash != in.Hash || got.Documents["mdl"] != "N" || !got.Refreshed {
			t.Fatalf("%+v, %v", got, err)
		}
		got.Documents["mdl"], in.Documents["mdl"] = "spoiled", "spoiled"
	}
	for i := range 3 {
		if got, err := s.Token(ctx, token(10+i).Hash); err != nil || got.Documents["mdl"] != "N" || got.Identifiers["id"] != "mdl" {
			t.Errorf("token %d: %+v, %v", i, got, err)
		}
	}
}

// However refreshing and revoking mix, nothing is left of the grant.
func refreshAgainstRevocation(t *testing.T, s Store) {
	putRefresh(t, s, 1)
	together(16, func(i int) {
		if i == 7 || i == 11 {
			if err := s.RevokeIssued(t.Context(), authorizationCode(1).Hash, both(1).Refresh.Hash, Now); err != nil {
				t.Error(err)
			}
			return
		}
		if _, err := s.Refresh(t.Context(), both(1).Refresh.Hash, Now, nil, again(1, 100+i), nil, Recorded); err != nil && !errors.Is(err, authserver.ErrTokenNotFound) {
			t.Error(err)
		}
	})
	for i := range 16 {
		noToken(t, s, "a token of a revoked grant", token(100+i).Hash)
	}
	noRefresh(t, s, "a refresh token that was revoked", both(1).Refresh.Hash)
}

func refreshVoid(t *testing.T, s Store) {
	ctx := t.Context()
	person(t, s, "P", "N")
	two := func(n, m int) (authserver.Given, authserver.TokenRecord) {
		g, more := both(n), again(n, m)
		for _, r := range []*map[string]string{&g.Token.Documents, &g.Refresh.Documents, &more.Documents} {
			*r = map[string]string{"mdl": "N", "pid": "M"}
		}
		more.Identifiers = map[string]string{"one": "mdl", "two": "pid"}
		return g, more
	}
	putRefresh(t, s, 1)
	putCode(t, s, 2)
	g, more := two(2, 20)
	if err := s.RedeemCode(ctx, authorizationCode(2).Hash, Now, nil, g); err != nil {
		t.Fatal(err)
	}
	apply(t, s, Deciding("R", 1, "P", document.Change{Applied: true, Void: []string{"N"}}))
	// What is ended for good nobody may wait out, whatever else comes later.
	person(t, s, "Q", "E")
	ended := both(9)
	for _, r := range []*map[string]string{&ended.Token.Documents, &ended.Refresh.Documents} {
		*r = map[string]string{"mdl": "E"}
	}
	putCode(t, s, 9)
	if err := s.RedeemCode(ctx, authorizationCode(9).Hash, Now, nil, ended); err != nil {
		t.Fatal(err)
	}
	for seq, change := range []document.Change{{Applied: true, Void: []string{"E"}, Ended: []string{"E"}}, {Applied: true, Void: []string{"E"}}} {
		apply(t, s, Deciding("E", uint64(seq+1), "Q", change))
	}
	for _, waiting := range [][]string{{"E"}, nil} {
		more := again(9, 90)
		more.Documents = map[string]string{"mdl": "E"}
		if _, err := s.Refresh(ctx, ended.Refresh.Hash, Now.Add(hour), nil, more, waiting, Recorded); !errors.Is(err, authserver.ErrGrantDead) && !errors.Is(err, authserver.ErrTokenNotFound) {
			t.Errorf("waiting for %v with what is ended: %v", waiting, err)
		}
	}
	// While the document waits, the wallet may be told so.
	if got, err := s.Refresh(ctx, both(1).Refresh.Hash, Now, nil, again(1, 10), []string{"N"}, Recorded); err != nil || got.Documents["mdl"] != "N" {
		t.Errorf("waiting: %+v, %v", got, err)
	}
	// Who was told to wait is not turned away by what he waited for, only by
	// what comes after it.
	if got, err := s.Refresh(ctx, both(1).Refresh.Hash, Now.Add(hour), nil, again(1, 12), nil, Recorded); err != nil || !got.Granted.Equal(Now) {
		t.Errorf("after waiting: granted %v, %v", got.Granted, err)
	}
	once := Deciding("R", 2, "P", document.Change{Applied: true, Void: []string{"N"}})
	once.Record.Accepted = Now.Add(2 * hour)
	apply(t, s, once)
	if _, err := s.Refresh(ctx, both(1).Refresh.Hash, Now.Add(3*hour), nil, again(1, 11), nil, Recorded); !errors.Is(err, authserver.ErrGrantDead) {
		t.Errorf("all of it is void: %v", err)
	}
	noToken(t, s, "a token for what is void", token(11).Hash)
	noRefresh(t, s, "a refresh token of which nothing is left", both(1).Refresh.Hash)
	got, err := s.Refresh(ctx, g.Refresh.Hash, Now, nil, more, nil, Recorded)
	if err != nil || !maps.Equal(got.Documents, map[string]string{"pid": "M"}) || !maps.Equal(got.Identifiers, map[string]string{"two": "pid"}) {
		t.Errorf("half of it is void: %+v, %v", got, err)
	}
	if stored, err := s.Token(ctx, more.Hash); err != nil || !maps.Equal(stored.Documents, got.Documents) {
		t.Errorf("%+v, %v", stored, err)
	}
	_, narrow := two(2, 21)
	narrow.Documents = map[string]string{"mdl": "N"}
	if _, err := s.Refresh(ctx, g.Refresh.Hash, Now, nil, narrow, nil, Recorded); !errors.Is(err, authserver.ErrGrantVoid) {
		t.Errorf("only what is void: %v", err)
	}
	if _, err := s.RefreshToken(ctx, g.Refresh.Hash); err != nil {
		t.Errorf("a refresh token of which something is left: %v", err)
	}
	// A grant that was given after the event is not concerned by it.
	putCode(t, s, 3)
	later := both(3)
	later.Refresh.Granted = Now.Add(3 * hour)
	if err := s.RedeemCode(ctx, authorizationCode(3).Hash, Now, nil, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(ctx, later.Refresh.Hash, Now, nil, again(3, 30), nil, Recorded); err != nil {
		t.Errorf("a later grant: %v", err)
	}
}

// Bad input B22: the wallet unit was revoked.
func refreshOfRevokedUnit(t *testing.T, s Store) {
	ctx := t.Context()
	person(t, s, "P", "N")
	putCode(t, s, 1)
	g := both(1)
	g.Refresh.Unit = "U"
	if err := s.RedeemCode(ctx, authorizationCode(1).Hash, Now, nil, g); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(ctx, g.Refresh.Hash, Now, nil, again(1, 10), nil, Recorded); err != nil {
		t.Errorf("before: %v", err)
	}
	apply(t, s, Deciding("R", 1, "P", document.Change{Applied: true, Wallets: []string{"U"}}))
	if _, err := s.Refresh(ctx, g.Refresh.Hash, Now, nil, again(1, 11), []string{"N"}, Recorded); !errors.Is(err, authserver.ErrGrantDead) {
		t.Errorf("after: %v", err)
	}
	noRefresh(t, s, "the refresh token of a revoked unit", g.Refresh.Hash)
}
