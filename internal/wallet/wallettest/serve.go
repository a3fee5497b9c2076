package wallettest

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/statuslist"
)

// serverNonces are what DPoPNonces demands: one for each role.
const (
	authorizationNonce = "nonce-of-the-authorization-server"
	resourceNonce      = "nonce-of-the-resource-server"
)

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	base := ""
	if u, err := url.Parse(i.URL); err == nil {
		base = u.Path
	}
	i.mu.Lock()
	i.requests = append(i.requests, r.Method+" "+r.URL.Path)
	offer := i.offers[strings.TrimPrefix(r.URL.Path, base)]
	i.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, base)
	for _, p := range []string{r.URL.Path, path} {
		if h := i.Override[p]; h != nil {
			h(w, r)
			return
		}
	}
	switch r.Method + " " + path {
	case "POST /token":
		i.answer(w, i.token, r, authorizationNonce)
		return
	case "POST /nonce":
		w.Header().Set("Cache-Control", "no-store")
		nonce, err := i.codec.New(i.clock.Now(), rand.Reader)
		reply(w, 200, oid4vci.NonceResponse{CNonce: nonce}, err)
		return
	case "POST /credential":
		i.answer(w, i.credential, r, resourceNonce)
		return
	case "POST /deferred_credential":
		i.answer(w, i.deferred, r, resourceNonce)
		return
	case "POST /notification":
		i.answer(w, i.notification, r, resourceNonce)
		return
	case "GET /status/1":
		i.list(w, r)
		return
	}
	switch {
	case r.Method == "GET" && r.URL.Path == "/.well-known/"+oid4vci.WellKnownIssuer+base:
		reply(w, 200, i.IssuerMetadata(), nil)
	case r.Method == "GET" && r.URL.Path == "/.well-known/"+oid4vci.WellKnownServer+base:
		reply(w, 200, i.serverMetadata(), nil)
	case r.Method == "GET" && offer != "":
		reply(w, 200, json.RawMessage(offer), nil)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) list(w http.ResponseWriter, r *http.Request) {
	format, kind := statuslist.FormatJWT, "application/statuslist+jwt"
	if strings.HasPrefix(r.Header.Get("Accept"), "application/statuslist+cwt") {
		format, kind = statuslist.FormatCWT, "application/statuslist+cwt"
	}
	token, err := i.StatusList(format)
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Write(token)
}

// answer runs a core and writes its refusal as the protocol has it.
func (i *Issuer) answer(w http.ResponseWriter, core func(*http.Request, []byte) (any, error), r *http.Request, nonce string) {
	w.Header().Set("Cache-Control", "no-store")
	if i.DPoPNonces {
		w.Header().Set("DPoP-Nonce", nonce)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var v any
	if err == nil {
		v, err = core(r, body)
	}
	if err == nil {
		status := 200
		if v == nil {
			status = 204
		}
		if c, ok := v.(oid4vci.CredentialResponse); ok && c.TransactionID != "" {
			status = 202
		}
		reply(w, status, v, nil)
		return
	}
	kind := problem.KindOf(err)
	if nonce == resourceNonce && slices.Contains([]problem.Kind{problem.InvalidToken, problem.InvalidDPoPProof, problem.UseDPoPNonce}, kind) {
		w.Header().Set("WWW-Authenticate", `DPoP realm="x", error="`+string(kind)+`", algs="ES256"`)
		w.WriteHeader(401)
		return
	}
	status := 400
	if kind == problem.Internal {
		status = 500
	}
	reply(w, status, oid4vci.ErrorResponse{Code: string(kind), Description: problem.Detail(err)}, nil)
}

func reply(w http.ResponseWriter, status int, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), 500)
		return
	}
	if v != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	if v != nil {
		json.NewEncoder(w).Encode(v)
	}
}

// proof checks the DPoP header of a request.
func (i *Issuer) proof(r *http.Request, token, nonce string) (*oauth.DPoPProof, error) {
	if len(r.Header.Values("DPoP")) != 1 {
		return nil, problem.New(problem.InvalidDPoPProof, "exactly one DPoP header is due")
	}
	request := oauth.DPoPRequest{Method: r.Method, URL: "http://" + r.Host + r.URL.Path, AccessToken: token, Now: i.clock.Now()}
	if i.DPoPNonces {
		request.Nonce = func(s string) error {
			if s != nonce {
				return problem.New(problem.UseDPoPNonce, "another nonce")
			}
			return nil
		}
	}
	p, err := oauth.VerifyDPoP(r.Header.Get("DPoP"), request)
	if err != nil {
		return nil, err
	}
	if !i.once(p.Thumbprint + p.JTI) {
		return nil, problem.New(problem.InvalidDPoPProof, "seen before")
	}
	return p, nil
}

func (i *Issuer) token(r *http.Request, body []byte) (any, error) {
	form, err := oauth.ParseForm(body)
	if err != nil {
		return nil, err
	}
	if form.Get("grant_type") == "refresh_token" {
		return i.refresh(r, form)
	}
	i.mu.Lock()
	configurations, ok := i.codes[form.Get("pre-authorized_code")]
	i.mu.Unlock()
	switch {
	case r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
		return nil, problem.New(problem.InvalidRequest, "no form")
	case form.Get("grant_type") != oid4vci.GrantPreAuthorized:
		return nil, problem.New(problem.UnsupportedGrantType, "pre-authorized codes alone")
	case i.ClientID != "" && form.Get("client_id") != i.ClientID:
		return nil, problem.New(problem.InvalidClient, "not known here")
	case !ok:
		return nil, problem.New(problem.InvalidGrant, "no such code")
	case form.Has("tx_code") != (i.TxCode != ""):
		return nil, problem.New(problem.InvalidRequest, "tx_code is there and should not, or the reverse")
	case form.Get("tx_code") != i.TxCode:
		return nil, problem.New(problem.InvalidGrant, "wrong transaction code")
	}
	p, err := i.proof(r, "", authorizationNonce)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.codes, form.Get("pre-authorized_code"))
	response := i.give(access{thumbprint: p.Thumbprint, configurations: configurations})
	if i.Refreshes {
		response.RefreshToken = random()
		i.refreshing[response.RefreshToken] = access{thumbprint: p.Thumbprint, configurations: configurations}
	}
	return response, nil
}

// give makes an access token, with the lock held.
func (i *Issuer) give(a access) oid4vci.TokenResponse {
	token := random()
	a.expires = i.clock.Now().Add(tokenLife)
	i.tokens[token] = a
	configurations := a.configurations
	response := oid4vci.TokenResponse{AccessToken: token, TokenType: "DPoP", ExpiresIn: int(tokenLife.Seconds())}
	if i.Identifiers {
		for _, id := range configurations {
			detail := oid4vci.AuthorizationDetail{Type: oid4vci.TypeCredential, CredentialConfigurationID: id}
			for n := range i.Datasets {
				detail.CredentialIdentifiers = append(detail.CredentialIdentifiers, fmt.Sprintf("%s/%d", id, n))
			}
			response.AuthorizationDetails = append(response.AuthorizationDetails, detail)
		}
	}
	return response
}

// access checks token and proof of a request to the resource server.
func (i *Issuer) access(r *http.Request) (access, error) {
	scheme, token, err := oauth.ParseAuthorization(r.Header.Get("Authorization"))
	if err != nil || scheme != "DPoP" {
		return access{}, problem.New(problem.InvalidToken, "no DPoP token")
	}
	i.mu.Lock()
	a, ok := i.tokens[token]
	i.mu.Unlock()
	if !ok || i.Refreshes && i.clock.Now().After(a.expires) {
		return access{}, problem.New(problem.InvalidToken, "unknown, or too old")
	}
	p, err := i.proof(r, token, resourceNonce)
	if err != nil {
		return access{}, err
	}
	if p.Thumbprint != a.thumbprint {
		return access{}, problem.New(problem.InvalidToken, "bound to another key")
	}
	return a, nil
}

func (i *Issuer) credential(r *http.Request, body []byte) (any, error) {
	a, err := i.access(r)
	if err != nil {
		return nil, err
	}
	request, err := oid4vci.ParseCredentialRequest(body)
	if err != nil {
		return nil, err
	}
	id := request.ConfigurationID
	if (request.Identifier != "") != i.Identifiers {
		return nil, problem.New(problem.InvalidCredentialRequest, "the identifiers of the token are to be used when it has any")
	}
	if i.Identifiers {
		id, _, _ = strings.Cut(request.Identifier, "/")
	}
	if !slices.Contains(a.configurations, id) {
		return nil, problem.New(problem.UnknownCredentialConfiguration, "not in the offer")
	}
	rules := oid4vci.ProofRules{Issuer: i.URL, ClientID: i.ClientID, Anonymous: i.ClientID == "", Now: i.clock.Now(), BatchSize: i.BatchSize}
	if !i.WithoutNonces {
		rules.CheckNonce = i.checkNonce
	}
	proofs, err := request.VerifyProofs(rules)
	if err != nil {
		return nil, err
	}
	keys := make([]crypto.PublicKey, len(proofs))
	for n, p := range proofs {
		keys[n] = p.Key
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.deliver(&deferred{thumbprint: a.thumbprint, configuration: id, keys: keys})
}

func (i *Issuer) checkNonce(nonce string) error {
	if _, _, err := i.codec.Check(nonce, i.clock.Now()); err != nil {
		return err
	}
	i.mu.Lock()
	stale := i.StaleNonces > 0
	i.StaleNonces--
	i.mu.Unlock()
	if stale || !i.once(nonce) {
		return problem.New(problem.InvalidNonce, "used or too old")
	}
	return nil
}

func (i *Issuer) notification(r *http.Request, body []byte) (any, error) {
	if _, err := i.access(r); err != nil {
		return nil, err
	}
	n, err := oid4vci.ParseNotification(body)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.notifications = append(i.notifications, *n)
	return nil, nil
}
