package status_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

// shelf is a sink in memory.
type shelf struct {
	past  map[string]status.Past
	files map[string]*status.Object // by id and media type
	list  *status.Object
	puts  []status.Edition
	fail  error
}

func (s *shelf) Published(context.Context) (map[string]status.Past, error) { return s.past, nil }

func (s *shelf) Put(_ context.Context, e status.Edition) error {
	s.puts = append(s.puts, e)
	if s.fail != nil {
		return s.fail
	}
	for _, l := range e.Lists {
		for _, o := range l.Objects {
			s.files[l.ID+" "+o.MediaType] = o
		}
	}
	for _, id := range e.Retired {
		maps.DeleteFunc(s.files, func(k string, _ *status.Object) bool { return strings.HasPrefix(k, id+" ") })
	}
	s.list = e.Aggregation
	return nil
}

// newOffice is a publisher over the simulation, which makes flips as a store
// does, with a sink.
func newOffice(t testing.TB, cfg status.Config) (*pkitest.World, *simulation, *shelf, status.Config) {
	t.Helper()
	w := pkitest.NewWorld(t)
	if cfg.Schedule == nil {
		cfg.Schedule = status.NewSchedule(time.Minute, time.Hour, 24*time.Hour)
	}
	s, f := newSimulation(3, cfg.Schedule), &shelf{files: map[string]*status.Object{}}
	cfg.Store, cfg.Sink, cfg.Signer, cfg.Chain, cfg.Clock, cfg.Rand, cfg.PublicURL = s, f, w.StatusSigner.Key, w.StatusSigner.Chain, w.Clock, rand.Reader, office
	return w, s, f, cfg
}

// What is urgent comes out at once, what is not within the next window and
// under noise; the sink has the same objects that are served.
func TestPublishMixes(t *testing.T) {
	w, s, f, cfg := newOffice(t, status.Config{Cover: 64, OnError: func(err error) { t.Error(err) }})
	p := newPublisher(t, cfg)
	copies := s.issue(w.Now, 40, w.Now.AddDate(0, 0, 14))
	publish(t, p)
	count := func() (n int) {
		for _, l := range s.lists {
			o := object(t, p, l.ID, "cwt")
			token, err := statuslist.ParseToken(o.Body)
			if err != nil || token.Verify(w.StatusSigner.Key.Public()) != nil {
				t.Fatal(err)
			}
			list, err := token.List()
			if err != nil {
				t.Fatal(err)
			}
			n += list.Count()
			if f.files[l.ID+" "+status.MediaTypeCWT] != o || f.files[l.ID+" "+status.MediaTypeJWT] != object(t, p, l.ID, "jwt") {
				t.Error("the sink has other objects")
			}
		}
		return n
	}
	first := count() // noise of the windows around now, so far as it is due
	s.revoke(w.Clock.Now(), copies[:20], true)
	publish(t, p)
	if n := count(); n != first+20 {
		t.Errorf("%d flips after an urgent event, %d before", n, first)
	}
	s.revoke(w.Clock.Now(), copies[20:], false)
	w.Clock.Set(w.Now.Add(time.Hour - time.Minute)) // the window ends at the hour
	publish(t, p)
	before := count()
	seen := map[int]bool{}
	for range 60 {
		w.Clock.Advance(time.Minute)
		publish(t, p)
		seen[count()] = true
	}
	if n := count() - before; n != 64 || len(seen) < 20 {
		t.Errorf("the window showed %d flips in %d steps, want 64, of which 20 are real", n, len(seen))
	}
	if f.list != p.Aggregation() || f.list.URI != office+"/status" {
		t.Error("the sink has another aggregation")
	}
	if got := len(s.covered[len(s.covered)-1]); got != len(s.lists) {
		t.Errorf("%d lists covered of %d", got, len(s.lists))
	}
}

// A window that nobody was there to plan is made up for at the start, once.
func TestCoverAfterStop(t *testing.T) {
	w, s, _, cfg := newOffice(t, status.Config{Cover: 64})
	copies := s.issue(w.Now, 10, w.Now.AddDate(0, 0, 14))
	s.revoke(w.Now, copies, false)
	w.Clock.Advance(5 * time.Hour)
	p := newPublisher(t, cfg)
	publish(t, p)
	if s.asked != 2 || len(s.windows) != 2 {
		t.Errorf("%d plans, of %d windows", s.asked, len(s.windows))
	}
	noise := 0
	for _, l := range s.lists {
		noise += l.Revoked
	}
	if noise < 10+64 {
		t.Errorf("the overdue flips came out with %d others", noise-10)
	}
	publish(t, p)
	w.Clock.Advance(time.Hour)
	publish(t, p)
	if s.asked != 3 {
		t.Errorf("%d plans", s.asked)
	}
}

// Bad inputs S01, S02, S03: what the files before this process have is not
// taken back either.
func TestPublishFollowsThePast(t *testing.T) {
	list := func(bits ...uint32) []byte {
		raw := make([]byte, status.ListSize/8)
		for _, i := range bits {
			raw[i/8] |= 1 << (i % 8)
		}
		return raw
	}
	for name, past := range map[string]status.Past{ // by bad input
		"S01 newer version":   {Version: 3, IssuedAt: pkitest.Now.Add(-time.Hour), Bits: list(7)},
		"S02 more bits":       {Version: 2, IssuedAt: pkitest.Now.Add(-time.Hour), Bits: list(7, 8)},
		"S03 another size":    {Version: 2, IssuedAt: pkitest.Now.Add(-time.Hour), Bits: list()[:16]},
		"S02 identifiers too": {Version: 2, IssuedAt: pkitest.Now.Add(-time.Hour), Identifiers: [][]byte{{1}}},
		"":                    {Version: 2, IssuedAt: pkitest.Now.Add(-time.Hour), Bits: list(7)},
	} {
		t.Run(name, func(t *testing.T) {
			_, s, cfg := newWorld(t)
			cfg.OnError = nil // asking for the list tries again
			cfg.Sink = &shelf{past: map[string]status.Past{status.URI(office, "a"): past}, files: map[string]*status.Object{}}
			p := newPublisher(t, cfg)
			s.set("a", 2, 7)
			err := p.Publish(t.Context())
			o, missing := p.Token(t.Context(), "a", "jwt")
			if name == "" && (err != nil || missing != nil || o.Version != 2) {
				t.Errorf("%v, %v", err, missing)
			}
			if name != "" && (!errors.Is(err, status.ErrBackwards) || !errors.Is(missing, status.ErrListNotFound)) {
				t.Errorf("%v, %v", err, missing)
			}
		})
	}
	t.Run("S03 another sub", func(t *testing.T) {
		w, s, _, cfg := newOffice(t, status.Config{})
		p := newPublisher(t, cfg)
		s.issue(w.Now, 1, w.Now.AddDate(0, 0, 14))
		publish(t, p)
		s.lists["0000"].URI += "x"
		s.lists["0000"].Version++
		if err := p.Publish(t.Context()); !errors.Is(err, status.ErrBackwards) {
			t.Errorf("%v", err)
		}
		if o := object(t, p, "0000", "jwt"); o.URI != office+"/status/0000" {
			t.Errorf("%+v", o)
		}
	})
}

// Bad input S05: the clock goes back an hour. iat stays, an alarm is raised,
// once; it goes on when the time has come.
func TestClockGoesBack(t *testing.T) { t.Run("S05", clockGoesBack) }

func clockGoesBack(t *testing.T) {
	var alarms []string
	w, s, cfg := newWorld(t)
	cfg.OnError = func(err error) { alarms = append(alarms, err.Error()) }
	past := w.Now.Add(30 * time.Minute) // a process before us was ahead
	cfg.Sink = &shelf{past: map[string]status.Past{status.URI(office, "b"): {Version: 1, IssuedAt: past}}, files: map[string]*status.Object{}}
	p := newPublisher(t, cfg)
	s.set("a", 1)
	s.set("b", 1)
	publish(t, p)
	if o := object(t, p, "b", "cwt"); !o.IssuedAt.Equal(past) || !o.Expires.Equal(past.Add(status.DefaultExpires)) {
		t.Errorf("iat %s", o.IssuedAt)
	}
	w.Clock.Advance(-time.Hour)
	s.set("a", 2, 5)
	publish(t, p)
	if o := object(t, p, "a", "jwt"); !o.IssuedAt.Equal(w.Now) || o.Version != 2 {
		t.Errorf("iat %s, version %d", o.IssuedAt, o.Version)
	}
	if len(alarms) != 2 || !strings.Contains(alarms[0], "clock") {
		t.Errorf("alarms: %q", alarms)
	}
	w.Clock.Advance(3 * time.Hour)
	publish(t, p)
	if o := object(t, p, "a", "jwt"); !o.IssuedAt.Equal(w.Clock.Now()) || len(alarms) != 2 {
		t.Errorf("iat %s, alarms %q", o.IssuedAt, alarms)
	}
}

// Lists count as long as readers are offline, and an alarm says when the
// certificate does not allow it.
func TestOfflineWindow(t *testing.T) {
	var alarms []error
	w, s, cfg := newWorld(t)
	cfg.OnError = func(err error) { alarms = append(alarms, err) }
	cfg.Expires, cfg.Offline = 24*time.Hour, 7*24*time.Hour
	p := newPublisher(t, cfg)
	s.set("a", 1)
	publish(t, p)
	if o := object(t, p, "a", "jwt"); !o.Expires.Equal(w.Now.AddDate(0, 0, 7)) || len(alarms) != 0 {
		t.Errorf("exp %s, %v", o.Expires, alarms)
	}
	end := w.StatusSigner.Cert.Cert.NotAfter
	w.Clock.Set(end.Add(-6 * 24 * time.Hour))
	publish(t, p)
	if o := object(t, p, "a", "jwt"); !o.Expires.Equal(end) || len(alarms) != 1 {
		t.Errorf("exp %s, %v", o.Expires, alarms)
	}
	// S03: exp is not after iat.
	w.Clock.Set(end)
	if err := p.Publish(t.Context()); err == nil {
		t.Error("signed with a certificate that has ended")
	}
}

// The files have a list of which the store knows nothing: an alarm, once, and
// it is left alone.
func TestOrphan(t *testing.T) {
	var alarms []string
	_, s, cfg := newWorld(t)
	cfg.OnError = func(err error) { alarms = append(alarms, err.Error()) }
	sink := &shelf{past: map[string]status.Past{status.URI(office, "lost"): {Version: 4}}, files: map[string]*status.Object{}}
	cfg.Sink = sink
	p := newPublisher(t, cfg)
	s.set("a", 1)
	publish(t, p)
	publish(t, p)
	if len(alarms) != 1 || !strings.Contains(alarms[0], "/status/lost") || len(sink.puts) != 1 || len(sink.puts[0].Retired) != 0 {
		t.Errorf("alarms %q, puts %+v", alarms, sink.puts)
	}
}

// A list whose last copy has expired goes: 404, out of the aggregation, out of
// the sink, out of the store, in this order.
func TestRetire(t *testing.T) {
	w, s, f, cfg := newOffice(t, status.Config{})
	p := newPublisher(t, cfg)
	s.issue(w.Now, 100, w.Now.AddDate(0, 0, 1))
	publish(t, p)
	s.lists["0003"].Closed, s.lists["0004"].Closed = true, true
	s.lists["0004"].LastExpiry = w.Now.AddDate(0, 0, 20)
	w.Clock.Advance(47 * time.Hour)
	publish(t, p)
	object(t, p, "0003", "jwt")
	w.Clock.Advance(2 * time.Hour)
	f.fail = errors.New("disk full")
	if err := p.Publish(t.Context()); !errors.Is(err, f.fail) || s.lists["0003"] == nil {
		t.Errorf("%v; the store forgot the list before its files are gone", err)
	}
	f.fail = nil
	w.Clock.Advance(time.Minute)
	publish(t, p)
	if _, err := p.Token(t.Context(), "0003", "jwt"); !errors.Is(err, status.ErrListNotFound) {
		t.Errorf("%v", err)
	}
	if s.lists["0003"] != nil || s.lists["0004"] == nil || strings.Contains(string(p.Aggregation().Body), "0003") || len(p.Served()) != 7 {
		t.Errorf("%s", p.Aggregation().Body)
	}
	for k := range f.files {
		if strings.HasPrefix(k, "0003") {
			t.Errorf("%s is still there", k)
		}
	}
}

// What the sink did not take is served, but covers nothing, and is brought
// again with what came since.
func TestSinkFails(t *testing.T) {
	w, s, f, cfg := newOffice(t, status.Config{})
	p := newPublisher(t, cfg)
	copies := s.issue(w.Now, 200, w.Now.AddDate(0, 0, 14))
	publish(t, p)
	f.fail = errors.New("disk full")
	w.Clock.Advance(time.Second)
	s.revoke(w.Clock.Now(), copies[:1], true)
	if err := p.Publish(t.Context()); !errors.Is(err, f.fail) {
		t.Errorf("%v", err)
	}
	id := copies[0].list.ID
	if o := object(t, p, id, "jwt"); o.Version != 2 {
		t.Errorf("version %d", o.Version)
	}
	last := s.covered[len(s.covered)-1]
	if len(last) != 7 || slices.ContainsFunc(last, func(p status.Published) bool { return p.ID == id }) {
		t.Errorf("covered %v", last)
	}
	f.fail = nil
	publish(t, p)
	if f.files[id+" "+status.MediaTypeJWT] != object(t, p, id, "jwt") || len(s.covered[len(s.covered)-1]) != 8 {
		t.Error("not brought again")
	}
	if e := f.puts[len(f.puts)-1]; len(e.Lists) != 1 {
		t.Errorf("%d lists written, one has changed", len(e.Lists))
	}
	puts := len(f.puts)
	publish(t, p)
	if len(f.puts) != puts {
		t.Error("nothing has changed, and it is written")
	}
}

// stuck is a sink that answers once answer is closed.
type stuck struct {
	*shelf
	answer chan struct{}
}

func (s *stuck) Put(ctx context.Context, e status.Edition) error {
	<-s.answer
	return s.shelf.Put(ctx, e)
}

// A sink that does not answer keeps back neither what is served nor the next
// urgent thing; what it has in the end is covered, and no more.
func TestSinkHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s, f, cfg := newOffice(t, status.Config{})
		hanging := &stuck{f, make(chan struct{})}
		close(hanging.answer)
		cfg.Sink = hanging
		p := newPublisher(t, cfg)
		copies := s.issue(w.Now, 200, w.Now.AddDate(0, 0, 14))
		publish(t, p)
		hanging.answer = make(chan struct{})
		served := func(c copyOf) bool {
			list, err := object(t, p, c.list.ID, "jwt"), error(nil)
			return err == nil && list.Version == c.list.Version
		}
		for n, c := range copies[:3] {
			w.Clock.Advance(time.Second)
			s.revoke(w.Clock.Now(), []copyOf{c}, true)
			done, began := make(chan error, 1), time.Now()
			go func() { done <- p.Publish(t.Context()) }()
			synctest.Wait()
			if !served(c) {
				t.Errorf("%d: not served while the sink hangs", n)
			}
			p.Kick(true) // the next one is urgent
			if err := <-done; err == nil || !strings.Contains(err.Error(), "does not come to an end") || time.Since(began) > 2*time.Second {
				t.Errorf("%d: %v after %s", n, err, time.Since(began))
			}
		}
		last := s.covered[len(s.covered)-1]
		for _, c := range copies[:3] {
			if slices.ContainsFunc(last, func(p status.Published) bool { return p.ID == c.list.ID }) {
				t.Errorf("covered %v", last)
			}
		}
		close(hanging.answer)
		synctest.Wait()
		publish(t, p)
		for _, c := range copies[:3] {
			if f.files[c.list.ID+" "+status.MediaTypeJWT] != object(t, p, c.list.ID, "jwt") {
				t.Error("a file is not what is served")
			}
		}
		if len(s.covered[len(s.covered)-1]) != 8 {
			t.Errorf("covered %v", s.covered[len(s.covered)-1])
		}
	})
}

// An identifier list is one CWT, and only that.
func TestIdentifierLists(t *testing.T) {
	w, s, f, cfg := newOffice(t, status.Config{Schedule: status.NewSchedule(time.Minute, 0, 0)})
	p := newPublisher(t, cfg)
	l := s.add(w.Now, status.KindIdentifier)
	s.add(w.Now, status.KindStatus)
	publish(t, p)
	s.revoke(w.Now, []copyOf{{l, 77, time.Time{}}, {l, 5, time.Time{}}}, true)
	publish(t, p)
	s.revoke(w.Now, []copyOf{{l, 1000, time.Time{}}}, true)
	publish(t, p)
	o, err := p.Identifiers(t.Context(), l.ID)
	if err != nil || o.MediaType != "application/identifierlist+cwt" || o.URI != office+"/identifiers/"+l.ID || f.files[l.ID+" "+o.MediaType] != o {
		t.Fatalf("%+v, %v", o, err)
	}
	token, err := statuslist.ParseIdentifierList(o.Body)
	if err != nil || token.Verify(w.StatusSigner.Key.Public()) != nil {
		t.Fatal(err)
	}
	for index, want := range map[uint32]statuslist.Status{77: statuslist.Invalid, 5: statuslist.Invalid, 1000: statuslist.Invalid, 6: statuslist.Valid} {
		ref := statuslist.IdentifierReference{ID: status.Identifier(l.Key, index), URI: o.URI}
		if a := token.Evaluate(ref, statuslist.LookupOptions{Now: w.Now, ISO18013: true}); !a.Known || a.Status != want {
			t.Errorf("%d: %+v", index, a)
		}
	}
	for _, format := range []statuslist.Format{"jwt", "cwt"} {
		if _, err := p.Token(t.Context(), l.ID, format); !errors.Is(err, status.ErrListNotFound) {
			t.Errorf("an identifier list as %s: %v", format, err)
		}
	}
	if _, err := p.Identifiers(t.Context(), "0001"); !errors.Is(err, status.ErrListNotFound) {
		t.Errorf("a status list as identifiers: %v", err)
	}
	if strings.Contains(string(p.Aggregation().Body), "identifiers") {
		t.Errorf("%s", p.Aggregation().Body)
	}
	// The files of before lack one: nothing is taken back.
	cfg.Sink = &shelf{files: map[string]*status.Object{}, past: map[string]status.Past{l.URI: {Version: 1, Identifiers: [][]byte{status.Identifier(l.Key, 6)}}}}
	if err := newPublisher(t, cfg).Publish(t.Context()); !errors.Is(err, status.ErrBackwards) {
		t.Errorf("%v", err)
	}
}

// Ticks stand at multiples of their length since 1970, and the lag counts from
// them.
func TestRunOnTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(17 * time.Second) // not on a tick
		w, err := pkitest.New(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		s := newSimulation(3, status.NewSchedule(time.Minute, 0, 0))
		var mu sync.Mutex
		var lags []time.Duration
		measured := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(lags)
		}
		p := newPublisher(t, status.Config{
			Store: s, Signer: w.StatusSigner.Key, Chain: w.StatusSigner.Chain, Clock: clock.System{}, Rand: rand.Reader, PublicURL: office,
			Schedule: status.NewSchedule(time.Minute, 0, 0), Measure: &status.Measure{Lag: func(d time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				lags = append(lags, d)
			}},
		})
		copies := s.issue(time.Now(), 10, time.Now().AddDate(0, 0, 14))
		s.revoke(time.Now(), copies, false)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		time.Sleep(42 * time.Second)
		synctest.Wait()
		if len(measured()) != 0 {
			t.Error("released before the tick")
		}
		p.Kick(false)
		time.Sleep(time.Second + time.Millisecond) // 12:01:00
		synctest.Wait()
		if got := measured(); len(got) != 1 || got[0] > 100*time.Millisecond {
			t.Errorf("lags %v", got)
		}
		cancel()
		<-ended
	})
}
