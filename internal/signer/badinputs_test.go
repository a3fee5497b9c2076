package signer_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/keys"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/sdjwt"
	. "vidimus/internal/signer"
	"vidimus/internal/statuslist"
)

// refused says that a key does not sign a message, for one reason, and that this left
// no trace but a line of the record.
func (w *world) refused(t *testing.T, key string, message []byte, reason Reason) {
	t.Helper()
	signatures, err := w.sign(key, message)
	if signatures != nil || !errors.Is(err, ErrRefused) || ReasonOf(err) != reason {
		t.Errorf("%d signatures, %q instead of %q: %v", len(signatures), ReasonOf(err), reason, err)
	}
}

// TestRawDigests is bad input K08: what is no message is not signed, whatever its
// length is.
func TestRawDigests(t *testing.T) {
	w := newWorld(t)
	digest := sha256.Sum256([]byte("x"))
	for name, message := range map[string][]byte{
		"K08/zero_bytes": {}, "K08/one_byte": {0}, "K08/md5": make([]byte, 16), "K08/sha1": make([]byte, 20), "K08/sha256": digest[:],
		"K08/sha384": make([]byte, 48), "K08/sha512": make([]byte, 64), "K08/not_hash_long": make([]byte, 33),
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range keyNames {
				w.refused(t, key, message, ReasonForm)
			}
		})
	}
	k, err := w.service.Keys("test").Signer(t.Context(), "signer:key=mdl")
	w.must(err)
	for _, opts := range []crypto.SignerOpts{crypto.SHA256, crypto.SHA384, crypto.MD5, crypto.Hash(0), nil} {
		if sig, err := k.Sign(rand.Reader, digest[:], opts); sig != nil || !errors.Is(err, keys.ErrDigest) {
			t.Errorf("a digest was signed: %v", err)
		}
	}
	proof := speakers[KindProof].speak(w)
	for _, opts := range []crypto.SignerOpts{crypto.SHA384, crypto.MD5, crypto.Hash(0), nil} {
		if sig, err := k.(crypto.MessageSigner).SignMessage(rand.Reader, proof, opts); sig != nil || !errors.Is(err, keys.ErrDigest) {
			t.Errorf("with another hash: %v", err)
		}
	}
}

// TestForms is bad input K09: messages of the right kind, not in their exact form.
func TestForms(t *testing.T) {
	w := newWorld(t)
	mso, jwt, cert, crl := speakers[KindMSO].speak(w), speakers[KindSDJWT].speak(w), speakers[KindReaderCertificate].speak(w), speakers[KindCRL].speak(w)
	proof := speakers[KindProof].speak(w)
	status := speakers[KindStatusCWT].speak(w)
	cut := func(b []byte) []byte { return b[:len(b)-1] }
	more := func(b []byte) []byte { return append(bytes.Clone(b), 0) }
	dot := bytes.IndexByte(jwt, '.')
	for name, tt := range map[string]struct {
		key     string
		message []byte
		reason  Reason
	}{
		"K09/arbitrary_bytes":         {"mdl", []byte("please sign this"), ReasonForm},
		"K09/arbitrary_json":          {"pid", []byte(`{"vct":"urn:eudi:pid:1"}`), ReasonForm},
		"K09/mso_trailing":            {"mdl", more(mso), ReasonForm},
		"K09/mso_cut":                 {"mdl", cut(mso), ReasonForm},
		"K09/mso_without_structure":   {"mdl", mso[20:], ReasonForm},
		"K09/mso_external_data":       {"mdl", w.structure("mdl", nil, []byte{1}, []byte{0xf6}), ReasonForm},
		"K09/mso_of_nothing":          {"mdl", w.structure("mdl", nil, nil, nil), ReasonForm},
		"K09/mso_null":                {"mdl", w.structure("mdl", nil, nil, []byte{0xf6}), ReasonForm},
		"K09/mso_unwrapped":           {"mdl", w.structure("mdl", nil, nil, []byte{0xa0}), ReasonForm},
		"K09/mso_of_nothing_wrapped":  {"mdl", w.structure("mdl", nil, nil, cbor.WrapEncoded([]byte{0xa0})), ReasonForm},
		"K09/mso_other_algorithm":     {"mdl", w.structure("mdl", map[int64]any{1: -35}, nil, cbor.WrapEncoded([]byte{0xa0})), ReasonKind},
		"K09/mso_no_algorithm":        {"mdl", w.structure("mdl", map[int64]any{}, nil, cbor.WrapEncoded([]byte{0xa0})), ReasonKind},
		"K09/mso_with_content_type":   {"mdl", w.structure("mdl", map[int64]any{1: -7, 3: "x"}, nil, cbor.WrapEncoded([]byte{0xa0})), ReasonKind},
		"K09/mso_context_mac":         {"mdl", bytes.Replace(mso, []byte("Signature1"), []byte("MACxxxxxx0"), 1), ReasonForm},
		"K09/mso_long_heads":          {"mdl", bytes.Replace(mso, []byte("\x6aSignature1\x43"), []byte("\x6aSignature1\x58\x03"), 1), ReasonForm},
		"K09/jws_trailing_dot":        {"pid", append(bytes.Clone(jwt), '.'), ReasonForm},
		"K09/jws_signed_already":      {"pid", append(bytes.Clone(jwt), ".AAAA"...), ReasonForm},
		"K09/jws_payload_padded":      {"pid", append(bytes.Clone(jwt), '='), ReasonForm},
		"K09/jws_header_alone":        {"pid", jwt[:dot], ReasonForm},
		"K09/jws_no_payload":          {"pid", jwt[:dot+1], ReasonForm},
		"K09/jws_payload_no_json":     {"pid", append(bytes.Clone(jwt[:dot+1]), "AAAA"...), ReasonForm},
		"K09/jws_space_behind":        {"pid", append(bytes.Clone(jwt[:dot+1]), jose.EncodeBase64URL([]byte(`{"vct":"urn:eudi:pid:1"} `))...), ReasonForm},
		"K09/jws_other_header":        {"pid", []byte(jose.EncodeBase64URL([]byte(`{"alg":"ES256","typ":"dc+sd-jwt"}`)) + "." + string(jwt[dot+1:])), ReasonKind},
		"K09/jws_alg_none":            {"pid", []byte(jose.EncodeBase64URL([]byte(`{"alg":"none"}`)) + "." + string(jwt[dot+1:])), ReasonKind},
		"K09/certificate_trailing":    {"reader-ca", more(cert), ReasonForm},
		"K09/certificate_cut":         {"reader-ca", cut(cert), ReasonForm},
		"K09/certificate_of_nothing":  {"reader-ca", []byte{0x30, 0x00}, ReasonForm},
		"K09/list_trailing":           {"reader-ca", more(crl), ReasonForm},
		"K09/list_cut":                {"reader-ca", cut(crl), ReasonForm},
		"K09/proof_cut":               {"mdl", cut(proof), ReasonPolicy},
		"K09/proof_trailing":          {"mdl", more(proof), ReasonPolicy},
		"K09/proof_alone":             {"mdl", []byte(keys.ProofPrefix), ReasonPolicy},
		"K09/status_trailing":         {"status", more(status), ReasonForm},
		"K09/status_not_sorted":       {"status", w.claims("status", statuslistType, []byte{0xa2, 0x06, 0x01, 0x02, 0x61, 'x'}), ReasonForm},
		"K09/status_claim_twice":      {"status", w.claims("status", statuslistType, []byte{0xa2, 0x06, 0x01, 0x06, 0x01}), ReasonForm},
		"K09/status_unknown_claim":    {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[uint64]any{1: "iss", 2: listURI, 6: w.Now.Unix()})), ReasonForm},
		"K09/status_text_claim":       {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[any]any{"x": 1})), ReasonForm},
		"K09/status_without_list":     {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[uint64]any{2: listURI, 4: w.Now.Unix() + 9, 6: w.Now.Unix()})), ReasonForm},
		"K09/status_list_of_another":  {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[uint64]any{2: listURI, 6: w.Now.Unix(), 65530: map[string]any{"identifiers": map[string]any{}}})), ReasonForm},
		"K09/status_list_bits":        {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[uint64]any{2: listURI, 6: w.Now.Unix(), 65533: map[string]any{"bits": 3, "lst": []byte{1}}})), ReasonForm},
		"K09/status_list_member":      {"status", w.claims("status", statuslistType, cbor.MustMarshal(map[uint64]any{2: listURI, 6: w.Now.Unix(), 65533: map[string]any{"bits": 1, "lst": []byte{1}, "x": 1}})), ReasonForm},
		"K09/too_large":               {"mdl", append(bytes.Clone(mso), make([]byte, MaxMessage)...), ReasonForm},
		"K09/too_large_of_other_kind": {"pid", append(bytes.Clone(jwt), bytes.Repeat([]byte{'A'}, MaxMessage)...), ReasonSize},
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, tt.key, tt.message, tt.reason) })
	}
	t.Run("K09/no_such_key", func(t *testing.T) { w.refused(t, "other", mso, ReasonKey) })
	t.Run("K09/no_messages", func(t *testing.T) {
		if _, err := w.sign("mdl"); ReasonOf(err) != ReasonSize {
			t.Error(err)
		}
	})
	t.Run("K09/too_many_messages", func(t *testing.T) {
		if _, err := w.sign("mdl", make([][]byte, MaxMessages+1)...); ReasonOf(err) != ReasonSize || problem.KindOf(err) != problem.TooLarge {
			t.Error(err)
		}
	})
	// A batch is signed whole or not at all.
	t.Run("K09/one_of_a_batch", func(t *testing.T) {
		before := w.service.Status()
		signatures, err := w.sign("mdl", mso, mso, w.mso("mdl", "org.example.other", nil), mso, mso)
		if signatures != nil || ReasonOf(err) != ReasonPolicy || !strings.Contains(err.Error(), "message 3") {
			t.Errorf("%v", err)
		}
		for i, k := range w.service.Status() {
			if k.Messages != before[i].Messages {
				t.Errorf("%s signed", k.Name)
			}
		}
	})
	for _, e := range w.events() {
		if e.Outcome == "intent" {
			t.Errorf("recorded as signed: %+v", e)
		}
	}
}

const statuslistType = "application/statuslist+cwt"

// structure is a Sig_structure with any header, external data and payload.
func (w *world) structure(key string, header map[int64]any, external, payload []byte) []byte {
	if header == nil {
		header = map[int64]any{1: -7}
	}
	b := cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")
	b = cbor.AppendBytes(b, cbor.MustMarshal(header))
	b = cbor.AppendBytes(b, external)
	return cbor.AppendBytes(b, payload)
}

// claims are those of a CWT of a type with a chain.
func (w *world) claims(key, typ string, payload []byte) []byte {
	return w.structure(key, map[int64]any{1: -7, 16: typ, 33: cose.X5ChainValue(w.chain(key))}, nil, payload)
}

// TestPolicies is bad input K09: messages in their form, which say what the key may not
// say. The front end that asks has linted nothing of them.
func TestPolicies(t *testing.T) {
	w := newWorld(t)
	day := w.Now.Truncate(24 * time.Hour)
	validity := func(signed, from, until time.Time) func(*mdoc.Copy) {
		return func(c *mdoc.Copy) { c.Validity = mdoc.NewValidityInfo(signed, from, until) }
	}
	end := w.DocumentSignerPID.Cert.NotAfter()
	for name, tt := range map[string]struct {
		change func(*mdoc.Copy)
	}{
		"K09/mso_without_status":     {func(c *mdoc.Copy) { c.Status = nil }},
		"K09/mso_status_of_other":    {func(c *mdoc.Copy) { c.Status.StatusList.URI = "https://evil.example/status/7" }},
		"K09/mso_status_like_ours":   {func(c *mdoc.Copy) { c.Status.StatusList.URI = issuerURL + ".evil.example/status/7" }},
		"K09/mso_status_climbs":      {func(c *mdoc.Copy) { c.Status.StatusList.URI = issuerURL + "/../status/7" }},
		"K09/mso_status_climbs_last": {func(c *mdoc.Copy) { c.Status.StatusList.URI = issuerURL + "/status/.." }},
		"K09/mso_status_escaped":     {func(c *mdoc.Copy) { c.Status.StatusList.URI = issuerURL + "/%2e%2e/status/7" }},
		"K09/mso_identifier_list_of_other": {func(c *mdoc.Copy) {
			c.Status.IdentifierList = &mdoc.IdentifierListInfo{ID: []byte{1}, URI: "https://evil.example/1"}
		}},
		"K09/mso_signed_in_future": {validity(w.Now.Add(time.Hour), w.Now.Add(time.Hour), day.AddDate(0, 0, 14))},
		"K09/mso_signed_long_ago":  {validity(day.AddDate(0, 0, -3), day.AddDate(0, 0, -3), day.AddDate(0, 0, 14))},
		"K09/mso_ended":            {validity(day, day, day.Add(time.Hour))},
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "mdl", w.mso("mdl", mdl, tt.change), ReasonPolicy) })
	}
	t.Run("K09/mso_other_doctype", func(t *testing.T) { w.refused(t, "pid", w.mso("pid", mdl, nil), ReasonPolicy) })

	for name, change := range map[string]func(*sdjwt.Copy){
		"K09/sdjwt_other_issuer":       func(c *sdjwt.Copy) { c.Issuer = "https://evil.example" },
		"K09/sdjwt_without_iat":        func(c *sdjwt.Copy) { c.IssuedAt = time.Time{} },
		"K09/sdjwt_without_exp":        func(c *sdjwt.Copy) { c.Expires = time.Time{} },
		"K09/sdjwt_without_key":        func(c *sdjwt.Copy) { c.Confirmation = nil },
		"K09/sdjwt_without_status":     func(c *sdjwt.Copy) { c.Status = nil },
		"K09/sdjwt_status_of_other":    func(c *sdjwt.Copy) { c.Status.URI = "https://evil.example/7" },
		"K09/sdjwt_outlives_signer":    func(c *sdjwt.Copy) { c.Expires = end.Add(time.Second) },
		"K09/sdjwt_signed_in_future":   func(c *sdjwt.Copy) { c.IssuedAt, c.NotBefore = w.Now.Add(time.Hour), w.Now.Add(time.Hour) },
		"K09/sdjwt_signed_long_ago":    func(c *sdjwt.Copy) { c.IssuedAt = day.AddDate(0, 0, -3) },
		"K09/sdjwt_not_before_it_made": func(c *sdjwt.Copy) { c.NotBefore = day.Add(-time.Hour) },
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "pid", w.sdjwt(change), ReasonPolicy) })
	}
	t.Run("K09/crl_other_algorithm", func(t *testing.T) {
		message := w.crl("reader-ca")
		own, other := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4}
		if !bytes.Contains(message, own) {
			own[7] = 3
		}
		w.refused(t, "reader-ca", bytes.Replace(message, own, other, 1), ReasonPolicy)
	})
	t.Run("K09/proof_with_too_much", func(t *testing.T) {
		message := append([]byte(keys.ProofPrefix), make([]byte, ProofNonce+1)...)
		w.refused(t, "mdl", append(message, w.DocumentSignerMDL.Cert.Raw...), ReasonPolicy)
	})
	t.Run("K09/mso_outlives_signer", func(t *testing.T) {
		// Package mdoc would not sign it: a front end that was taken over does not ask it.
		message := w.forge(w.mso("mdl", mdl, nil), "2026-06-29", "2036-06-29")
		w.refused(t, "mdl", message, ReasonPolicy)
	})
	t.Run("K09/mso_no_point", func(t *testing.T) {
		message := w.mso("mdl", mdl, nil)
		at := bytes.Index(message, []byte("deviceKeyInfo"))
		x := at + bytes.Index(message[at:], []byte{0x22, 0x58, 0x20}) // -3: y
		message[x+5] ^= 1
		w.refused(t, "mdl", message, ReasonForm)
	})
	t.Run("K09/sdjwt_other_vct", func(t *testing.T) {
		w.refused(t, "pid", w.sdjwtPayload(func(c map[string]any) { c["vct"] = "urn:other" }), ReasonPolicy)
	})
	t.Run("K09/sdjwt_weak_digests", func(t *testing.T) {
		w.refused(t, "pid", w.sdjwtPayload(func(c map[string]any) { c["_sd_alg"] = "md5" }), ReasonPolicy)
		w.refused(t, "pid", w.sdjwtPayload(func(c map[string]any) { c["_sd"] = []string{"AAAA"} }), ReasonForm)
	})
	t.Run("K09/sdjwt_private_key", func(t *testing.T) {
		private, err := jose.MarshalPrivateKey(newKey(t))
		w.must(err)
		w.refused(t, "pid", w.sdjwtPayload(func(c map[string]any) { c["cnf"] = map[string]any{"jwk": json.RawMessage(private)} }), ReasonForm)
	})
	t.Run("K09/sdjwt_member_twice", func(t *testing.T) {
		jwt := speakers[KindSDJWT].speak(w)
		dot := bytes.IndexByte(jwt, '.')
		payload, err := jose.DecodeBase64URL(string(jwt[dot+1:]))
		w.must(err)
		twice := append([]byte(`{"vct":"urn:other",`), payload[1:]...)
		w.refused(t, "pid", append(bytes.Clone(jwt[:dot+1]), jose.EncodeBase64URL(twice)...), ReasonForm)
	})

	for name, change := range map[string]func(*statuslist.Claims){
		"K09/list_of_other":          func(c *statuslist.Claims) { c.Subject = "https://evil.example/7" },
		"K09/list_aggregation_other": func(c *statuslist.Claims) { c.AggregationURI = "https://evil.example/" },
		"K09/list_without_end":       func(c *statuslist.Claims) { c.Expires = time.Time{} },
		"K09/list_for_ever":          func(c *statuslist.Claims) { c.Expires = w.Now.AddDate(0, 6, 0) },
		"K09/list_outlives_signer":   func(c *statuslist.Claims) { c.Expires = w.StatusSigner.Cert.NotAfter().Add(time.Second) },
		"K09/list_of_the_future":     func(c *statuslist.Claims) { c.IssuedAt, c.Expires = w.Now.AddDate(0, 0, 3), w.Now.AddDate(0, 0, 4) },
		"K09/list_of_the_past":       func(c *statuslist.Claims) { c.IssuedAt = w.Now.Add(-time.Hour) },
		"K09/list_ttl_beyond_end":    func(c *statuslist.Claims) { c.TTL = 30 * 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			claims := w.listClaims()
			change(&claims)
			w.refused(t, "status", w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
				_, err := w.body().SignJWT(key, claims, chain, rand.Reader)
				return err
			}), ReasonPolicy)
			w.refused(t, "status", w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
				_, err := w.body().SignCWT(key, claims, chain, rand.Reader)
				return err
			}), ReasonPolicy)
			w.refused(t, "status", w.spoken("status", func(key crypto.Signer, chain [][]byte) error {
				_, err := statuslist.SignIdentifierList([][]byte{{1}}, key, claims, chain, rand.Reader)
				return err
			}), ReasonPolicy)
		})
	}

	for name, change := range map[string]func(map[string]any){
		"K09/receipt_of_other":      func(c map[string]any) { c["iss"] = "https://evil.example" },
		"K09/receipt_of_the_past":   func(c map[string]any) { c["iat"] = w.Now.Add(-time.Hour).Unix() },
		"K09/receipt_of_the_future": func(c map[string]any) { c["iat"] = w.Now.Add(time.Hour).Unix() },
		"K09/receipt_to_come":       func(c map[string]any) { c["covered_at"] = w.Now.Add(time.Hour).Unix() },
		"K09/receipt_without_iat":   func(c map[string]any) { delete(c, "iat") },
	} {
		t.Run(name, func(t *testing.T) {
			c := w.receipt()
			change(c)
			w.refused(t, "receipt", w.token("receipt", map[string]any{"typ": "vidimus-receipt+jwt", "kid": w.kid("receipt"), "x5c": w.chain("receipt")}, c), ReasonPolicy)
		})
	}
	t.Run("K09/receipt_more_than_one", func(t *testing.T) {
		c := w.receipt()
		c["sub"] = "somebody"
		w.refused(t, "receipt", w.token("receipt", map[string]any{"typ": "vidimus-receipt+jwt", "kid": w.kid("receipt"), "x5c": w.chain("receipt")}, c), ReasonForm)
	})
	event := func(change func(map[string]any)) []byte {
		c := map[string]any{"iss": issuerURL + "/console", "aud": issuerURL, "iat": w.Now.Unix(), "jti": "a", "toe": w.Now.Unix(),
			"sub_id": map[string]string{"format": "opaque", "id": "1"}, "events": map[string]any{"urn:vidimus:event:measure-added:1": map[string]any{"seq": 1}}}
		change(c)
		return w.token("console", map[string]any{"typ": "secevent+jwt", "kid": w.kid("console")}, c)
	}
	if _, err := w.sign("console", event(func(map[string]any) {})); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(map[string]any){
		"K09/event_of_a_registry":   func(c map[string]any) { c["iss"] = "https://registry.example" },
		"K09/event_of_the_office":   func(c map[string]any) { c["iss"] = issuerURL },
		"K09/event_to_other":        func(c map[string]any) { c["aud"] = "https://other.example" },
		"K09/event_of_the_past":     func(c map[string]any) { c["iat"] = w.Now.Add(-time.Hour).Unix() },
		"K09/event_of_another_part": func(c map[string]any) { c["iss"] = issuerURL + "/console/x" },
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "console", event(change), ReasonPolicy) })
	}
	t.Run("K09/events_two", func(t *testing.T) {
		w.refused(t, "console", event(func(c map[string]any) { c["events"].(map[string]any)["urn:vidimus:event:x:1"] = map[string]any{} }), ReasonForm)
	})
	t.Run("K09/event_not_ours", func(t *testing.T) {
		w.refused(t, "console", event(func(c map[string]any) { c["events"] = map[string]any{"urn:other": map[string]any{}} }), ReasonForm)
	})
	t.Run("K09/metadata_of_other", func(t *testing.T) {
		w.refused(t, "access", w.spoken("access", func(key crypto.Signer, chain [][]byte) error {
			m := &oid4vci.IssuerMetadata{CredentialIssuer: "https://evil.example", CredentialEndpoint: "https://evil.example/c", Configurations: map[string]oid4vci.Configuration{}}
			_, err := oid4vci.SignMetadata(m, key, chain, w.Now, w.Now.Add(24*time.Hour), rand.Reader)
			return err
		}), ReasonPolicy)
	})

	reader := func(change func(*pki.Template)) []byte {
		tmpl := w.template(pki.ProfileReader)
		change(&tmpl)
		return w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
			_, err := pki.Build(tmpl, w.ReaderCA.Cert, key, rand.Reader)
			return err
		})
	}
	for name, change := range map[string]func(*pki.Template){
		"K09/certificate_of_an_access":  func(c *pki.Template) { c.Profile, c.DNSNames = pki.ProfileAccess, []string{"a.example"} },
		"K09/certificate_of_a_receipt":  func(c *pki.Template) { c.Profile = pki.ProfileReceiptSigner },
		"K09/certificate_of_the_future": func(c *pki.Template) { c.NotBefore = w.Now.Add(time.Hour) },
		"K09/certificate_of_the_past":   func(c *pki.Template) { c.NotBefore = w.Now.AddDate(0, -1, 0) },
		"K09/certificate_for_the_ca":    func(c *pki.Template) { c.Public = w.ReaderCA.Key.Public() },
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, "reader-ca", reader(change), ReasonPolicy) })
	}
	t.Run("K09/certificate_of_a_ca", func(t *testing.T) {
		w.refused(t, "reader-ca", w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
			_, err := pki.Build(pki.Template{Profile: pki.ProfileReaderCA, Subject: pki.Name{CommonName: "evil"}, NotBefore: w.Now, NotAfter: w.Now.AddDate(1, 0, 0)}, nil, key, rand.Reader)
			return err
		}), ReasonPolicy)
	})
	for name, r := range map[string]pki.Revocations{
		"K09/revocations_of_the_past":   {Number: big.NewInt(7), ThisUpdate: w.Now.Add(-time.Hour), NextUpdate: w.Now.AddDate(0, 0, 7)},
		"K09/revocations_of_the_future": {Number: big.NewInt(7), ThisUpdate: w.Now.Add(time.Hour), NextUpdate: w.Now.AddDate(0, 0, 7)},
	} {
		t.Run(name, func(t *testing.T) {
			w.refused(t, "reader-ca", w.spoken("reader-ca", func(key crypto.Signer, _ [][]byte) error {
				_, err := pki.BuildCRL(r, w.ReaderCA.Cert, key, rand.Reader)
				return err
			}), ReasonPolicy)
		})
	}
}

// forge changes a text in a message for one of its length.
func (w *world) forge(message []byte, old, with string) []byte {
	w.t.Helper()
	if len(old) != len(with) || !bytes.Contains(message, []byte(old)) {
		w.t.Fatalf("%q is not there", old)
	}
	return bytes.ReplaceAll(message, []byte(old), []byte(with))
}

// sdjwtPayload is the message of a credential whose claims were changed.
func (w *world) sdjwtPayload(change func(map[string]any)) []byte {
	w.t.Helper()
	jwt := w.sdjwt(nil)
	dot := bytes.IndexByte(jwt, '.')
	payload, err := jose.DecodeBase64URL(string(jwt[dot+1:]))
	w.must(err)
	var c map[string]any
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	w.must(d.Decode(&c))
	change(c)
	out, err := json.Marshal(c)
	w.must(err)
	return append(bytes.Clone(jwt[:dot+1]), jose.EncodeBase64URL(out)...)
}
