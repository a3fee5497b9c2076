package notice

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

var now = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

const (
	office = "https://office.example"
	portal = "https://portal.example/notices"
)

// outbox is a Store that keeps to the words of the interface.
type outbox struct {
	mu      sync.Mutex
	records []Record
	audit   *audit.Memory
	fail    error
}

func (o *outbox) DueNotices(_ context.Context, now time.Time, limit int) ([]Record, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var due []Record
	for _, r := range o.records {
		if r.State == Waiting && !r.Next.After(now) && len(due) < limit {
			due = append(due, r)
		}
	}
	return due, o.fail
}

func (o *outbox) PutNotices(ctx context.Context, records []Record, did []audit.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, r := range records {
		if old := &o.records[r.Number-1]; o.fail == nil && old.State == Waiting {
			*old = r
			if did[i].Action != "" {
				if err := o.audit.Append(ctx, did[i]); err != nil {
					return err
				}
			}
		}
	}
	return o.fail
}

func (o *outbox) Notices(context.Context, string, int) ([]Record, error) { return nil, nil }

func (o *outbox) WaitingNotices(context.Context) (int, time.Time, error) { return 0, time.Time{}, nil }

type people map[string]document.Subject

func (p people) Subject(_ context.Context, person string) (document.Subject, error) {
	if s, ok := p[person]; ok {
		return s, nil
	}
	return document.Subject{}, problem.New(problem.NotFound, "no such subject")
}

// sent is what a channel took.
type sent struct{ id, to, subject, body string }

// channel is a webhook and a mail server that answer as they are told.
type channel struct {
	mu    sync.Mutex
	took  []sent
	tries int
	err   error
	hang  atomic.Bool
}

func (c *channel) take(ctx context.Context, s sent) error {
	if c.hang.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.err == nil {
		c.took = append(c.took, s)
	}
	return c.err
}

type hook struct{ *channel }

func (h hook) Send(ctx context.Context, url, contentType string, body []byte) error {
	return h.take(ctx, sent{to: url, subject: contentType, body: string(body)})
}

type post struct{ *channel }

func (p post) Send(ctx context.Context, to, subject, body string) error {
	return p.take(ctx, sent{to: to, subject: subject, body: body})
}

type postWithID struct{ post }

func (p postWithID) SendIdentified(ctx context.Context, id, to, subject, body string) error {
	return p.take(ctx, sent{id, to, subject, body})
}

type world struct {
	*testing.T
	cfg        Config
	store      *outbox
	people     people
	hook, post *channel
	clock      *clock.Fake
	audit      *audit.Memory
	key        *ecdsa.PrivateKey
	tried      []string
}

// newWorld has a person with a licence, a ban and an address.
func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	record := &audit.Memory{}
	w := &world{T: t, store: &outbox{audit: record}, hook: &channel{}, post: &channel{}, clock: clock.NewFake(now), audit: record, key: key}
	w.people = people{
		"P": {
			Number: "P", Person: &document.Person{Attributes: document.Attributes{"family_name": "SECRET", "email_address": "p@secret.example"}},
			Documents: []document.Document{{Number: "L-1", Type: "mdl", IssuingAuthority: "SNCA"}},
			Measures: []document.Measure{{ID: "M", Kind: document.CourtBan, Revisions: []document.Revision{{
				Orders: document.Orders{Authority: "Tribunal", LegalBasis: "art. 13"},
			}}}},
		},
		"OLD":   {Number: "OLD", MergedInto: "P"},
		"ROUND": {Number: "ROUND", MergedInto: "ROUND"},
		"BARE":  {Number: "BARE", Person: &document.Person{}},
	}
	w.cfg = Config{
		Issuer: office, Store: w.store, Subjects: w.people, Clock: w.clock, Languages: []string{"de", "fr"},
		Webhook: hook{w.hook}, WebhookURL: portal, Signer: key, Rand: rand.Reader, Mail: post{w.post},
		Tried: func(n uint64, s State, word string) { w.tried = append(w.tried, fmt.Sprint(n, " ", s, " ", word)) },
	}
	return w
}

func (w *world) service() *Service {
	w.Helper()
	s, err := New(w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	return s
}

func (w *world) add(person string) {
	w.store.records = append(w.store.records, Record{
		Number: uint64(len(w.store.records) + 1), Person: person, Created: w.clock.Now(), State: Waiting, Next: w.clock.Now(),
		Notice: document.Notice{
			Document: "L-1", Fact: document.Fact(document.CourtBan), Measure: "M", Effect: document.EffectReissueReduced,
			Since: now.Add(-time.Hour), Cause: document.EventID{Source: "R", JTI: "j"},
		},
	})
}

func (w *world) deliver(s *Service, want int) {
	w.Helper()
	if n, err := s.Deliver(w.Context()); err != nil || n != want {
		w.Fatalf("%d notices, %v", n, err)
	}
}

func (w *world) events() []audit.Event {
	w.Helper()
	return w.audit.Events()
}

func TestWebhook(t *testing.T) {
	w := newWorld(t)
	w.cfg.Appeal = map[string]Appeal{"lb": {Text: "Recours.", URL: "https://appeal.example"}}
	w.add("OLD")
	w.deliver(w.service(), 1)
	r := w.store.records[0]
	if r.State != Delivered || r.Channel != ChannelWebhook || r.Problem != "" || r.Attempts != 1 || !r.Settled.Equal(now) || w.post.tries != 0 {
		t.Errorf("%+v", r)
	}
	got := w.hook.took[0]
	signed, err := jose.Parse(got.body)
	if err != nil || signed.Verify(w.key.Public()) != nil || signed.Header.Type != TokenType || got.subject != ContentType || got.to != portal {
		t.Fatalf("%+v, %v", got, err)
	}
	var c Claims
	if err := jose.DecodeJSON(signed.Payload, &c); err != nil {
		t.Fatal(err)
	}
	if c.Subject != "P" || c.Fact != "court-ban" || c.Authority != "Tribunal" || c.LegalBasis != "art. 13" || c.DocumentType != "mdl" ||
		c.Issuer != office || c.Audience != portal || len(c.Texts) != 4 || !strings.Contains(c.Texts["lb"].Body, "Recours.\nhttps://appeal.example") {
		t.Errorf("%s", signed.Payload)
	}
	if strings.Contains(string(signed.Payload), "SECRET") || strings.Contains(string(signed.Payload), "secret.example") {
		t.Error("the portal knows the person: attributes have no place in a notice")
	}
	events := w.events()
	if len(events) != 1 || events[0].Subject != c.JTI || events[0].Outcome != audit.Done || events[0].Detail["reason"] != ChannelWebhook {
		t.Errorf("%+v", events)
	}
	w.deliver(w.service(), 0)
}

func TestMail(t *testing.T) {
	for _, identified := range []bool{false, true} {
		w := newWorld(t)
		w.cfg.Webhook = nil
		if identified {
			w.cfg.Mail = postWithID{post{w.post}}
		}
		w.add("P")
		w.deliver(w.service(), 1)
		got := w.post.took[0]
		if got.to != "p@secret.example" || got.subject != "Eine Nachricht zu Ihren digitalen Dokumenten" || (got.id != "") != identified {
			t.Errorf("%+v", got)
		}
		german, french := strings.Index(got.body, "Ein Gericht"), strings.Index(got.body, "Un tribunal")
		if german < 0 || french < german || strings.Contains(got.body, "A court") || strings.Contains(got.body, "SECRET") {
			t.Errorf("%s", got.body)
		}
		if r := w.store.records[0]; r.State != Delivered || r.Channel != ChannelMail {
			t.Errorf("%+v", r)
		}
	}
}

// The id stays the same from one attempt to the next.
func TestRetry(t *testing.T) {
	w := newWorld(t)
	s := w.service()
	w.add("P")
	w.hook.err = errors.New("502 for p@secret.example")
	var pauses []time.Duration
	for w.store.records[0].Attempts < 5 {
		w.deliver(s, 1)
		r := w.store.records[0]
		if r.State != Waiting || r.Problem != ProblemUnreachable || r.Channel != "" {
			t.Fatalf("%+v", r)
		}
		pauses = append(pauses, r.Next.Sub(w.clock.Now()))
		w.clock.Set(r.Next.Add(-time.Second))
		w.deliver(s, 0)
		w.clock.Set(r.Next)
	}
	if !slices.Equal(pauses, []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute}) || w.post.tries != 0 {
		t.Errorf("%v, %d mails", pauses, w.post.tries)
	}
	if len(w.events()) != 0 {
		t.Error("audited before it was settled")
	}
	w.hook.err = nil
	w.deliver(s, 1)
	first := compose(office, Record{Number: 1, Person: "P", Created: now, Notice: w.store.records[0].Notice}, w.people["P"])
	signed, err := jose.Parse(w.hook.took[0].body)
	if err != nil || !strings.Contains(string(signed.Payload), `"jti":"`+first.ID+`"`) || w.store.records[0].State != Delivered {
		t.Errorf("%v, %+v", err, w.store.records[0])
	}
	for _, line := range w.tried {
		if strings.Contains(line, "secret") {
			t.Errorf("told: %s", line)
		}
	}
}

// A portal that stays away: mail is tried beside it after an hour, as often as
// the portal, until the deadline.
func TestDeadline(t *testing.T) {
	for _, test := range []struct {
		name    string
		mail    error
		person  string
		state   State
		channel string
		problem string
		mails   [2]int // between
		settled [2]time.Duration
	}{
		{"mail takes it", nil, "P", Delivered, ChannelMail, "", [2]int{1, 1}, [2]time.Duration{time.Hour, 3 * time.Hour}},
		{"mail is away too", errors.New("421"), "P", Undeliverable, "", ProblemUnreachable, [2]int{5, 20}, [2]time.Duration{Deadline, Deadline}},
		{"mail will not take it", refusal{}, "P", Undeliverable, "", ProblemUnreachable, [2]int{5, 20}, [2]time.Duration{Deadline, Deadline}},
		{"no address", nil, "BARE", Undeliverable, "", ProblemUnreachable, [2]int{0, 0}, [2]time.Duration{Deadline, Deadline}},
	} {
		w := newWorld(t)
		s := w.service()
		w.add(test.person)
		w.hook.err, w.post.err = errors.New("503"), test.mail
		for n := 0; w.store.records[0].State == Waiting; n++ {
			if n > 100 {
				t.Fatal("no end")
			}
			w.deliver(s, 1)
			w.clock.Set(w.store.records[0].Next)
		}
		r := w.store.records[0]
		if r.State != test.state || r.Channel != test.channel || r.Problem != test.problem || w.post.tries < test.mails[0] || w.post.tries > test.mails[1] {
			t.Errorf("%s: %+v, %d mails", test.name, r, w.post.tries)
		}
		if after := r.Settled.Sub(now); after < test.settled[0] || after > test.settled[1] || r.Attempts > 30 {
			t.Errorf("%s: settled after %s and %d attempts", test.name, after, r.Attempts)
		}
		events := w.events()
		if len(events) != 1 || (events[0].Outcome == audit.Failed) != (test.state == Undeliverable) {
			t.Errorf("%s: %+v", test.name, events)
		}
	}
}

type refusal struct{}

func (refusal) Error() string   { return "550 p@secret.example is unknown" }
func (refusal) Permanent() bool { return true }

// What is refused for good goes the next way, or ends at once.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		setup   func(*world)
		person  string
		state   State
		channel string
		problem string
	}{
		{"portal refuses, mail takes", func(w *world) { w.hook.err = fmt.Errorf("404: %w", ErrPermanent) }, "P", Delivered, ChannelMail, ""},
		{"both refuse", func(w *world) { w.hook.err, w.post.err = ErrPermanent, fmt.Errorf("mail: %w", refusal{}) }, "P", Undeliverable, "", ProblemRefused},
		{"portal refuses, no address", func(w *world) { w.hook.err = ErrPermanent }, "BARE", Undeliverable, "", ProblemRefused},
		{"portal refuses, no mail", func(w *world) { w.hook.err, w.cfg.Mail = ErrPermanent, nil }, "P", Undeliverable, "", ProblemRefused},
		{"portal refuses, mail away", func(w *world) { w.hook.err, w.post.err = ErrPermanent, errors.New("421") }, "P", Waiting, "", ProblemUnreachable},
		{"mail alone refuses", func(w *world) { w.cfg.Webhook, w.post.err = nil, refusal{} }, "P", Undeliverable, "", ProblemRefused},
		{"no address", func(w *world) { w.cfg.Webhook = nil }, "BARE", Undeliverable, "", ProblemNoAddress},
		{"no channel", func(w *world) { w.cfg.Webhook, w.cfg.Mail = nil, nil }, "P", Undeliverable, "", ProblemNoChannel},
		{"no person", func(*world) {}, "GONE", Undeliverable, "", ProblemNoPerson},
		{"merged in a circle", func(*world) {}, "ROUND", Undeliverable, "", ProblemNoPerson},
	} {
		w := newWorld(t)
		test.setup(w)
		w.add(test.person)
		w.deliver(w.service(), 1)
		r := w.store.records[0]
		if r.State != test.state || r.Channel != test.channel || r.Problem != test.problem {
			t.Errorf("%s: %+v", test.name, r)
		}
		events := w.events()
		if test.state == Undeliverable && (len(events) != 1 || events[0].Outcome != audit.Failed || events[0].Detail["reason"] != test.problem) {
			t.Errorf("%s: %+v", test.name, events)
		}
	}
}

func TestAddress(t *testing.T) {
	for _, text := range []string{"", "p", "p@", "@x", "a@x.example, b@x.example", "P <p@x.example>", "p@x.example\r\nBcc: q@x.example", `"a b"@x.example`, strings.Repeat("a", 300) + "@x.example"} {
		if got := address(document.Subject{Person: &document.Person{Attributes: document.Attributes{"email_address": text}}}); got != "" {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := address(document.Subject{Person: &document.Person{Attributes: document.Attributes{"email_address": "p.q+r@x.example"}}}); got != "p.q+r@x.example" {
		t.Errorf("%q", got)
	}
	if got := address(document.Subject{}); got != "" {
		t.Errorf("nobody: %q", got)
	}
}

// Without the audit nothing is settled; without the store nothing is lost.
func TestTrouble(t *testing.T) {
	w := newWorld(t)
	w.add("P")
	full := errors.New("disk full")
	w.store.fail = full
	if _, err := w.service().Deliver(t.Context()); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	if err := w.service().Run(t.Context()); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
}

// Run looks again and again, a channel that hangs is left, and the end of ctx
// is no error.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cfg.Clock = clock.System{}
		w.clock.Set(time.Now())
		for range 3 {
			w.add("P")
		}
		w.hook.hang.Store(true)
		w.cfg.Tried = nil
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.service().Run(ctx) }()
		time.Sleep(2 * time.Minute)
		w.hook.hang.Store(false)
		time.Sleep(20 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, r := range w.store.records {
			if r.State != Delivered || r.Attempts < 2 {
				t.Errorf("%+v", r)
			}
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no issuer": func(c *Config) { c.Issuer = "" }, "no store": func(c *Config) { c.Store = nil }, "no clock": func(c *Config) { c.Clock = nil },
		"language":                   func(c *Config) { c.Languages = []string{"en", "tlh"} },
		"appeal in another language": func(c *Config) { c.Appeal = map[string]Appeal{"tlh": {}} },
		"webhook without a signer":   func(c *Config) { c.Signer = nil }, "webhook without an address": func(c *Config) { c.WebhookURL = "" },
	} {
		w := newWorld(t)
		change(&w.cfg)
		if s, err := New(w.cfg); err == nil || s != nil {
			t.Errorf("%s: taken", name)
		}
	}
}
