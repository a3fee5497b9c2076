package status_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

const office = "https://office.example"

// lists is a store of lists that a test turns as it likes.
type lists struct {
	mu      sync.Mutex
	version map[string]uint64
	revoked map[string][]uint32
	covered [][]status.Published
	at      time.Time
	fail    error
	broken  string // Revoked of this list fails
}

func (s *lists) set(id string, version uint64, revoked ...uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version[id], s.revoked[id] = version, revoked
}

func (s *lists) Lists(ctx context.Context) ([]status.List, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []status.List
	for id, v := range s.version {
		all = append(all, status.List{ID: id, URI: status.URI(office, id), Version: v})
	}
	return all, s.fail
}

func (s *lists) Revoked(_ context.Context, id string) ([]uint32, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == s.broken {
		return nil, 0, errors.New("disk")
	}
	return s.revoked[id], s.version[id], nil
}

func (s *lists) MarkCovered(_ context.Context, p []status.Published, at time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortFunc(p, func(a, b status.Published) int { return int(a.Version) - int(b.Version) })
	s.covered, s.at = append(s.covered, p), at
	return 0, nil
}

func (s *lists) Release(context.Context, time.Time) ([]status.Released, error) { return nil, nil }

func (s *lists) PlanCover(context.Context, status.Cover) (int, error) { return 0, nil }

func (s *lists) Retire(context.Context, time.Time) ([]string, error) { return nil, nil }

func newWorld(t testing.TB) (*pkitest.World, *lists, status.Config) {
	t.Helper()
	w := pkitest.NewWorld(t)
	s := &lists{version: map[string]uint64{}, revoked: map[string][]uint32{}}
	return w, s, status.Config{
		Store: s, Signer: w.StatusSigner.Key, Chain: w.StatusSigner.Chain, Clock: w.Clock, Rand: rand.Reader, PublicURL: office,
		OnError: func(err error) { t.Error(err) },
	}
}

func newPublisher(t *testing.T, cfg status.Config) *status.Publisher {
	t.Helper()
	p, err := status.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func publish(t *testing.T, p *status.Publisher) {
	t.Helper()
	if err := p.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func object(t *testing.T, p *status.Publisher, id string, f statuslist.Format) *status.Object {
	t.Helper()
	o, err := p.Token(t.Context(), id, f)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// statusOf reads an entry as a verifier would.
func statusOf(t *testing.T, w *pkitest.World, o *status.Object, index uint64) statuslist.Status {
	t.Helper()
	token, err := statuslist.ParseToken(o.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(w.StatusSigner.Key.Public()); err != nil {
		t.Fatal(err)
	}
	got, err := token.Lookup(statuslist.Reference{Index: index, URI: o.URI}, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPublish(t *testing.T) {
	w, s, cfg := newWorld(t)
	p := newPublisher(t, cfg)
	if p.Aggregation() != nil || !p.Oldest().IsZero() {
		t.Error("something is served before the first publication")
	}
	s.set("a", 1)
	s.set("b", 7, 5, status.ListSize-1)
	publish(t, p)
	for _, f := range []statuslist.Format{statuslist.FormatJWT, statuslist.FormatCWT} {
		a, b := object(t, p, "a", f), object(t, p, "b", f)
		if a.URI != office+"/status/a" || b.Version != 7 || b.TTL != 300*time.Second || !b.IssuedAt.Equal(w.Now) || !b.Expires.Equal(w.Now.AddDate(0, 0, 14)) {
			t.Errorf("%+v", b)
		}
		if a.MediaType != "application/statuslist+"+string(f) || len(a.ETag) < 10 || a.ETag[0] != '"' || a.ETag == b.ETag {
			t.Errorf("%s %s", a.MediaType, a.ETag)
		}
		for index, want := range map[uint64]statuslist.Status{0: statuslist.Valid, 5: statuslist.Invalid, 6: statuslist.Valid, status.ListSize - 1: statuslist.Invalid} {
			if got := statusOf(t, w, b, index); got != want {
				t.Errorf("%s: entry %d is %v", f, index, got)
			}
			if got := statusOf(t, w, a, index); got != statuslist.Valid {
				t.Errorf("%s: entry %d of the empty list is %v", f, index, got)
			}
		}
		answer := func() statuslist.Answer {
			token, err := statuslist.ParseToken(b.Body)
			if err != nil || token.Verify(w.StatusSigner.Key.Public()) != nil {
				t.Fatal(err)
			}
			return token.Evaluate(statuslist.Reference{Index: 5, URI: b.URI}, statuslist.LookupOptions{Now: w.Now, ISO18013: f == statuslist.FormatCWT, RequireExpires: true})
		}()
		if !answer.Known || answer.Status != statuslist.Invalid {
			t.Errorf("%s: a strict reader says %+v", f, answer)
		}
	}
	var list struct {
		URIs []string `json:"status_lists"`
	}
	if err := json.Unmarshal(p.Aggregation().Body, &list); err != nil || !slices.Equal(list.URIs, []string{office + "/status/a", office + "/status/b"}) {
		t.Errorf("%s %v", p.Aggregation().Body, err)
	}
	if want := fmt.Sprint([]status.Published{{ID: "a", Version: 1}, {ID: "b", Version: 7}}); fmt.Sprint(s.covered[0]) != want || !s.at.Equal(w.Now) {
		t.Errorf("covered %v at %s", s.covered, s.at)
	}
}

// Only what has changed, or is half a ttl old, is signed anew.
func TestPublishAgain(t *testing.T) {
	w, s, cfg := newWorld(t)
	cfg.OnError = nil // TestClockGoesBack has the alarm
	p := newPublisher(t, cfg)
	s.set("a", 1)
	s.set("b", 1)
	publish(t, p)
	a1, b1, g1 := object(t, p, "a", "jwt"), object(t, p, "b", "jwt"), p.Aggregation()
	w.Clock.Advance(149 * time.Second)
	s.set("b", 2, 9)
	publish(t, p)
	a2, b2 := object(t, p, "a", "jwt"), object(t, p, "b", "jwt")
	if a2 != a1 || b2.ETag == b1.ETag || b2.Version != 2 || !b2.IssuedAt.Equal(w.Clock.Now()) || statusOf(t, w, b2, 9) != statuslist.Invalid {
		t.Errorf("a %v b %+v", a2 == a1, b2)
	}
	if p.Aggregation().ETag != g1.ETag || !p.Oldest().Equal(w.Now) {
		t.Error("the aggregation or the age is wrong")
	}
	if statusOf(t, w, b1, 9) != statuslist.Valid {
		t.Error("an object that was served has changed")
	}
	w.Clock.Advance(time.Second)
	publish(t, p)
	if a3 := object(t, p, "a", "jwt"); a3.ETag == a1.ETag || a3.Version != 1 || object(t, p, "b", "jwt") != b2 {
		t.Error("at half of its ttl a list is not signed anew, or another is")
	}
	// The clock goes back: iat does not.
	last := object(t, p, "a", "cwt").IssuedAt
	w.Clock.Advance(-time.Hour)
	s.set("a", 2, 1)
	publish(t, p)
	if o := object(t, p, "a", "cwt"); o.IssuedAt.Before(last) || o.Version != 2 {
		t.Errorf("iat %s after %s", o.IssuedAt, last)
	}
}

// Bad inputs S01 and S02: a store that was rolled back is not published.
func TestPublishNeverTakesBack(t *testing.T) {
	for name, back := range map[string]func(*lists){
		"S01 older version": func(s *lists) { s.set("a", 4, 1, 2) },
		"S02 lost bit":      func(s *lists) { s.set("a", 6, 1) },
		"S02 moved bit":     func(s *lists) { s.set("a", 6, 1, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			w, s, cfg := newWorld(t)
			p := newPublisher(t, cfg)
			s.set("a", 5, 1, 2)
			s.set("b", 1)
			publish(t, p)
			back(s)
			s.set("b", 2, 7)
			if err := p.Publish(t.Context()); err == nil {
				t.Error("published")
			}
			if a := object(t, p, "a", "jwt"); a.Version != 5 || statusOf(t, w, a, 2) != statuslist.Invalid {
				t.Errorf("%+v", a)
			}
			if b := object(t, p, "b", "jwt"); b.Version != 2 {
				t.Error("the trouble of one list keeps back another")
			}
			if got := s.covered[len(s.covered)-1]; fmt.Sprint(got) != fmt.Sprint([]status.Published{{ID: "b", Version: 2}, {ID: "a", Version: 5}}) {
				t.Errorf("covered %v", got)
			}
		})
	}
}

func TestPublishFailures(t *testing.T) {
	_, s, cfg := newWorld(t)
	p := newPublisher(t, cfg)
	s.set("a", 1)
	s.set("b", 1)
	s.broken = "a"
	if err := p.Publish(t.Context()); err == nil {
		t.Error("a list that cannot be read is no error")
	}
	if object(t, p, "b", "jwt") == nil {
		t.Error("the other list is not published")
	}
	s.fail = errors.New("disk")
	if err := p.Publish(t.Context()); !errors.Is(err, s.fail) {
		t.Errorf("%v", err)
	}
}

func TestTokenOfNewList(t *testing.T) {
	w, s, cfg := newWorld(t)
	p := newPublisher(t, cfg)
	publish(t, p)
	for _, id := range []string{"", "a", "../a", string(make([]byte, 65))} {
		if o, err := p.Token(t.Context(), id, "jwt"); !errors.Is(err, status.ErrListNotFound) || o != nil {
			t.Errorf("%q: %v, %v", id, o, err)
		}
	}
	s.set("a", 1)
	// Whoever guesses does not make us look each time.
	if _, err := p.Token(t.Context(), "a", "jwt"); !errors.Is(err, status.ErrListNotFound) {
		t.Errorf("%v", err)
	}
	w.Clock.Advance(time.Second)
	if o, err := p.Token(t.Context(), "a", "cwt"); err != nil || o.Version != 1 {
		t.Errorf("%v, %v", o, err)
	}
}

// Whoever asks for a list and hangs up stops no publication and raises no
// alarm (OnError fails the test).
func TestTokenForWhoHangsUp(t *testing.T) {
	_, s, cfg := newWorld(t)
	p := newPublisher(t, cfg)
	s.set("a", 1)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	if o, err := p.Token(ctx, "a", "jwt"); err != nil || o.Version != 1 {
		t.Errorf("%v, %v", o, err)
	}
}

func TestExpiresWithItsCertificate(t *testing.T) {
	w, s, cfg := newWorld(t)
	s.set("a", 1)
	notAfter := w.StatusSigner.Cert.Cert.NotAfter
	w.Clock.Set(notAfter.Add(-24 * time.Hour))
	p := newPublisher(t, cfg)
	publish(t, p)
	if o := object(t, p, "a", "jwt"); !o.Expires.Equal(notAfter) {
		t.Errorf("exp %s, the certificate ends at %s", o.Expires, notAfter)
	}
}

func TestNewChecksItsConfiguration(t *testing.T) {
	w, _, good := newWorld(t)
	for name, spoil := range map[string]func(*status.Config){
		"no store":     func(c *status.Config) { c.Store = nil },
		"no chain":     func(c *status.Config) { c.Chain = nil },
		"bad chain":    func(c *status.Config) { c.Chain = [][]byte{{1}} },
		"no url":       func(c *status.Config) { c.PublicURL = "" },
		"ttl > exp":    func(c *status.Config) { c.TTL = 8 * 24 * time.Hour },
		"ttl too tiny": func(c *status.Config) { c.TTL = time.Millisecond },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := status.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// The anchor does not travel, and the leaf is that of the signer.
	for name, chain := range map[string][][]byte{"anchor": {w.StatusSigner.Chain[0], w.IACA.Cert.Raw}, "another leaf": w.DocumentSignerMDL.Chain} {
		_, s, cfg := newWorld(t)
		cfg.Chain = chain
		s.set("a", 1)
		if err := newPublisher(t, cfg).Publish(t.Context()); err == nil {
			t.Errorf("%s: published", name)
		}
	}
}

// Run publishes at the start, on the tick, at once on a kick, and a burst of
// kicks shares a publication.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s, cfg := newWorld(t)
		cfg.Clock = clock.System{}
		w, err := pkitest.New(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		cfg.Signer, cfg.Chain = w.StatusSigner.Key, w.StatusSigner.Chain
		p := newPublisher(t, cfg)
		s.set("a", 1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { p.Run(ctx); close(ended) }()
		version := func() uint64 { return object(t, p, "a", "jwt").Version }
		times := func() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.covered) }

		synctest.Wait()
		if version() != 1 || times() != 1 {
			t.Errorf("at the start: version %d, %d publications", version(), times())
		}
		// Inside the bubble of synctest time passes at once.
		time.Sleep(10 * time.Second)
		s.set("a", 2, 1)
		synctest.Wait()
		if version() != 1 {
			t.Error("published without tick or kick")
		}
		time.Sleep(50 * time.Second)
		synctest.Wait()
		if version() != 2 || times() != 2 {
			t.Errorf("after the tick: version %d, %d publications", version(), times())
		}
		time.Sleep(time.Second)
		for i := range uint32(100) {
			s.set("a", uint64(3+i), 1, 1000+i/100)
			p.Kick(true)
			synctest.Wait()
		}
		if version() != 3 {
			t.Errorf("not at once: version %d", version())
		}
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if version() != 102 || times() != 4 {
			t.Errorf("after a burst: version %d, %d publications", version(), times())
		}
		cancel()
		<-ended
	})
}
