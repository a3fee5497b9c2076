package emergency_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/store/storetest"
)

// TestMassRevocation is bad input A02: many copies of many people are revoked by
// two humans, within an hour, and by no other way.
func TestMassRevocation(t *testing.T) {
	t.Run("A02/one human alone", func(t *testing.T) {
		w := newWorld(t, 2)
		w.issue(0, 30, "ds-1")
		w.issue(1, 30, "ds-1") // 1,200 copies
		d := w.draft("ds-1")
		if d.Counts.Copies != 1200 || d.Bound != 1420 || d.Counts.Documents != 2 || d.Counts.Persons != 2 || d.Counts.ByKey["ds-1"] != 1200 || d.Counts.ByConfiguration["mdl"] != 1200 || d.Counts.Offers != 2 {
			t.Errorf("%+v", d)
		}
		p, err := w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
		w.must(err)
		if p.Stage(w.clock.Now()) != emergency.Waiting || p.Expires.Sub(w.clock.Now()) != time.Hour {
			t.Errorf("%+v", p)
		}
		_, err = w.Run(t.Context(), d.ID, "office", nil)
		w.want("run by who proposed", err, problem.AccessDenied)
		for _, id := range []string{"anna", "anna.2"} {
			_, err = w.Approve(t.Context(), d.ID, w.say(id, emergency.Approve, d))
			w.want("approved by "+id, err, problem.AccessDenied)
		}
		if w.invalid("N0")+w.invalid("N1") != 0 || w.published != 0 {
			t.Error("it had an effect")
		}
		if got := w.actions(); !slices.Equal(got, []string{"emergency.propose done", "emergency.refuse denied", "emergency.refuse denied", "emergency.refuse denied"}) {
			t.Errorf("%v", got)
		}
		// It expires: the second human comes too late.
		w.clock.Advance(time.Hour)
		_, err = w.Approve(t.Context(), d.ID, w.say("ben", emergency.Approve, d))
		w.want("approved late", err, problem.Conflict)
	})
	t.Run("A02/two humans", func(t *testing.T) {
		w := newWorld(t, 2)
		w.issue(0, 30, "ds-1")
		w.issue(1, 30, "ds-1")
		w.issue(1, 1, "ds-2")
		p := w.approved(w.draft("ds-1"))
		var steps []emergency.Plan
		done, err := w.Run(t.Context(), p.ID, "office", func(p emergency.Plan) { steps = append(steps, p) })
		w.must(err)
		if done.Revoked != 1200 || done.Stage(w.clock.Now()) != emergency.Covered || w.invalid("N0") != 600 || w.invalid("N1") != 600 || len(steps) != done.Steps {
			t.Errorf("%+v", done)
		}
		for uri, v := range done.Lists {
			if v == 0 {
				t.Errorf("%s is covered by no version", uri)
			}
		}
		// Again: nothing.
		lines := len(w.events())
		if again, err := w.Run(t.Context(), p.ID, "office", nil); err != nil || again.Revoked != 1200 || len(w.events()) != lines {
			t.Errorf("%+v, %v", again, err)
		}
	})
	t.Run("A02/scope grown after approval", func(t *testing.T) {
		w := newWorld(t, 1)
		w.issue(0, 1, "ds-1")
		d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Reference: "2026/17"})
		w.must(err)
		p := w.approved(d)
		w.issue(0, 5, "ds-1") // 120 copies: as many as the bound of 122
		w.issue(0, 1, "ds-2")
		_, err = w.Run(t.Context(), p.ID, "office", nil)
		w.want("grown", err, problem.Conflict)
		if !errors.Is(err, emergency.ErrGrown) || w.invalid("N0") != 0 {
			t.Errorf("%v, %d revoked", err, w.invalid("N0"))
		}
		if stops, err := w.Stops(t.Context()); err != nil || len(stops) != 0 {
			t.Errorf("%v, %v", stops, err)
		}
		w.issue(0, 1, "ds-1") // it goes on as before
	})
	t.Run("A02/grown after its begin", func(t *testing.T) {
		w := newWorld(t, 1)
		w.issue(0, 1, "ds-1")
		d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Reference: "2026/17"})
		w.must(err)
		p := w.approved(d)
		w.beginning = func() { w.issue(0, 6, "ds-1") } // between the count and the stop
		_, err = w.Run(t.Context(), p.ID, "office", nil)
		w.want("grown", err, problem.Conflict)
		if now, err := w.Plan(t.Context(), p.ID); err != nil || now.Begun.IsZero() || w.invalid("N0") != 0 {
			t.Errorf("%+v, %v", now, err)
		}
	})
	// A busy key signs on while two humans talk: what it signed is lost all the
	// same, and what another key signed meanwhile is not.
	t.Run("a key that signs on", func(t *testing.T) {
		w := newWorld(t, 2)
		w.issue(0, 1, "ds-1")
		p := w.approved(w.draft("ds-1"))
		w.issue(0, 20, "ds-1")
		w.issue(1, 20, "ds-2")
		done, err := w.Run(t.Context(), p.ID, "office", nil)
		if err != nil || done.Revoked != 420 || done.Revoked <= p.Bound || w.invalid("N0") != 420 || w.invalid("N1") != 0 {
			t.Errorf("%+v, %v", done, err)
		}
		if strings.Contains(p.String(), "at most") {
			t.Errorf("%s", p)
		}
	})
	t.Run("A02/approved, and begun too late", func(t *testing.T) {
		w := newWorld(t, 1)
		w.issue(0, 1, "ds-1")
		p := w.approved(w.draft("ds-1"))
		w.clock.Advance(time.Hour)
		_, err := w.Run(t.Context(), p.ID, "office", nil)
		w.want("late", err, problem.Conflict)
		if w.invalid("N0") != 0 {
			t.Error("it had an effect")
		}
	})
}

// TestStatements: a word is the officer's own, about this plan, here and now.
func TestStatements(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	d, other := w.draft("ds-1"), w.draft("ds-1")
	good := w.say("anna", emergency.Propose, d)
	signedBy := func(id string, s emergency.Signed) emergency.Signed {
		s.PublicKey = w.say(id, emergency.Propose, d).PublicKey
		return s
	}
	changed := func(c func(*emergency.Statement)) emergency.Signed {
		return w.say("anna", emergency.Propose, d, c)
	}
	parts := strings.Split(good.Statement, ".")
	for name, c := range map[string]struct {
		in   emergency.Signed
		want problem.Kind
	}{
		"nothing":                {emergency.Signed{}, problem.InvalidRequest},
		"no JWS":                 {emergency.Signed{Statement: "x", PublicKey: good.PublicKey}, problem.InvalidRequest},
		"too long":               {emergency.Signed{Statement: good.Statement + strings.Repeat("A", 8000), PublicKey: good.PublicKey}, problem.InvalidRequest},
		"signature of another":   {emergency.Signed{Statement: parts[0] + "." + parts[1] + "." + strings.Split(w.say("anna", emergency.Propose, other).Statement, ".")[2], PublicKey: good.PublicKey}, problem.AuthenticationFailed},
		"key of another officer": {signedBy("ben", good), problem.AuthenticationFailed},
		"key that does not read": {emergency.Signed{Statement: good.Statement, PublicKey: "AAAA"}, problem.AuthenticationFailed},
		"key that is no base64":  {emergency.Signed{Statement: good.Statement, PublicKey: "="}, problem.InvalidRequest},
		"in the name of another": {changed(func(s *emergency.Statement) { s.Officer = "ben" }), problem.AuthenticationFailed},
		"of nobody":              {changed(func(s *emergency.Statement) { s.Officer = "eve" }), problem.AuthenticationFailed},
		"another word":           {w.say("anna", emergency.Approve, d), problem.AccessDenied},
		"another plan":           {w.say("anna", emergency.Propose, other), problem.AccessDenied},
		"another hash":           {changed(func(s *emergency.Statement) { s.Hash = other.Hash() }), problem.AccessDenied},
		"another office":         {changed(func(s *emergency.Statement) { s.Office = "https://other.example" }), problem.AccessDenied},
		"old":                    {changed(func(s *emergency.Statement) { s.At -= 601 }), problem.AccessDenied},
		"of tomorrow":            {changed(func(s *emergency.Statement) { s.At += 86400 }), problem.AccessDenied},
	} {
		_, err := w.Propose(t.Context(), d, c.in)
		w.want(name, err, c.want)
	}
	if plans, err := w.Plans(t.Context()); err != nil || len(plans) != 0 {
		t.Errorf("%v, %v", plans, err)
	}
	for name, change := range map[string]func(*emergency.Draft){
		"a larger bound":       func(d *emergency.Draft) { d.Bound *= 1000 },
		"more copies":          func(d *emergency.Draft) { d.Counts.Copies, d.Bound = 1e6, 1e6+1e5+100 },
		"another office":       func(d *emergency.Draft) { d.Office = "https://other.example" },
		"other keys":           func(d *emergency.Draft) { d.Scope.Keys = []string{"ds-2"} },
		"an id of a kind":      func(d *emergency.Draft) { d.ID = strings.Repeat("e", 100) },
		"a key that is not":    func(d *emergency.Draft) { d.Scope.Value = "ds-9" },
		"no pace":              func(d *emergency.Draft) { d.Pace = -1 },
		"counted long ago":     func(d *emergency.Draft) { d.Drafted = d.Drafted.Add(-2 * time.Hour) },
		"another act":          func(d *emergency.Draft) { d.Act = "burn" },
		"a story for a number": func(d *emergency.Draft) { d.Reference = "he said so" },
		"no number of a case":  func(d *emergency.Draft) { d.Reference = "" },
		"no act":               func(d *emergency.Draft) { d.Act = "" },
		"no act, any bound":    func(d *emergency.Draft) { d.Act, d.Bound = "", 1e9 },
		"no pace at all":       func(d *emergency.Draft) { d.Pace = 0 },
		"another key's count":  func(d *emergency.Draft) { d.Counts.ByKey = map[string]int{"ds-2": 20} },
		"a key more":           func(d *emergency.Draft) { d.Counts.ByKey = map[string]int{"ds-1": 20, "ds-2": 0} },
		"no keys":              func(d *emergency.Draft) { d.Counts.ByKey = nil },
		"a wrong sum":          func(d *emergency.Draft) { d.Counts.ByKey = map[string]int{"ds-1": 19} },
		"a configuration more": func(d *emergency.Draft) { d.Counts.ByConfiguration = map[string]int{"mdl": 10, "pid": 10} },
		"invented documents":   func(d *emergency.Draft) { d.Counts.Documents, d.Counts.Offers = 1000, 1000 },
		"invented persons":     func(d *emergency.Draft) { d.Counts.Persons = 1000 },
		"invented wallets":     func(d *emergency.Draft) { d.Counts.Refreshing = 1 },
		"fewer than none":      func(d *emergency.Draft) { d.Counts.Ending = -1 },
	} {
		bad := d
		change(&bad)
		if _, err := w.Propose(t.Context(), bad, w.say("anna", emergency.Propose, bad)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	_, err := w.Propose(t.Context(), d, good)
	w.must(err)
	_, err = w.Propose(t.Context(), d, good)
	w.want("twice", err, problem.Conflict)
}

func TestWishes(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	for name, c := range map[string]struct {
		wish emergency.Wish
		want problem.Kind
		text string
	}{
		"unknown key":      {emergency.Wish{Kind: emergency.OfKey, Value: "ds-7"}, problem.NotFound, "there are ds-1"},
		"unknown registry": {emergency.Wish{Kind: emergency.OfRegistry, Value: "R"}, problem.NotFound, "there are registry-of-P0"},
		"unknown provider": {emergency.Wish{Kind: emergency.OfWalletProvider, Value: "W"}, problem.NotFound, "there are none"},
		"no kind":          {emergency.Wish{Value: "ds-1"}, problem.InvalidRequest, ""},
		"no value":         {emergency.Wish{Kind: emergency.OfKey}, problem.InvalidRequest, ""},
		"all of one":       {emergency.Wish{Kind: emergency.OfAll, Value: "ds-1"}, problem.InvalidRequest, ""},
		"blank":            {emergency.Wish{Kind: emergency.OfKey, Value: "ds 1"}, problem.InvalidRequest, ""},
		"pace":             {emergency.Wish{Kind: emergency.OfKey, Value: "ds-1", Pace: emergency.MaxPace + 1}, problem.InvalidRequest, ""},
		"lift of a key":    {emergency.Wish{Kind: emergency.OfKey, Value: "ds-1", Act: emergency.Lift}, problem.InvalidRequest, "for ever"},
		"lift of no stop":  {emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Act: emergency.Lift}, problem.NotFound, "there are none"},
	} {
		_, err := w.Draft(t.Context(), c.wish)
		if w.want(name, err, c.want); err != nil && !strings.Contains(problem.Detail(err), c.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	all, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfAll, Reference: "2026/17"})
	if err != nil || !slices.Equal(all.Scope.Keys, []string{"ds-1"}) || all.Counts.Copies != 20 {
		t.Errorf("%+v, %v", all, err)
	}
	// A key that waits for its turn may be named, and is none of all.
	w.signing, w.waits = []string{"ds-2"}, []string{"ds-next"}
	if all, err = w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfAll, Reference: "2026/17"}); err != nil || !slices.Equal(all.Scope.Keys, []string{"ds-1", "ds-2"}) {
		t.Errorf("%+v, %v", all, err)
	}
	if one, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "ds-next", Reference: "2026/17"}); err != nil || one.Counts.Copies != 0 {
		t.Errorf("%+v, %v", one, err)
	}
	if e := w.Estimate(emergency.Draft{Counts: emergency.Counts{Copies: 14_000_000, Documents: 1_400_000, Lists: 14}, Pace: emergency.DefaultPace}); e.Total() > 13*time.Hour || e.Tell < 11*time.Hour || e.Reissue < 3*time.Hour {
		t.Errorf("%s", e)
	}
	if len(w.actions()) != 0 {
		t.Error("a dry run left a trace")
	}
}

// A run that ends in the middle goes on where it was: by Tend, as after a crash.
func TestGoesOn(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 3 {
		w.issue(i, 200, "ds-1") // 600 batches: three steps
	}
	p := w.approved(w.draft("ds-1"))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := w.Run(ctx, p.ID, "office", func(emergency.Plan) { cancel() })
	w.want("cut off", err, problem.Unavailable)
	now, err := w.Progress(t.Context(), p.ID)
	if err != nil || now.Stage != emergency.Running || now.Plan.Revoked != 5000 || now.Left != 7000 {
		t.Errorf("%+v, %v", now, err)
	}
	// An operator pauses it: neither Tend nor Run goes on.
	_, err = w.Pause(t.Context(), p.ID, true, "office")
	w.must(err)
	w.must(w.Tend(t.Context()))
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	w.want("paused", err, problem.Conflict)
	if now, err := w.Plan(t.Context(), p.ID); err != nil || now.Revoked != 5000 {
		t.Errorf("%+v, %v", now, err)
	}
	_, err = w.Pause(t.Context(), p.ID, false, "office")
	w.must(err)
	w.must(w.Tend(t.Context()))
	if now, err := w.Progress(t.Context(), p.ID); err != nil || now.Stage != emergency.Covered || now.Plan.Revoked != 12000 || now.Left != 0 || now.Plan.Steps != 3 {
		t.Errorf("%+v, %v", now, err)
	}
}

// Holders are told once there is something to fetch, and in waves.
func TestWaves(t *testing.T) {
	w := newWorld(t, 30)
	for i := range 30 {
		w.issue(i, 1, "ds-1")
	}
	w.signing = []string{"ds-1"}
	d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "ds-1", Pace: 600, Reference: "2026/17"}) // ten a minute
	w.must(err)
	p := w.approved(d)
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	told := func(want int) {
		t.Helper()
		w.must(w.Tend(t.Context()))
		if p, err := w.Plan(t.Context(), p.ID); err != nil || p.Told != want {
			t.Errorf("%d told, want %d; %v", p.Told, want, err)
		}
	}
	told(0) // the office still signs with it
	now, err := w.Progress(t.Context(), p.ID)
	if err != nil || !strings.Contains(now.Blocked, "ds-1") || now.Open != 30 || now.Offers != 30 {
		t.Errorf("%+v, %v", now, err)
	}
	in := storetest.Intent("stopped", "P0", "N0", 2, 1)
	in.SignerKeyID = "ds-1"
	if _, err := w.store.RecordIntent(t.Context(), in, storetest.AuditEvent("x")); !errors.Is(err, issuance.ErrStopped) {
		t.Errorf("%v", err)
	}
	w.signing = []string{"ds-2"}
	told(10)
	told(10)
	w.clock.Advance(time.Minute)
	told(20)
	w.clock.Advance(time.Hour)
	told(30)
	w.issue(7, 1, "ds-2")
	if now, err = w.Progress(t.Context(), p.ID); err != nil || now.Blocked != "" || now.Reissued != 1 || now.Anew != 20 || now.Open != 29 || !now.Until.IsZero() {
		t.Errorf("%+v, %v", now, err)
	}
	n := 0
	w.must(w.Holders(t.Context(), p.ID, "office", func(h emergency.Holder) error {
		n++
		if !h.Told || h.Refreshes || h.Revoked != 20 || (h.Anew == 20) != (h.Document == "N7") {
			t.Errorf("%+v", h)
		}
		return nil
	}))
	if n != 30 {
		t.Errorf("%d documents", n)
	}
	notices, err := w.store.Notices(t.Context(), "P3", 10)
	if err != nil || len(notices) != 1 || notices[0].Notice.Effect != document.EffectRevoke {
		t.Errorf("%+v, %v", notices, err)
	}
}

// What kept wallets from fetching anew for long makes no flood when it ends: the
// first wave is a minute's worth, also after a start, and what is over is carried.
func TestWavesAfterABlock(t *testing.T) {
	w := newWorld(t, 40)
	for i := range 40 {
		w.issue(i, 1, "ds-1")
	}
	w.signing = []string{"ds-1"}
	d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "ds-1", Pace: 150, Reference: "2026/17"}) // two and a half a minute
	w.must(err)
	p := w.approved(d)
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	told := func(what string, want int) {
		t.Helper()
		w.must(w.Tend(t.Context()))
		if p, err := w.Plan(t.Context(), p.ID); err != nil || p.Told != want {
			t.Errorf("%s: %d told, want %d; %v", what, p.Told, want, err)
		}
	}
	told("blocked", 0)
	w.clock.Advance(12 * time.Hour)
	told("blocked for long", 0)
	walks := w.walks
	w.signing = []string{"ds-2"}
	told("the block ended", 2)
	told("at once again", 2)
	if w.walks != walks+1 {
		t.Errorf("%d walks over the tokens for one wave", w.walks-walks)
	}
	w.clock.Advance(time.Minute)
	told("with what was over", 5)
	w.signing = []string{"ds-1"}
	w.clock.Advance(time.Hour)
	told("blocked again", 5)
	w.signing = []string{"ds-2"}
	told("the block ended again", 7)
	w.clock.Advance(12 * time.Hour) // a machine that slept
	told("ten minutes' worth", 32)
	w.restart()
	w.clock.Advance(12 * time.Hour)
	told("an office that starts", 34)
}

// A plan that may not go on tells whom it has reached, and goes on once another has
// revoked the rest.
func TestGrownIsTold(t *testing.T) {
	w := newWorld(t, 2)
	w.provider = "W"
	w.issue(0, 150, "ds-1")
	w.issue(1, 150, "ds-1") // 6,000 copies: two steps, a bound of 6,700
	wish := emergency.Wish{Kind: emergency.OfWalletProvider, Value: "W", Reference: "2026/17"}
	d, err := w.Draft(t.Context(), wish)
	w.must(err)
	p := w.approved(d)
	w.beginning = func() { w.issue(1, 60, "ds-2") }
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	if w.want("grown", err, problem.Conflict); !errors.Is(err, emergency.ErrGrown) {
		t.Error(err)
	}
	w.beginning = nil
	if err := w.Tend(t.Context()); !errors.Is(err, emergency.ErrGrown) {
		t.Error(err)
	}
	if p, err := w.Plan(t.Context(), p.ID); err != nil || p.Revoked != 5000 || p.Told != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	w.clock.Advance(time.Second) // another plan
	d, err = w.Draft(t.Context(), wish)
	w.must(err)
	_, err = w.Run(t.Context(), w.approved(d).ID, "office", nil)
	w.must(err)
	w.must(w.Tend(t.Context()))
	if p, err := w.Plan(t.Context(), p.ID); err != nil || p.Revoked != 5000 || p.Stage(w.clock.Now()) != emergency.Covered {
		t.Errorf("%+v, %v", p, err)
	}
}

// A list that cannot be written keeps no copy good.
func TestPublishingFails(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 3 {
		w.issue(i, 200, "ds-1") // three steps
	}
	p := w.approved(w.draft("ds-1"))
	w.stepping = func() { w.clock.Advance(time.Minute) }
	w.failing = errors.New("no room on the disk")
	_, err := w.Run(t.Context(), p.ID, "office", nil)
	if w.want("no room", err, problem.Unavailable); !errors.Is(err, w.failing) {
		t.Error(err)
	}
	if now, err := w.Plan(t.Context(), p.ID); err != nil || now.Revoked != 12000 || now.Stage(w.clock.Now()) != emergency.Ended || w.published != 3 {
		t.Errorf("%+v, %d times published, %v", now, w.published, err)
	}
	w.failing = nil
	w.must(w.Tend(t.Context()))
	if now, err := w.Plan(t.Context(), p.ID); err != nil || now.Stage(w.clock.Now()) != emergency.Covered {
		t.Errorf("%+v, %v", now, err)
	}
}

// Of two runs at once each step counts where it was done.
func TestMeteredOnce(t *testing.T) {
	w := newWorld(t, 3)
	for i := range 3 {
		w.issue(i, 200, "ds-1")
	}
	p := w.approved(w.draft("ds-1"))
	inner := false
	w.stepping = func() { // another run is faster
		if inner {
			return
		}
		inner = true
		_, err := w.Run(t.Context(), p.ID, "issuer", nil)
		w.must(err)
	}
	done, err := w.Run(t.Context(), p.ID, "office", nil)
	if err != nil || done.Revoked != 12000 || w.metered.Load() != 12000 {
		t.Errorf("%+v, %d metered, %v", done, w.metered.Load(), err)
	}
}

// A stopped key of another configuration keeps nobody from fetching anew.
func TestBlockedByItsOwn(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	w.signs = map[string]string{"mdl": "ds-1", "pid": "ds-pid"}
	for _, key := range []string{"ds-1", "ds-pid"} {
		w.waits = []string{key}
		_, err := w.Run(t.Context(), w.approved(w.draft(key)).ID, "office", nil)
		w.must(err)
	}
	plans, err := w.Plans(t.Context())
	w.must(err)
	first := plans[slices.IndexFunc(plans, func(p emergency.Plan) bool { return p.Scope.Value == "ds-1" })]
	if why, err := w.Blocked(t.Context(), first); err != nil || !strings.Contains(why, "ds-1") || strings.Contains(why, "ds-pid") {
		t.Errorf("%q, %v", why, err)
	}
	w.signs["mdl"] = "ds-2"
	if why, err := w.Blocked(t.Context(), first); err != nil || why != "" {
		t.Errorf("%q, %v", why, err)
	}
	w.must(w.Tend(t.Context()))
	if p, err := w.Plan(t.Context(), first.ID); err != nil || p.Told != 1 {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestReport: what stands in the record is the digest of the very octets.
func TestReport(t *testing.T) {
	w := newWorld(t, 2)
	w.issue(0, 2, "ds-1")
	w.issue(1, 1, "ds-1")
	p := w.approved(w.draft("ds-1"))
	_, err := w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	r, err := w.Report(t.Context(), p.ID, "office")
	w.must(err)
	sum := sha256.Sum256(r.Report)
	last := w.events()[len(w.events())-1]
	if last.Action != emergency.ActionReport || last.Detail["digest"] != hex.EncodeToString(sum[:]) || r.Digest != last.Detail["digest"] || last.Subject != p.ID || last.Detail["previous"] != p.Hash {
		t.Errorf("%+v", last)
	}
	var read emergency.Report
	w.must(json.Unmarshal(r.Report, &read))
	if read.Before["ds-1"] != 60 || len(read.After) != 0 || read.Progress.Plan.Draft.Hash() != p.Hash || read.Progress.Plan.Proposed.Officer != "anna" || read.Progress.Plan.Approved.Human != "2" || len(read.Stops) != 1 {
		t.Errorf("%+v", read)
	}
	for _, want := range []string{"proposed by anna (human 1)", "approved by ben (human 2)", "key ds-1: 60 good copies in scope before, 0 now", "stopped: key ds-1", "version "} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is not in\n%s", want, r.Text)
		}
	}
	for _, e := range w.events() {
		if strings.HasPrefix(e.Action, "emergency.") && (!strings.HasPrefix(e.Subject, "e-") || strings.Contains(fmt.Sprint(e.Detail), "P0")) {
			t.Errorf("the record names a person: %+v", e)
		}
	}
}

// A stopped registry is lifted by two humans as well, and then holders are told.
func TestLift(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Reference: "2026/17"})
	w.must(err)
	p := w.approved(d)
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	w.must(w.Tend(t.Context()))
	if now, err := w.Progress(t.Context(), p.ID); err != nil || now.Plan.Revoked != 20 || now.Plan.Told != 0 || !strings.Contains(now.Blocked, "lift") {
		t.Errorf("%+v, %v", now, err)
	}
	if d, err = w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfRegistry, Value: "registry-of-P0", Act: emergency.Lift, Reference: "2026/17"}); err != nil || d.Bound != 0 {
		t.Fatalf("%+v, %v", d, err)
	}
	_, err = w.Propose(t.Context(), d, w.say("anna", emergency.Propose, d))
	w.must(err)
	_, err = w.Run(t.Context(), d.ID, "office", nil)
	w.want("lifted by one", err, problem.AccessDenied)
	_, err = w.Approve(t.Context(), d.ID, w.say("ben", emergency.Approve, d))
	w.must(err)
	lifted, err := w.Run(t.Context(), d.ID, "office", nil)
	if err != nil || lifted.Stage(w.clock.Now()) != emergency.Covered || lifted.Revoked != 0 {
		t.Errorf("%+v, %v", lifted, err)
	}
	w.must(w.Tend(t.Context()))
	if p, err := w.Plan(t.Context(), p.ID); err != nil || p.Told != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	w.issue(0, 1, "ds-1")
}
