package registryclient_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/clock"
	"vidimus/internal/registry"
	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

// office answers as the registry listener does, over a real inbox.
func office(t *testing.T) (*registryclient.Client, *ecdsa.PrivateKey, *memory.Store) {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = k
	}
	store, err := memory.New(memory.Options{PublicURL: storetest.PublicURL, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	fake := clock.NewFake(storetest.Now)
	inbox, err := registry.New(registry.Config{
		Issuer: "https://office.example", Store: store, Audit: store, Clock: fake, ReceiptSigner: keys[1], Rand: rand.Reader,
		Sources: []registry.Source{{
			Name: "R", Keys: map[string]crypto.PublicKey{"k": keys[0].Public()}, Events: []string{"person-put", "entitlement-put", "document-put", "document-annulled"},
			DocumentTypes: []string{"mdl"}, Kinds: []string{"driving"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	refuse := func(w http.ResponseWriter, err error) {
		code, text, told := registry.SETError(err)
		if !told {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"err": code, "description": text})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+registryclient.EventsPath, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != registryclient.TokenType {
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return
		}
		if _, err := inbox.Accept(r.Context(), "R", string(body)); err != nil {
			refuse(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("POST "+registryclient.BatchPath, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sets, err := registry.ParseBatch(body)
		if err != nil {
			refuse(w, err)
			return
		}
		b, err := inbox.AcceptBatch(r.Context(), "R", sets)
		if err != nil {
			refuse(w, err)
			return
		}
		refused := map[string]map[string]string{}
		for jti, err := range b.Errors {
			code, text, _ := registry.SETError(err)
			refused[jti] = map[string]string{"err": code, "description": text}
		}
		json.NewEncoder(w).Encode(map[string]any{"ack": b.Acks, "setErrs": refused})
	})
	mux.HandleFunc("GET "+registryclient.EventsPath+"/{jti}", func(w http.ResponseWriter, r *http.Request) {
		token, err := inbox.Receipt(r.Context(), "R", r.PathValue("jti"))
		if err != nil {
			refuse(w, err)
			return
		}
		io.WriteString(w, token)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &registryclient.Client{
		Endpoint: server.URL + "/", Source: "R", Audience: "https://office.example", Signer: keys[0], KeyID: "k", HTTP: server.Client(), Now: fake.Now,
	}, keys[1], store
}

func sign(t *testing.T, c *registryclient.Client, e registryclient.Event) registryclient.SET {
	t.Helper()
	set, err := c.Sign(e)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func events() []registryclient.Event {
	prev := uint64(0)
	return []registryclient.Event{
		{Subject: "P", Seq: 1, Prev: &prev, Payload: registryclient.PersonPut{Attributes: map[string]any{
			"family_name": "M\u00fcller <&>", "given_name": "E", "birth_date": "1984-01-26", "sex": 2, "nationality": []string{"UT"}, "portrait": []byte{},
		}}},
		{Subject: "P", Seq: 2, Decision: "act/7", Effective: storetest.Now.AddDate(-1, 0, 0), Payload: registryclient.DocumentPut{
			Number: "N/1", Type: "mdl", IssueDate: "2025-09-01", IssuingAuthority: "A", IssuingCountry: "UT", Attributes: map[string]any{"class": []any{1, "x"}},
		}},
		{Subject: "P", Seq: 3, Payload: registryclient.EntitlementPut{Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20", Codes: []registryclient.Code{{Code: "01", Sign: "=", Value: "1"}}},
		}}},
		{Subject: "P", Seq: 4, Payload: registryclient.EntitlementPut{Kind: "driving", Territory: "UT"}},
		{Subject: "N/1", Seq: 5, JTI: "the/last?", Payload: registryclient.DocumentAnnulled{Number: "N/1", Reason: "forged papers"}},
	}
}

// Every kind of event that the client can say is understood.
func TestPush(t *testing.T) {
	c, receiptKey, store := office(t)
	var last registryclient.SET
	for _, e := range events() {
		last = sign(t, c, e)
		for range 2 {
			if err := c.Push(t.Context(), last); err != nil {
				t.Fatalf("%d: %v", e.Seq, err)
			}
		}
	}
	s, err := store.Subject(t.Context(), "P")
	if err != nil || s.Version != 5 || s.Person.Attributes.Text("family_name") != "M\u00fcller <&>" || !s.Document("N/1").Annulled || len(s.Entitlements) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	token, err := c.Receipt(t.Context(), last.JTI)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.VerifyReceipt(token, &receiptKey.PublicKey)
	if err != nil || r.Event != "the/last?" || r.State != "no-copies" || r.Version != 5 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Receipt(t.Context(), "unknown"); !errors.As(err, new(*registryclient.Refusal)) {
		t.Errorf("receipt of nothing: %v", err)
	}
}

func TestRefusal(t *testing.T) {
	c, _, _ := office(t)
	set := sign(t, c, registryclient.Event{Subject: "P", Seq: 7, Payload: events()[0].Payload})
	var r *registryclient.Refusal
	if err := c.Push(t.Context(), set); !errors.As(err, &r) || r.Code != "invalid_request" || !strings.Contains(r.Description, "gap: the events 1 to 6") || r.Status != 400 || errors.Is(err, registryclient.ErrTryAgain) {
		t.Errorf("%v", err)
	}
}

func TestPushBatch(t *testing.T) {
	c, _, store := office(t)
	var sets []registryclient.SET
	for i, e := range events()[:4] {
		e.JTI = fmt.Sprint("j", i)
		sets = append(sets, sign(t, c, e))
	}
	bad := events()[4]
	bad.JTI, bad.Payload = "bad", registryclient.DocumentAnnulled{Number: "unknown"}
	sets = append(sets, sign(t, c, bad))
	a, err := c.PushBatch(t.Context(), sets)
	if err != nil || len(a.Acks) != 4 || len(a.Refused) != 1 || a.Refused["bad"].Code != "invalid_request" {
		t.Errorf("%+v, %v", a, err)
	}
	if s, err := store.Subject(t.Context(), "P"); err != nil || s.Version != 4 {
		t.Errorf("version %d, %v", s.Version, err)
	}
	if _, err := c.PushBatch(t.Context(), append(sets, sets[0])); err == nil {
		t.Error("one jti twice in a batch")
	}
	if _, err := c.PushBatch(t.Context(), []registryclient.SET{{JTI: "x", Token: strings.Repeat("x", registryclient.MaxBatchSize)}}); err == nil {
		t.Error("a batch of more than 8 MiB")
	}
}

// What is no answer of the office asks for the same token again.
func TestTryAgain(t *testing.T) {
	c, _, _ := office(t)
	set := sign(t, c, events()[0])
	for _, status := range []int{429, 500, 502, 503} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		c.Endpoint = server.URL
		if err := c.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
			t.Errorf("%d: %v", status, err)
		}
		server.Close()
		if err := c.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
			t.Errorf("nobody there: %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Push(ctx, set); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	c, _, _ := office(t)
	for name, e := range map[string]registryclient.Event{
		"no subject": {Seq: 1, Payload: events()[0].Payload},
		"no number":  {Subject: "P", Payload: events()[0].Payload},
		"no payload": {Subject: "P", Seq: 1},
		"no JSON":    {Subject: "P", Seq: 1, Payload: registryclient.PersonPut{Attributes: map[string]any{"x": make(chan int)}}},
	} {
		if set, err := c.Sign(e); err == nil || set.Token != "" {
			t.Errorf("%s: signed", name)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, signer := range []crypto.Signer{nil, p384} {
		c.Signer = signer
		if _, err := c.Sign(events()[0]); err == nil {
			t.Errorf("signed with %T", signer)
		}
	}
	c, _, _ = office(t)
	a, b := sign(t, c, events()[0]), sign(t, c, events()[0])
	if a.JTI == b.JTI || len(a.JTI) < 20 {
		t.Errorf("jti %q and %q", a.JTI, b.JTI)
	}
}
