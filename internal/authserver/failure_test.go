package authserver_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/problem"
)

// broken is a store of which one method does not know what became of it.
type broken struct {
	authserver.Store
	method string
}

var errDisk = errors.New("disk on fire")

func (b *broken) fails(method string) error {
	if b.method == method {
		return errDisk
	}
	return nil
}

func (b *broken) PutRequest(ctx context.Context, r authserver.RequestRecord, once []authserver.Once) error {
	return errors.Join(b.fails("PutRequest"), b.Store.PutRequest(ctx, r, once))
}

func (b *broken) Request(ctx context.Context, uri authserver.Digest) (authserver.RequestRecord, error) {
	r, err := b.Store.Request(ctx, uri)
	return r, errors.Join(b.fails("Request"), err)
}

func (b *broken) EndRequest(ctx context.Context, uri authserver.Digest, now time.Time, code *authserver.CodeRecord, did audit.Event) error {
	if err := b.fails("EndRequest"); err != nil {
		return err
	}
	return b.Store.EndRequest(ctx, uri, now, code, did)
}

func (b *broken) AuthorizationCode(ctx context.Context, code authserver.Digest) (authserver.CodeRecord, error) {
	c, err := b.Store.AuthorizationCode(ctx, code)
	return c, errors.Join(b.fails("AuthorizationCode"), err)
}

func (b *broken) RedeemCode(ctx context.Context, code authserver.Digest, now time.Time, once []authserver.Once, g authserver.Given) error {
	if err := b.fails("RedeemCode"); err != nil {
		return err
	}
	return b.Store.RedeemCode(ctx, code, now, once, g)
}

func (b *broken) RefreshToken(ctx context.Context, hash authserver.Digest) (authserver.RefreshRecord, error) {
	r, err := b.Store.RefreshToken(ctx, hash)
	return r, errors.Join(b.fails("RefreshToken"), err)
}

func (b *broken) Refresh(ctx context.Context, hash authserver.Digest, now time.Time, once []authserver.Once, t authserver.TokenRecord, waiting []string, issued func(authserver.TokenRecord) audit.Event) (authserver.TokenRecord, error) {
	if err := b.fails("Refresh"); err != nil {
		return authserver.TokenRecord{}, err
	}
	return b.Store.Refresh(ctx, hash, now, once, t, waiting, issued)
}

func (b *broken) RevokeIssued(ctx context.Context, grant, refresh authserver.Digest, now time.Time) error {
	return errors.Join(b.fails("RevokeIssued"), b.Store.RevokeIssued(ctx, grant, refresh, now))
}

// What the store or the record does not say clearly is Unavailable: the wallet
// tries again, and nothing that can be tried again is lost.
func TestFailuresOfTheStore(t *testing.T) {
	w, p := codeWorld(t, nil)
	ctx := context.Background()
	store := &broken{Store: w.parts.Store}
	w.parts.Store = store
	w.restart()
	in := w.instance(p)
	pushed, err := in.push()
	if err != nil {
		t.Fatal(err)
	}
	code, resp := in.code(mdl()), in.issued(mdl())
	a, err := in.access(resp.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	approve := func() error { _, err := w.server.Approve(ctx, walletID, pushed.RequestURI, mdl()); return err }
	deny := func() error { _, err := w.server.Deny(ctx, walletID, pushed.RequestURI, "access_denied"); return err }
	exchange := func() error { _, err := in.exchange(code); return err }
	refresh := func() error { _, err := in.refresh(resp.RefreshToken); return err }
	for _, c := range []struct {
		method string
		do     func() error
	}{
		{"PutRequest", func() error { _, err := in.push(); return err }},
		{"Request", func() error { _, err := w.server.Pending(ctx, walletID, pushed.RequestURI); return err }},
		{"Request", approve}, {"EndRequest", approve}, {"EndRequest", deny}, {"AuthorizationCode", exchange}, {"RedeemCode", exchange},
		{"RefreshToken", refresh}, {"Refresh", refresh}, {"RevokeIssued", func() error { return w.server.End(ctx, a, "D1", "final") }},
	} {
		if c.method == "RevokeIssued" { // the last one, after which nothing is left
			if err := errors.Join(exchange(), refresh(), approve()); err != nil {
				t.Errorf("a failure used something up: %v", err)
			}
		}
		store.method = c.method
		if err := c.do(); problem.KindOf(err) != problem.Unavailable || !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", c.method, err)
		}
		store.method = ""
	}
}

// What cannot be recorded must not happen.
func TestCodeFlowWithoutRecord(t *testing.T) {
	w, p := codeWorld(t, nil)
	ctx := context.Background()
	in := w.instance(p)
	pushed, err := in.push()
	if err != nil {
		t.Fatal(err)
	}
	other, err := in.push()
	if err != nil {
		t.Fatal(err)
	}
	code, resp := in.code(mdl()), in.issued(mdl())
	a, err := in.access(resp.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	w.audit.Fail = errors.New("disk full")
	to, err := w.server.Approve(ctx, walletID, pushed.RequestURI, mdl())
	if wantKind(t, err, problem.Unavailable); to != "" {
		t.Error("a code that is not on record")
	}
	_, err = w.server.Deny(ctx, walletID, other.RequestURI, "access_denied")
	wantKind(t, err, problem.Unavailable)
	_, err = in.exchange(code)
	wantKind(t, err, problem.Unavailable)
	_, err = in.refresh(resp.RefreshToken)
	wantKind(t, err, problem.Unavailable)
	wantKind(t, w.server.End(ctx, a, "D1", "final"), problem.Unavailable)
	w.audit.Fail = nil
	if _, err := in.exchange(code); err != nil {
		t.Errorf("what could not be recorded used the code up: %v", err)
	}
	if _, err := w.server.Approve(ctx, walletID, pushed.RequestURI, mdl()); err != nil {
		t.Errorf("what could not be recorded used the request up: %v", err)
	}
}
