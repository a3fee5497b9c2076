package issuancebench

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
)

// client keeps as many connections as there are requests under way: what a new
// connection costs is not measured.
var client = &http.Client{
	Transport: &http.Transport{
		MaxIdleConnsPerHost: 4096, DisableCompression: true,
		IdleConnTimeout: 3 * time.Second, // less than any server keeps one: what is sent as it closes would be lost
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       2 * time.Minute,
}

// issuerUnderTest is one that wallets of this process fetch from.
type issuerUnderTest struct {
	process
	signer process // whose time counts as well; 0 where there is none
	base   string  // of its addresses, and the issuer that proofs name
	// grant gets an access token for the key, in whatever way costs the least.
	grant func(key *ecdsa.PrivateKey) (token string, err error)
	draws int // batches that one token may draw
	// profile is where its profile is had, "" when nowhere.
	profile string
	// slow is how many times fewer requests make a round of sensible length.
	slow int
}

// cpu is what the issuer has used, and the process that signs for it.
func (u *issuerUnderTest) cpu(t testing.TB) time.Duration {
	t.Helper()
	used := u.process.cpu(t)
	if u.signer != 0 {
		used += u.signer.cpu(t)
	}
	return used
}

// walletKeys are the keys of copies: the wallets use the same again in the next
// request, since making them is no work of the issuer.
type walletKeys []*ecdsa.PrivateKey

// request is one that is signed and waits to be sent.
type request struct {
	url    string
	header http.Header
	body   []byte
	copies int // that its answer must hold
	key    *ecdsa.PrivateKey
	token  string
}

// answer is what came back.
type answer struct {
	status int
	copies int
	took   time.Duration
	header http.Header
	body   []byte // of a refusal
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// send sends a request and reads its answer to the end.
func (r *request) send() (answer, error) {
	began := time.Now()
	res, body, err := exchange(http.MethodPost, r.url, r.header, r.body)
	if err != nil {
		return answer{}, err
	}
	defer buffers.Put(body)
	a := answer{status: res.StatusCode, took: time.Since(began), header: res.Header}
	if a.status == http.StatusOK {
		a.copies = bytes.Count(body.Bytes(), []byte(`"credential":`))
		return a, nil
	}
	a.body = bytes.Clone(body.Bytes())
	return a, nil
}

// exchange gives a whole answer in a buffer of the pool.
func exchange(method, target string, header http.Header, body []byte) (*http.Response, *bytes.Buffer, error) {
	req, err := http.NewRequest(method, target, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = header
	res, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	into := buffers.Get().(*bytes.Buffer)
	into.Reset()
	if _, err := into.ReadFrom(res.Body); err != nil {
		return nil, nil, err
	}
	return res, into, nil
}

// ask exchanges small things: the answer must have this status.
func ask(status int, method, target string, header http.Header, body string, into any) (*http.Response, error) {
	if header == nil {
		header = http.Header{}
	}
	res, text, err := exchange(method, target, header, []byte(body))
	if err != nil {
		return nil, err
	}
	defer buffers.Put(text)
	if res.StatusCode != status {
		return nil, fmt.Errorf("%s %s: %s: %s", method, target, res.Status, text)
	}
	switch into := into.(type) {
	case nil:
	case *string:
		*into = text.String()
	default:
		err = json.Unmarshal(text.Bytes(), into)
	}
	return res, err
}

var formHeader = "application/x-www-form-urlencoded"

// token redeems a grant.
func token(base string, key *ecdsa.PrivateKey, header http.Header, form url.Values) (string, error) {
	proof, err := oauth.SignDPoP(key, http.MethodPost, base+"/token", "", "", rand.Text(), time.Now(), rand.Reader)
	if err != nil {
		return "", err
	}
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", formHeader)
	header.Set("DPoP", proof)
	var answer struct {
		Token string `json:"access_token"`
	}
	_, err = ask(http.StatusOK, http.MethodPost, base+"/token", header, form.Encode(), &answer)
	return answer.Token, err
}

// request signs a request for copies with a fresh nonce. from chooses among the
// keys.
func (u *issuerUnderTest) request(key *ecdsa.PrivateKey, token string, keys walletKeys, from, copies int) (*request, error) {
	var nonce struct {
		Value string `json:"c_nonce"`
	}
	if _, err := ask(http.StatusOK, http.MethodPost, u.base+"/nonce", nil, "", &nonce); err != nil {
		return nil, err
	}
	now := time.Now()
	r := oid4vci.CredentialRequest{ConfigurationID: configuration}
	for i := range copies {
		proof, err := oid4vci.SignProof(keys[(from+i)%len(keys)], u.base, nonce.Value, "", now, rand.Reader)
		if err != nil {
			return nil, err
		}
		r.Proofs.JWT = append(r.Proofs.JWT, proof)
	}
	body, err := r.MarshalJSON()
	if err != nil {
		return nil, err
	}
	out := &request{url: u.base + "/credential", body: body, copies: copies, header: http.Header{}, key: key, token: token}
	out.header.Set("Content-Type", "application/json")
	out.header.Set("Authorization", "DPoP "+token)
	return out, out.prove()
}

// prove signs the proof of the token anew.
func (r *request) prove() error {
	proof, err := oauth.SignDPoP(r.key, http.MethodPost, r.url, r.token, "", rand.Text(), time.Now(), rand.Reader)
	if err == nil {
		r.header.Set("DPoP", proof)
	}
	return err
}

// preparer signs requests in advance, as many wallets as it takes.
type preparer struct {
	u      *issuerUnderTest
	copies int
	key    *ecdsa.PrivateKey
	keys   walletKeys
	token  string
	left   int // batches of the token
	n      int
}

func (p *preparer) next() (*request, error) {
	if p.left == 0 {
		var err error
		if p.token, err = p.u.grant(p.key); err != nil {
			return nil, err
		}
		p.left = p.u.draws
	}
	p.left--
	p.n++
	return p.u.request(p.key, p.token, p.keys, p.n*p.copies, p.copies)
}

// offered gets a token for an offer that the office makes.
func (o *office) offered(key *ecdsa.PrivateKey) (string, error) {
	offer, err := o.desk.Offer(o.Context(), issuer.OfferWish{Person: person, Configurations: []string{configuration}, Key: rand.Text()})
	if err != nil {
		return "", err
	}
	_, reference, err := oid4vci.ParseOfferURI(offer.Reference, true)
	if err != nil {
		return "", err
	}
	var body string
	if _, err := ask(http.StatusOK, http.MethodGet, reference, nil, "", &body); err != nil {
		return "", err
	}
	object, err := oid4vci.ParseCredentialOffer([]byte(body), true)
	if err != nil {
		return "", err
	}
	return token(o.cfg.PublicURL, key, nil, url.Values{
		"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {object.PreAuthorized.Code}, "tx_code": {offer.TxCode}, "client_id": {walletID},
	})
}

const (
	walletID   = "https://wallet.example"
	walletBack = "https://wallet.example/back"
)

// drain throws an answer away.
func drain(r io.ReadCloser) {
	_, _ = io.Copy(io.Discard, r)
	r.Close()
}

// redirectedTo is the address that an answer sends the browser to, on this
// machine.
func redirectedTo(res *http.Response, base string) (string, error) {
	to, err := res.Request.URL.Parse(res.Header.Get("Location"))
	if err != nil {
		return "", err
	}
	if s := to.String(); strings.HasPrefix(s, base) || strings.HasPrefix(s, walletBack) {
		return s, nil
	}
	return "", fmt.Errorf("sent on to %s", to)
}
