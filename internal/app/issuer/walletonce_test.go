package issuer_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
)

// killed ends the office and starts it again on what was durable at this moment,
// as after kill -9: what it writes at its own end is thrown away.
func (o *office) killed() {
	o.t.Helper()
	var database bytes.Buffer
	_, err := o.app.Store().WriteBackup(o.t.Context(), &database)
	o.must(err)
	left := filepath.Join(o.t.TempDir(), "state")
	o.must(filepath.WalkDir(o.cfg.StateDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(o.cfg.StateDir, path)
		if err != nil {
			return err
		}
		to := filepath.Join(left, rel)
		switch {
		case d.IsDir():
			return os.Mkdir(to, 0o700)
		case d.Name() == "issuer.db":
			return os.WriteFile(to, database.Bytes(), 0o600)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o600)
	}))
	o.must(o.stop())
	o.must(os.RemoveAll(o.cfg.StateDir))
	o.must(os.Rename(left, o.cfg.StateDir))
	o.serve()
}

// atOnce asks from sixteen connections, and gives the answers.
func atOnce(ask func(i int) reply) []reply {
	answers := make([]reply, 16)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = ask(i) })
	}
	wg.Wait()
	return answers
}

// one says whether exactly one of the answers is the good one, and all the
// others the refusal.
func (o *office) one(t *testing.T, what string, answers []reply, good, bad int, code string) {
	t.Helper()
	won := 0
	for _, r := range answers {
		switch {
		case r.status == good:
			won++
		case r.status != bad || r.text(t, "error") != code:
			t.Errorf("%s: %d %s", what, r.status, r.body)
		}
	}
	if won != 1 {
		t.Errorf("%s: %d were answered", what, won)
	}
}

// issues pushes the licence of the first sample person with another day of
// issue: before that day there are no copies of it.
func (o *office) issues(day time.Time) {
	o.t.Helper()
	events, err := issuer.Sample(o.cfg.Authority, o.clock.Now())
	o.must(err)
	i := slices.IndexFunc(events, func(e issuer.FileEvent) bool { return strings.Contains(string(e.Payload), `"DL-1"`) })
	var put object
	o.must(json.Unmarshal(events[i].Payload, &put))
	put["issue_date"] = day.Format(time.DateOnly)
	events[i].Payload, err = json.Marshal(put)
	o.must(err)
	o.push(events[i])
}

// Invariant I7: each code, request, nonce, proof and transaction is taken once,
// however many come at once, and never again, also not by an office that was
// killed meanwhile. Bad inputs B01, B04, B11, B24, P06, C01 and D04.
func TestWalletsOnce(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca)
	u.pushes() // for the nonce and the challenge
	// copies share the phone, and nothing that a goroutine would write.
	each := func(of *walletUnit, f func(u *walletUnit) reply) func(int) reply {
		return func(int) reply {
			mine := *of
			return f(&mine)
		}
	}
	var again []func(t *testing.T) // what must fail after the office was killed
	refused := func(what string, ask func(u *walletUnit) reply, of walletUnit, code string) {
		again = append(again, func(t *testing.T) {
			if r := ask(&of); r.status < 400 || r.status >= 500 || r.text(t, "error") != code {
				t.Errorf("%s, again: %d %s", what, r.status, r.body)
			}
		})
	}

	proof, pop := u.proof(o.cfg.PublicURL+issuerhttp.ParPath, "", u.serverNonce), u.pop(u.attested, o.cfg.PublicURL)
	sameProof := func(u *walletUnit) reply { return u.asks(issuerhttp.ParPath, u.wish(), "DPoP", proof) }
	o.one(t, "B11: a DPoP proof", atOnce(each(u, sameProof)), 201, 400, "invalid_dpop_proof")
	refused("B11: a DPoP proof", sameProof, *u, "invalid_dpop_proof")
	samePoP := func(u *walletUnit) reply {
		return u.asks(issuerhttp.ParPath, u.wish(), "OAuth-Client-Attestation-PoP", pop)
	}
	o.one(t, "B24: a proof of the attested key", atOnce(each(u, samePoP)), 201, 401, "invalid_client_attestation")
	refused("B24: a proof of the attested key", samePoP, *u, "invalid_client_attestation")

	// What a code gives ends when it comes twice: the winner is not used further.
	code := u.code()
	redeem := func(u *walletUnit) reply { return u.redeems(code) }
	o.one(t, "B01: a code", atOnce(each(u, redeem)), 200, 400, "invalid_grant")
	refused("B01: a code", redeem, *u, "invalid_grant")

	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	parsed, _, err := oid4vci.ParseOfferURI(offer.URI, true)
	o.must(err)
	preAuthorized := func(u *walletUnit) reply {
		return u.asks(issuerhttp.TokenPath, url.Values{
			"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {parsed.PreAuthorized.Code}, "tx_code": {offer.TxCode}, "client_id": {u.id},
		})
	}
	o.one(t, "P06: a pre-authorized code", atOnce(each(u, preAuthorized)), 200, 400, "invalid_grant")
	refused("P06: a pre-authorized code", preAuthorized, *u, "invalid_grant")

	u.enrols()
	u.fetches("mdl", 1) // for the nonce of the resource server
	body, _ := u.requests("mdl", u.cNonce(), 1)
	fetch := func(u *walletUnit) reply { return u.calls(issuerhttp.CredentialPath, "application/json", body) }
	o.one(t, "C01: a nonce", atOnce(each(u, fetch)), 200, 400, "invalid_nonce")
	refused("C01: a nonce", fetch, *u, "invalid_nonce")
	used := u.proof(o.cfg.PublicURL+issuerhttp.CredentialPath, u.token, u.nonceR)
	bodies := make([]string, 16)
	for i := range bodies {
		bodies[i], _ = u.requests("mdl", u.cNonce(), 1)
	}
	o.one(t, "B11: a DPoP proof of the token", atOnce(func(i int) reply {
		mine := *u
		return mine.calls(issuerhttp.CredentialPath, "application/json", bodies[i], "DPoP", used)
	}), 200, 401, "invalid_dpop_proof")
	refused("B11: a DPoP proof of the token", func(u *walletUnit) reply {
		return u.calls(issuerhttp.CredentialPath, "application/json", bodies[0], "DPoP", used)
	}, *u, "invalid_dpop_proof")

	// A wallet that waits is answered once.
	o.issues(start.AddDate(0, 0, 1))
	body, _ = u.requests("mdl", u.cNonce(), 2)
	r := u.calls(issuerhttp.CredentialPath, "application/json", body)
	if interval, _ := r.members(t)["interval"].(float64); r.status != http.StatusAccepted || interval <= 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	transaction, err := json.Marshal(object{"transaction_id": r.text(t, "transaction_id")})
	o.must(err)
	poll := func(u *walletUnit) reply {
		return u.calls(issuerhttp.DeferredPath, "application/json", string(transaction))
	}
	o.killed()
	if r := poll(u); r.status != http.StatusAccepted {
		t.Fatalf("before its day: %d %s", r.status, r.body)
	}
	o.issues(start.AddDate(0, 0, -1))
	o.one(t, "D04: a transaction", atOnce(each(u, poll)), 200, 400, "invalid_transaction_id")
	refused("D04: a transaction", poll, *u, "invalid_transaction_id")

	for _, kill := range []func(){func() {}, o.killed, o.restart} {
		kill()
		for _, check := range again {
			check(t)
		}
	}
	// And the request of B04, by two browsers, is TestCodeFlow of issuerhttp.
}

// Bad input D02: a wallet that asks far too often is told how long to wait, or
// that it asks too often, and its place is not lost.
func TestPolling(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.cfg.RateLimit = issuer.RateLimit{PerSecond: 1e-6, Burst: 60} // none comes back while the test runs
	o.serve().people()
	u := o.phone(ca).enrols()
	o.issues(start.AddDate(0, 0, 1))
	body, _ := u.requests("mdl", u.cNonce(), 1)
	r := u.calls(issuerhttp.CredentialPath, "application/json", body)
	if r.status != http.StatusAccepted {
		t.Fatalf("%d %s", r.status, r.body)
	}
	transaction, err := json.Marshal(object{"transaction_id": r.text(t, "transaction_id")})
	o.must(err)
	statuses := map[int]int{}
	for range 100 {
		r := u.calls(issuerhttp.DeferredPath, "application/json", string(transaction))
		if statuses[r.status]++; r.status == http.StatusAccepted && r.members(t)["interval"].(float64) <= 0 || r.status == http.StatusTooManyRequests && r.header.Get("Retry-After") == "" {
			t.Errorf("%d %s, %v", r.status, r.body, r.header)
		}
	}
	if statuses[http.StatusAccepted] == 0 || statuses[http.StatusTooManyRequests] < 30 || len(statuses) != 2 {
		t.Errorf("answers %v", statuses)
	}
	o.issues(start.AddDate(0, 0, -1))
	o.cfg.RateLimit = issuer.RateLimit{PerSecond: 1000, Burst: 1000}
	o.restart()
	if r := u.calls(issuerhttp.DeferredPath, "application/json", string(transaction)); r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", r.status, r.body)
	}
}
