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
