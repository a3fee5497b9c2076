package issuer_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
)

// values gives every text that a copy says of a person, and the salts and the
// keys beside it.
func values(t *testing.T, text string) (out []string) {
	t.Helper()
	if !strings.Contains(text, "~") {
		for _, n := range issuerSigned(t, text).NameSpaces {
			for _, item := range n.Items {
				v, err := elements.Render(item.ElementValue)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, leaves(v)...)
				out = append(out, jose.EncodeBase64URL(item.Random), fmt.Sprintf("%x", item.Random))
			}
		}
		return out
	}
	p := claimsOf(t, text)
	for name, v := range p.Claims {
		if !slices.Contains([]string{"vct", "cnf", "status", "iat", "nbf", "exp", "iss", "_sd_alg"}, name) {
			out = append(out, leaves(v)...)
		}
	}
	for part := range strings.SplitSeq(text, "~") { // disclosures, and the signed part
		out = append(out, part)
	}
	return out
}

// leaves are the texts in a value.
func leaves(v any) (out []string) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		return nil
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			for _, below := range v {
				walk(below)
			}
		case object:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(plain)
	return out
}

// keyTexts are the forms in which a key could stand in a log.
func keyTexts(t *testing.T, k *ecdsa.PrivateKey) []string {
	t.Helper()
	public, err := jose.MarshalPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	m := reply{body: string(public)}.members(t)
	scalar, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	thumbprint, err := jose.Thumbprint(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return []string{m["x"].(string), m["y"].(string), jose.EncodeBase64URL(scalar), fmt.Sprintf("%x", scalar), jose.EncodeBase64URL(thumbprint), fmt.Sprintf("%x", thumbprint)}
}

// Everything that wallets and persons do to an office, rightly and wrongly, with
// the log at its most talkative: nothing in it opens a door or tells of anybody.
// No refusal is an error of ours, and none says more than its code and a plain
// sentence.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.level = slog.LevelDebug
	o.serve().people()
	secrets := &[]string{}
	u := o.phone(ca)
	u.secrets = secrets
	u.id = "https://wallet.example/unheard-of" // a client id is no secret
	keep := u.keep
	keep(secretCode, "state-of-the-wallet")
	for _, k := range []*ecdsa.PrivateKey{u.attested, u.dpop} {
		keep(keyTexts(t, k)...)
	}
	var refusals int
	refused := func(r reply) {
		t.Helper()
		if r.status < 400 || r.status >= 500 {
			t.Errorf("no refusal: %d %s", r.status, r.body)
		}
		refusals++
		if strings.HasPrefix(r.header.Get("Content-Type"), "application/json") {
			if extra := unknown(r.members(t), "error error_description"); extra != nil {
				t.Errorf("a refusal says %v too", extra)
			}
			plain(t, r)
		}
		for _, s := range *secrets {
			if len(s) >= 8 && strings.Contains(r.body, s) {
				t.Errorf("a refusal repeats %.40q: %s", s, r.body)
			}
		}
	}

	// The code flow, with what can go wrong at every step.
	refused(u.pushes("redirect_uri", "http://secret-redirect.example/x"))
	refused(u.pushes("code_challenge_method", "plain"))
	refused(u.pushes("scope", "secret-scope"))
	refused(u.pushes("request_uri", "urn:secret-request"))
	keep("secret-redirect", "secret-scope", "secret-request")
	keep(keyTexts(t, u.provider)...)
	refused(u.redeems("secret-guess-at-a-code"))
	keep("secret-guess-at-a-code")
	code := u.code("scope", "mdl pid.mdoc pid.sdjwt")
	refused(u.redeems(code, "code_verifier", "secret-verifier-that-is-long-enough-to-be-one-of-them"))
	keep("secret-verifier")
	if r := u.redeems(code); r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	var transaction string
	for _, configuration := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		response, keys := u.fetches(configuration, 2)
		for _, k := range keys {
			keep(keyTexts(t, k)...)
		}
		for _, c := range response.Credentials {
			keep(values(t, c.Credential)...)
		}
		for _, event := range []string{"credential_accepted", "credential_deleted"} {
			u.calls(issuerhttp.NotificationPath, "application/json", `{"notification_id":"`+response.NotificationID+`","event":"`+event+`","event_description":"secret words"}`)
		}
		keep("secret words")
	}
	body, _ := u.requests("mdl", u.cNonce(), 1)
	for _, bad := range []string{
		"{", `{"credential_configuration_id":"secret-configuration"}`, `{"credential_identifier":"secret-identifier"}`, strings.Replace(body, `"jwt":["`, `"jwt":["x`, 1),
		`{"credential_configuration_id":"mdl","proofs":{"jwt":["secret.proof.text"]}}`, `{"credential_configuration_id":"mdl","proof":{"jwt":"secret-proof"}}`,
	} {
		refused(u.calls(issuerhttp.CredentialPath, "application/json", bad))
	}
	keep("secret-configuration", "secret-identifier", "secret.proof", "secret-proof")
	refused(u.calls(issuerhttp.CredentialPath, "application/jwt", "eyJhbGciOiJFQ0RILUVTIn0..c2VjcmV0.c2VjcmV0.c2VjcmV0"))
	refused(u.calls(issuerhttp.CredentialPath+"?access_token="+u.token, "application/json", body))
	refused(u.calls(issuerhttp.CredentialPath, "application/json", body, "Authorization", "DPoP secret-guess-at-a-token"))
	refused(u.calls(issuerhttp.CredentialPath, "application/json", body, "Authorization", "Bearer "+u.token))
	refused(u.calls(issuerhttp.DeferredPath, "application/json", `{"transaction_id":"secret-transaction"}`))
	refused(u.calls(issuerhttp.NotificationPath, "application/json", `{"notification_id":"secret-notification","event":"credential_accepted"}`))
	keep("c2VjcmV0", "secret-guess", "secret-transaction", "secret-notification")

	// One who waits.
	o.issues(start.AddDate(0, 0, 1))
	body, _ = u.requests("mdl", u.cNonce(), 1)
	r := u.calls(issuerhttp.CredentialPath, "application/json", body)
	if transaction = r.text(t, "transaction_id"); r.status != http.StatusAccepted || transaction == "" {
		t.Errorf("%d %s", r.status, r.body)
	}
	keep(transaction)
	u.calls(issuerhttp.DeferredPath, "application/json", `{"transaction_id":"`+transaction+`"}`)
	o.issues(start.AddDate(0, 0, -1))
	u.calls(issuerhttp.DeferredPath, "application/json", `{"transaction_id":"`+transaction+`"}`)
	refused(u.asks(issuerhttp.TokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"secret-refresh-token"}}))
	keep("secret-refresh")
	u.took(u.asks(issuerhttp.TokenPath, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}}))
	refused(u.redeems(code)) // a second time: it ends what it gave

	// An offer of the office, and guesses at its transaction code.
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	parsed, _, err := oid4vci.ParseOfferURI(offer.URI, true)
	o.must(err)
	keep(parsed.PreAuthorized.Code, offer.ID, offer.TxCode+" ", `"`+offer.TxCode+`"`, "="+offer.TxCode)
	o.get(o.cfg.PublicURL + issuerhttp.OffersPath + "/" + offer.ID)
	form := url.Values{"grant_type": {oid4vci.GrantPreAuthorized}, "pre-authorized_code": {parsed.PreAuthorized.Code}, "tx_code": {wrong(offer.TxCode)}, "client_id": {u.id}}
	refused(u.asks(issuerhttp.TokenPath, form))
	form.Set("tx_code", offer.TxCode)
	if r := u.took(u.asks(issuerhttp.TokenPath, form)); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	response, _ := u.fetches("mdl", 1)
	keep(values(t, response.Credentials[0].Credential)...)

	// Attestations that do not hold, and a proof by another key.
	stranger := o.phone(newAuthority(t, t.TempDir(), "strangers"))
	stranger.secrets = secrets
	refused(stranger.pushes())
	refused(u.asks(issuerhttp.ParPath, u.wish(), "OAuth-Client-Attestation-PoP", u.pop(newKey(t), o.cfg.PublicURL)))
	refused(u.asks(issuerhttp.ParPath, u.wish(), "DPoP", "secret-proof"))

	// A person at the pages, and the guess of somebody else.
	citizen := o.citizen()
	home := citizen.login("P-1")
	for _, m := range inputs.FindAllStringSubmatch(home, -1) {
		if len(m[2]) >= 16 {
			keep(m[2])
		}
	}
	for _, path := range []string{"/my", "/my/export", "/my/lost"} {
		citizen.page(path)
	}
	citizen.send(citizen.page("/my/lost"), "/lost", "code", "SECR-ET00-CODE-0000-0000")
	keep("SECR-ET00")
	origin, err := url.Parse(o.cfg.PublicURL)
	o.must(err)
	for _, c := range citizen.web.Jar.Cookies(origin) {
		keep(c.Value)
	}
	o.push(issuer.Annulment("DL-1"))
	o.must(o.stop())

	log := o.log.String()
	if strings.Count(log, "\n") < 60 || !strings.Contains(log, "route=/credential") || !strings.Contains(log, "route=/par") {
		t.Fatalf("the log is not that of these flows:\n%s", log)
	}
	if refusals < 24 || len(*secrets) < 300 {
		t.Errorf("too little was tried: %d refusals, %d secrets", refusals, len(*secrets))
	}
	audited, err := os.ReadFile(o.cfg.Path(o.cfg.Audit.Checkpoints[0]))
	o.must(err)
	for what, text := range map[string]string{"the log": log, "the checkpoints": string(audited)} {
		for _, s := range *secrets {
			// Letters of categories, countries and the like are in every text, and the
			// office's own name is its own.
			if len(s) < 5 || strings.Contains(s, o.cfg.Authority.Organization) {
				continue
			}
			if s == start.Format(time.DateOnly) { // of every line
				continue
			}
			if strings.Contains(text, s) {
				t.Errorf("%s holds %.60q", what, s)
			}
		}
	}
}
