package issuer_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
)

// issuerSigned reads an mdoc as it comes from the issuer.
func issuerSigned(t testing.TB, text string) *mdoc.IssuerSigned {
	t.Helper()
	raw, err := jose.DecodeBase64URL(text) // without padding, or it is refused
	if err != nil {
		t.Fatal(err)
	}
	s, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signedTimes are those of a copy by which copies could be told apart.
func signedTimes(t testing.TB, text string) []time.Time {
	t.Helper()
	if strings.Contains(text, "~") {
		p := claimsOf(t, text)
		return []time.Time{p.IssuedAt, p.NotBefore, p.Expires}
	}
	v := issuerSigned(t, text).MSO.ValidityInfo
	return []time.Time{v.Signed.UTC(), v.ValidFrom.UTC(), v.ValidUntil.UTC()}
}

func claimsOf(t testing.TB, text string) *sdjwt.Payload {
	t.Helper()
	token, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	p, findings := token.VerifyDisclosures()
	for _, f := range findings {
		if f.Result == sdjwt.Fail {
			t.Fatal(f)
		}
	}
	return p
}

// boundTo is the key of a copy, and the entry of the status list that it names.
func boundTo(t testing.TB, text string) (crypto.PublicKey, string, uint64) {
	t.Helper()
	if strings.Contains(text, "~") {
		p := claimsOf(t, text)
		key, err := p.ConfirmationKey()
		if err != nil || key == nil {
			t.Fatal(key, err)
		}
		s, err := p.Status()
		if err != nil || s == nil {
			t.Fatal(s, err)
		}
		return key.Public, s.URI, s.Index
	}
	s := issuerSigned(t, text)
	if s.MSO.Status == nil || s.MSO.Status.StatusList == nil {
		t.Fatal("no status")
	}
	return s.MSO.DeviceKey.Public, s.MSO.Status.StatusList.URI, s.MSO.Status.StatusList.Index
}

// Credentials of both formats, with every header that the suite sends.
func TestConformanceCredential(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca).enrols("scope", "mdl pid.mdoc pid.sdjwt")
	anchors := o.iaca()
	for configuration, headers := range map[string][]string{
		"mdl":        {"Accept", "application/json; charset=utf-8", "x-fapi-auth-date", "Mon, 15 Jun 2026 10:00:00 GMT", "x-fapi-customer-ip-address", "198.51.100.119", "x-fapi-interaction-id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"},
		"pid-mdoc":   {"Accept", "application/json, */*", "x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946"},
		"pid-sd-jwt": {"Accept", ""},
	} {
		t.Run(configuration, func(t *testing.T) {
			body, keys := u.requests(configuration, u.cNonce(), 1)
			r := u.calls(issuerhttp.CredentialPath, "application/json", body, headers...)
			m := r.members(t)
			if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/json" || r.header.Get("Date") == "" || r.header.Get("Cache-Control") != "no-store" ||
				unknown(m, "credentials notification_id") != nil || m["notification_id"] == nil || m["notification_id"] == "" {
				t.Fatalf("%d %s, %v", r.status, r.body, r.header)
			}
			all, _ := m["credentials"].([]any)
			if len(all) != 1 || unknown(all[0].(object), "credential") != nil {
				t.Fatal(r.body)
			}
			text := all[0].(object)["credential"].(string)
			if key, _, _ := boundTo(t, text); !keys[0].PublicKey.Equal(key) {
				t.Error("bound to another key than that of the proof")
			}
			if configuration == "pid-sd-jwt" {
				p := claimsOf(t, text)
				token, err := sdjwt.Parse(text)
				if err != nil || p.VCT != elements.PIDVCT || token.Issuer.Header.Type != "dc+sd-jwt" || !strings.HasSuffix(text, "~") {
					t.Errorf("%v: %+v", err, p)
				}
				chain, err := token.Chain()
				if err != nil || len(chain) == 0 || slices.ContainsFunc(chain, func(der []byte) bool { return slices.Equal(der, anchors[0].Raw) }) {
					t.Errorf("x5c %d certificates, %v", len(chain), err)
				}
				return
			}
			s := issuerSigned(t, text)
			names := map[string]bool{}
			for _, n := range s.NameSpaces {
				for _, item := range n.Items {
					names[item.ElementIdentifier] = true
				}
			}
			want, doctype := "family_name given_name birth_date issue_date expiry_date issuing_country issuing_authority document_number portrait driving_privileges un_distinguishing_sign", elements.MDLDocType
			if configuration == "pid-mdoc" {
				want, doctype = "family_name given_name birth_date expiry_date issuing_country issuing_authority", elements.PIDDocType
			}
			for _, name := range strings.Fields(want) {
				if !names[name] {
					t.Errorf("%s is missing", name)
				}
			}
			if s.MSO.DocType != doctype || len(s.IssuerAuth.Header.X5Chain) == 0 || slices.ContainsFunc(s.IssuerAuth.Header.X5Chain, func(der []byte) bool { return slices.Equal(der, anchors[0].Raw) }) {
				t.Errorf("%s, %d certificates", s.MSO.DocType, len(s.IssuerAuth.Header.X5Chain))
			}
		})
	}
}

// A notification that is good, twice, and bad ones.
func TestConformanceNotification(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca).enrols()
	r, _ := u.fetches("mdl", 1)
	good := `{"notification_id":"` + r.NotificationID + `","event":"credential_accepted"}`
	for range 2 {
		if r := u.calls(issuerhttp.NotificationPath, "application/json", good); r.status != http.StatusNoContent || r.body != "" {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	for body, code := range map[string]string{
		`{"notification_id":"` + r.NotificationID + `","event":"eaten"}`: "invalid_notification_request",
		`{"notification_id":"another","event":"credential_accepted"}`:    "invalid_notification_id",
		`{"event":"credential_accepted"}`:                                "invalid_notification_request",
	} {
		if r := u.calls(issuerhttp.NotificationPath, "application/json", body); r.status != http.StatusBadRequest || r.text(t, "error") != code {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
}

// Requests for credentials that the suite spoils, each in one way.
func TestConformanceCredentialRefusals(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca).enrols()
	type ask struct {
		path, body string
		status     int
		code       string
	}
	body := func(configuration, nonce string) string {
		b, _ := u.requests(configuration, nonce, 1)
		return b
	}
	spoilt := func(proof func(nonce string) string) string {
		b, err := json.Marshal(object{"credential_configuration_id": "mdl", "proofs": object{"jwt": []string{proof(u.cNonce())}}})
		o.must(err)
		return string(b)
	}
	for name, c := range map[string]ask{
		"VCIIssuerFailOnInvalidNonce":                     {issuerhttp.CredentialPath, body("mdl", "made-up-by-the-suite"), 400, "invalid_nonce"},
		"VCIIssuerFailOnUnknownCredentialConfigurationId": {issuerhttp.CredentialPath, body("another", u.cNonce()), 400, "unknown_credential_configuration"},
		"VCIIssuerFailOnUnknownCredentialIdentifier": {
			issuerhttp.CredentialPath, strings.Replace(body("mdl", u.cNonce()), `"credential_configuration_id":"mdl"`, `"credential_identifier":"another"`, 1), 400, "unknown_credential_identifier",
		},
		"VCIIssuerFailOnRequestWithAccessTokenInQuery": {issuerhttp.CredentialPath + "?access_token=" + u.token, body("mdl", u.cNonce()), 400, "invalid_request"},
		"VCIIssuerFailOnMissingProof":                  {issuerhttp.CredentialPath, `{"credential_configuration_id":"mdl"}`, 400, "invalid_proof"},
		"VCIIssuerFailOnInvalidJwtProofSignature": {issuerhttp.CredentialPath, spoilt(func(nonce string) string {
			p, err := oid4vci.SignProof(newKey(t), o.cfg.PublicURL, nonce, u.id, o.clock.Now(), rand.Reader)
			o.must(err)
			return p[:len(p)-4] + "AAAA"
		}), 400, "invalid_proof"},
		"VCIIssuerFailOnInvalidKeyAttestationSignature": {issuerhttp.CredentialPath, spoilt(func(nonce string) string {
			key := newKey(t)
			now := o.clock.Now()
			a, err := oid4vci.SignKeyAttestation(newKey(t), u.chain, []crypto.PublicKey{key.Public()}, nonce, now, now.Add(time.Hour), nil, rand.Reader)
			o.must(err)
			p, err := oid4vci.SignAttestedProof(key, a, o.cfg.PublicURL, nonce, u.id, now, rand.Reader)
			o.must(err)
			return p
		}), 400, "invalid_proof"},
	} {
		t.Run(name, func(t *testing.T) {
			r := u.calls(c.path, "application/json", c.body)
			if m := r.members(t); r.status != c.status || m["error"] != c.code || r.header.Get("Content-Type") != "application/json" || unknown(m, "error error_description") != nil {
				t.Errorf("%d %s", r.status, r.body)
			}
			plain(t, r)
		})
	}
	// And not one of them used anything up.
	if r, _ := u.fetches("mdl", 1); len(r.Credentials) != 1 {
		t.Error("the grant is gone")
	}
}

// Requests and answers in secret.
func TestConformanceEncryption(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	u := o.phone(ca).enrols()
	_, _, text := o.get(o.cfg.PublicURL + "/.well-known/openid-credential-issuer")
	m, err := oid4vci.ParseIssuerMetadata([]byte(text), o.cfg.PublicURL, true)
	o.must(err)
	theirs, err := jose.ParseKeySet(m.CredentialRequestEncryption.JWKS)
	o.must(err)
	own := newKey(t)
	secret := func(zip, enc string) string {
		body, _ := u.requests("mdl", u.cNonce(), 1)
		jwk, err := jose.MarshalPublicKey(own.Public())
		o.must(err)
		wanted := object{"enc": enc, "jwk": json.RawMessage(strings.TrimSuffix(string(jwk), "}") + `,"alg":"ECDH-ES","use":"enc","kid":"mine"}`)}
		if zip != "" {
			wanted["zip"] = zip
		}
		more, err := json.Marshal(wanted)
		o.must(err)
		sealed, err := oid4vci.EncryptRequest(theirs[0], "A256GCM", zip, []byte(strings.TrimSuffix(body, "}")+`,"credential_response_encryption":`+string(more)+"}"), rand.Reader)
		o.must(err)
		return sealed
	}
	for name, zip := range map[string]string{"VCIDecryptCredentialResponse": "", "VCICheckCredentialResponseCompression": "DEF"} {
		t.Run(name, func(t *testing.T) {
			r := u.calls(issuerhttp.CredentialPath, "application/jwt", secret(zip, "A128GCM"))
			if r.status != http.StatusOK || r.header.Get("Content-Type") != "application/jwt" || strings.Count(r.body, ".") != 4 {
				t.Fatalf("%d %s, %v", r.status, r.body, r.header)
			}
			key := &jose.Key{Public: own.Public(), Private: own, KeyID: "mine", Algorithm: "ECDH-ES"}
			clear, err := oid4vci.DecryptResponse(r.body, key)
			o.must(err)
			if response, err := oid4vci.ParseCredentialResponse(clear); err != nil || len(response.Credentials) != 1 {
				t.Errorf("%s, %v", clear, err)
			}
			head, err := jose.DecodeBase64URL(strings.Split(r.body, ".")[0])
			if h := (reply{body: string(head)}).members(t); err != nil || h["enc"] != "A128GCM" || h["alg"] != "ECDH-ES" || h["kid"] != "mine" || (h["zip"] == "DEF") != (zip == "DEF") {
				t.Errorf("%s, %v", head, err)
			}
		})
	}
	// A refusal of a request in secret is in clear.
	t.Run("VCIEnsureCredentialResponseIsNotAnEncryptedJwe", func(t *testing.T) {
		for name, c := range map[string]struct{ sealed, code string }{
			"enc":    {secret("", "A192GCM"), "invalid_encryption_parameters"},
			"sealed": {secret("", "A128GCM") + "A", "invalid_encryption_parameters"},
		} {
			r := u.calls(issuerhttp.CredentialPath, "application/jwt", c.sealed)
			if r.status != http.StatusBadRequest || r.header.Get("Content-Type") != "application/json" || r.text(t, "error") != c.code {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
			plain(t, r)
		}
	})
}

// Twenty copies at once, of which nobody can tell that they belong together.
func TestConformanceBatch(t *testing.T) {
	t.Parallel()
	o, ca := haip(t)
	o.serve().people()
	const n = 20
	for _, configuration := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		t.Run(configuration, func(t *testing.T) {
			u := o.phone(ca).enrols("scope", "mdl pid.mdoc pid.sdjwt")
			o.clock.Advance(11*time.Minute + 13*time.Second) // not on a boundary of anything
			u.challenge = ""
			u.took(u.asks(issuerhttp.TokenPath, map[string][]string{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}}))
			r, keys := u.fetches(configuration, n)
			if len(r.Credentials) != n {
				t.Fatalf("%d copies", len(r.Credentials))
			}
			var bound []crypto.PublicKey
			var contents []string
			references, lists, salts := map[string]bool{}, map[string][]uint64{}, map[string]bool{}
			for _, c := range r.Credentials {
				key, list, index := boundTo(t, c.Credential)
				if !slices.ContainsFunc(keys, func(k *ecdsa.PrivateKey) bool { return k.PublicKey.Equal(key) }) || slices.ContainsFunc(bound, func(k crypto.PublicKey) bool { return k.(*ecdsa.PublicKey).Equal(key) }) {
					t.Error("VCIEnsureBatchBindingKeysMatchSentProofKeys, AreDistinct")
				}
				bound = append(bound, key)
				if at := list + "#" + string(rune(index)); references[at] {
					t.Error("VCIEnsureBatchStatusReferencesAreDistinct")
				} else {
					references[at] = true
				}
				lists[list] = append(lists[list], index)
				for _, at := range signedTimes(t, c.Credential) {
					if !at.Equal(at.Truncate(time.Hour)) {
						t.Errorf("VCIEnsureBatchTimeClaimsNotLinkable: %s", at)
					}
				}
				contents = append(contents, dataset(t, c.Credential, salts))
			}
			if len(slices.Compact(contents)) != 1 {
				t.Error("VCIEnsureBatchDatasetsMatch")
			}
			if len(lists) >= n {
				t.Error("VCIWarnBatchStatusListUrisProvideHerdPrivacy: a list for each")
			}
			for list, indices := range lists {
				slices.Sort(indices)
				regular := len(indices) >= 3
				for i := 2; i < len(indices); i++ {
					regular = regular && indices[i]-indices[i-1] == indices[1]-indices[0]
				}
				if regular {
					t.Errorf("VCIEnsureBatchStatusListIndicesAreUnpredictable: %s %v", list, indices)
				}
			}
		})
	}
}

// dataset is what a copy says, whatever the order; salts that were there before
// fail the test.
func dataset(t *testing.T, text string, salts map[string]bool) string {
	t.Helper()
	var all []string
	note := func(salt, name, value string) {
		if salts[salt] {
			t.Error("VCIEnsureBatchSdJwtDisclosureSaltsAreDistinct")
		}
		salts[salt] = true
		all = append(all, name+"="+value)
	}
	if strings.Contains(text, "~") {
		token, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range token.Disclosures {
			note(d.Salt, d.Name, "")
		}
		claims := claimsOf(t, text).Claims
		for _, name := range []string{"cnf", "status"} { // of the copy
			delete(claims, name)
		}
		b, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	} else {
		for _, n := range issuerSigned(t, text).NameSpaces {
			for _, item := range n.Items {
				note(string(item.Random), item.ElementIdentifier, string(item.ElementValue))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
