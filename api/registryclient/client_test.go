package registryclient_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"vidimus/api/registryclient"
)

func put(n int) registryclient.Event {
	return registryclient.Event{Subject: "P", Seq: uint64(n), JTI: fmt.Sprint("j", n), Payload: registryclient.PersonPut{Attributes: map[string]any{
		"family_name": "M\u00fcller <&>", "given_name": "E", "birth_date": "1984-01-26",
	}}}
}

func TestPush(t *testing.T) {
	o := newOffice()
	defer o.Close()
	c := o.client()
	last := put(2)
	last.JTI = "the/last?"
	for _, e := range []registryclient.Event{put(1), last} {
		set := sign(t, c, e)
		for range 2 {
			if err := c.Push(t.Context(), set); err != nil {
				t.Fatalf("%d: %v", e.Seq, err)
			}
		}
	}
	if o.next != 3 {
		t.Errorf("next is %d", o.next)
	}
	token, err := c.Receipt(t.Context(), "the/last?")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.VerifyReceipt(token, &o.key.PublicKey)
	if err != nil || r.Event != "the/last?" || r.State != registryclient.StateCovered || r.Version != 5 || r.AcceptedAt != now.Unix() || len(r.Lists) != 1 || r.Lists[0].Version != 7 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := c.Receipt(t.Context(), "unknown"); !errors.As(err, new(*registryclient.Refusal)) {
		t.Errorf("receipt of nothing: %v", err)
	}
}

func TestRefusal(t *testing.T) {
	o := newOffice()
	defer o.Close()
	c := o.client()
	var r *registryclient.Refusal
	if err := c.Push(t.Context(), sign(t, c, put(7))); !errors.As(err, &r) || r.Code != "invalid_request" || !strings.Contains(r.Description, "gap: the events 1 to 6") || r.Status != 400 || errors.Is(err, registryclient.ErrTryAgain) {
		t.Errorf("%v", err)
	}
}

func TestPushBatch(t *testing.T) {
	o := newOffice()
	defer o.Close()
	c := o.client()
	sets := []registryclient.SET{sign(t, c, put(1)), sign(t, c, put(9))}
	a, err := c.PushBatch(t.Context(), sets)
	if err != nil || !slices.Equal(a.Acks, []string{"j1"}) || len(a.Refused) != 1 || a.Refused["j9"].Code != "invalid_request" {
		t.Errorf("%+v, %v", a, err)
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
	o := newOffice()
	defer o.Close()
	c := o.client()
	set := sign(t, c, put(1))
	for _, status := range []int{429, 500, 502, 503} {
		o.status = status
		if err := c.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
			t.Errorf("%d: %v", status, err)
		}
		for _, err := range c.Receipts(t.Context(), 0) {
			if !errors.Is(err, registryclient.ErrTryAgain) {
				t.Errorf("%d: %v", status, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Push(ctx, set); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	o.Close()
	if err := c.Push(t.Context(), set); !errors.Is(err, registryclient.ErrTryAgain) {
		t.Errorf("nobody there: %v", err)
	}
}

// The feed is read from a number on to its end, over as many pages as there
// are, and can be left.
func TestReceipts(t *testing.T) {
	o := newOffice()
	defer o.Close()
	c := o.client()
	for i := range 250 {
		o.receipts = append(o.receipts, o.receipt(fmt.Sprint("j", i+1), nil))
	}
	var after uint64 = 17
	for r, err := range c.Receipts(t.Context(), after) {
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.VerifyReceipt(r.Receipt, &o.key.PublicKey)
		if err != nil || r.Number != after+1 || got.Event != fmt.Sprint("j", r.Number) {
			t.Fatalf("%d after %d: %+v, %v", r.Number, after, got, err)
		}
		after = r.Number
	}
	if after != 250 {
		t.Errorf("ended at %d", after)
	}
	for range c.Receipts(t.Context(), 250) {
		t.Error("a receipt after the newest")
	}
	n := 0
	for range c.Receipts(t.Context(), 0) {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("left at %d", n)
	}
}

// A server that repeats itself does not keep the client for ever.
func TestReceiptsOfABadServer(t *testing.T) {
	for _, body := range []string{`{"receipts":[{"number":1,"receipt":"x"}],"more":true}`, `{"receipts":[],"more":true}`, `{`, `[]`} {
		o := newOffice()
		c := o.client()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		c.Endpoint = server.URL
		n := 0
		for range c.Receipts(t.Context(), 0) {
			if n++; n > 5 {
				t.Fatalf("%s: no end", body)
			}
		}
		server.Close()
		o.Close()
	}
}

func TestVerifyReceipt(t *testing.T) {
	o := newOffice()
	defer o.Close()
	c := o.client()
	good := o.receipt("j", nil)
	if _, err := c.VerifyReceipt(good, &o.key.PublicKey); err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for what, test := range map[string]struct {
		token string
		key   *ecdsa.PublicKey
	}{
		"another key": {good, &newKey().PublicKey}, "no key": {good, nil}, "another curve": {good, &p384.PublicKey},
		"another office":                      {o.receipt("j", map[string]any{"iss": "x"}), &o.key.PublicKey},
		"another source":                      {o.receipt("j", map[string]any{"aud": "x"}), &o.key.PublicKey},
		"an event":                            {sign(t, c, put(1)).Token, &o.source.PublicKey},
		"no JWS":                              {"x", &o.key.PublicKey},
		"cut":                                 {good[:len(good)-1], &o.key.PublicKey},
		"no signature":                        {parts[0] + "." + parts[1] + ".", &o.key.PublicKey},
		"a payload of another":                {parts[0] + "." + strings.Split(o.receipt("k", nil), ".")[1] + "." + parts[2], &o.key.PublicKey},
		"a line break within":                 {parts[0] + "." + parts[1] + "\n." + parts[2], &o.key.PublicKey},
		"more octets than a receipt may have": {good + strings.Repeat("A", 1<<20), &o.key.PublicKey},
	} {
		if r, err := c.VerifyReceipt(test.token, test.key); err == nil || r != nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func TestReceiptHandler(t *testing.T) {
	o := newOffice()
	defer o.Close()
	var took []string
	var trouble error
	h := o.client().ReceiptHandler(&o.key.PublicKey, func(_ context.Context, r *registryclient.Receipt) error {
		took = append(took, r.Event)
		return trouble
	})
	good := o.receipt("j", nil)
	for _, test := range []struct {
		method, contentType, body string
		want                      int
	}{
		{"POST", registryclient.ReceiptType, good, 204},
		{"POST", registryclient.ReceiptType + "; charset=utf-8", good + "\n", 204},
		{"GET", registryclient.ReceiptType, good, 405},
		{"POST", "application/json", good, 415},
		{"POST", registryclient.ReceiptType, o.receipt("x", map[string]any{"aud": "y"}), 400},
		{"POST", registryclient.ReceiptType, "", 400},
		{"POST", registryclient.ReceiptType, strings.Repeat("A", 1<<20), 413},
	} {
		if got := post(h, test.method, test.contentType, test.body); got != test.want {
			t.Errorf("%s %s %.10s: %d", test.method, test.contentType, test.body, got)
		}
	}
	trouble = errors.New("disk full")
	if got := post(h, "POST", registryclient.ReceiptType, good); got != 503 {
		t.Errorf("trouble: %d", got)
	}
	if !slices.Equal(took, []string{"j", "j", "j"}) {
		t.Errorf("%q", took)
	}
}

func TestSignRefuses(t *testing.T) {
	c := newOffice().client()
	for name, e := range map[string]registryclient.Event{
		"no subject": {Seq: 1, Payload: put(1).Payload},
		"no number":  {Subject: "P", Payload: put(1).Payload},
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
		if _, err := c.Sign(put(1)); err == nil {
			t.Errorf("signed with %T", signer)
		}
	}
	c = newOffice().client()
	e := put(1)
	e.JTI = ""
	a, b := sign(t, c, e), sign(t, c, e)
	if a.JTI == b.JTI || len(a.JTI) < 20 {
		t.Errorf("jti %q and %q", a.JTI, b.JTI)
	}
}
