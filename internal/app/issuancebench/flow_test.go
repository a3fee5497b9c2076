package issuancebench

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/oauth"
)

// flowsAtOnce are more than batches at once: each small request waits for the
// disk a few times, and many share a commit.
const flowsAtOnce = 64

// flowParts are the signs and verifications of a wallet's way from the pushed
// request to one copy, for whoever reads the figure.
var flowParts = []struct {
	at   string
	what string
	work
}{
	{"/par", "verifies the attestation of the wallet, its proof of possession, the DPoP proof (the chain of its provider was seen before)", work{verifications: 3}},
	{"/token", "verifies the three again", work{verifications: 3}},
	{"/nonce", "nothing", work{}},
	{"/credential", "verifies the DPoP proof and the proof of the key; hashes its elements; signs the copy", work{verifications: 1}.and(mdl30)},
}

// The whole flow of a wallet with an attestation, one copy of the workload at
// its end. Login and confirmation are pages of the issuer: the wallets' browsers
// go through them between two measured stretches, so that they do not count.
func TestIssuanceFlow(t *testing.T) {
	o := openOffice(t)
	rounds, perRound := size(t, "ISSUANCEBENCH_ROUNDS", 12, 2), size(t, "ISSUANCEBENCH_REQUESTS", 300, 30)
	o.flows(flowsAtOnce) // connections, caches, lists
	f := newFloor(t)
	var flow work
	for _, p := range flowParts {
		flow = flow.and(p.work)
		t.Logf("%-12s %s", p.at, p.what)
	}
	var r ratios
	var used, floors time.Duration
	for range rounds {
		finish := profiling(t, o.underTest())
		own := o.flows(perRound)
		finish()
		one := f.slice(50, flow)
		r = append(r, float64(own)/float64(perRound)/float64(one))
		used, floors = used+own, floors+one
	}
	t.Logf("whole flow: %d of %d; %d us cpu each, floor %d us (%v), ratio %v; load %s", rounds*perRound, perRound,
		(used / time.Duration(rounds*perRound)).Microseconds(), (floors / time.Duration(rounds)).Microseconds(), flow, r, load())
	promise(t, r.within(3.5), "whole flow PAR to credential with DPoP and wallet attestation, one mDL30, login left out: cpu at most 3.5 times the bare cryptography: %v", r)
}

// holder is a wallet on its way.
type holder struct {
	*office
	key         *ecdsa.PrivateKey // of its instance, of its proofs, and of its copy
	attestation string
	request     string // request_uri
	code        string
}

const codeVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// flows lets n wallets fetch one copy each, and gives the processor time of the
// issuer but for the pages.
func (o *office) flows(n int) time.Duration {
	o.Helper()
	all := make([]*holder, n)
	step := func(do func(h *holder) error) (used time.Duration) {
		o.Helper()
		before := o.cpu(o)
		o.must(parallel(min(flowsAtOnce, n), n, func(_, i int) error { return do(all[i]) }))
		return o.cpu(o) - before
	}
	for i := range all {
		h := &holder{office: o, key: newKey(o)}
		now := time.Now()
		var err error
		h.attestation, err = oauth.SignAttestation(o.provider.key, o.provider.chain, walletID, h.key.Public(), now, now.Add(time.Hour), nil, rand.Reader)
		o.must(err)
		all[i] = h
	}
	used := step((*holder).push)
	step((*holder).agree)
	return used + step((*holder).fetch)
}

// headers are those that a client proves itself with.
func (h *holder) headers(path string) (http.Header, error) {
	now, base := time.Now(), h.cfg.PublicURL
	pop, err := oauth.SignAttestationPoP(h.key, base, walletID, "", rand.Text(), now, rand.Reader)
	if err != nil {
		return nil, err
	}
	proof, err := oauth.SignDPoP(h.key, http.MethodPost, base+path, "", "", rand.Text(), now, rand.Reader)
	header := http.Header{}
	header.Set("Content-Type", formHeader)
	header.Set("OAuth-Client-Attestation", h.attestation)
	header.Set("OAuth-Client-Attestation-PoP", pop)
	header.Set("DPoP", proof)
	return header, err
}

func (h *holder) push() error {
	header, err := h.headers("/par")
	if err != nil {
		return err
	}
	challenge := sha256.Sum256([]byte(codeVerifier))
	form := url.Values{
		"response_type": {"code"}, "client_id": {walletID}, "redirect_uri": {walletBack}, "scope": {configuration}, "state": {rand.Text()},
		"code_challenge": {jose.EncodeBase64URL(challenge[:])}, "code_challenge_method": {"S256"},
	}
	var answer struct {
		RequestURI string `json:"request_uri"`
	}
	_, err = ask(http.StatusCreated, http.MethodPost, h.cfg.PublicURL+"/par", header, form.Encode(), &answer)
	h.request = answer.RequestURI
	return err
}

func (h *holder) agree() (err error) {
	b := &browser{base: h.cfg.PublicURL, cookies: map[string]string{}}
	h.code, err = b.agree(h.request)
	return err
}

// fetch redeems the code and fetches one copy.
func (h *holder) fetch() error {
	header, err := h.headers("/token")
	if err != nil {
		return err
	}
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {h.code}, "redirect_uri": {walletBack}, "client_id": {walletID}, "code_verifier": {codeVerifier},
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if _, err := ask(http.StatusOK, http.MethodPost, h.cfg.PublicURL+"/token", header, form.Encode(), &answer); err != nil {
		return err
	}
	u := &issuerUnderTest{base: h.cfg.PublicURL}
	r, err := u.request(h.key, answer.Token, walletKeys{h.key}, 0, 1)
	if err != nil {
		return err
	}
	a, err := r.send()
	if err != nil {
		return err
	}
	return r.served(a)
}

// The measurement counts what it says: a wallet that nobody attests gets no
// further than the first step.
func TestIssuanceFlowIsAttested(t *testing.T) {
	o := openOffice(t)
	o.provider = provider{newKey(t), o.provider.chain}
	h := &holder{office: o, key: newKey(t)}
	var err error
	h.attestation, err = oauth.SignAttestation(o.provider.key, o.provider.chain, walletID, h.key.Public(), time.Now(), time.Now().Add(time.Hour), nil, rand.Reader)
	o.must(err)
	if err := h.push(); err == nil || !strings.Contains(err.Error(), "invalid_client") {
		t.Error(fmt.Errorf("an attestation that nobody trusts: %w", err))
	}
}
