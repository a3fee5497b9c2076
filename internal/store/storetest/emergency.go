package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"vidimus/internal/audit"
	"vidimus/internal/bulk"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

var emergencyTests = []test{
	{name: "A02/two humans", run: planNeedsTwo},
	{name: "A02/expires", run: planExpires},
	{name: "A02/grown", run: planGrown},
	{name: "A key outgrows its bound", run: keyGrown},
	{name: "Lift of a stop that is needed", run: liftNeeded},
	{name: "ApproveOnce", run: approveOnce},
	{name: "TooManyPlans", run: tooManyPlans},
	{name: "Plans of one human", run: plansOfOne},
	{name: "Dismiss", run: dismissPlan},
	{name: "Key", run: scopeOfKey},
	{name: "WalletProvider", run: scopeOfProvider},
	{name: "Registry", run: scopeOfRegistry},
	{name: "All", run: scopeOfAll},
	{name: "Stops", run: stops},
	{name: "Pause", run: pausePlan},
	{name: "Told", run: tellConcerned},
	{name: "Two runs, issuers and a publisher", run: twoRuns},
}

// planOf is a plan that was proposed by one human at Now.
func planOf(id string, act emergency.Act, scope emergency.Scope, bound int) emergency.Plan {
	p := emergency.Plan{
		Draft:    emergency.Draft{ID: id, Office: PublicURL, Act: act, Scope: scope, Bound: bound, Pace: 1, Drafted: Now},
		Proposed: emergency.Signature{Officer: "anna", Human: "1", At: Now, KeyPin: "a1"}, Expires: Now.Add(emergency.Lifetime),
	}
	p.Hash = p.Draft.Hash()
	return p
}

// liftOf is one that ends the stop of another.
func liftOf(id string, p emergency.Plan) emergency.Plan {
	lift := planOf(id, emergency.Lift, p.Scope, 0)
	lift.Ends = emergency.Reason{Plan: p.ID, Hash: p.Hash}
	lift.Hash = lift.Draft.Hash()
	return lift
}

func second(officer, human string) emergency.Signature {
	return emergency.Signature{Officer: officer, Human: human, At: Now}
}

func putPlan(t *testing.T, s Store, p emergency.Plan) {
	t.Helper()
	if err := s.PutPlan(t.Context(), p, Now, AuditEvent(p.ID)); err != nil {
		t.Fatal(err)
	}
}

// begun puts a plan, has it approved, and begins it.
func begun(t *testing.T, s Store, p emergency.Plan) {
	t.Helper()
	putPlan(t, s, p)
	_, err := s.ApprovePlan(t.Context(), p.ID, p.Hash, second("ben", "2"), p.Expires, Now, AuditEvent(p.ID))
	if err == nil {
		_, err = s.BeginPlan(t.Context(), p.ID, Now, AuditEvent(p.ID))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func stepped(p emergency.Plan) audit.Event { return AuditEvent(fmt.Sprint("step ", p.Steps)) }

// run steps to the end, limit batches at a time.
func run(t *testing.T, s Store, id string, limit int) emergency.Plan {
	t.Helper()
	p, err := s.Plan(t.Context(), id)
	for ; err == nil && p.Done.IsZero(); p, err = s.StepPlan(t.Context(), id, p.Steps, limit, Now, stepped) {
		if p.Steps > 1000 {
			t.Fatal("it never ends")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ofKey(key string) emergency.Scope {
	return emergency.Scope{Kind: emergency.OfKey, Value: key}
}

// signedBy records a batch that is signed.
func signedBy(t *testing.T, s Store, key, batch, person, document string, change ...func(*issuance.Intent)) []spot {
	t.Helper()
	in := Intent(batch, person, document, 2, 3)
	in.SignerKeyID = key
	for _, c := range change {
		c(&in)
	}
	given := intend(t, s, in)
	if err := s.MarkSigned(t.Context(), batch, AuditEvent(batch)); err != nil {
		t.Fatal(err)
	}
	return spots(given)
}

// reached counts the copies in a scope, a batch at a time.
func reached(t *testing.T, s Store, scope emergency.Scope) (copies, ending int) {
	t.Helper()
	for after, rounds := "", 0; ; rounds++ {
		batches, next, err := s.ScanScope(t.Context(), scope, Now, after, 1)
		if err != nil || len(batches) > 1 || rounds > 1000 {
			t.Fatalf("%d batches, %v", len(batches), err)
		}
		for _, b := range batches {
			copies, ending = copies+b.Open, ending+b.Ending
		}
		if after = next; next == "" {
			return copies, ending
		}
	}
}

// wantRevoked says that these are INVALID, and nothing else.
func wantRevoked(t *testing.T, s Store, groups ...[]spot) {
	t.Helper()
	release(t, s, Now)
	set := revoked(t, s)
	for _, group := range groups {
		for _, at := range group {
			if !set[at] {
				t.Errorf("%v is not revoked", at)
			}
			delete(set, at)
		}
	}
	if len(set) > 0 || waiting(t, s) > 0 {
		t.Errorf("%d entries outside of the scope are revoked, %d wait", len(set), waiting(t, s))
	}
}

func planNeedsTwo(t *testing.T, s Store) {
	p := planOf("e", emergency.Revoke, ofKey("ds-1"), 10)
	putPlan(t, s, p)
	lines := len(auditLines(t, s))
	for name, c := range map[string]struct {
		id, hash string
		by       emergency.Signature
		want     error
	}{
		"same account":            {"e", p.Hash, second("anna", "2"), emergency.ErrSameHuman},
		"same human":              {"e", p.Hash, second("anna.2", "1"), emergency.ErrSameHuman},
		"same key":                {"e", p.Hash, emergency.Signature{Officer: "ben", Human: "2", At: Now, KeyPin: p.Proposed.KeyPin}, emergency.ErrSameHuman},
		"another plan":            {"e", p.Hash[1:] + "0", second("ben", "2"), emergency.ErrHash},
		"a plan that there isn't": {"f", p.Hash, second("ben", "2"), emergency.ErrPlanNotFound},
	} {
		if _, err := s.ApprovePlan(t.Context(), c.id, c.hash, c.by, p.Expires, Now, AuditEvent("x")); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.BeginPlan(t.Context(), "e", Now, AuditEvent("x")); !errors.Is(err, emergency.ErrNotApproved) {
		t.Errorf("begun by one human: %v", err)
	}
	if _, err := s.StepPlan(t.Context(), "e", 0, 10, Now, stepped); !errors.Is(err, emergency.ErrNotBegun) {
		t.Errorf("a step before the begin: %v", err)
	}
	if _, err := s.PausePlan(t.Context(), "e", true, AuditEvent("x")); !errors.Is(err, emergency.ErrNotBegun) {
		t.Errorf("%v", err)
	}
	if _, err := s.CoverPlan(t.Context(), "e", nil, Now, AuditEvent("x")); !errors.Is(err, emergency.ErrNotBegun) {
		t.Errorf("%v", err)
	}
	if err := s.PutPlan(t.Context(), p, Now, AuditEvent("x")); !errors.Is(err, emergency.ErrPlanTaken) {
		t.Errorf("twice: %v", err)
	}
	if n := len(auditLines(t, s)); n != lines {
		t.Errorf("%d lines of refusals", n-lines)
	}
	if got, err := s.Plan(t.Context(), "e"); err != nil || got.Hash != p.Hash || got.Draft.Hash() != p.Hash || got.Approved.Officer != "" || !got.Begun.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if all, err := s.Stops(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func planExpires(t *testing.T, s Store) {
	for _, id := range []string{"never", "late"} {
		putPlan(t, s, planOf(id, emergency.Revoke, ofKey("ds-1"), 10))
	}
	p, err := s.Plan(t.Context(), "late")
	if err != nil {
		t.Fatal(err)
	}
	late := Now.Add(emergency.Lifetime)
	if _, err := s.ApprovePlan(t.Context(), "never", planOf("never", emergency.Revoke, ofKey("ds-1"), 10).Hash, second("ben", "2"), late, late, AuditEvent("x")); !errors.Is(err, emergency.ErrExpired) {
		t.Errorf("%v", err)
	}
	if _, err := s.ApprovePlan(t.Context(), "late", p.Hash, second("ben", "2"), late, Now, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginPlan(t.Context(), "late", late, AuditEvent("x")); !errors.Is(err, emergency.ErrExpired) {
		t.Errorf("begun late: %v", err)
	}
	if all, err := s.Stops(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

func planGrown(t *testing.T, s Store) {
	person(t, s, "P", "N")
	person(t, s, "Q", "M")
	signedBy(t, s, "ds-1", "B1", "Q", "M", attestedBy("U1", "W"))
	signedBy(t, s, "ds-1", "B2", "P", "N", attestedBy("U2", "W"))
	begun(t, s, planOf("e", emergency.Revoke, emergency.Scope{Kind: emergency.OfWalletProvider, Value: "W"}, 4))
	p, err := s.StepPlan(t.Context(), "e", 0, 1, Now, stepped)
	if err != nil || p.Revoked != 3 || p.Steps != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	before := snapshot(t, s, []string{"P", "Q"}, []string{"N", "M"})
	for range 2 {
		if _, err := s.StepPlan(t.Context(), "e", 1, 1, Now, stepped); !errors.Is(err, emergency.ErrGrown) {
			t.Errorf("beyond the bound: %v", err)
		}
	}
	if after := snapshot(t, s, []string{"P", "Q"}, []string{"N", "M"}); after != before {
		t.Error("a step that was refused left a trace")
	}
	if got, err := s.Plan(t.Context(), "e"); err != nil || got.Revoked != 3 || got.Steps != 1 || !got.Done.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
}

func approveOnce(t *testing.T, s Store) {
	p := planOf("e", emergency.Revoke, ofKey("ds-1"), 10)
	putPlan(t, s, p)
	lines := len(auditLines(t, s))
	won := make([]error, 8)
	together(len(won), func(i int) {
		officer := fmt.Sprint("officer-", i)
		_, won[i] = s.ApprovePlan(t.Context(), "e", p.Hash, second(officer, officer), p.Expires, Now, AuditEvent(officer))
	})
	good := 0
	for i, err := range won {
		switch {
		case err == nil:
			good++
			officer := fmt.Sprint("officer-", i)
			if again, err := s.ApprovePlan(t.Context(), "e", p.Hash, second(officer, officer), p.Expires, Now, AuditEvent(officer)); err != nil || again.Approved.Officer != officer {
				t.Errorf("again by the same: %v", err)
			}
		case !errors.Is(err, emergency.ErrPlanTaken):
			t.Error(err)
		}
	}
	if good != 1 || len(auditLines(t, s)) != lines+1 {
		t.Errorf("%d approved", good)
	}
	begins := make([]error, 8)
	together(len(begins), func(i int) { _, begins[i] = s.BeginPlan(t.Context(), "e", Now, AuditEvent("begin")) })
	if err := errors.Join(begins...); err != nil || len(auditLines(t, s)) != lines+2 {
		t.Errorf("%d lines, %v", len(auditLines(t, s))-lines, err)
	}
}

func scopeOfKey(t *testing.T, s Store) {
	person(t, s, "P", "N")
	person(t, s, "Q", "M")
	one := signedBy(t, s, "ds-1", "B1", "P", "N")
	two := signedBy(t, s, "ds-1", "B2", "Q", "M")
	signedBy(t, s, "ds-2", "B3", "P", "N")
	signedBy(t, s, "ds-1", "B4", "P", "N", func(in *issuance.Intent) { in.Status = issuance.StatusNone })
	intended := Intent("B5", "Q", "M", 2, 3)
	open := spots(intend(t, s, intended))
	burned := Intent("B6", "Q", "M", 2, 3)
	intend(t, s, burned)
	signedBy(t, s, "ds-1", "B7", "Q", "M", func(in *issuance.Intent) { in.Expires = Now })
	if err := s.MarkBurned(t.Context(), "B6", AuditEvent("B6")); err != nil {
		t.Fatal(err)
	}
	if copies, ending := reached(t, s, ofKey("ds-1")); copies != 9 || ending != 3 {
		t.Errorf("%d copies, %d end by themselves", copies, ending)
	}
	if known, err := s.KnownScopes(t.Context(), emergency.OfKey); err != nil || !slices.Equal(known, []string{"ds-1", "ds-2"}) {
		t.Errorf("%v, %v", known, err)
	}
	begun(t, s, planOf("e", emergency.Revoke, ofKey("ds-1"), 9))
	lines := len(auditLines(t, s))
	p := run(t, s, "e", 1)
	if p.Revoked != 9 || p.Ending != 3 || p.Documents != 2 || p.ByKey["ds-1"] != 9 || len(p.ByKey) != 1 || len(p.Lists) == 0 || p.Steps < 4 {
		t.Errorf("%+v", p)
	}
	if n := len(auditLines(t, s)) - lines; n != p.Steps {
		t.Errorf("%d lines for %d steps", n, p.Steps)
	}
	wantRevoked(t, s, one, two, open)
	if copies, _ := reached(t, s, ofKey("ds-1")); copies != 0 {
		t.Errorf("%d copies are left", copies)
	}
	// Signed after the stop: never.
	if err := s.MarkSigned(t.Context(), "B5", AuditEvent("B5")); !errors.Is(err, issuance.ErrStopped) {
		t.Errorf("%v", err)
	}
	// Once more changes nothing.
	again, err := s.StepPlan(t.Context(), "e", p.Steps, 10, Now.Add(hour), stepped)
	if err != nil || again.Steps != p.Steps || again.Revoked != 9 || !again.Done.Equal(p.Done) {
		t.Errorf("%+v, %v", again, err)
	}
	begun(t, s, planOf("f", emergency.Revoke, ofKey("ds-1"), 9))
	if p := run(t, s, "f", 10); p.Revoked != 0 || p.Documents != 0 || len(p.Lists) != 0 {
		t.Errorf("revoked twice: %+v", p)
	}
	versions := map[string]uint64{}
	for _, l := range lists(t, s) {
		versions[l.URI] = l.Version
	}
	covered, err := s.CoverPlan(t.Context(), "e", versions, Now, AuditEvent("e"))
	if err != nil || covered.Stage(Now) != emergency.Covered {
		t.Errorf("%+v, %v", covered, err)
	}
	for uri, v := range covered.Lists {
		if v == 0 || v != versions[uri] {
			t.Errorf("%s at version %d", uri, v)
		}
	}
}

// attestedBy is a wallet unit that showed an attestation of a provider.
func attestedBy(unit, provider string) func(*issuance.Intent) {
	return func(in *issuance.Intent) {
		in.Wallet = issuance.Wallet{Unit: unit, Attestations: []issuance.StatusIndex{{List: "https://" + provider + ".example/1", Index: 7, Provider: provider}}}
	}
}

func scopeOfProvider(t *testing.T, s Store) {
	person(t, s, "P", "N")
	scope := emergency.Scope{Kind: emergency.OfWalletProvider, Value: "W"}
	one := signedBy(t, s, "ds-1", "B1", "P", "N", attestedBy("U1", "W"))
	two := signedBy(t, s, "ds-2", "B2", "P", "N", attestedBy("U2", "W"))
	signedBy(t, s, "ds-1", "B3", "P", "N", attestedBy("U3", "X"))
	signedBy(t, s, "ds-1", "B4", "P", "N")
	// What a unit showed once it showed.
	three := signedBy(t, s, "ds-1", "B5", "P", "N", attestedBy("U2", "X"))
	if known, err := s.KnownScopes(t.Context(), emergency.OfWalletProvider); err != nil || !slices.Equal(known, []string{"W", "X"}) {
		t.Errorf("%v, %v", known, err)
	}
	begun(t, s, planOf("e", emergency.Revoke, scope, 9))
	if p := run(t, s, "e", 2); p.Revoked != 9 || p.Documents != 1 {
		t.Errorf("%+v", p)
	}
	wantRevoked(t, s, one, two, three)
	for unit, provider := range map[string]string{"U4": "W", "U1": "X"} {
		in := Intent("after-"+unit, "P", "N", 2, 1)
		attestedBy(unit, provider)(&in)
		if _, err := s.RecordIntent(t.Context(), in, AuditEvent("x")); !errors.Is(err, issuance.ErrStopped) {
			t.Errorf("unit %s attested by %s: %v", unit, provider, err)
		}
	}
	signedBy(t, s, "ds-1", "B6", "P", "N", attestedBy("U3", "X"))
}

func scopeOfRegistry(t *testing.T, s Store) {
	person(t, s, "P", "N") // by registry-of-P
	person(t, s, "Q", "M")
	in := begin(t, s) // of R, a file
	if _, err := s.ImportBlock(t.Context(), in, 0, true, []document.Subject{subjectOf("F", "L")}, AuditEvent("block")); err != nil {
		t.Fatal(err)
	}
	own := signedBy(t, s, "ds-1", "B1", "P", "N")
	signedBy(t, s, "ds-1", "B2", "Q", "M")
	filed := signedBy(t, s, "ds-1", "B3", "F", "L", func(in *issuance.Intent) { in.Version = 1 })
	scope := emergency.Scope{Kind: emergency.OfRegistry, Value: "registry-of-P", Types: []string{"pid"}}
	if copies, _ := reached(t, s, scope); copies != 3 {
		t.Errorf("%d copies", copies)
	}
	scope.Types = []string{"mdl"} // what came in a file may be of any who may speak of it
	if copies, _ := reached(t, s, scope); copies != 6 {
		t.Errorf("%d copies", copies)
	}
	begun(t, s, planOf("e", emergency.Revoke, scope, 6))
	if p := run(t, s, "e", 100); p.Revoked != 6 || p.Documents != 2 {
		t.Errorf("%+v", p)
	}
	wantRevoked(t, s, own, filed)
	if _, err := s.RecordIntent(t.Context(), Intent("B4", "P", "N", 2, 1), AuditEvent("x")); !errors.Is(err, issuance.ErrStopped) {
		t.Errorf("%v", err)
	}
	signedBy(t, s, "ds-1", "B5", "Q", "M")
}

func scopeOfAll(t *testing.T, s Store) {
	person(t, s, "P", "N")
	one := signedBy(t, s, "ds-1", "B1", "P", "N")
	two := signedBy(t, s, "ds-2", "B2", "P", "N")
	scope := emergency.Scope{Kind: emergency.OfAll, Keys: []string{"ds-1", "ds-2", "ds-3"}}
	begun(t, s, planOf("e", emergency.Revoke, scope, 6))
	for _, key := range scope.Keys {
		in := Intent("of "+key, "P", "N", 2, 1)
		in.SignerKeyID = key
		if _, err := s.RecordIntent(t.Context(), in, AuditEvent("x")); !errors.Is(err, issuance.ErrStopped) {
			t.Errorf("%s: %v", key, err)
		}
	}
	signedBy(t, s, "ds-4", "B3", "P", "N") // a key of after the count
	if p := run(t, s, "e", 100); p.Revoked != 6 || p.ByKey["ds-2"] != 3 {
		t.Errorf("%+v", p)
	}
	wantRevoked(t, s, one, two)
	if all, err := s.Stops(t.Context()); err != nil || len(all) != 3 || all[0].Kind != emergency.OfKey || all[0].Value != "ds-1" || all[2].Plan != "e" {
		t.Errorf("%+v, %v", all, err)
	}
}

func stops(t *testing.T, s Store) {
	person(t, s, "P", "N")
	const source = "registry-of-P"
	begun(t, s, planOf("e", emergency.Revoke, emergency.Scope{Kind: emergency.OfRegistry, Value: source}, 10))
	event := Event(source, 3, "P", Person("forged"))
	if _, err := applyOne(t, s, event); !errors.Is(err, registry.ErrStopped) {
		t.Errorf("an event of a stopped source: %v", err)
	}
	if o, err := applyOne(t, s, Event(source, 2, "P", Licence("N"))); err != nil || !o.Repeated {
		t.Errorf("what was accepted before: %+v, %v", o, err)
	}
	in := bulk.Import{Source: source, ID: "load", Digest: Digest(1), Begun: Now}
	if _, err := s.BeginImport(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ImportBlock(t.Context(), in, 0, true, []document.Subject{subjectOf("F", "L")}, AuditEvent("x")); !errors.Is(err, bulk.ErrStopped) {
		t.Errorf("a file of a stopped source: %v", err)
	}
	apply(t, s, Event("another", 1, "P", Person("good")))
	run(t, s, "e", 10)
	begun(t, s, liftOf("f", planOf("e", emergency.Revoke, emergency.Scope{Kind: emergency.OfRegistry, Value: source}, 10)))
	if p, err := s.Plan(t.Context(), "f"); err != nil || p.Stage(Now) != emergency.Covered {
		t.Errorf("%+v, %v", p, err)
	}
	if all, err := s.Stops(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	apply(t, s, event)
	if _, err := s.ImportBlock(t.Context(), in, 0, true, []document.Subject{subjectOf("F", "L")}, AuditEvent("x")); err != nil {
		t.Error(err)
	}
	intend(t, s, Intent("B", "P", "N", 4, 1))
}

func pausePlan(t *testing.T, s Store) {
	person(t, s, "P", "N")
	signedBy(t, s, "ds-1", "B1", "P", "N")
	signedBy(t, s, "ds-1", "B2", "P", "N")
	begun(t, s, planOf("e", emergency.Revoke, ofKey("ds-1"), 6))
	if _, err := s.StepPlan(t.Context(), "e", 0, 1, Now, stepped); err != nil {
		t.Fatal(err)
	}
	if p, err := s.PausePlan(t.Context(), "e", true, AuditEvent("x")); err != nil || p.Stage(Now) != emergency.Paused {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := s.StepPlan(t.Context(), "e", 1, 1, Now, stepped); !errors.Is(err, emergency.ErrPaused) {
		t.Errorf("%v", err)
	}
	if _, err := s.PausePlan(t.Context(), "e", false, AuditEvent("x")); err != nil {
		t.Error(err)
	}
	if p := run(t, s, "e", 1); p.Revoked != 6 {
		t.Errorf("%+v", p)
	}
	if p, err := s.PausePlan(t.Context(), "e", true, AuditEvent("x")); err != nil || p.Paused {
		t.Errorf("paused at its end: %+v, %v", p, err)
	}
}

func tellConcerned(t *testing.T, s Store) {
	for i := range 3 {
		person(t, s, fmt.Sprint("P", i), fmt.Sprint("N", i))
		signedBy(t, s, "ds-1", fmt.Sprint("B", i), fmt.Sprint("P", i), fmt.Sprint("N", i))
	}
	begun(t, s, planOf("e", emergency.Revoke, ofKey("ds-1"), 9))
	effect := func(number string) document.Effect {
		if number == "N1" {
			return document.EffectReissue
		}
		return document.EffectRevoke
	}
	if p, err := s.TellConcerned(t.Context(), "e", 2, Now, effect); err != nil || p.Told != 0 {
		t.Errorf("told before anything was revoked: %+v, %v", p, err)
	}
	run(t, s, "e", 1)
	for i, want := range []int{2, 3, 3} {
		p, err := s.TellConcerned(t.Context(), "e", 2, Now, effect)
		if err != nil || p.Told != want {
			t.Errorf("wave %d: %+v, %v", i, p, err)
		}
	}
	for i := range 3 {
		got, err := s.Notices(t.Context(), fmt.Sprint("P", i), 10)
		if err != nil || len(got) != 1 || got[0].Notice.Fact != document.FactOfficeEmergency || got[0].Notice.Document != fmt.Sprint("N", i) ||
			got[0].Notice.Effect != effect(fmt.Sprint("N", i)) || !got[0].Notice.Since.Equal(Now) || !got[0].Next.Equal(Now) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	// One of them has copies under another key, one got more that do not count.
	signedBy(t, s, "ds-2", "new", "P1", "N1")
	intend(t, s, func() issuance.Intent { in := Intent("open", "P2", "N2", 2, 1); in.SignerKeyID = "ds-2"; return in }())
	var all []emergency.Concerned
	for after := ""; ; {
		some, next, err := s.ConcernedBy(t.Context(), "e", Now, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, some...)
		if after = next; next == "" {
			break
		}
	}
	want := []emergency.Concerned{{Document: "N0", Person: "P0", Revoked: 3, Told: true}, {Document: "N1", Person: "P1", Revoked: 3, Told: true, Anew: 3}, {Document: "N2", Person: "P2", Revoked: 3, Told: true}}
	if !slices.Equal(all, want) {
		t.Errorf("%+v", all)
	}
}
