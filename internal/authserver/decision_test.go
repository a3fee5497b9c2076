package authserver_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/problem"
)

func TestDeny(t *testing.T) {
	w, p := codeWorld(t, nil)
	ctx := context.Background()
	pushed, err := w.instance(p).push("redirect_uri", redirect+"?a=b", "state", "s &=")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.server.Deny(ctx, walletID, pushed.RequestURI, "made_up"); problem.KindOf(err) != problem.Internal {
		t.Errorf("a code of our own: %v", err)
	}
	to, err := w.server.Deny(ctx, walletID, pushed.RequestURI, "access_denied")
	if err != nil {
		t.Fatal(err)
	}
	q := query(t, to)
	if q.Get("error") != "access_denied" || q.Get("state") != "s &=" || q.Get("iss") != issuer || q.Get("a") != "b" || q.Has("code") {
		t.Errorf("redirected to %s", to)
	}
	_, err = w.server.Deny(ctx, walletID, pushed.RequestURI, "access_denied")
	wantKind(t, err, problem.InvalidRequest)
	_, err = w.server.Approve(ctx, walletID, pushed.RequestURI, mdl())
	wantKind(t, err, problem.InvalidRequest)
	if n := count(w.audit, "authorization.deny", audit.Denied); n != 1 {
		t.Errorf("%d denials are on record", n)
	}
}

func TestApproveRefusesWhatWasNotAskedFor(t *testing.T) {
	w, p := codeWorld(t, nil)
	pushed, err := w.instance(p).push("scope", "mdl pid")
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]authserver.Decision{
		"nobody":     {Documents: map[string]string{"mdl": "D1"}},
		"nothing":    {Person: "P1"},
		"more":       {Person: "P1", Documents: map[string]string{"mdl": "D1", "library": "L1"}},
		"no number":  {Person: "P1", Documents: map[string]string{"mdl": ""}},
		"a long acr": {Person: "P1", Documents: map[string]string{"mdl": "D1"}, ACR: strings.Repeat("a", 300)},
	} {
		_, err := w.server.Approve(context.Background(), walletID, pushed.RequestURI, d)
		if problem.KindOf(err) != problem.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Less than was asked for, and the request is not used up by the mistakes.
	in := w.instance(p)
	code := in.code(mdl(), "scope", "mdl pid")
	resp, err := in.exchange(code)
	if err != nil || resp.Scope != "mdl" {
		t.Errorf("%+v, %v", resp, err)
	}
	if _, err := w.server.Approve(context.Background(), walletID, pushed.RequestURI, mdl()); err != nil {
		t.Error(err)
	}
}

// Approved and denied, from eight places at once: one answer.
func TestOneAnswer(t *testing.T) {
	w, p := codeWorld(t, nil)
	pushed, err := w.instance(p).push()
	if err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var err error
			if i%2 == 0 {
				_, err = w.server.Approve(context.Background(), walletID, pushed.RequestURI, mdl())
			} else {
				_, err = w.server.Deny(context.Background(), walletID, pushed.RequestURI, "access_denied")
			}
			if err == nil {
				won.Add(1)
			} else if problem.KindOf(err) != problem.InvalidRequest {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d answers to one request", won.Load())
	}
}

// A login takes its time; what was approved at the last second is good.
func TestRequestLifetime(t *testing.T) {
	w, p := codeWorld(t, func(c *authserver.Config) { c.RequestLifetime = 599 * time.Second })
	in := w.instance(p)
	pushed, err := in.push()
	if err != nil || pushed.ExpiresIn != 599 {
		t.Fatalf("%+v, %v", pushed, err)
	}
	w.clock.Advance(598 * time.Second)
	if _, err := in.exchange(w.approve(pushed.RequestURI, mdl()).Get("code")); err != nil {
		t.Error(err)
	}
}
