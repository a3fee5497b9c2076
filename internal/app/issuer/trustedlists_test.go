package issuer_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/jose"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// listOperator publishes a list of wallet providers over HTTP.
type listOperator struct {
	*httptest.Server
	t      *testing.T
	signer authority
	named  string // common name of the certificate below signer; "" for none

	mu       sync.Mutex
	issued   time.Time
	number   int
	typ      string
	issuers  []authority // who attests: of one provider each
	revokers []authority // who says what became of it, of the provider at that place
	down     bool
}

func newListOperator(t *testing.T, providers ...authority) *listOperator {
	o := &listOperator{t: t, signer: newAuthority(t, t.TempDir(), "operator"), issued: start, number: 1, typ: trust.WalletProviders, issuers: providers}
	o.Server = httptest.NewServer(o)
	t.Cleanup(o.Close)
	return o
}

func (o *listOperator) does(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f()
}

// list is the list as it is, good for five days.
func (o *listOperator) list() string {
	var entities []any
	for i := range max(len(o.issuers), len(o.revokers)) {
		var services []any
		for typ, certs := range map[string][]authority{trust.WalletIssuance: o.issuers, trust.WalletRevocation: o.revokers} {
			if i < len(certs) {
				services = append(services, map[string]any{"ServiceInformation": map[string]any{
					"ServiceTypeIdentifier":  typ,
					"ServiceDigitalIdentity": map[string]any{"X509Certificates": []any{map[string]any{"val": jose.EncodeBase64(certs[i].cert.Raw)}}},
				}})
			}
		}
		entities = append(entities, map[string]any{
			"TrustedEntityInformation": map[string]any{"TEName": []any{map[string]any{"lang": "en", "value": fmt.Sprint("Provider ", i)}}}, "TrustedEntityServices": services,
		})
	}
	payload, err := json.Marshal(map[string]any{"LoTE": map[string]any{
		"ListAndSchemeInformation": map[string]any{
			"LoTEVersionIdentifier": 1, "LoTESequenceNumber": o.number, "LoTEType": o.typ, "SchemeOperatorName": []any{map[string]any{"lang": "en", "value": "Utopia"}},
			"ListIssueDateTime": o.issued.Format(time.RFC3339), "NextUpdate": o.issued.Add(120 * time.Hour).Format(time.RFC3339),
		}, "TrustedEntitiesList": append([]any{}, entities...),
	}})
	if err != nil {
		panic(err)
	}
	leaf := o.signer.client(func(c *x509.Certificate) { c.Subject.CommonName = o.named })
	token, err := jose.Sign(leaf.PrivateKey.(*ecdsa.PrivateKey), map[string]any{"typ": "JOSE", "x5c": leaf.Certificate}, payload, rand.Reader)
	if err != nil {
		panic(err)
	}
	return token
}

func (o *listOperator) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	io.WriteString(w, o.list())
}

// config names the list.
func (o *listOperator) config(source string, uses ...string) func(*issuer.Config) {
	signer := filepath.Join(o.t.TempDir(), "signer.pem")
	write(o.t, signer, "CERTIFICATE", o.signer.cert.Raw)
	return func(c *issuer.Config) {
		c.Wallets.Attesters = nil
		c.Wallets.TrustedLists = []issuer.TrustedList{{Source: source, Signers: []string{signer}, For: uses}}
	}
}

// Who is on the list may attest wallets, for as long as he is, and as the list is
// good; it outlives a failure of its server, and a restart.
func TestTrustedListOverHTTP(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "listed")
	list := newListOperator(t, ca)
	list.down = true
	o, stranger := haip(t, list.config(list.URL+"/wallets"))
	o.serve().people()
	u, other := o.phone(ca), o.phone(stranger)
	try := func(u *walletUnit, status int, code string) {
		t.Helper()
		u.challenge, u.mayWait = "", status == http.StatusServiceUnavailable
		if r := u.pushes(); r.status != status || !strings.Contains(r.body, code) {
			t.Errorf("%d %.200s, want %d %s", r.status, r.body, status, code)
		}
	}
	refresh := func(least, most time.Duration) {
		t.Helper()
		if again := o.app.RefreshTrustedLists(t.Context()); again < least || again > most {
			t.Errorf("again after %v", again)
		}
	}
	good := func() { t.Helper(); refresh(24*time.Hour, 24*time.Hour) }
	soon := func() { t.Helper(); refresh(time.Minute, time.Hour) }
	// The office looks when it starts, beside the test: two at once would get in
	// each other's way.
	looked := func() {
		t.Helper()
		o.soon("the look of the start", func() bool { return o.figure("vidimus_trusted_list_failures_total") > 0 })
	}
	looked()
	soon()
	try(u, http.StatusServiceUnavailable, "") // nobody knows
	list.does(func() { list.down = false })
	good()
	try(u, http.StatusCreated, "request_uri")
	try(other, http.StatusUnauthorized, "invalid_client")
	u.enrols().fetches("mdl", 1)

	list.does(func() { list.number, list.issuers = 3, append(list.issuers, stranger) })
	good()
	try(other, http.StatusCreated, "request_uri")
	// What is older, of another type or signer, or not there, changes nothing.
	for name, change := range map[string]func(){
		"older":   func() { list.number, list.issuers = 2, nil },
		"earlier": func() { list.number, list.issued, list.issuers = 3, start.Add(-time.Hour), nil },
		"another type": func() {
			list.number, list.typ, list.issuers = 9, "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList", nil
		},
		"another signer": func() { list.number, list.signer, list.issuers = 9, newAuthority(t, t.TempDir(), "thief"), nil },
		"away":           func() { list.down = true },
	} {
		before := []any{list.number, list.issued, list.typ, list.signer, list.issuers}
		list.does(change)
		soon()
		t.Log(name)
		try(u, http.StatusCreated, "request_uri")
		list.does(func() {
			list.number, list.issued, list.typ = before[0].(int), before[1].(time.Time), before[2].(string)
			list.signer, list.issuers, list.down = before[3].(authority), before[4].([]authority), false
		})
	}
	list.does(func() { list.down = true })
	o.restart()
	looked()
	try(u, http.StatusCreated, "request_uri")
	try(other, http.StatusCreated, "request_uri")
	o.clock.Advance(119 * time.Hour)
	try(u, http.StatusCreated, "request_uri")
	if left := o.figure("vidimus_trusted_list_seconds_left"); left != 3600 {
		t.Errorf("%v seconds left", left)
	}
	o.clock.Advance(time.Hour)
	soon()
	try(u, http.StatusServiceUnavailable, "")
	if left, failed := o.figure("vidimus_trusted_list_seconds_left"), o.figure("vidimus_trusted_list_failures_total"); left != 0 || failed < 1 {
		t.Errorf("%v seconds left, %v failures", left, failed)
	}
	list.does(func() { list.down, list.number, list.issued, list.issuers = false, 4, o.clock.Now(), []authority{ca} })
	good()
	try(u, http.StatusCreated, "request_uri")
	try(other, http.StatusUnauthorized, "invalid_client") // taken off the list
}

// Who is listed for it publishes the status of wallets, and nobody else.
func TestTrustedListRevocation(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "listed")
	list := newListOperator(t, ca)
	publisher := newAuthority(t, t.TempDir(), "publisher")
	list.revokers = []authority{publisher}
	file := filepath.Join(t.TempDir(), "list.jws")
	if err := os.WriteFile(file, []byte(list.list()), 0o600); err != nil {
		t.Fatal(err)
	}
	o, _ := haip(t, list.config(file))
	o.serve().people()
	p := newWalletProvider(o, publisher)
	u := o.phone(ca)
	u.attest = p.status(1)
	u.enrols().fetches("mdl", 1)
	p.does(func() { p.signer = newAuthority(t, t.TempDir(), "strangers") })
	p.clock.Advance(3 * time.Hour)
	u.challenge, u.mayWait = "", true
	if r := u.pushes(); r.status != http.StatusServiceUnavailable {
		t.Errorf("a list of a stranger: %d %.200s", r.status, r.body)
	}
	p.does(func() { p.signer = publisher; p.must(p.list.Set(1, statuslist.Invalid)) })
	p.clock.Advance(time.Minute)
	if r := u.pushes(); r.status != http.StatusUnauthorized {
		t.Errorf("revoked: %d %.200s", r.status, r.body)
	}
	// Such a publisher attests nothing.
	if r := o.phone(publisher).pushes(); r.status != http.StatusUnauthorized {
		t.Errorf("attested by a publisher: %d %.200s", r.status, r.body)
	}
}

// A file that is no list keeps the office from starting; one that has ended does
// not, and a list for keys says nothing of wallets.
func TestTrustedListFile(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "listed")
	list := newListOperator(t, ca)
	file := filepath.Join(t.TempDir(), "list.jws")
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("a.b.c")
	o, _ := haip(t, list.config(file))
	if _, err := o.new(); err == nil || !strings.Contains(err.Error(), "wallets.trusted_lists[0].source") {
		t.Errorf("junk: %v", err)
	}
	if err := issuer.CheckState(t.Context(), o.cfg, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "wallets.trusted_lists[0].source") {
		t.Errorf("junk in check-config: %v", err)
	}
	list.does(func() { list.issued = start.Add(-200 * time.Hour); put(list.list()) })
	o.serve()
	if !strings.Contains(o.log.String(), "a trusted list has ended") {
		t.Error("the log does not tell that the list has ended")
	}
	u := o.phone(ca)
	u.mayWait = true
	if r := u.pushes(); r.status != http.StatusServiceUnavailable {
		t.Errorf("an ended list: %d %.200s", r.status, r.body)
	}
	list.does(func() { list.number, list.issued = 2, start; put(list.list()) })
	o.app.RefreshTrustedLists(t.Context())
	u.challenge = ""
	if r := u.pushes(); r.status != http.StatusCreated {
		t.Errorf("its successor: %d %.200s", r.status, r.body)
	}
	keys, _ := haip(t, list.config(file, "keys"), func(c *issuer.Config) { c.Wallets.Challenges = false })
	keys.serve()
	status, _, body := keys.get(keys.cfg.PublicURL + "/.well-known/oauth-authorization-server")
	if status != http.StatusOK || strings.Contains(body, "attest_jwt_client_auth") {
		t.Errorf("wallets are to be attested: %s", body)
	}
}

func TestTrustedListConfig(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]issuer.TrustedList{
		"[0].source: missing":    {Signers: []string{"a.pem"}},
		"[0].source: a file or":  {Source: "http://trust.example/list", Signers: []string{"a.pem"}},
		"[0].signers: missing":   {Source: "https://trust.example/list"},
		"[0].subjects: a subjec": {Source: "list.jws", Signers: []string{"a.pem"}, Subjects: []string{"CN=a", ""}},
		"[0].for: wallets or ke": {Source: "list.jws", Signers: []string{"a.pem"}, For: []string{"phones"}},
	} {
		c := production(t, issuer.Defaults())
		c.Authority = issuer.Authority{Country: "UT", Organization: "Utopia"}
		c.Wallets.TrustedLists = []issuer.TrustedList{l}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "wallets.trusted_lists"+want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	c := production(t, issuer.Defaults())
	c.Authority = issuer.Authority{Country: "UT", Organization: "Utopia"}
	c.Clients, c.Wallets.TrustedLists, c.Wallets.Status = nil, []issuer.TrustedList{{Source: "https://trust.example/list", Signers: []string{"a.pem"}}}, "sometimes"
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "wallets.status") || strings.Contains(err.Error(), "clients") {
		t.Errorf("%v", err)
	}
}
