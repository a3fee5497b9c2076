package issuance_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/issuance"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

type emptyCatalog struct{}

func (emptyCatalog) Configuration(string) (*catalog.Configuration, bool) { return nil, false }

func TestOffer(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	code := rand.Text() + rand.Text()
	r := issuance.OfferRequest{Configurations: []string{"mdl", "pid-sd-jwt"}, Code: code, TxCodeLength: 6, Expires: w.clock.Now().Add(10 * time.Minute)}
	o, err := w.service.MakeOffer(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	again, err := w.service.MakeOffer(ctx, r)
	if err != nil || *again != *o {
		t.Errorf("a repeat gave %+v, %v, want %+v", again, err, o)
	}
	byValue, _, err := oid4vci.ParseOfferURI(o.URI)
	if err != nil {
		t.Fatal(err)
	}
	_, reference, err := oid4vci.ParseOfferURI(o.Reference)
	if err != nil || reference != o.URL || o.URL != issuer+"/offers/"+o.ID {
		t.Errorf("reference %q, %v, want %q", reference, err, o.URL)
	}
	body, err := w.service.OfferObject(ctx, o.ID)
	if err != nil {
		t.Fatal(err)
	}
	byReference, err := oid4vci.ParseCredentialOffer(body)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []*oid4vci.CredentialOffer{byValue, byReference} {
		if got.CredentialIssuer != issuer || len(got.ConfigurationIDs) != 2 || got.PreAuthorized.Code != code || got.PreAuthorized.TxCode.Length != 6 {
			t.Errorf("offer %+v", got)
		}
	}
	if uri, err := w.service.OfferURI(ctx, o.ID); err != nil || uri != o.Reference {
		t.Errorf("OfferURI = %q, %v", uri, err)
	}
	for _, bad := range []issuance.OfferRequest{{Code: code}, {Configurations: []string{"mdl"}}, {Configurations: make([]string, 33), Code: code}} {
		_, err := w.service.MakeOffer(ctx, bad)
		wantKind(t, err, problem.InvalidRequest)
	}
	_, err = w.service.MakeOffer(ctx, issuance.OfferRequest{Configurations: []string{"no"}, Code: code})
	wantKind(t, err, problem.UnknownCredentialConfiguration)
}

// An offer may send the holder to the authorization endpoint, alone or beside a
// code.
func TestAuthorizationCodeOffer(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	expires := w.clock.Now().Add(10 * time.Minute)
	for name, c := range map[string]struct {
		r    issuance.OfferRequest
		kind problem.Kind
	}{
		"state":             {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, IssuerState: "s1", Expires: expires}, ""},
		"no state":          {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, Expires: expires}, ""},
		"both":              {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, IssuerState: "s1", Code: "c1", TxCodeLength: 6, TxCodeHint: "by letter", Expires: expires}, ""},
		"state of nothing":  {issuance.OfferRequest{Configurations: []string{"mdl"}, Code: "c1", IssuerState: "s1"}, problem.InvalidRequest},
		"digits of no code": {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, TxCodeLength: 6}, problem.InvalidRequest},
		"hint of no code":   {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, TxCodeHint: "x"}, problem.InvalidRequest},
		"long hint":         {issuance.OfferRequest{Configurations: []string{"mdl"}, Code: "c1", TxCodeLength: 6, TxCodeHint: strings.Repeat("x", 301)}, problem.InvalidRequest},
		"long state":        {issuance.OfferRequest{Configurations: []string{"mdl"}, AuthorizationCode: true, IssuerState: strings.Repeat("x", 5000)}, problem.InvalidRequest},
	} {
		o, err := w.service.MakeOffer(ctx, c.r)
		if c.kind != "" {
			if problem.KindOf(err) != c.kind || o != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, _, err := oid4vci.ParseOfferURI(o.URI)
		if err != nil || got.AuthorizationCode == nil || got.AuthorizationCode.IssuerState != c.r.IssuerState || (got.PreAuthorized != nil) != (c.r.Code != "") {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if p := got.PreAuthorized; p != nil && (p.Code != "c1" || p.TxCode.Description != "by letter") {
			t.Errorf("%s: %+v", name, p)
		}
		if _, reference, err := oid4vci.ParseOfferURI(o.HAIP); err != nil || reference != o.URL || !strings.HasPrefix(o.HAIP, "haip-vci://?") {
			t.Errorf("%s: %s, %v", name, o.HAIP, err)
		}
	}
}

// P09: fetched again, guessed, with and without its end reached.
func TestOfferByReference(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	o, err := w.service.MakeOffer(ctx, issuance.OfferRequest{Configurations: []string{"mdl"}, Code: "c0de-of-this-offer", TxCodeLength: 6, Expires: w.clock.Now().Add(10 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.ID) != 43 {
		t.Errorf("an id of %d characters", len(o.ID))
	}
	for range 3 {
		body, err := w.service.OfferObject(ctx, o.ID)
		if err != nil || !bytes.Contains(body, []byte("c0de-of-this-offer")) {
			t.Errorf("%s, %v", body, err)
		}
	}
	for _, id := range []string{"", "x", o.ID[:42], o.ID + "A", strings.ToUpper(o.ID), strings.Repeat("A", 43), strings.Repeat("A", 1<<20), "../" + o.ID} {
		_, err := w.service.OfferObject(ctx, id)
		wantKind(t, err, problem.NotFound)
	}
	w.clock.Advance(10 * time.Minute)
	_, err = w.service.OfferObject(ctx, o.ID)
	wantKind(t, err, problem.NotFound)
	_, err = w.service.OfferURI(ctx, o.ID)
	wantKind(t, err, problem.NotFound)
}
