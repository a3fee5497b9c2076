package issuer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
)

// audited counts the lines of the audit record that say all of this.
func (o *office) audited(words ...string) (n int) {
	o.t.Helper()
	o.must(o.app.Store().AuditLines(o.t.Context(), 1, 1<<30, func(_ uint64, line []byte) error {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(line), w) }) {
			n++
		}
		return nil
	}))
	return n
}

// version is that of a person's record, and how many events are in it.
func (o *office) version(person string) (uint64, int) {
	o.t.Helper()
	s, err := o.app.Store().Subject(o.t.Context(), person)
	o.must(err)
	h, err := o.app.Store().History(o.t.Context(), person, document.EventID{}, 1000)
	o.must(err)
	return s.Version, len(h)
}

// One token has one effect and one answer, however often it comes.
// Bad inputs R03, R04 and R15.
func TestRepeatedEvent(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	o.holds("DL-1", 2)
	s := o.speaker()
	version, events := o.version("P-1")
	set := s.sign("P-1", ban("M-1", registryclient.ProvisionalWithdrawal))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := s.client.Push(t.Context(), set); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	once := func(when string) {
		t.Helper()
		o.must(s.client.Push(t.Context(), set))
		answer, err := s.client.PushBatch(t.Context(), []registryclient.SET{set})
		if err != nil || !slices.Equal(answer.Acks, []string{set.JTI}) {
			t.Errorf("%s: %+v, %v", when, answer, err)
		}
		v, n := o.version("P-1")
		if v != version+1 || n != events+1 || o.audited("registry.accept", set.JTI) != 1 {
			t.Errorf("%s: version %d, %d events, %d lines", when, v, n, o.audited("registry.accept", set.JTI))
		}
		if got := states(s.feedOf(set)); len(got) > 2 {
			t.Errorf("%s: receipts %v", when, got)
		}
	}
	once("at once")
	before := s.covered(set)
	o.restart()
	once("after a restart")
	if after := s.receipt(set); after.JTI != before.JTI || after.Version != before.Version || after.CoveredAt != before.CoveredAt {
		t.Errorf("%+v, before %+v", after, before)
	}
	o.clock.Advance(400 * 24 * time.Hour)
	o.must(s.client.Push(t.Context(), set)) // its age is no matter once it was taken
	o.clock.Set(start)

	s.seq--
	other := s.sign("P-1", ban("M-2", registryclient.CourtBan), func(e *registryclient.Event) { e.JTI = set.JTI })
	if r := refused(t, s.client.Push(t.Context(), other), http.StatusBadRequest, "invalid_request"); !strings.Contains(r.Description, "jti") {
		t.Errorf("%s", r.Description)
	}
	if n := o.audited("registry.refuse", set.JTI, "denied"); n != 1 {
		t.Errorf("another body under a used jti: %d lines", n)
	}
	once("after another body")
}

// Events are applied in the order of their numbers. One that comes too early
// waits for those before it, and is refused by name when they do not come.
// Bad input R06.
func TestGap(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opts.HoldFor = 20 * time.Second // until they were seen to wait, on a busy machine too
	o.serve().people()
	s := o.speaker()
	sets := []registryclient.SET{
		s.sign("P-1", ban("M-1", registryclient.CourtBan)), s.sign("P-1", registryclient.MeasureLifted{ID: "M-1"}), s.sign("P-1", ban("M-2", registryclient.CourtBan)),
	}
	var wg sync.WaitGroup
	for _, set := range slices.Backward(sets[1:]) {
		wg.Go(func() { o.must(s.client.Push(t.Context(), set)) })
	}
	o.soon("two events wait", func() bool {
		_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
		return strings.Contains(body, `vidimus_registry_held_events{source="`+issuer.DevSource+`"} 2`)
	})
	if n := o.audited("registry.accept", sets[1].JTI); n != 0 {
		t.Error("an event was applied before its turn")
	}
	o.must(s.client.Push(t.Context(), sets[0]))
	wg.Wait()
	for i, set := range sets {
		if r := s.receipt(set); r.Version == 0 {
			t.Errorf("event %d: %+v", i, r)
		}
	}

	o.opts.HoldFor = 100 * time.Millisecond
	o.restart()
	s.seq++ // is lost
	lost := s.seq
	early := s.sign("P-1", registryclient.MeasureLifted{ID: "M-2"})
	r := refused(t, s.client.Push(t.Context(), early), http.StatusBadRequest, "invalid_request")
	if want := fmt.Sprintf("seq %d is missing", lost); !strings.Contains(r.Description, want) {
		t.Errorf("%q, want %q", r.Description, want)
	}
	if n := o.audited("registry.refuse", early.JTI); n != 1 {
		t.Errorf("a gap: %d lines", n)
	}
	s.seq = lost - 1
	s.say("P-1", registryclient.PersonDied{})
	o.must(s.client.Push(t.Context(), early)) // the same token, in its turn

	// An office that stops keeps nobody waiting, and nothing.
	o.opts.HoldFor = 20 * time.Second
	o.restart()
	s.seq += 2
	late := s.sign("P-2", registryclient.PersonDied{})
	answer := make(chan error, 1)
	go func() { answer <- s.client.Push(t.Context(), late) }()
	o.soon("it waits", func() bool {
		_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
		return strings.Contains(body, `vidimus_registry_held_events{source="`+issuer.DevSource+`"} 1`)
	})
	o.restart()
	if err := <-answer; err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a stop with one that waits: %v", err)
	}
	if n := o.audited("registry.accept", late.JTI); n != 0 {
		t.Error("it was kept")
	}
}

// Who builds on a state that is not that of now is told so.
// Bad input R05.
func TestConflict(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	s := o.speaker()
	version, _ := o.version("P-1")
	prev := func(n uint64) func(*registryclient.Event) {
		return func(e *registryclient.Event) { e.Prev = &n }
	}
	s.say("P-1", ban("M-1", registryclient.CourtBan), prev(version))
	set := s.sign("P-1", ban("M-2", registryclient.CourtBan), prev(version))
	r := refused(t, s.client.Push(t.Context(), set), http.StatusBadRequest, "invalid_request")
	if want := fmt.Sprintf("at version %d, prev says %d", version+1, version); !strings.Contains(r.Description, want) {
		t.Errorf("%q", r.Description)
	}
	if o.audited("registry.refuse", set.JTI, "conflict") != 1 {
		t.Error("it is not audited")
	}
	s.seq--
	s.say("P-1", ban("M-2", registryclient.CourtBan), prev(version+1))
}

// A batch is taken up to what is bad in it, and from there on once that was
// made good: every event has its own answer.
// Bad input R07.
func TestBatch(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	s := o.speaker()
	put := func(n int, born string) registryclient.SET {
		return s.sign(fmt.Sprintf("B-%d", n), registryclient.PersonPut{Attributes: map[string]any{"family_name": "F", "given_name": "G", "birth_date": born}})
	}
	sets := make([]registryclient.SET, 500)
	for i := range sets {
		born := "1990-01-01"
		if i == 249 {
			born = "2023-02-29"
		}
		sets[i] = put(i, born)
	}
	answer, err := s.client.PushBatch(t.Context(), sets)
	o.must(err)
	if len(answer.Acks) != 249 || len(answer.Refused) != 251 {
		t.Fatalf("%d taken, %d refused", len(answer.Acks), len(answer.Refused))
	}
	for i, set := range sets {
		r := answer.Refused[set.JTI]
		switch {
		case i < 249 && r != nil, i >= 249 && r == nil:
			t.Fatalf("item %d: %v", i, r)
		case i == 249 && !strings.Contains(r.Description, "birth_date"), i > 249 && !strings.Contains(r.Description, "seq 250 "):
			t.Errorf("item %d: %s", i, r.Description)
		}
		if _, err := o.app.Store().Subject(t.Context(), fmt.Sprintf("B-%d", i)); (err == nil) != (i < 249) {
			t.Fatalf("item %d: %v", i, err)
		}
	}
	s.seq = 249
	sets[249] = put(249, "2024-02-29")
	answer, err = s.client.PushBatch(t.Context(), sets) // those that were taken are so again
	if err != nil || len(answer.Acks) != 500 {
		t.Errorf("%d taken, %v", len(answer.Acks), err)
	}
	if last, err := o.app.Store().LastSeq(t.Context(), issuer.DevSource); err != nil || last != 500 {
		t.Errorf("%d, %v", last, err)
	}
	more, err := json.Marshal(map[string]any{"sets": func() map[string]string {
		m := map[string]string{}
		for i := range 501 {
			m[fmt.Sprint(i)] = "x"
		}
		return m
	}()})
	o.must(err)
	if status, _, body := o.post(s.client.Endpoint+registryclient.BatchPath, "application/json", string(more)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("501 events: %d %s", status, body)
	}
}
