package authserver_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/jose"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

const (
	parURL     = issuer + "/par"
	walletID   = "https://wallet.example"
	redirect   = "https://wallet.example/cb"
	verifier   = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge  = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	anotherOne = "another-verifier-of-forty-three-characters-"
)

// provider is a wallet provider, its leaf a certificate that only its name is
// read of.
type provider struct {
	key  *ecdsa.PrivateKey
	leaf []byte
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &provider{key, []byte{0x30, 0x01, byte(len(t.Name()))}}
}

func (p *provider) chain(x5c [][]byte, _ time.Time) (authserver.Attester, error) {
	if len(x5c) != 1 || !bytes.Equal(x5c[0], p.leaf) {
		return authserver.Attester{}, errors.New("no anchor for this chain")
	}
	return authserver.Attester{Key: p.key.Public(), Provider: "provider"}, nil
}

// codeWorld has the code flow and demands attestations.
func codeWorld(t testing.TB, change func(*authserver.Config)) (*world, *provider) {
	t.Helper()
	p := newProvider(t)
	w := newWorld(t, func(c *authserver.Config) {
		c.PushEndpoint, c.Attesters, c.Clients = parURL, p.chain, nil
		if change != nil {
			change(c)
		}
	})
	return w, p
}

// instance is a wallet unit with an attested key and a DPoP key.
type instance struct {
	*wallet
	provider  *provider
	attested  *ecdsa.PrivateKey
	id        string // sub of the attestation
	claims    map[string]any
	challenge string
	nonce     string // of DPoP proofs
	pops      *atomic.Int64
}

func (w *world) instance(p *provider) *instance {
	w.t.Helper()
	return &instance{wallet: w.wallet(), provider: p, attested: w.wallet().key, id: walletID, pops: &atomic.Int64{}}
}

func (in *instance) attestation() string {
	now := in.w.clock.Now()
	s, err := oauth.SignAttestation(in.provider.key, [][]byte{in.provider.leaf}, in.id, in.attested.Public(), now.Add(-time.Minute), now.Add(12*time.Hour), in.claims, rand.Reader)
	if err != nil {
		panic(err)
	}
	return s
}

func (in *instance) pop() string {
	s, err := oauth.SignAttestationPoP(in.attested, issuer, in.id, in.challenge, "pop-"+strconv.FormatInt(in.pops.Add(1), 10), in.w.clock.Now(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return s
}

func (in *instance) client() authserver.ClientProof {
	return authserver.ClientProof{Attestation: []string{in.attestation()}, PoP: []string{in.pop()}}
}

func (in *instance) proof(url string) string {
	p, err := oauth.SignDPoP(in.key, "POST", url, "", in.nonce, "jti-"+strconv.FormatInt(in.jti.Add(1), 10), in.w.clock.Now(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return p
}

// values makes a form; an empty value leaves the parameter out.
func values(t testing.TB, defaults, pairs []string) oauth.Form {
	t.Helper()
	v := url.Values{}
	for _, list := range [][]string{defaults, pairs} {
		for i := 0; i < len(list); i += 2 {
			v.Set(list[i], list[i+1])
		}
	}
	f, err := oauth.ParseForm([]byte(v.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (in *instance) pushForm(pairs ...string) oauth.Form {
	return values(in.w.t, []string{
		"response_type", "code", "client_id", in.id, "redirect_uri", redirect, "scope", "mdl", "state", "s1",
		"code_challenge", challenge, "code_challenge_method", "S256",
	}, pairs)
}

func (in *instance) push(pairs ...string) (*authserver.Pushed, error) {
	return in.w.server.Push(context.Background(), authserver.PushRequest{Form: in.pushForm(pairs...), DPoP: in.proof(parURL), Client: in.client()})
}

// mdl is the usual approval.
func mdl() authserver.Decision {
	return authserver.Decision{Person: "P1", Documents: map[string]string{"mdl": "D1"}, ACR: "high", LoggedIn: start}
}

func (w *world) approve(uri string, d authserver.Decision) url.Values {
	w.t.Helper()
	to, err := w.server.Approve(context.Background(), walletID, uri, d)
	if err != nil {
		w.t.Fatal(err)
	}
	return query(w.t, to)
}

func query(t testing.TB, to string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// code pushes a request and has it approved.
func (in *instance) code(d authserver.Decision, pairs ...string) string {
	in.w.t.Helper()
	pushed, err := in.push(pairs...)
	if err != nil {
		in.w.t.Fatal(err)
	}
	return in.w.approve(pushed.RequestURI, d).Get("code")
}

func (in *instance) exchange(code string, pairs ...string) (*oid4vci.TokenResponse, error) {
	return in.request([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier}, pairs)
}

func (in *instance) refresh(token string, pairs ...string) (*oid4vci.TokenResponse, error) {
	return in.request([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs)
}

func (in *instance) request(defaults, pairs []string) (*oid4vci.TokenResponse, error) {
	return in.w.server.Token(context.Background(), authserver.TokenRequest{
		Form: values(in.w.t, defaults, pairs), DPoP: in.proof(tokenURL), Client: in.client(),
	})
}

// issued goes the whole way and gives the token response.
func (in *instance) issued(d authserver.Decision, pairs ...string) *oid4vci.TokenResponse {
	in.w.t.Helper()
	r, err := in.exchange(in.code(d, pairs...))
	if err != nil {
		in.w.t.Fatal(err)
	}
	return r
}

// jkt is the thumbprint of the DPoP key, unit that of the attested one.
func (in *instance) jkt() string  { return keyName(in.key) }
func (in *instance) unit() string { return keyName(in.attested) }

func keyName(key *ecdsa.PrivateKey) string {
	b, err := jose.Thumbprint(key.Public())
	if err != nil {
		panic(err)
	}
	return jose.EncodeBase64URL(b)
}
