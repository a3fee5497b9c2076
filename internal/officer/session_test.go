package officer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

var (
	pin    = sha256.Sum256([]byte("the key on the card of ben"))
	pinHex = hex.EncodeToString(pin[:])
)

// A link is for one officer, once, for fifteen minutes, and only its digest is
// kept.
func TestLoginLink(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	link, err := w.MintLink(ctx, "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimPrefix(link.URL, w.cfg.LoginURL)
	if len(secret) != 43 || !link.Expires.Equal(start.Add(15*time.Minute)) {
		t.Errorf("link %q until %v", link.URL, link.Expires)
	}
	if strings.Contains(string(w.audit.Bytes()), secret) {
		t.Error("the audit record has the secret")
	}
	token, l, err := w.RedeemLink(ctx, secret, "")
	if err != nil || l.Officer.ID != "anna" || len(token) != 43 {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, _, err := w.RedeemLink(ctx, secret, ""); problem.KindOf(err) != problem.AuthenticationFailed {
		t.Errorf("used twice: %v", err)
	}
	for name, s := range map[string]string{"empty": "", "short": "AAAA", "guess": strings.Repeat("A", 43), "newline": secret + "\n", "long": strings.Repeat("A", 1<<16)} {
		if _, _, err := w.RedeemLink(ctx, s, ""); problem.KindOf(err) != problem.AuthenticationFailed {
			t.Errorf("%s: %v", name, err)
		}
	}
	late, err := w.MintLink(ctx, "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(officer.LinkLifetime)
	_, _, err = w.RedeemLink(ctx, strings.TrimPrefix(late.URL, w.cfg.LoginURL), "")
	wantKind(t, "too late", err, problem.AuthenticationFailed)
	for _, id := range []string{"gone", "nobody", ""} {
		_, err := w.MintLink(ctx, id, "operator")
		wantKind(t, "link for "+id, err, problem.NotFound)
	}
}

func TestLoginLinkRace(t *testing.T) {
	w := newWorld(t)
	link, err := w.MintLink(t.Context(), "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	var logins atomic.Int32
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			if _, _, err := w.RedeemLink(t.Context(), strings.TrimPrefix(link.URL, w.cfg.LoginURL), ""); err == nil {
				logins.Add(1)
			}
		})
	}
	wait.Wait()
	if logins.Load() != 1 {
		t.Errorf("%d logins with one link", logins.Load())
	}
}

// noPin is a request without a certificate.
var noPin [sha256.Size]byte

// A link that was made before the officer got a certificate is worth nothing.
func TestCertificateMeanwhile(t *testing.T) {
	w := newWorld(t)
	link, err := w.MintLink(t.Context(), "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	token, _ := w.loginToken(t, "anna")
	w.cfg.Officers = slices.Clone(w.cfg.Officers)
	other := sha256.Sum256([]byte("a new card"))
	w.cfg.Officers[0].Pins = []string{hex.EncodeToString(other[:])}
	w.restart(t)
	_, _, err = w.RedeemLink(t.Context(), strings.TrimPrefix(link.URL, w.cfg.LoginURL), "")
	wantKind(t, "link", err, problem.AuthenticationFailed)
	_, err = w.Session(t.Context(), token, noPin)
	wantKind(t, "session", err, problem.AuthenticationFailed)
}

// An officer who was disabled after the link was made gets nothing.
func TestDisabledMeanwhile(t *testing.T) {
	w := newWorld(t)
	link, err := w.MintLink(t.Context(), "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	token, _ := w.loginToken(t, "anna")
	w.cfg.Officers = slices.Clone(w.cfg.Officers)
	w.cfg.Officers[0].Disabled = true
	w.restart(t)
	_, _, err = w.RedeemLink(t.Context(), strings.TrimPrefix(link.URL, w.cfg.LoginURL), "")
	wantKind(t, "link", err, problem.AuthenticationFailed)
	_, err = w.Session(t.Context(), token, noPin)
	wantKind(t, "session", err, problem.AuthenticationFailed)
	if len(w.store.sessions) != 1 {
		t.Errorf("%d sessions in the store: the link began one", len(w.store.sessions))
	}
}

func TestCertificateLogin(t *testing.T) {
	w := newWorld(t)
	token, l, err := w.LogIn(t.Context(), pin, "")
	if err != nil || l.Officer.ID != "ben" || !w.Knows(pin) {
		t.Fatalf("%+v, %v", l, err)
	}
	if l, err := w.Session(t.Context(), token, pin); err != nil || l.Officer.ID != "ben" {
		t.Errorf("%+v, %v", l, err)
	}
	// The cookie alone, or with another's certificate, is worth nothing.
	for _, p := range [][sha256.Size]byte{noPin, sha256.Sum256([]byte("another key"))} {
		_, err = w.Session(t.Context(), token, p)
		wantKind(t, "without the certificate", err, problem.AuthenticationFailed)
	}
	_, err = w.MintLink(t.Context(), "ben", "operator")
	wantKind(t, "a link beside the certificate", err, problem.Conflict)
	n := len(w.audit.Events())
	_, _, err = w.LogIn(t.Context(), sha256.Sum256([]byte("another key")), "")
	wantKind(t, "unknown key", err, problem.AuthenticationFailed)
	if got := w.actions(n); len(got) != 1 || got[0] != "officer.login unknown denied" {
		t.Errorf("audit %q", got)
	}
}

// TestSessionFixation is bad input A08: what a browser had before the login is
// not the session after it, and ends.
func TestSessionFixation(t *testing.T) {
	w := newWorld(t)
	planted, _ := w.loginToken(t, "rita")
	link, err := w.MintLink(t.Context(), "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := w.RedeemLink(t.Context(), strings.TrimPrefix(link.URL, w.cfg.LoginURL), planted)
	if err != nil || token == planted {
		t.Fatalf("token %q, %v", token, err)
	}
	_, err = w.Session(t.Context(), planted, noPin)
	wantKind(t, "the planted session", err, problem.AuthenticationFailed)
	again, _, err := w.LogIn(t.Context(), pin, token)
	if err != nil || again == token {
		t.Fatal(err)
	}
	_, err = w.Session(t.Context(), token, noPin)
	wantKind(t, "the session before the certificate", err, problem.AuthenticationFailed)
}

func TestSessionEnds(t *testing.T) {
	w := newWorld(t)
	alive := func(token string) bool { _, err := w.Session(t.Context(), token, noPin); return err == nil }
	token, _ := w.loginToken(t, "anna")
	w.clock.Advance(officer.IdleTimeout - time.Second)
	if !alive(token) {
		t.Error("ended before its time")
	}
	w.clock.Advance(officer.IdleTimeout)
	if alive(token) {
		t.Error("idle and alive")
	}
	token, _ = w.loginToken(t, "anna")
	for range 8 * 6 {
		if !alive(token) {
			t.Fatal("ended though it was used")
		}
		w.clock.Advance(10 * time.Minute)
	}
	if alive(token) {
		t.Error("a session of more than eight hours")
	}
	token, l := w.loginToken(t, "anna")
	if err := w.LogOut(t.Context(), l); err != nil || alive(token) {
		t.Errorf("alive after logout, %v", err)
	}
	for _, s := range []string{"", "x", strings.Repeat("A", 43), token + "=", strings.Repeat("A", 1<<16)} {
		if alive(s) {
			t.Errorf("%.20q is a session", s)
		}
	}
}

func TestFormToken(t *testing.T) {
	w := newWorld(t)
	a, b := w.login(t, "anna"), w.login(t, "ben")
	if a.CheckForm(a.FormToken) != nil || a.CheckForm(b.FormToken) == nil || a.CheckForm("") == nil || (officer.Login{}).CheckForm("") == nil {
		t.Error("forms of one session are taken in another, or not in their own")
	}
}

func TestLanguage(t *testing.T) {
	w := newWorld(t)
	token, l := w.loginToken(t, "anna")
	if err := w.SetLanguage(t.Context(), l, "lb"); err != nil {
		t.Fatal(err)
	}
	if l, err := w.Session(t.Context(), token, noPin); err != nil || l.Language != "lb" {
		t.Errorf("%q, %v", l.Language, err)
	}
	wantKind(t, "no language", w.SetLanguage(t.Context(), l, "xx"), problem.InvalidRequest)
}

// TestMatrix is bad input A01: every power of every role, and each denial is in
// the audit record.
func TestMatrix(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	editor := w.access(t, w.login(t, "anna"))
	p, err := w.Propose(ctx, editor, 3, draft())
	if err != nil {
		t.Fatal(err)
	}
	deeds := map[officer.Power]func(l officer.Login) error{
		officer.PowerLookUp: func(l officer.Login) error {
			_, err := w.LookUp(ctx, l, officer.Question{Person: "P-1", Purpose: audit.PurposeHolder})
			_, openErr := w.Open(ctx, l, "x", audit.ActionShow)
			_, listErr := w.Proposals(ctx, l, true)
			_, _, oneErr := w.OpenProposal(ctx, l, p.ID)
			_, requestErr := w.OpenRequest(ctx, l, "P-1", strings.Repeat("0", 64))
			if denied(requestErr) != denied(err) || denied(openErr) != denied(err) || denied(listErr) != denied(err) || denied(oneErr) != denied(err) {
				t.Errorf("%s: look-ups are not of one power: %v, %v, %v, %v", l.Officer.ID, err, openErr, listErr, oneErr)
			}
			return err
		},
		officer.PowerPropose: func(l officer.Login) error {
			a := officer.WithLogin(editor, l)
			_, err := w.Propose(ctx, a, 3, draft())
			_, liftErr := w.ProposeLift(ctx, a, 3, officer.Lift{Measure: "none", From: start, Reason: "x", Reference: "1"})
			if denied(liftErr) != denied(err) {
				t.Errorf("%s: %v, %v", l.Officer.ID, err, liftErr)
			}
			return err
		},
		officer.PowerConfirm:  func(l officer.Login) error { _, err := w.Confirm(ctx, l, "unknown"); return err },
		officer.PowerWithdraw: func(l officer.Login) error { return w.Withdraw(ctx, l, "unknown") },
		officer.PowerRecord:   func(l officer.Login) error { _, _, err := w.Record(ctx, l, 0); return err },
		officer.PowerApprove:  func(l officer.Login) error { return w.Allow(ctx, l, officer.PowerApprove) },
		officer.PowerOffer:    func(l officer.Login) error { return w.Allow(ctx, l, officer.PowerOffer) },
	}
	may := map[string][]officer.Power{
		"anna": {officer.PowerLookUp, officer.PowerPropose, officer.PowerConfirm, officer.PowerWithdraw, officer.PowerApprove, officer.PowerOffer},
		"rita": {officer.PowerLookUp},
		"otto": {officer.PowerRecord},
	}
	for id, powers := range may {
		l := w.login(t, id)
		for _, power := range officer.Powers() {
			t.Run("A01/"+id+"/"+string(power), func(t *testing.T) {
				n := len(w.audit.Events())
				err := deeds[power](l)
				if want := !slices.Contains(powers, power); denied(err) != want {
					t.Fatalf("%v, denied wanted: %v", err, want)
				}
				if denied(err) && !slices.Contains(w.actions(n), "officer.refuse "+id+" denied") {
					t.Errorf("not in the audit record: %q", w.actions(n))
				}
			})
		}
	}
}

func denied(err error) bool { return problem.KindOf(err) == problem.AccessDenied && err != nil }

// A configuration that would let one human be two, or audit himself, is none.
func TestConfiguration(t *testing.T) {
	good := officer.Officer{ID: "a", Name: "A", Human: "1", Roles: []officer.Role{officer.Editor}}
	change := func(f func(*officer.Officer)) []officer.Officer { o := good; f(&o); return []officer.Officer{o} }
	other := good
	other.ID = "b"
	for name, list := range map[string][]officer.Officer{
		"no id":         change(func(o *officer.Officer) { o.ID = "" }),
		"odd id":        change(func(o *officer.Officer) { o.ID = "A b" }),
		"no name":       change(func(o *officer.Officer) { o.Name = "" }),
		"hidden name":   change(func(o *officer.Officer) { o.Name = "A\u202eB" }),
		"no human":      change(func(o *officer.Officer) { o.Human = "" }),
		"no role":       change(func(o *officer.Officer) { o.Roles = nil }),
		"unknown role":  change(func(o *officer.Officer) { o.Roles = []officer.Role{"king"} }),
		"role twice":    change(func(o *officer.Officer) { o.Roles = []officer.Role{officer.Editor, officer.Editor} }),
		"bad pin":       change(func(o *officer.Officer) { o.Pins = []string{"00"} }),
		"twice":         {good, good},
		"one pin":       {withPin(good), withPin(other)},
		"audits itself": change(func(o *officer.Officer) { o.Roles = []officer.Role{officer.Editor, officer.Auditor} }),
		"audits own account": {good, func() officer.Officer {
			o := other
			o.Roles = []officer.Role{officer.Auditor}
			return o
		}()},
	} {
		w := newWorld(t)
		w.cfg.Officers = list
		if _, err := officer.New(w.cfg, w.parts); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	w := newWorld(t)
	w.cfg.Officers = []officer.Officer{good, other}
	if _, err := officer.New(w.cfg, w.parts); err != nil {
		t.Errorf("two accounts of one human: %v", err)
	}
}

func withPin(o officer.Officer) officer.Officer { o.Pins = []string{strings.ToUpper(pinHex)}; return o }

// No audit, no login.
func TestNoAuditNoLogin(t *testing.T) {
	w := newWorld(t)
	link, err := w.MintLink(t.Context(), "anna", "operator")
	if err != nil {
		t.Fatal(err)
	}
	w.audit.Fail = errors.New("disk full")
	_, _, err = w.RedeemLink(t.Context(), strings.TrimPrefix(link.URL, w.cfg.LoginURL), "")
	wantKind(t, "link", err, problem.Unavailable)
}
