package wallet_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/sdjwt"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// refusalCase is one thing that an issuer, or an offer, does wrong.
type refusalCase struct {
	name   string
	change func(*world)
	opt    wallet.AcceptOptions
	want   string // in the error
	is     error  // what it matches; nil = not looked at
	// before is the path that must not have been asked for any more.
	before string
}

const (
	issuerDocument = "/.well-known/openid-credential-issuer"
	serverDocument = "/.well-known/oauth-authorization-server"
)

func metadata(f func(*oid4vci.IssuerMetadata)) func(*world) {
	return func(w *world) { w.issuer.Metadata = f }
}

func server(f func(*oid4vci.ServerMetadata)) func(*world) {
	return func(w *world) { w.issuer.ServerMetadata = f }
}

func override(path string, h http.HandlerFunc) func(*world) {
	return func(w *world) { w.issuer.Override = map[string]http.HandlerFunc{path: h} }
}

func say(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for {
		if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
			return
		}
	}
}

// elsewhere redirects to a server that fails the test when it is asked.
func elsewhere(path string, status int) func(*world) {
	return func(w *world) {
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { w.t.Error("the other server was asked") }))
		w.t.Cleanup(other.Close)
		w.issuer.Override = map[string]http.HandlerFunc{path: func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, other.URL, status) }}
	}
}

// forge changes the credentials of an answer.
func forge(f func(w *world, keys []crypto.PublicKey, credentials []string) []string) func(*world) {
	return func(w *world) {
		w.issuer.Forge = func(_ string, keys []crypto.PublicKey, credentials []string) []string { return f(w, keys, credentials) }
	}
}

func (w *world) issue(configuration string, keys ...crypto.PublicKey) []string {
	w.t.Helper()
	credentials, err := w.issuer.Issue(configuration, keys...)
	w.must(err)
	return credentials
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func later(d time.Duration) func(*world) {
	return forge(func(w *world, _ []crypto.PublicKey, credentials []string) []string {
		w.pki.Clock.Advance(d)
		return credentials
	})
}

// flip changes the character of a text at a place from its end.
func flip(s string, fromEnd int) string {
	i := len(s) - fromEnd
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

// inside changes bytes of an mdoc without touching its length.
func inside(t testing.TB, credential, from, to string) string {
	t.Helper()
	raw, err := jose.DecodeBase64URL(credential)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(raw, []byte(from), []byte(to), 1)
	if bytes.Equal(raw, changed) || len(raw) != len(changed) {
		t.Fatalf("no %q to change", from)
	}
	return jose.EncodeBase64URL(changed)
}

var metadataCases = []refusalCase{
	{name: "metadata of another issuer", change: metadata(func(m *oid4vci.IssuerMetadata) { m.CredentialIssuer = "http://127.0.0.1" }), want: "another issuer", before: "/token"},
	{name: "issuer with a slash more", change: metadata(func(m *oid4vci.IssuerMetadata) { m.CredentialIssuer += "/" }), want: "another issuer", before: "/token"},
	{name: "issuer in capitals", change: metadata(func(m *oid4vci.IssuerMetadata) { m.CredentialIssuer = strings.ToUpper(m.CredentialIssuer) }), want: "another issuer", before: "/token"},
	{name: "metadata of another server", change: server(func(m *oid4vci.ServerMetadata) { m.Issuer += "/as" }), want: "another server", before: "/token"},
	{name: "server not where it is said to be", change: metadata(func(m *oid4vci.IssuerMetadata) { m.AuthorizationServers = []string{m.CredentialIssuer + "/as"} }), want: "status 404", before: "/token"},
	{name: "metadata elsewhere", change: elsewhere(issuerDocument, 302), want: "redirect", before: serverDocument},
	{name: "server metadata elsewhere", change: elsewhere(serverDocument, 307), want: "redirect", before: "/token"},
	{name: "endless metadata", change: override(issuerDocument, endless), want: "too large", before: serverDocument},
	{name: "metadata as a page", change: override(issuerDocument, say(200, "text/html", "{}")), want: "content type", before: serverDocument},
	{name: "metadata as a JWT", change: override(issuerDocument, say(200, "application/jwt", "e30.e30.x")), want: "content type", before: serverDocument},
	{name: "metadata gone", change: override(issuerDocument, http.NotFound), want: "status 404", before: serverDocument},
	{name: "metadata empty", change: override(issuerDocument, say(200, "application/json", "")), want: "parsing issuer metadata", before: serverDocument},
	{name: "member twice", change: override(issuerDocument, say(200, "application/json", `{"credential_issuer":"a","credential_issuer":"b"}`)), want: "parsing issuer metadata", before: serverDocument},
	{name: "plain endpoint", change: metadata(func(m *oid4vci.IssuerMetadata) { m.CredentialEndpoint = "ftp://127.0.0.1/x" }), want: "credential_endpoint", before: serverDocument},
	{name: "unknown format", change: configure(func(c *oid4vci.Configuration) { c.Format = "ldp_vc" }), want: "format", before: serverDocument},
	{name: "not bound", change: configure(func(c *oid4vci.Configuration) { c.BindingMethods, c.ProofTypes = nil, nil }), want: "not bound", before: serverDocument},
	{name: "other proofs", change: configure(func(c *oid4vci.Configuration) {
		c.ProofTypes = map[string]oid4vci.ProofType{"di_vp": {Algorithms: []string{"x"}}}
	}), want: "no proof of type jwt", before: serverDocument},
	{name: "key attestations", change: configure(func(c *oid4vci.Configuration) {
		c.ProofTypes = map[string]oid4vci.ProofType{"jwt": {Algorithms: []string{"ES256"}, Required: &oid4vci.KeyAttestationsRequired{}}}
	}), want: "key attestations", before: serverDocument},
	{name: "configuration not described", change: metadata(func(m *oid4vci.IssuerMetadata) { delete(m.Configurations, "mdl") }), want: "not in the issuer's metadata", before: serverDocument},
	{name: "configuration not offered", opt: wallet.AcceptOptions{Configurations: []string{"pid-mdoc"}}, want: "not in the offer", before: serverDocument},
	{name: "no pre-authorized codes", change: server(func(m *oid4vci.ServerMetadata) { m.GrantTypesSupported = []string{"authorization_code"} }), want: "no pre-authorized codes", before: "/token"},
	{name: "no ES256", change: server(func(m *oid4vci.ServerMetadata) { m.DPoPAlgorithms = []string{"RS256"} }), want: "RS256", before: "/token"},
	{name: "no strangers", change: server(func(m *oid4vci.ServerMetadata) { m.PreAuthorizedAnonymousAccess = false }), is: wallet.ErrClientID, before: "/token"},
	{name: "too many copies", opt: wallet.AcceptOptions{Copies: 21}, want: "at most 20", before: "/token"},
	{name: "far too many copies", opt: wallet.AcceptOptions{Copies: 51}, want: "between 1 and 50", before: "/token"},
	{name: "fewer than none", opt: wallet.AcceptOptions{Copies: -1}, want: "between 1 and 50", before: "/token"},
	{name: "transaction code missing", change: func(w *world) { w.issuer.TxCode = "493536" }, want: "6 digits", is: wallet.ErrTxCode, before: issuerDocument},
	{name: "transaction code too short", change: func(w *world) { w.issuer.TxCode = "493536" }, opt: wallet.AcceptOptions{TxCode: "49353"}, want: "sent by letter", is: wallet.ErrTxCode, before: issuerDocument},
	{name: "transaction code in letters", change: func(w *world) { w.issuer.TxCode = "493536" }, opt: wallet.AcceptOptions{TxCode: "49353a"}, is: wallet.ErrTxCode, before: issuerDocument},
	{name: "transaction code not wanted", opt: wallet.AcceptOptions{TxCode: "493536"}, want: "wants none", is: wallet.ErrTxCode, before: issuerDocument},
}

func configure(f func(*oid4vci.Configuration)) func(*world) {
	return metadata(func(m *oid4vci.IssuerMetadata) {
		c := m.Configurations["mdl"]
		f(&c)
		m.Configurations["mdl"] = c
	})
}

var endpointCases = []refusalCase{
	{name: "wrong transaction code", change: func(w *world) { w.issuer.TxCode = "493536" }, opt: wallet.AcceptOptions{TxCode: "000000"}, want: "invalid_grant", before: "/nonce"},
	{name: "unknown client", change: func(w *world) { w.issuer.ClientID, w.cfg.ClientID = "a", "b" }, want: "invalid_client", before: "/nonce"},
	{name: "bearer token", change: override("/token", say(200, "application/json", `{"access_token":"t","token_type":"Bearer"}`)), want: "bearer token", before: "/nonce"},
	{name: "token of other letters", change: override("/token", say(200, "application/json", `{"access_token":"t\r\nX: y","token_type":"DPoP"}`)), want: "cannot be sent", before: "/nonce"},
	{name: "token as a page", change: override("/token", say(200, "text/html", "hello")), want: "content type", before: "/nonce"},
	{name: "code sent on", change: elsewhere("/token", 307), want: "redirect", before: "/nonce"},
	{name: "code sent on by GET", change: elsewhere("/token", 303), want: "redirect", before: "/nonce"},
	{name: "endless token", change: override("/token", endless), want: "too large", before: "/nonce"},
	{name: "never content with a nonce", change: override("/token", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("DPoP-Nonce", "n")
		say(400, "application/json", `{"error":"use_dpop_nonce"}`)(w, r)
	}), want: "use_dpop_nonce", before: "/nonce"},
	{name: "nonce wanted and not given", change: override("/token", say(400, "application/json", `{"error":"use_dpop_nonce"}`)), want: "use_dpop_nonce", before: "/nonce"},
	{name: "refusal without words", change: override("/token", say(503, "text/html", "<h1>down</h1>")), want: "status 503", before: "/nonce"},
	{name: "refusal with colours", change: override("/token", say(400, "application/json", `{"error":"a\u001b[31mb","error_description":"c\u001b[0m"}`)), want: `a\x1b[31mb`, before: "/nonce"},
	{name: "no nonce", change: override("/nonce", say(500, "application/json", `{}`)), want: "nonce endpoint refuses with status 500", before: "/credential"},
	{name: "nonce missing", change: override("/nonce", say(200, "application/json", `{}`)), want: "nonce", before: "/credential"},
	{name: "nonce as a page", change: override("/nonce", say(200, "text/plain", `{"c_nonce":"x"}`)), want: "content type", before: "/credential"},
	{name: "nonces always stale", change: func(w *world) { w.issuer.StaleNonces = 2 }, want: "invalid_nonce"},
	{name: "token not taken", change: override("/credential", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `DPoP realm="x", error="invalid_token"`)
		w.WriteHeader(401)
	}), want: `status 401, "invalid_token"`},
	{name: "deferred for ever", change: func(w *world) {
		w.issuer.Decide = func(string) wallettest.Decision { return wallettest.Later }
		w.issuer.Metadata = func(m *oid4vci.IssuerMetadata) { m.DeferredCredentialEndpoint = "" }
	}, want: "no deferred_credential_endpoint"},
	{name: "deferred without an interval", change: override("/credential", say(202, "application/json", `{"transaction_id":"t"}`)), want: "interval"},
	{name: "deferred and delivered", change: override("/credential", say(202, "application/json", `{"credentials":[{"credential":"x"}]}`)), want: "status 202 with credentials"},
	{name: "deferred in disguise", change: override("/credential", say(200, "application/json", `{"transaction_id":"t","interval":5}`)), want: "without credentials"},
	{name: "proofs sent on", change: elsewhere("/credential", 308), want: "redirect"},
	{name: "endless credentials", change: override("/credential", endless), want: "too large"},
	{name: "credentials encrypted", change: override("/credential", say(200, "application/jwt", "x.x.x.x.x")), want: "content type"},
	{name: "no credentials", change: override("/credential", say(200, "application/json", `{"credentials":[]}`)), want: "credentials"},
	{name: "credential as an object", change: override("/credential", say(200, "application/json", `{"credentials":[{"credential":{"a":1}}]}`)), want: "credential response"},
}

func TestRefusals(t *testing.T) {
	for _, tt := range append(append([]refusalCase{}, metadataCases...), endpointCases...) {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, "")
			if tt.change != nil {
				tt.change(w)
				w.remake()
			}
			batches, err := w.accept(tt.opt, "mdl")
			w.refused(batches, err, tt)
		})
	}
}

// remake makes the wallet anew after its configuration was changed.
func (w *world) remake() {
	w.t.Helper()
	var err error
	w.wallet, err = wallet.New(w.cfg)
	w.must(err)
}

func (w *world) refused(batches []wallet.Batch, err error, tt refusalCase) {
	w.t.Helper()
	if err == nil || len(batches) > 0 {
		w.t.Fatalf("accepted: %+v, %v", batches, err)
	}
	if !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
		w.t.Errorf("refused with: %v", err)
	}
	if held, err := w.store.List(); err != nil || len(held) > 0 {
		w.t.Errorf("kept %+v, %v", held, err)
	}
	for _, r := range w.issuer.Requests() {
		if _, path, _ := strings.Cut(r, " "); tt.before != "" && path == tt.before {
			w.t.Errorf("%s was asked", path)
		}
	}
	for _, n := range w.issuer.Notifications() {
		if n.Event != oid4vci.EventFailure {
			w.t.Errorf("told the issuer %s", n.Event)
		}
	}
}

// What a server's refusal says can be branched on.
func TestRefusalIsReadable(t *testing.T) {
	w := newWorld(t, "", func(w *world) { w.issuer.TxCode = "493536" })
	_, err := w.accept(wallet.AcceptOptions{TxCode: "000000"}, "mdl")
	var r *wallet.Refusal
	if !errors.As(err, &r) || r.Endpoint != "token" || r.Status != 400 || r.Code != "invalid_grant" || r.Description == "" {
		t.Errorf("%v", err)
	}
}

// What an issuer sends and a holder does not keep.
func TestCredentialRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, configuration string
		change              func(*world)
		want                string
	}{
		{"bound to another key", "mdl", forge(func(w *world, _ []crypto.PublicKey, _ []string) []string { return w.issue("mdl", newKey(w.t).Public()) }), "none of those we proved"},
		{"bound to another key", "pid-sd-jwt", forge(func(w *world, _ []crypto.PublicKey, _ []string) []string {
			return w.issue("pid-sd-jwt", newKey(w.t).Public())
		}), "none of those we proved"},
		{"one key twice", "mdl", forge(func(w *world, keys []crypto.PublicKey, _ []string) []string { return w.issue("mdl", keys[0], keys[0]) }), "key of another"},
		{"too many", "mdl", forge(func(w *world, keys []crypto.PublicKey, c []string) []string {
			return append(c, w.issue("mdl", keys[0])...)
		}), "3 credentials for 2 keys"},
		{"one good, one bad", "mdl", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string { return []string{c[0], flip(c[1], 300)} }), "number 2"},
		{"another type", "mdl", forge(func(w *world, keys []crypto.PublicKey, _ []string) []string { return w.issue("pid-mdoc", keys...) }), "mso.doctype"},
		{"another format", "mdl", forge(func(w *world, keys []crypto.PublicKey, _ []string) []string { return w.issue("pid-sd-jwt", keys...) }), "base64url"},
		{"another format", "pid-sd-jwt", forge(func(w *world, keys []crypto.PublicKey, _ []string) []string { return w.issue("mdl", keys...) }), "sd.parse"},
		{"another vct", "pid-sd-jwt", metadata(func(m *oid4vci.IssuerMetadata) {
			c := m.Configurations["pid-sd-jwt"]
			c.VCT = "urn:eudi:pid:2"
			m.Configurations["pid-sd-jwt"] = c
		}), "sd.vct"},
		{"value changed", "mdl", forge(func(w *world, _ []crypto.PublicKey, c []string) []string {
			return []string{inside(w.t, c[0], "Weber", "Xeber")}
		}), "mso.digest"},
		{"MSO changed", "mdl", forge(func(w *world, _ []crypto.PublicKey, c []string) []string {
			return []string{inside(w.t, c[0], "2026-06-29", "2026-07-29")}
		}), "ia.sig"},
		{"signature changed", "pid-sd-jwt", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string {
			token, rest, _ := strings.Cut(c[0], "~")
			return []string{flip(token, 20) + "~" + rest}
		}), "sd.sig"},
		{"disclosure added", "pid-sd-jwt", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string {
			return []string{c[0] + jose.EncodeBase64URL([]byte(`["c2FsdHNhbHRzYWx0c2FsdA","admin",true]`)) + "~"}
		}), "sd.digest"},
		{"key binding by the issuer", "pid-sd-jwt", forge(func(w *world, keys []crypto.PublicKey, _ []string) []string { return []string{w.withKeyBinding()} }), "sd.kb"},
		{"no key binding possible", "pid-sd-jwt", forge(func(w *world, _ []crypto.PublicKey, _ []string) []string { return []string{w.unbound()} }), "bound to no key"},
		{"padded", "mdl", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string { return []string{c[0] + "="} }), "base64url"},
		{"line break", "mdl", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string {
			return []string{c[0][:76] + "\n" + c[0][76:]}
		}), "base64url"},
		{"cut off", "mdl", forge(func(_ *world, _ []crypto.PublicKey, c []string) []string { return []string{c[0][:4000]} }), "cbor.strict"},
		{"expired", "mdl", later(30 * 24 * time.Hour), "mso.validity"},
		{"expired", "pid-sd-jwt", later(30 * 24 * time.Hour), "sd.validity"},
		{"not yet valid", "mdl", later(-48 * time.Hour), "mso.validity"},
		{"not yet valid", "pid-sd-jwt", later(-48 * time.Hour), "sd.validity"},
		{"algorithm not announced", "mdl", configure(func(c *oid4vci.Configuration) { c.Algorithms = []any{-35, -51} }), "does not announce"},
		{"algorithm not announced", "pid-sd-jwt", metadata(func(m *oid4vci.IssuerMetadata) {
			c := m.Configurations["pid-sd-jwt"]
			c.Algorithms = []any{"ES384"}
			m.Configurations["pid-sd-jwt"] = c
		}), "sd.sig"},
		{"unknown issuer", "mdl", func(w *world) { w.cfg.Trust = newWorld(w.t, "").allAnchors() }, "not to be trusted"},
		{"unknown issuer", "pid-sd-jwt", func(w *world) { w.cfg.Trust = newWorld(w.t, "").allAnchors() }, "not to be trusted"},
		{"issuer of other things", "mdl", func(w *world) { w.cfg.Trust = w.anchors([]string{elements.PIDDocType}, nil) }, "not to be trusted"},
		{"issuer of other things", "pid-sd-jwt", func(w *world) { w.cfg.Trust = w.anchors([]string{elements.PIDDocType}, []string{"urn:other"}) }, "not to be trusted"},
	} {
		t.Run(tt.configuration+"/"+tt.name, func(t *testing.T) {
			w := newWorld(t, "", tt.change)
			batches, err := w.accept(wallet.AcceptOptions{Copies: 2}, tt.configuration)
			w.refused(batches, err, refusalCase{want: tt.want, is: wallet.ErrCredential})
			if n := w.issuer.Notifications(); len(n) != 1 {
				t.Errorf("%d notifications", len(n))
			}
		})
	}
}

// withKeyBinding is a presentation to the wallet, instead of a credential.
func (w *world) withKeyBinding() string {
	w.t.Helper()
	key := newKey(w.t)
	token, err := sdjwt.Parse(w.issue("pid-sd-jwt", key.Public())[0])
	w.must(err)
	shown, err := token.Present(sdjwt.Everything, key, "nonce", "aud", w.pki.Now, rand.Reader)
	w.must(err)
	return shown
}

// unbound is a credential without cnf.
func (w *world) unbound() string {
	w.t.Helper()
	template, err := sdjwt.NewTemplate(elements.PIDVCT, sdjwt.Object{{Name: "family_name", Value: "Weber"}}, sdjwt.Options{})
	w.must(err)
	prepared, err := template.Prepare(sdjwt.Copy{Issuer: pkitest.IssuerURL, NotBefore: w.pki.Now, Expires: w.pki.Now.Add(time.Hour)}, rand.Reader)
	w.must(err)
	compact, err := prepared.Sign(w.pki.DocumentSignerPID.Key, w.pki.DocumentSignerPID.Chain, rand.Reader)
	w.must(err)
	return compact
}

// A wallet that had one good batch keeps it when the next is refused.
func TestPartialAcceptance(t *testing.T) {
	w := newWorld(t, "")
	w.issuer.Forge = func(id string, _ []crypto.PublicKey, c []string) []string {
		if id == "pid-sd-jwt" {
			return []string{"rubbish"}
		}
		return c
	}
	batches, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl", "pid-sd-jwt")
	if !errors.Is(err, wallet.ErrCredential) || len(batches) != 1 || batches[0].Configuration != "mdl" {
		t.Errorf("%+v %v", batches, err)
	}
	events := ""
	for _, n := range w.issuer.Notifications() {
		events += n.Event + " "
	}
	if events != "credential_accepted credential_failure " {
		t.Error(events)
	}
}

// An issuer that cannot be told is no reason to throw credentials away.
func TestNotificationFails(t *testing.T) {
	w := newWorld(t, "", override("/notification", say(500, "text/plain", "no")))
	if b, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl"); err != nil || len(b) != 1 {
		t.Errorf("%+v %v", b, err)
	}
	if said := strings.Join(w.said, "\n"); !strings.Contains(said, "warning: the issuer was not told") {
		t.Error(said)
	}
}

func TestOfferRefusals(t *testing.T) {
	w := newWorld(t, "")
	object := func(change func(map[string]any)) string {
		text, err := w.issuer.Object("mdl").MarshalJSON()
		w.must(err)
		var m map[string]any
		w.must(json.Unmarshal(text, &m))
		change(m)
		text, err = json.Marshal(m)
		w.must(err)
		return string(text)
	}
	uri := func(text string) string {
		r, err := http.NewRequest("GET", "http://x/", nil)
		w.must(err)
		q := r.URL.Query()
		q.Set("credential_offer", text)
		return "openid-credential-offer://?" + q.Encode()
	}
	good := uri(object(func(map[string]any) {}))
	far, err := w.issuer.OfferByReference("openid-credential-offer", "mdl")
	w.must(err)
	for _, tt := range []struct {
		name, uri, want string
		secure          bool // http is not let pass
	}{
		{"nothing", "", "scheme", false},
		{"no scheme", "credential_offer={}", "scheme", false},
		{"another scheme", "mailto:a@b?credential_offer=x", "scheme", false},
		{"openid4vp", "openid4vp://?credential_offer=%7B%7D", "scheme", false},
		{"scheme in capitals", strings.ToUpper(good[:23]) + good[23:], "scheme", false},
		{"no parameter", "openid-credential-offer://?x=y", "exactly one", false},
		{"both", good + "&credential_offer_uri=https%3A%2F%2Fa.example", "exactly one", false},
		{"twice", good + "&credential_offer=%7B%7D", "exactly one", false},
		{"no JSON", uri("hello"), "credential offer", false},
		{"no grant", uri(object(func(m map[string]any) { delete(m, "grants") })), "no pre-authorized code", false},
		{"login", uri(object(func(m map[string]any) { m["grants"] = map[string]any{"authorization_code": map[string]any{}} })), "no pre-authorized code", false},
		{"foreign server", uri(object(func(m map[string]any) {
			m["grants"].(map[string]any)[oid4vci.GrantPreAuthorized].(map[string]any)["authorization_server"] = "http://127.0.0.1:1"
		})), "does not list", false},
		{"http issuer", good, "https", true},
		{"http link", strings.Replace(good, "openid-credential-offer://", "http://wallet.example/", 1), "http link", true},
		{"http reference", far, "https", true},
		{"reference to nothing", "haip-vci://?credential_offer_uri=" + w.issuer.URL + "/offers/none", "status 404", false},
		{"reference to something else", "haip-vci://?credential_offer_uri=" + w.issuer.URL + "/.well-known/openid-credential-issuer", "credential offer", false},
		{"reference to a file", "haip-vci://?credential_offer_uri=file%3A%2F%2F%2Fetc%2Fpasswd", "https", false},
		{"reference to the network", "haip-vci://?credential_offer_uri=http%3A%2F%2F169.254.169.254%2Flatest", "refused", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.cfg.AllowInsecure = !tt.secure
			w.remake()
			b, err := w.wallet.Accept(t.Context(), tt.uri, wallet.AcceptOptions{Copies: 1})
			if err == nil || len(b) > 0 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v %v", b, err)
			}
		})
	}
	for _, r := range w.issuer.Requests() {
		if strings.HasSuffix(r, "/token") {
			t.Error("a code was sent")
		}
	}
}
