package issuer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/oid4vci"
	"vidimus/internal/statuslist"
)

// walletProvider publishes over HTTP what became of its wallets.
type walletProvider struct {
	*httptest.Server
	*office
	ca authority

	mu     sync.Mutex
	list   *statuslist.List
	signer authority
	uri    string        // that the list says it is
	issued time.Duration // before now
	refuse string        // an answer in the place of the list
	asked  int
}

func newWalletProvider(o *office, ca authority) *walletProvider {
	list, err := statuslist.New(1, 1<<12)
	o.must(err)
	p := &walletProvider{office: o, ca: ca, list: list, signer: ca}
	p.Server = httptest.NewServer(p)
	p.uri = p.URL + "/status/1"
	o.t.Cleanup(p.Close)
	return p
}

// ServeHTTP gives the list as it is now, good for two hours and to be kept for
// five minutes.
func (p *walletProvider) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.refuse != "" {
		http.Error(w, p.refuse, http.StatusServiceUnavailable)
		return
	}
	leaf, now := p.signer.client(), p.clock.Now().Add(-p.issued)
	body, err := statuslist.Build(p.list)
	if err == nil {
		var token string
		token, err = body.SignJWT(leaf.PrivateKey.(*ecdsa.PrivateKey), statuslist.Claims{Subject: p.uri, IssuedAt: now, Expires: now.Add(2 * time.Hour), TTL: 5 * time.Minute}, leaf.Certificate, rand.Reader)
		w.Header().Set("Content-Type", "application/statuslist+jwt")
		io.WriteString(w, token)
	}
	if err != nil {
		p.t.Error(err)
	}
}

// does changes something, and gives how often the list was asked for until now.
func (p *walletProvider) does(f func()) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f != nil {
		f()
	}
	return p.asked
}

func (p *walletProvider) revokes(index uint64) {
	p.does(func() { p.must(p.list.Set(index, statuslist.Invalid)) })
}

// status is that of an attestation, as the EUDI profile has it, kept for ten days.
func (p *walletProvider) status(index int) map[string]any {
	return map[string]any{"client_status": map[string]any{
		"status": map[string]any{"status_list": map[string]any{"idx": index, "uri": p.URL + "/status/1"}}, "exp": start.Add(240 * time.Hour).Unix(),
	}}
}

// phones is an office with wallets whose provider publishes their status.
func phones(t *testing.T, n int, change ...func(*issuer.Config)) (*walletProvider, []*walletUnit) {
	o, ca := haip(t, change...)
	o.serve().people()
	o.swept()
	p := newWalletProvider(o, ca)
	var units []*walletUnit
	for i := range n {
		u := o.phone(ca)
		u.attest = p.status(i)
		units = append(units, u)
	}
	return p, units
}

// swept waits until the office has looked at all wallet units, as it does when it
// starts: later it would be one look more than the test counts.
func (o *office) swept() {
	o.t.Helper()
	o.soon("a look at all wallet units", func() bool {
		return o.cfg.Wallets.Status == "off" || strings.Contains(o.log.String(), "looked at the status of wallet units")
	})
}

// copies counts those that are valid, and those that are not.
func (o *office) copies(document string) (valid, invalid int) {
	o.t.Helper()
	copies, err := o.app.Store().Copies(o.t.Context(), document)
	o.must(err)
	for _, c := range copies {
		if c.Invalid {
			invalid++
			continue
		}
		valid++
	}
	return valid, invalid
}

// asksFor requests a copy with a new key.
func (u *walletUnit) asksFor(configuration string) reply {
	u.t.Helper()
	body, _ := u.requests(configuration, u.cNonce(), 1)
	return u.calls(issuerhttp.CredentialPath, "application/json", body)
}

// A unit that its provider revokes gets nothing any more, neither a copy nor a
// token, and its copies are revoked at once; the others keep theirs.
func TestRevokedWalletUnit(t *testing.T) {
	t.Parallel()
	p, units := phones(t, 2)
	lost, kept := units[0], units[1]
	lost.enrols().fetches("mdl", 2)
	kept.enrols().fetches("mdl", 1)
	if n := p.does(nil); n != 1 {
		t.Errorf("the list was fetched %d times while it could be kept", n)
	}
	copies, err := p.app.Store().Copies(t.Context(), "DL-1")
	p.must(err)
	for _, c := range copies {
		if c.Expires.After(start.Add(240 * time.Hour)) {
			t.Errorf("a copy lives until %v, longer than the status of its wallet is kept", c.Expires)
		}
	}
	p.revokes(0)
	if r := lost.asksFor("mdl"); r.status != http.StatusOK {
		t.Errorf("the list may still be kept: %d %.200s", r.status, r.body)
	}
	if valid, _ := p.copies("DL-1"); valid != 4 {
		t.Fatalf("%d copies", valid)
	}
	p.clock.Advance(5*time.Minute + time.Second)
	lost.challenge, kept.challenge = "", ""
	// Its refresh token and a new login are for nothing.
	if r := lost.pushes(); r.status != http.StatusUnauthorized || r.text(t, "error") != "invalid_client" {
		t.Errorf("PAR: %d %.200s", r.status, r.body)
	}
	if valid, invalid := p.copies("DL-1"); valid != 1 || invalid != 3 {
		t.Errorf("%d copies are valid, %d are not", valid, invalid)
	}
	if r := kept.enrols().asksFor("mdl"); r.status != http.StatusOK {
		t.Errorf("the other phone: %d %.200s", r.status, r.body)
	}
	if log := p.log.String(); strings.Contains(log, "P-1") {
		t.Error("the log names a person")
	}
}

// Revoked between the token and the copy.
func TestRevokedBeforeIssuing(t *testing.T) {
	t.Parallel()
	p, units := phones(t, 1)
	u := units[0].enrols()
	u.fetches("mdl", 1)
	p.revokes(0)
	p.clock.Advance(4*time.Minute + 50*time.Second)
	u.challenge = ""
	if r := u.redeems("", "grant_type", "refresh_token", "refresh_token", u.refresh, "code", "", "code_verifier", "", "redirect_uri", ""); r.status != http.StatusOK {
		t.Fatalf("refresh while the list may be kept: %d %.200s", r.status, r.body)
	}
	p.clock.Advance(11 * time.Second)
	if r := u.asksFor("mdl"); r.status != http.StatusBadRequest || r.text(t, "error") != "credential_request_denied" {
		t.Errorf("%d %.200s", r.status, r.body)
	}
	if valid, invalid := p.copies("DL-1"); valid != 0 || invalid != 1 {
		t.Errorf("%d copies are valid, %d are not", valid, invalid)
	}
}

// What a unit never comes back for is found by looking at all.
func TestSweepOfWalletUnits(t *testing.T) {
	t.Parallel()
	p, units := phones(t, 3)
	for _, u := range units {
		u.enrols().fetches("mdl", 1)
	}
	p.revokes(1)
	p.clock.Advance(2 * time.Hour)
	if again := p.app.SweepWallets(t.Context()); again < 20*time.Hour || again > 24*time.Hour {
		t.Errorf("again after %v", again)
	}
	if valid, invalid := p.copies("DL-1"); valid != 2 || invalid != 1 {
		t.Errorf("%d copies are valid, %d are not", valid, invalid)
	}
	for name, want := range map[string]float64{
		"vidimus_wallet_units": 3, "vidimus_wallet_units_unknown": 0, "vidimus_wallet_units_revoked_total": 1, "vidimus_wallet_sweep_age_seconds": 0,
	} {
		if got := p.figure(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	// A provider that is away ends nobody, and is asked again soon.
	p.does(func() { p.refuse = "closed for today" })
	p.clock.Advance(24 * time.Hour)
	if again := p.app.SweepWallets(t.Context()); again > time.Hour {
		t.Errorf("again after %v", again)
	}
	if valid, _ := p.copies("DL-1"); valid != 2 || p.figure("vidimus_wallet_units_unknown") != 2 || p.figure("vidimus_wallet_sweep_age_seconds") != 86400 {
		t.Errorf("%d copies are valid, %v units unknown", valid, p.figure("vidimus_wallet_units_unknown"))
	}
	if log := p.log.String(); !strings.Contains(log, "looked at the status of wallet units") || strings.Contains(log, "P-1") || strings.Contains(log, p.unit("DL-1")) {
		t.Error("the log does not tell of the sweep, or of whom")
	}
}

// A list that cannot be read, or is none of this provider, makes wallets wait;
// it ends nobody.
func TestUnreadableWalletStatus(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*walletProvider){
		"no answer":       func(p *walletProvider) { p.refuse = "closed" },
		"of a stranger":   func(p *walletProvider) { p.signer = newAuthority(p.t, p.t.TempDir(), "strangers") },
		"of another list": func(p *walletProvider) { p.uri += "0" },
		"expired":         func(p *walletProvider) { p.issued = 3 * time.Hour },
		"of the future":   func(p *walletProvider) { p.issued = -time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, units := phones(t, 1)
			u := units[0].enrols()
			u.fetches("mdl", 1)
			p.does(func() { fault(p) })
			if r := u.asksFor("mdl"); r.status != http.StatusOK {
				t.Errorf("the list is still good: %d %.200s", r.status, r.body)
			}
			p.clock.Advance(2*time.Hour + time.Second) // it has ended
			u.challenge, u.mayWait = "", true
			if r := u.pushes(); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || strings.Contains(r.body, "invalid_client") {
				t.Errorf("PAR: %d %.200s", r.status, r.body)
			}
			if valid, _ := p.copies("DL-1"); valid != 2 {
				t.Errorf("%d copies are valid", valid)
			}
			p.does(func() { p.refuse, p.issued, p.uri, p.signer = "", 0, p.URL+"/status/1", p.ca })
			p.clock.Advance(time.Minute)
			u.mayWait = false
			if r := u.enrols().asksFor("mdl"); r.status != http.StatusOK {
				t.Errorf("once it can be read: %d %.200s", r.status, r.body)
			}
		})
	}
}

// The status of the keys' attestation counts as that of the wallet's.
func TestRevokedKeys(t *testing.T) {
	t.Parallel()
	p, units := phones(t, 1)
	p.revokes(9)
	u := units[0].enrols()
	ask := func(index int) reply {
		key := newKey(t)
		now := p.clock.Now()
		s, err := oid4vci.SignKeyAttestation(u.provider, u.chain, []crypto.PublicKey{key.Public()}, u.cNonce(), now, now.Add(time.Hour),
			map[string]any{"status": p.status(index)["client_status"].(map[string]any)["status"]}, rand.Reader)
		p.must(err)
		body, err := json.Marshal(oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{Attestation: []string{s}}})
		p.must(err)
		return u.calls(issuerhttp.CredentialPath, "application/json", string(body))
	}
	if r := ask(8); r.status != http.StatusOK {
		t.Errorf("good keys: %d %.200s", r.status, r.body)
	}
	if r := ask(9); r.status != http.StatusBadRequest || r.text(t, "error") != "invalid_proof" {
		t.Errorf("revoked keys: %d %.200s", r.status, r.body)
	}
	if valid, invalid := p.copies("DL-1"); valid != 0 || invalid != 1 {
		t.Errorf("%d copies are valid, %d are not", valid, invalid)
	}
}

func TestWalletStatusSwitch(t *testing.T) {
	t.Parallel()
	for status, asked := range map[string]bool{"open": true, "off": false} {
		p, units := phones(t, 1, func(c *issuer.Config) { c.Wallets.Status = status })
		p.does(func() { p.refuse = "closed" })
		units[0].enrols().fetches("mdl", 1)
		if n := p.does(nil); n > 0 != asked {
			t.Errorf("%s: asked %d times", status, n)
		}
	}
	// Outside --dev nobody goes to the address of a private network.
	o, ca := haip(t, func(c *issuer.Config) {
		wallets := c.Wallets
		*c = production(t, *c)
		c.Wallets = wallets
		c.Wallets.Challenges, c.Wallets.DPoPNonces = false, false
		c.Login = issuer.Login{Issuer: "https://login.example", ClientID: "vidimus", ACR: []string{"high"}, PersonClaim: "sub"}
	})
	o.serve()
	p := newWalletProvider(o, ca)
	u := o.phone(ca)
	u.attest = p.status(1)
	status, _, body := o.post("http://"+o.app.Addresses().Public+issuerhttp.ParPath, formType, u.wish().Encode(),
		"DPoP", u.proof(o.cfg.PublicURL+issuerhttp.ParPath, "", ""), "OAuth-Client-Attestation", u.attestation(), "OAuth-Client-Attestation-PoP", u.pop(u.attested, o.cfg.PublicURL))
	if status != http.StatusServiceUnavailable || p.does(nil) != 0 {
		t.Errorf("%d %s, asked %d times", status, body, p.does(nil))
	}
}
