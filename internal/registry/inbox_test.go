package registry_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

func TestAccept(t *testing.T) {
	w := newWorld(t)
	w.erika()
	past := start.AddDate(-1, 0, 0)
	o := w.send(driving, registryclient.Event{Subject: "P-1", Seq: 2, Effective: past, Decision: "act-7", Payload: registryclient.EntitlementPut{
		Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{{Category: "B", Codes: []registryclient.Code{{Code: "96"}}}},
	}})
	if o.Version != 3 || o.Seq != 2 || o.Source != driving || o.Event != "entitlement-put" || o.Repeated || !o.Accepted.Equal(start) {
		t.Errorf("%+v", o)
	}
	s := w.subject()
	if s.Version != 3 || s.Person.Attributes.Text("family_name") != "Mustermann" || s.Document("DL-1").Type != "mdl" || s.Driving(start)[0].Codes[0].Code != "96" {
		t.Errorf("%+v", s)
	}
	if w.kicks.Load() != 0 {
		t.Error("publishing is asked for without a revocation")
	}
	prev := uint64(3)
	w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 3, Prev: &prev, Effective: past, Payload: registryclient.DocumentAnnulled{Number: "DL-1", Reason: "forged papers"}})
	if d := w.subject().Document("DL-1"); !d.Annulled || !d.AnnulledAt.Equal(past) || d.AnnulledReason != "forged papers" {
		t.Errorf("%+v", d)
	}
	b, n := fmt.Sprint(w.store.audit), 0
	for _, secret := range []string{"Mustermann", "P-1", "DL-1", "1984-01-26"} {
		if strings.Contains(b, secret) {
			t.Errorf("the audit record has %q", secret)
		}
	}
	for _, e := range w.store.audit {
		if e.Action == "registry.accept" && e.Subject == "somebody" && len(e.Detail["digest"]) == 64 {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d of 4 events audited", n)
	}
}

// Each token is refused for one thing that is wrong with it.
func TestAcceptRefuses(t *testing.T) {
	w := newWorld(t)
	w.erika()
	now := start
	typ := func(v any) func(map[string]any) { return func(h map[string]any) { h["typ"] = v } }
	kid := func(v any) func(map[string]any) { return func(h map[string]any) { h["kid"] = v } }
	good := w.raw(driving, claims(now), nil)
	for name, c := range map[string]struct {
		token string
		kind  problem.Kind
		say   string
	}{
		"empty":               {"", problem.InvalidRequest, "not a compact JWS"},
		"not a token":         {"{}", problem.InvalidRequest, "not a compact JWS"},
		"padded":              {good + "=", problem.InvalidRequest, "not a compact JWS"},
		"newline":             {good + "\n", problem.InvalidRequest, "not a compact JWS"},
		"too large":           {strings.Repeat("a", registry.MaxItem+1), problem.TooLarge, "octets"},
		"typ JWT":             {w.raw(driving, claims(now), typ("JWT")), problem.InvalidRequest, "typ"},
		"typ of a receipt":    {w.raw(driving, claims(now), typ(registry.ReceiptType)), problem.InvalidRequest, "typ"},
		"no typ":              {w.raw(driving, claims(now), func(h map[string]any) { delete(h, "typ") }), problem.InvalidRequest, "typ"},
		"no kid":              {w.raw(driving, claims(now), func(h map[string]any) { delete(h, "kid") }), problem.InvalidKey, "kid"},
		"unknown kid":         {w.raw(driving, claims(now), kid("k2")), problem.InvalidKey, "kid"},
		"another's signature": {w.raw(identity, claims(now), nil), problem.AuthenticationFailed, "signature"},
		"broken signature":    {good[:len(good)-4] + "AAAA", problem.AuthenticationFailed, "signature"},
		"other payload":       {swapPayload(good, w.raw(driving, claims(now, `"jti":"J2"`, `"jti":"J3"`), nil)), problem.AuthenticationFailed, "signature"},
		"alg none":            {unsigned(good), problem.InvalidRequest, ""},
		"no issuer":           {w.raw(driving, claims(now, `"iss":"`+driving+`",`, ``), nil), problem.InvalidIssuer, "iss"},
		"unknown issuer":      {w.raw(driving, claims(now, driving, "https://nobody.example"), nil), problem.InvalidIssuer, "iss"},
		"other audience":      {w.raw(driving, claims(now, office, "https://other.example"), nil), problem.InvalidAudience, "aud"},
		"no audience":         {w.raw(driving, claims(now, `"aud":"`+office+`",`, ``), nil), problem.InvalidAudience, "aud"},
		"audience object":     {w.raw(driving, claims(now, `"`+office+`"`, `{}`), nil), problem.InvalidAudience, "aud"},
		"no iat":              {w.raw(driving, claims(now, `"iat":`+jsonInt(now.Unix())+`,`, ``), nil), problem.InvalidRequest, "iat"},
		"iat text":            {w.raw(driving, claims(now, `"iat":`, `"iat":"1","x":`), nil), problem.InvalidRequest, "iat"},
		"iat future":          {w.raw(driving, claims(now.Add(61*time.Second)), nil), problem.InvalidRequest, "iat lies in the future"},
		"iat old":             {w.raw(driving, claims(now.Add(-24*time.Hour-time.Second)), nil), problem.InvalidRequest, "iat is too old"},
		"toe far future":      {w.raw(driving, claims(now, `"jti"`, `"toe":`+jsonInt(now.AddDate(10, 0, 1).Unix())+`,"jti"`), nil), problem.InvalidRequest, "10 years"},
		"toe absurd":          {w.raw(driving, claims(now, `"jti"`, `"toe":99999999999,"jti"`), nil), problem.InvalidRequest, "toe"},
		"no jti":              {w.raw(driving, claims(now, `"jti":"J2",`, ``), nil), problem.InvalidRequest, "jti"},
		"jti with a space":    {w.raw(driving, claims(now, `J2`, `J 2`), nil), problem.InvalidRequest, "jti"},
		"jti with NUL":        {w.raw(driving, claims(now, `J2`, `J\u00002`), nil), problem.InvalidRequest, "jti"},
		"long jti":            {w.raw(driving, claims(now, `J2`, strings.Repeat("J", 129)), nil), problem.InvalidRequest, "jti"},
		"long txn":            {w.raw(driving, claims(now, `"jti"`, `"txn":"`+strings.Repeat("J", 129)+`","jti"`), nil), problem.InvalidRequest, "txn"},
		"no sub_id":           {w.raw(driving, claims(now, `"sub_id":{"format":"opaque","id":"P-1"},`, ``), nil), problem.InvalidRequest, "sub_id"},
		"sub_id mail":         {w.raw(driving, claims(now, `opaque`, `email`), nil), problem.InvalidRequest, "sub_id"},
		"sub_id text":         {w.raw(driving, claims(now, `{"format":"opaque","id":"P-1"}`, `"P-1"`), nil), problem.InvalidRequest, "sub_id"},
		"sub_id with more":    {w.raw(driving, claims(now, `"id":"P-1"`, `"id":"P-1","email":"x"`), nil), problem.InvalidRequest, "sub_id"},
		"sub_id NUL":          {w.raw(driving, claims(now, `P-1`, `P\u0000`), nil), problem.InvalidRequest, "sub_id"},
		"no events":           {w.raw(driving, claims(now, `"urn:vidimus:event:entitlement-put:1":{"seq":2,"kind":"driving","territory":"UT","privileges":[]}`, ``), nil), problem.InvalidRequest, "exactly one"},
		"two events":          {w.raw(driving, claims(now, `"events":{`, `"events":{"urn:x":{},`), nil), problem.InvalidRequest, "exactly one"},
		"event of others":     {w.raw(driving, claims(now, `urn:vidimus:event:entitlement-put:1`, `https://schemas.openid.net/secevent/risc/event-type/account-purged`), nil), problem.InvalidRequest, "urn:vidimus:event"},
		"event version 2":     {w.raw(driving, claims(now, `put:1`, `put:2`), nil), problem.InvalidRequest, "urn:vidimus:event"},
		"no seq":              {w.raw(driving, claims(now, `"seq":2,`, ``), nil), problem.InvalidRequest, "seq"},
		"seq 0":               {w.raw(driving, claims(now, `"seq":2`, `"seq":0`), nil), problem.InvalidRequest, "seq"},
		"seq negative":        {w.raw(driving, claims(now, `"seq":2`, `"seq":-2`), nil), problem.InvalidRequest, "seq"},
		"seq fraction":        {w.raw(driving, claims(now, `"seq":2`, `"seq":2.0`), nil), problem.InvalidRequest, "seq"},
		"prev text":           {w.raw(driving, claims(now, `"seq":2`, `"seq":2,"prev":"1"`), nil), problem.InvalidRequest, "prev"},
		"unknown member":      {w.raw(driving, claims(now, `"seq":2`, `"seq":2,"colour":"red"`), nil), problem.InvalidRequest, "unknown member colour"},
		"trailing data":       {w.raw(driving, claims(now)+"{}", nil), problem.InvalidRequest, "claims"},
	} {
		t.Run(name, func(t *testing.T) { w.refused(t, driving, c.token, c.kind, c.say) })
	}
	// The good one was good, for each of them.
	if _, err := w.inbox.Accept(t.Context(), driving, good); err != nil {
		t.Error(err)
	}
}

func swapPayload(a, b string) string {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	return x[0] + "." + y[1] + "." + x[2]
}

func unsigned(token string) string {
	parts := strings.Split(token, ".")
	return jose.EncodeBase64URL([]byte(`{"alg":"none","kid":"k1","typ":"secevent+jwt"}`)) + "." + parts[1] + "."
}

func TestAcceptAudienceArrayAndMediaTypeTyp(t *testing.T) {
	w := newWorld(t)
	w.erika()
	token := w.raw(driving, claims(start, `"`+office+`"`, `["https://other.example","`+office+`"]`), func(h map[string]any) { h["typ"] = "application/secevent+jwt" })
	if _, err := w.inbox.Accept(t.Context(), "", token); err != nil {
		t.Error(err)
	}
}

// A store that fails is not a refusal: the source tries again.
func TestStoreFailure(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Store = failing{}
	inbox, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	set := w.sign(identity, registryclient.Event{Subject: "P-1", Seq: 1, Payload: facts("A")})
	_, err = inbox.Accept(t.Context(), identity, set.Token)
	if problem.KindOf(err) != problem.Unavailable || strings.Contains(problem.Detail(err), "disk") {
		t.Errorf("%v", err)
	}
	if _, _, ok := registry.SETError(err); ok {
		t.Error("a failure of the office is told as a refusal")
	}
	// A denial that cannot be audited is not answered as one either.
	cfg.Store, cfg.Audit = w.store, &audit.Memory{Fail: errors.New("disk full")}
	if inbox, err = registry.New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := inbox.Accept(t.Context(), driving, set.Token); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("%v", err)
	}
}

// Behind an event that failed for a reason of the office nothing is said to be
// missing: all that was not applied is left out, to be sent again.
func TestBatchBehindFailure(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	once := &failingOnce{Store: cfg.Store}
	cfg.Store = once
	inbox, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	sets := map[string]string{}
	for seq := uint64(1); seq <= 3; seq++ {
		set := w.sign(identity, registryclient.Event{Subject: fmt.Sprint("P-", seq), Seq: seq, Payload: facts("A")})
		sets[set.JTI] = set.Token
	}
	for _, acks := range []int{0, 3} {
		b, err := inbox.AcceptBatch(t.Context(), identity, sets)
		if err != nil || len(b.Acks) != acks || len(b.Errors) != 3-acks {
			t.Fatalf("%+v, %v", b, err)
		}
		for jti, err := range b.Errors {
			if _, text, told := registry.SETError(err); told {
				t.Errorf("%s is refused: %s", jti, text)
			}
		}
	}
}

// failingOnce fails for the first event, once.
type failingOnce struct {
	registry.Store
	failed bool
}

func (s *failingOnce) ApplyEvents(ctx context.Context, apps []registry.Application) []registry.Result {
	if s.failed {
		return s.Store.ApplyEvents(ctx, apps)
	}
	s.failed = true
	return append([]registry.Result{{Err: errors.New("disk")}}, s.Store.ApplyEvents(ctx, apps[1:])...)
}

type failing struct{ registry.Store }

func (failing) ApplyEvents(_ context.Context, apps []registry.Application) []registry.Result {
	r := make([]registry.Result, len(apps))
	for i := range r {
		r[i].Err = errors.New("disk full")
	}
	return r
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	sets := map[string]string{}
	for seq := uint64(1); seq <= registry.MaxBatchItems; seq++ {
		e := registryclient.Event{Subject: fmt.Sprint("P-", seq%20), Seq: seq, JTI: fmt.Sprint("J", seq), Payload: facts(fmt.Sprint("N", seq))}
		set := w.sign(identity, e)
		sets[set.JTI] = set.Token
	}
	b, err := w.inbox.AcceptBatch(t.Context(), identity, sets)
	if err != nil || len(b.Acks) != registry.MaxBatchItems || len(b.Errors) != 0 || !slices.IsSorted(b.Acks) {
		t.Fatalf("%d acks, %v, %v", len(b.Acks), b.Errors, err)
	}
	if s := w.subject(); s.Version != 25 || s.Person.Attributes.Text("family_name") != "N481" {
		t.Errorf("version %d of %v", s.Version, s.Person.Attributes)
	}
	misnamed := w.sign(identity, registryclient.Event{Subject: "P-1", Seq: 501, JTI: "J501", Payload: facts("A")})
	b, err = w.inbox.AcceptBatch(t.Context(), identity, map[string]string{"other": misnamed.Token, "J1": sets["J1"]})
	if err != nil || !slices.Equal(b.Acks, []string{"J1"}) || problem.KindOf(b.Errors["other"]) != problem.InvalidRequest {
		t.Errorf("%+v, %v", b, err)
	}
	if b, err := w.inbox.AcceptBatch(t.Context(), identity, nil); err != nil || len(b.Acks)+len(b.Errors) != 0 {
		t.Errorf("an empty batch: %+v, %v", b, err)
	}
}

func TestParseBatch(t *testing.T) {
	got, err := registry.ParseBatch([]byte(`{"sets":{"a":"x","b":"y"}}`))
	if err != nil || len(got) != 2 || got["b"] != "y" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"sets":null}`, `{"sets":[]}`, `{"sets":{"a":1}}`, `{"sets":{"a":"x","a":"y"}}`, `{"Sets":{}}`, `{"sets":{}}{}`} {
		if got, err := registry.ParseBatch([]byte(bad)); problem.KindOf(err) != problem.InvalidRequest || got != nil {
			t.Errorf("%s: %v, %v", bad, got, err)
		}
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	w := newWorld(t)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*registry.Config){
		"no issuer":       func(c *registry.Config) { c.Issuer = "" },
		"no store":        func(c *registry.Config) { c.Store = nil },
		"no audit":        func(c *registry.Config) { c.Audit = nil },
		"no signer":       func(c *registry.Config) { c.ReceiptSigner = nil },
		"source twice":    func(c *registry.Config) { c.Sources = append(c.Sources, c.Sources[0]) },
		"no name":         func(c *registry.Config) { c.Sources[0].Name = "" },
		"no key":          func(c *registry.Config) { c.Sources[0].Keys = nil },
		"P-384":           func(c *registry.Config) { c.Sources[0].Keys = map[string]crypto.PublicKey{"k": p384.Public()} },
		"unknown measure": func(c *registry.Config) { c.Sources[0].Measures = []document.MeasureKind{"scolding"} },
		"unknown event":   func(c *registry.Config) { c.Sources[0].Events = []string{"person-puts"} },
	} {
		cfg := w.config()
		spoil(&cfg)
		if _, err := registry.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
