package authserver_test

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/problem"
)

func TestBadInputs(t *testing.T) {
	t.Run("P01/six_guesses", func(t *testing.T) {
		w := newWorld(t, nil)
		pre, wa := w.mdl(), w.wallet()
		for i := range 5 {
			_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", wrong(pre.TxCode, i))
			wantKind(t, err, problem.InvalidGrant)
			w.restart() // the count is the store's, not the process's
		}
		_, err := wa.redeem(pre)
		wantKind(t, err, problem.InvalidGrant)
		if n := count(w.audit, "token.issue", audit.Denied); n != 6 {
			t.Errorf("%d denials are on record, want 6", n)
		}
	})

	t.Run("P02/guesses_in_parallel", func(t *testing.T) {
		w := newWorld(t, nil)
		pre := w.mdl()
		var ok, other atomic.Int64
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				wa := w.wallet()
				_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", wrong(pre.TxCode, i))
				switch problem.KindOf(err) {
				case problem.InvalidGrant:
				default:
					other.Add(1)
				}
				if err == nil {
					ok.Add(1)
				}
			})
		}
		wg.Wait()
		if ok.Load() != 0 || other.Load() != 0 {
			t.Errorf("%d tokens, %d other answers", ok.Load(), other.Load())
		}
		evaluated := 0
		for _, e := range w.audit.Events() {
			if e.Detail["reason"] == "transaction code" {
				evaluated++
			}
		}
		if evaluated != 5 {
			t.Errorf("%d guesses were evaluated, want 5", evaluated)
		}
		_, err := w.wallet().redeem(pre)
		wantKind(t, err, problem.InvalidGrant)
	})

	t.Run("P04/wrong_then_right", func(t *testing.T) {
		w := newWorld(t, nil)
		pre, wa := w.mdl(), w.wallet()
		_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", wrong(pre.TxCode, 0))
		wantKind(t, err, problem.InvalidGrant)
		if _, err := wa.redeem(pre); err != nil {
			t.Errorf("a wrong guess burned the offer: %v", err)
		}
	})

	t.Run("P05/tx_code_forms", func(t *testing.T) {
		w := newWorld(t, nil)
		wa := w.wallet()
		pre := w.mdl()
		for name, c := range map[string]struct {
			txCode string
			kind   problem.Kind
		}{
			"absent":     {"", problem.InvalidRequest},
			"too_long":   {strings.Repeat("1", 65), problem.InvalidRequest},
			"full_width": {strings.Map(func(r rune) rune { return r - '0' + '\uff10' }, pre.TxCode), problem.InvalidGrant},
			"space":      {" " + pre.TxCode, problem.InvalidGrant},
			"word":       {"true", problem.InvalidGrant},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", c.txCode)
				wantKind(t, err, c.kind)
			})
		}
		open := w.offer(map[string]string{"library": "L1"}, true)
		if open.TxCode != "" || open.TxCodeLength != 0 {
			t.Errorf("an offer without transaction code has %q", open.TxCode)
		}
		_, err := wa.token("pre-authorized_code", open.Code, "tx_code", "123456")
		wantKind(t, err, problem.InvalidRequest)
		if _, err := wa.redeem(open); err != nil {
			t.Errorf("the unexpected code burned the offer: %v", err)
		}
	})
	t.Run("P05/leading_zeros", func(t *testing.T) {
		w := newWorld(t, nil)
		for range 200 { // one in ten begins with 0
			pre := w.mdl()
			if len(pre.TxCode) != 6 {
				t.Fatalf("tx_code of %d digits", len(pre.TxCode))
			}
			if pre.TxCode[0] == '0' {
				_, err := w.wallet().token("pre-authorized_code", pre.Code, "tx_code", strings.TrimPrefix(pre.TxCode, "0"))
				wantKind(t, err, problem.InvalidGrant)
				return
			}
		}
		t.Fatal("no code with a leading zero in 200")
	})

	t.Run("P06/replay", func(t *testing.T) {
		w := newWorld(t, nil)
		pre, wa := w.mdl(), w.wallet()
		if _, err := wa.redeem(pre); err != nil {
			t.Fatal(err)
		}
		_, err := wa.redeem(pre)
		wantKind(t, err, problem.InvalidGrant)
		w.restart()
		_, err = wa.redeem(pre)
		wantKind(t, err, problem.InvalidGrant)
	})
	t.Run("P06/at_once", func(t *testing.T) {
		w := newWorld(t, nil)
		pre := w.mdl()
		var ok atomic.Int64
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				wa := w.wallet()
				resp, err := wa.redeem(pre)
				if err == nil {
					ok.Add(1)
					if _, err := wa.access(resp.AccessToken); err != nil {
						t.Errorf("the one token is not good: %v", err)
					}
					return
				}
				wantKind(t, err, problem.InvalidGrant)
			})
		}
		wg.Wait()
		if ok.Load() != 1 {
			t.Errorf("%d tokens for one code", ok.Load())
		}
	})

	t.Run("P07/other_configuration", func(t *testing.T) {
		w := newWorld(t, nil)
		pre, wa := w.mdl(), w.wallet()
		for name, c := range map[string]struct {
			details string
			kind    problem.Kind
		}{
			"not_in_offer": {`[{"type":"openid_credential","credential_configuration_id":"pid"}]`, problem.InvalidRequest},
			"one_of_two":   {`[{"type":"openid_credential","credential_configuration_id":"mdl"},{"type":"openid_credential","credential_configuration_id":"pid"}]`, problem.InvalidRequest},
			"unknown":      {`[{"type":"openid_credential","credential_configuration_id":"x"}]`, problem.InvalidRequest},
			"twice":        {`[{"type":"openid_credential","credential_configuration_id":"mdl"},{"type":"openid_credential","credential_configuration_id":"mdl"}]`, problem.InvalidAuthorizationDetails},
			"other_type":   {`[{"type":"payment","credential_configuration_id":"mdl"}]`, problem.InvalidAuthorizationDetails},
			"empty":        {`[]`, problem.InvalidAuthorizationDetails},
			"object":       {`{"type":"openid_credential"}`, problem.InvalidAuthorizationDetails},
			"duplicate":    {`[{"type":"openid_credential","credential_configuration_id":"mdl","credential_configuration_id":"pid"}]`, problem.InvalidAuthorizationDetails},
			"deep":         {strings.Repeat("[", 4000), problem.InvalidAuthorizationDetails},
			"long":         {`["` + strings.Repeat("a", 20_000) + `"]`, problem.InvalidAuthorizationDetails},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "authorization_details", c.details)
				wantKind(t, err, c.kind)
			})
		}
		_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "scope", "pid")
		wantKind(t, err, problem.InvalidScope)
		if _, err := wa.redeem(pre); err != nil {
			t.Errorf("a refused request burned the offer: %v", err)
		}
	})

	t.Run("P08/expired_revoked_deceased", func(t *testing.T) {
		w := newWorld(t, nil)
		wa := w.wallet()
		pre := w.mdl()
		w.clock.Advance(10*time.Minute - time.Nanosecond)
		last := w.mdl()
		w.clock.Advance(time.Second)
		_, err := wa.redeem(pre)
		wantKind(t, err, problem.InvalidGrant)

		if err := w.server.Revoke(context.Background(), "offer 2", "office"); err != nil {
			t.Fatal(err)
		}
		_, err = wa.redeem(last)
		wantKind(t, err, problem.InvalidGrant)

		late := w.mdl()
		w.subjects.deny("P1", problem.New(problem.CredentialRequestDenied, "deceased"))
		_, err = wa.redeem(late)
		wantKind(t, err, problem.InvalidGrant)
		if _, err := w.server.PreAuthorize(context.Background(), authserver.Grant{
			IdempotencyKey: "new", Person: "P1", Documents: map[string]string{"mdl": "D1"}, Actor: "office",
		}); problem.KindOf(err) != problem.CredentialRequestDenied {
			t.Errorf("an offer for who may not have one: %v", err)
		}
		w.subjects.deny("P1", context.DeadlineExceeded)
		_, err = wa.redeem(late)
		wantKind(t, err, problem.Unavailable)
		w.subjects.deny("P1", nil)
		if _, err = wa.redeem(late); err != nil {
			t.Errorf("not knowing burned the offer: %v", err)
		}
	})

	t.Run("P10/anonymous", func(t *testing.T) {
		w := newWorld(t, nil)
		pre, wa := w.mdl(), w.wallet()
		for _, client := range []string{"", "https://unknown.example", strings.Repeat("x", 600), "https://wallet.example/"} {
			_, err := wa.token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "client_id", client)
			wantKind(t, err, problem.InvalidClient)
		}
		_, err := w.server.Token(context.Background(), authserver.TokenRequest{
			Form: form(t, "pre-authorized_code", pre.Code, "tx_code", pre.TxCode), DPoP: wa.proof("POST", tokenURL, ""), Authorization: "Basic eDp5",
		})
		wantKind(t, err, problem.InvalidClient)
		if _, err := wa.redeem(pre); err != nil {
			t.Errorf("the refused clients burned the offer: %v", err)
		}
		dev := newWorld(t, func(c *authserver.Config) { c.Dev, c.AnonymousClients, c.Clients = true, true, nil })
		pre = dev.mdl()
		if _, err := dev.wallet().token("pre-authorized_code", pre.Code, "tx_code", pre.TxCode, "client_id", ""); err != nil {
			t.Errorf("anonymous in development: %v", err)
		}
	})

	t.Run("P11/identity_needs_tx_code", func(t *testing.T) {
		for _, typ := range []string{"org.iso.18013.5.1.mDL", "eu.europa.ec.eudi.pid.1", "urn:eudi:pid:1", "urn:eudi:pid:lu:1"} {
			c := config()
			c.Configurations = map[string]authserver.Configuration{"x": {Type: typ, WithoutTxCode: true}}
			c.Dev, c.AnonymousClients, c.AllowBearer = true, true, true
			if _, err := authserver.New(c, newWorld(t, nil).parts); err == nil || !strings.Contains(err.Error(), "always needs a transaction code") {
				t.Errorf("%s may go without a transaction code: %v", typ, err)
			}
		}
		w := newWorld(t, func(c *authserver.Config) {
			c.Configurations = maps.Clone(c.Configurations)
			c.Dev, c.AllowBearer = true, true
		})
		for _, docs := range []map[string]string{{"mdl": "D1"}, {"library": "L1", "mdl": "D1"}} {
			_, err := w.server.PreAuthorize(context.Background(), authserver.Grant{
				IdempotencyKey: "k", Person: "P1", Documents: docs, WithoutTxCode: true, Actor: "office",
			})
			wantKind(t, err, problem.InvalidRequest)
		}
	})
}
