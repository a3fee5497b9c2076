package issuance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

func encrypting(t testing.TB) *world {
	w := blocking(t)
	w.cfg.Encrypt = true
	w.restart()
	return w
}

// announced is the key of the metadata.
func (w *world) announced() *jose.Key {
	w.t.Helper()
	keys, err := jose.ParseKeySet(w.service.EncryptionKeys())
	if err != nil || len(keys) != 1 || keys[0].Private != nil || keys[0].KeyID == "" || keys[0].Use != "enc" || keys[0].Algorithm != "ECDH-ES" {
		w.t.Fatalf("%s, %v", w.service.EncryptionKeys(), err)
	}
	return keys[0]
}

func (w *world) sealed(key *jose.Key, zip string, body []byte) []byte {
	w.t.Helper()
	token, err := oid4vci.EncryptRequest(key, "A128GCM", zip, body, rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return []byte(token)
}

func TestEncryptedExchange(t *testing.T) {
	ctx := context.Background()
	w := encrypting(t)
	own := newKey(t)
	mine := &jose.Key{Public: own.Public(), Private: own, KeyID: "mine"}
	for _, zip := range []string{"", "DEF"} {
		params := &oid4vci.ResponseEncryptionParameters{Key: mine, Enc: "A256GCM", Zip: zip}
		body, err := oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(2, w.nonce())}, ResponseEncryption: params}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		r, err := w.service.ReadRequest(ctx, w.sealed(w.announced(), zip, body), true)
		if err != nil || !r.Encrypted {
			t.Fatal(err)
		}
		resp, err := w.service.Issue(ctx, w.access(), r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(resp)
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.service.EncryptResponse(r.ResponseEncryption, text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := oid4vci.DecryptResponse(token, mine)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%v", err)
		}
	}
	// Who waits gets an encrypted answer too, and asks with what it has then.
	w.ban(time.Time{})
	body, err := oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(1, w.nonce())},
		ResponseEncryption: &oid4vci.ResponseEncryptionParameters{Key: mine, Enc: "A128GCM"}}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.service.ReadRequest(ctx, w.sealed(w.announced(), "", body), true)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.service.Issue(ctx, w.access(), r)
	if err != nil || resp.TransactionID == "" {
		t.Fatalf("%+v, %v", resp, err)
	}
	body, err = oid4vci.DeferredRequest{TransactionID: resp.TransactionID, ResponseEncryption: r.ResponseEncryption}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	d, err := w.service.ReadDeferred(ctx, w.sealed(w.announced(), "", body), true)
	if err != nil || !d.Encrypted || d.ResponseEncryption == nil {
		t.Fatalf("%+v, %v", d, err)
	}
	if again, err := w.service.Deferred(ctx, w.access(), d); err != nil || again.TransactionID != resp.TransactionID {
		t.Errorf("%+v, %v", again, err)
	}
	d.Encrypted = false // as if the key had come in clear
	_, err = w.service.Deferred(ctx, w.access(), d)
	wantKind(t, err, problem.InvalidEncryptionParameters)
	if plain, err := w.later(w.access(), resp.TransactionID); err != nil || plain.TransactionID != resp.TransactionID {
		t.Errorf("without: %+v, %v", plain, err)
	}
}

func TestBadInputsEncryption(t *testing.T) {
	ctx := context.Background()
	w := encrypting(t)
	own := newKey(t)
	mine := &jose.Key{Public: own.Public(), KeyID: "mine"}
	request := func(p *oid4vci.ResponseEncryptionParameters) []byte {
		body, err := oid4vci.CredentialRequest{ConfigurationID: "mdl", Proofs: oid4vci.Proofs{JWT: w.proofs(1, w.nonce())}, ResponseEncryption: p}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	with := &oid4vci.ResponseEncryptionParameters{Key: mine, Enc: "A128GCM"}
	ask := func(body []byte, encrypted bool) error {
		r, err := w.service.ReadRequest(ctx, body, encrypted)
		if err != nil {
			return err
		}
		_, err = w.service.Issue(ctx, w.access(), r)
		return err
	}
	stranger := newKey(t)
	for id, c := range map[string]struct {
		body      []byte
		encrypted bool
		kind      problem.Kind // "" = fine
	}{
		"C18/asked_in_clear":   {request(with), false, problem.InvalidEncryptionParameters},
		"C18/zip_bomb":         {w.sealed(w.announced(), "DEF", bytes.Repeat([]byte(" "), 8<<20)), true, problem.InvalidEncryptionParameters},
		"C19/wrong_kid":        {w.sealed(&jose.Key{Public: stranger.Public(), KeyID: "x"}, "", request(nil)), true, problem.InvalidEncryptionParameters},
		"C19/wrong_key":        {w.sealed(&jose.Key{Public: stranger.Public(), KeyID: w.announced().KeyID}, "", request(nil)), true, problem.InvalidEncryptionParameters},
		"C19/not_encrypted":    {request(nil), true, problem.InvalidEncryptionParameters},
		"C19/broken":           {w.sealed(w.announced(), "", request(nil))[:200], true, problem.InvalidEncryptionParameters},
		"C21/encrypted_junk":   {w.sealed(w.announced(), "", []byte(strings.Repeat("[", 20_000))), true, problem.InvalidCredentialRequest},
		"encrypted_as_clear":   {w.sealed(w.announced(), "", request(nil)), false, problem.InvalidCredentialRequest},
		"without_kid_is_fine":  {w.sealed(&jose.Key{Public: w.announced().Public}, "", request(nil)), true, ""},
		"answer_in_clear_fine": {w.sealed(w.announced(), "DEF", request(nil)), true, ""},
	} {
		if err := ask(c.body, c.encrypted); c.kind == "" && err != nil || c.kind != "" && problem.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", id, err, c.kind)
		}
	}

	t.Run("C20/required", func(t *testing.T) {
		w.cfg.RequireRequestEncrypted, w.cfg.RequireAnswerEncrypted = true, true
		w.restart()
		wantKind(t, ask(request(nil), false), problem.InvalidEncryptionParameters)
		wantKind(t, ask(w.sealed(w.announced(), "", request(nil)), true), problem.InvalidEncryptionParameters)
		if err := ask(w.sealed(w.announced(), "", request(with)), true); err != nil {
			t.Error(err)
		}
		_, err := w.later(w.access(), "x")
		wantKind(t, err, problem.InvalidEncryptionParameters)
		req, resp := w.service.Encryption()
		if !req.Required || !resp.Required {
			t.Error("the metadata do not say so")
		}
		w.cfg.RequireRequestEncrypted, w.cfg.RequireAnswerEncrypted = false, false
		w.restart()
	})

	t.Run("C20/retired_key", func(t *testing.T) {
		old := w.announced()
		w.clock.Advance(w.service.EncryptionRotates().Sub(w.clock.Now()) - time.Second)
		if w.announced().KeyID != old.KeyID {
			t.Error("rotated too soon")
		}
		w.clock.Advance(time.Second)
		if w.announced().KeyID == old.KeyID {
			t.Error("not rotated")
		}
		open := func() error {
			_, err := w.service.DecryptRequest(ctx, w.sealed(old, "", []byte("{}")))
			return err
		}
		w.clock.Advance(time.Hour)
		w.restart()
		if err := open(); err != nil {
			t.Errorf("1 h later: %v", err)
		}
		w.clock.Advance(23 * time.Hour)
		wantKind(t, open(), problem.InvalidEncryptionParameters)
	})

	t.Run("not_offered", func(t *testing.T) {
		plain := newWorld(t)
		if plain.service.EncryptionKeys() != nil {
			t.Error("keys for nothing")
		}
		if req, resp := plain.service.Encryption(); req != nil || resp != nil {
			t.Error("announced")
		}
		_, err := plain.service.DecryptRequest(ctx, w.sealed(w.announced(), "", []byte("{}")))
		wantKind(t, err, problem.InvalidEncryptionParameters)
	})
}

// The keys follow from the secret: the same on every node, others elsewhere.
func TestEncryptionKeys(t *testing.T) {
	w, other, foreign := encrypting(t), encrypting(t), encrypting(t)
	foreign.cfg.Secret = []byte("another secret of thirty-two bytes!!")
	foreign.restart()
	if !bytes.Equal(w.service.EncryptionKeys(), other.service.EncryptionKeys()) {
		t.Error("two nodes, two keys")
	}
	if bytes.Equal(w.service.EncryptionKeys(), foreign.service.EncryptionKeys()) {
		t.Error("two secrets, one key")
	}
	req, resp := w.service.Encryption()
	m := &oid4vci.IssuerMetadata{CredentialIssuer: issuer, CredentialEndpoint: issuer + "/c", Configurations: map[string]oid4vci.Configuration{},
		CredentialRequestEncryption: req, CredentialResponseEncryption: resp}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func FuzzReadRequest(f *testing.F) {
	w := encrypting(f)
	f.Add(w.sealed(w.announced(), "", []byte(`{"credential_configuration_id":"mdl"}`)), true)
	f.Add(w.sealed(w.announced(), "DEF", []byte(`{}`)), true)
	f.Add([]byte(`{"credential_configuration_id":"mdl","proof":{}}`), false)
	f.Fuzz(func(t *testing.T, body []byte, encrypted bool) {
		r, err := w.service.ReadRequest(context.Background(), body, encrypted)
		if (r == nil) == (err == nil) || err != nil && (problem.KindOf(err) == problem.Internal || problem.KindOf(err) == problem.Unavailable) {
			t.Errorf("%+v beside %v", r, err)
		}
	})
}

func TestDraft15(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	old := func() []byte {
		return []byte(`{"credential_configuration_id":"mdl","proof":{"proof_type":"jwt","jwt":"` + w.proof(newKey(t), w.nonce()) + `"}}`)
	}
	_, err := w.service.ReadRequest(ctx, old(), false)
	wantKind(t, err, problem.InvalidCredentialRequest)
	w.cfg.Draft15 = true
	w.restart()
	ask := func(body []byte) *oid4vci.CredentialResponse {
		r, err := w.service.ReadRequest(ctx, body, false)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.service.Issue(ctx, w.access(), r)
		if err != nil || len(resp.Credentials) != 1 {
			t.Fatalf("%+v, %v", resp, err)
		}
		return resp
	}
	resp := ask(old())
	if resp.CNonce == "" || resp.CNonceExpiresIn != int(issuance.DefaultNonceLifetime/time.Second) {
		t.Errorf("%+v", resp)
	}
	// The nonce of the answer is as good as any other.
	again := ask([]byte(`{"credential_configuration_id":"mdl","proofs":{"jwt":["` + w.proof(newKey(t), resp.CNonce) + `"]}}`))
	if again.CNonce != "" || again.CNonceExpiresIn != 0 {
		t.Errorf("a nonce for a wallet of today: %+v", again)
	}
}
