package issuer_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/document"
)

// hook is the webhook of a registry.
type hook struct {
	*office
	server *httptest.Server

	mu    sync.Mutex
	down  bool
	took  []*registryclient.Receipt
	tried int // requests, taken or not
	check func(*registryclient.Receipt)
}

func newHook(t *testing.T) *hook {
	h := &hook{}
	h.server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.server.Close)
	return h
}

func (h *hook) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.tried++
	down, check := h.down, h.check
	h.mu.Unlock()
	if down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	client := &registryclient.Client{Source: issuer.DevSource, Audience: h.cfg.PublicURL}
	client.ReceiptHandler(h.receiptKey(), func(_ context.Context, got *registryclient.Receipt) error {
		if check != nil {
			check(got)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.took = append(h.took, got)
		return nil
	}).ServeHTTP(w, r)
}

func (h *hook) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *hook) tries() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tried
}

// of gives the receipts of an event as they came, repeats left out.
func (h *hook) of(set registryclient.SET) []*registryclient.Receipt {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*registryclient.Receipt
	for _, r := range h.took {
		if r.Event == set.JTI && !slices.ContainsFunc(out, func(o *registryclient.Receipt) bool { return o.JTI == r.JTI }) {
			out = append(out, r)
		}
	}
	return out
}

// withHook gives the sample registry a webhook.
func withHook(url string) func(*issuer.Config) {
	return func(c *issuer.Config) {
		s := issuer.Source{
			Issuer: issuer.DevSource, Keys: []string{"sources/dev-registry.pem"}, Events: document.Names(), DocumentTypes: []string{"mdl", "pid"},
			Entitlements: []string{"driving"}, Webhook: url,
		}
		for _, m := range document.MeasureKinds() {
			s.Measures = append(s.Measures, string(m))
		}
		c.Sources = []issuer.Source{s}
	}
}

// Receipts come to the webhook in the order of the feed, each when what it
// says can be seen, and none is lost while the webhook or the office is down.
func TestWebhook(t *testing.T) {
	t.Parallel()
	h := newHook(t)
	o := newOffice(t, withHook(h.server.URL+"/receipts"))
	h.office = o
	o.serve().people()
	o.holds("DL-1", 3)
	s := o.speaker()
	h.mu.Lock()
	h.check = func(got *registryclient.Receipt) { // in the handler of the webhook
		out, err := o.app.Store().Outcome(t.Context(), issuer.DevSource, got.Event)
		if err != nil || out.Version < got.Version || got.State == registryclient.StateCovered && out.Covered.IsZero() {
			t.Errorf("a receipt %+v before its commit: %+v, %v", got, out, err)
		}
		if got.State == registryclient.StateCovered && len(got.Lists) > 0 && revoked(o) < got.Copies {
			t.Errorf("a receipt %+v before its lists", got)
		}
	}
	h.mu.Unlock()

	first := s.say("DL-1", registryclient.DocumentAnnulled{Number: "DL-1", Reason: "x"})
	o.soon("covered at the webhook", func() bool { return len(h.of(first)) == 2 })
	got := h.of(first)
	if !slices.Equal(states(got), []string{"applied", "covered"}) || got[0].Copies != 3 || got[1].Copies != 3 || got[0].JTI == got[1].JTI || len(got[1].Lists) == 0 || len(got[0].Lists) != 0 {
		t.Errorf("%+v, %+v", got[0], got[1])
	}

	h.set(true)
	before, began := h.tries(), time.Now()
	second := s.say("P-2", ban("M-1", registryclient.CourtBan))
	o.soon("a third try", func() bool { return h.tries() >= before+3 })
	if d := time.Since(began); d < 1300*time.Millisecond {
		t.Errorf("three tries within %s: no backoff", d) // 0.5 to 1 s, then 1 to 2 s
	}
	third := s.say("P-2", registryclient.MeasureLifted{ID: "M-1", Reason: "y"})
	o.restart()
	s = o.speaker()
	if len(h.of(second)) != 0 {
		t.Error("a receipt that was not taken was taken")
	}
	h.set(false)
	o.soon("what waited over the restart", func() bool { return len(h.of(third)) > 0 })
	if len(h.of(second)) == 0 {
		t.Error("the order is lost")
	}

	// Nothing is missing, and the order is that of the feed.
	var feed, hook []string
	for n, err := range s.client.Receipts(t.Context(), 0) {
		o.must(err)
		r, err := s.client.VerifyReceipt(n.Receipt, s.receiptKey())
		o.must(err)
		feed = append(feed, r.JTI)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.took {
		if !slices.Contains(hook, r.JTI) {
			hook = append(hook, r.JTI)
		}
	}
	if !slices.Equal(feed, hook) {
		t.Errorf("the feed has %d receipts, the webhook got %d", len(feed), len(hook))
	}
}

// A webhook of a registry with a CA of its own: https, and nothing else.
func TestWebhookRoots(t *testing.T) {
	t.Parallel()
	h := &hook{}
	h.server = httptest.NewTLSServer(http.HandlerFunc(h.serve))
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(h.server.Close)
	o := newOffice(t, withHook(h.server.URL+"/receipts"))
	h.office = o
	o.serve()
	set := o.speaker().say("P-1", registryclient.PersonPut{Attributes: map[string]any{"family_name": "F", "given_name": "G", "birth_date": "1990-01-01"}})
	o.soon("a refusal of the certificate", func() bool { return o.figure("vidimus_receipts_not_taken_total") > 0 })
	if h.tries() > 0 {
		t.Error("a receipt goes to whoever answers")
	}
	write(t, o.cfg.Path("hook.pem"), "CERTIFICATE", h.server.Certificate().Raw)
	o.cfg.Sources[0].WebhookRoots = "hook.pem"
	o.restart()
	o.soon("the receipt", func() bool { return len(h.of(set)) == 1 })
	o.must(o.stop())
	o.cfg.Sources[0].WebhookRoots = "nothing.pem"
	if _, err := o.new(); err == nil || !strings.Contains(err.Error(), "webhook_roots") {
		t.Errorf("roots that are not there: %v", err)
	}
}

// The feed goes on after any number, in pages of any size.
func TestFeedResumes(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	s := o.speaker()
	for range 3 {
		s.say("P-1", ban("M-"+time.Duration(s.seq).String(), registryclient.CourtBan))
	}
	var all []registryclient.Numbered
	for n, err := range s.client.Receipts(t.Context(), 0) {
		o.must(err)
		all = append(all, n)
	}
	if len(all) != 15 {
		t.Fatalf("%d receipts of 15 events without copies", len(all))
	}
	for after := range uint64(16) {
		var numbers []uint64
		for n, err := range s.client.Receipts(t.Context(), after) {
			o.must(err)
			numbers = append(numbers, n.Number)
		}
		if len(numbers) != 15-int(after) || len(numbers) > 0 && numbers[0] != after+1 {
			t.Errorf("after %d: %v", after, numbers)
		}
	}
	for query, want := range map[string]int{"after=x": 400, "limit=-1": 400, "after=18446744073709551616": 400, "after=99": 200, "limit=4000": 200, "after=1&after=2": 400} {
		if status, _, body := o.get(s.client.Endpoint + registryclient.ReceiptsPath + "?source=" + issuer.DevSource + "&" + query); status != want {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// A measure that begins later has a receipt when it is known, and others when
// it begins.
func TestFutureMeasure(t *testing.T) {
	t.Parallel()
	o := newOffice(t, calm).serve().people()
	o.holds("DL-1", 2)
	s := o.speaker()
	set := s.say("P-1", ban("M-1", registryclient.CourtBan), from(start.Add(48*time.Hour)))
	o.pass(2 * time.Hour)
	if got := s.feedOf(set); !slices.Equal(states(got), []string{"applied"}) || got[0].Copies != 0 {
		t.Errorf("before it begins: %+v", states(got))
	}
	o.stands("DL-1", 2, 0)
	o.jump(46 * time.Hour)
	o.pass(2 * time.Hour)
	got := s.feedOf(set)
	if !slices.Equal(states(got), []string{"applied", "applied", "covered"}) {
		t.Fatalf("%v", states(got))
	}
	if got[1].Version <= got[0].Version || got[2].Version != got[1].Version || got[1].Copies != 2 || got[2].Copies != 2 {
		t.Errorf("versions %d %d %d, copies %d %d %d", got[0].Version, got[1].Version, got[2].Version, got[0].Copies, got[1].Copies, got[2].Copies)
	}
	if at := time.Unix(got[2].CoveredAt, 0); at.Before(start.Add(49*time.Hour)) || at.After(start.Add(50*time.Hour)) {
		t.Errorf("covered at %s, which is not in the window after it began", at.UTC())
	}
	o.stands("DL-1", 0, 2)
}

// What is not confirmed in time lapses by itself: copies without the right are
// revoked, and the wallet can have whole ones.
func TestLapse(t *testing.T) {
	t.Parallel()
	o := newOffice(t, calm).serve().people()
	o.holds("DL-1", 2)
	s := o.speaker()
	set := s.say("P-1", ban("M-1", registryclient.ProvisionalWithdrawal, func(r *registryclient.Orders) { r.ConfirmBy = start.Add(8 * 24 * time.Hour) }))
	first := s.covered(set) // at the roadside: at once
	if first.CoveredAt != start.Unix() {
		t.Errorf("covered at %d", first.CoveredAt)
	}
	o.stands("DL-1", 0, 2)
	if got := o.holds("DL-1", 1).categories(); got != "[]" {
		t.Errorf("under the withdrawal: %v", got)
	}
	o.jump(8 * 24 * time.Hour)
	o.pass(2 * time.Hour)
	got := s.feedOf(set)
	if last := got[len(got)-1]; last.State != "covered" || last.Version <= first.Version {
		t.Errorf("%v, version %d after %d", states(got), last.Version, first.Version)
	}
	o.stands("DL-1", 0, 3)
	if got := o.holds("DL-1", 1).categories(); got != "[AM B BE]" {
		t.Errorf("after the lapse: %v", got)
	}
	o.stands("DL-1", 1, 3)
}

// What is not urgent comes out in the window after, spread over its ticks.
func TestMix(t *testing.T) {
	t.Parallel()
	o := newOffice(t, calm, func(c *issuer.Config) { c.Status.Cover = 0 }).serve().people()
	o.holds("DL-1", 20)
	s := o.speaker()
	o.pass(30*time.Minute + time.Second) // in the middle of a window
	set := s.say("P-1", ban("M-1", registryclient.CourtBan))
	o.pass(29*time.Minute + 58*time.Second)
	o.stands("DL-1", 20, 0) // the next window has not begun
	ticks, last := 0, 0
	for range 61 {
		o.pass(time.Minute)
		if _, n := o.standing("DL-1"); n > last {
			ticks, last = ticks+1, n
		}
	}
	if last != 20 || ticks < 5 {
		t.Errorf("%d copies in %d ticks", last, ticks)
	}
	if r := s.receipt(set); r.State != "covered" {
		t.Errorf("%+v", r)
	}
}

func TestWithoutMix(t *testing.T) {
	t.Parallel()
	o := newOffice(t, calm, func(c *issuer.Config) { c.Status.Mix, c.Status.Cover = 0, 0 }).serve().people()
	o.holds("DL-1", 5)
	s := o.speaker()
	set := s.say("P-1", ban("M-1", registryclient.CourtBan))
	o.must(o.app.Tick(t.Context()))
	o.stands("DL-1", 5, 0)
	o.pass(time.Minute)
	o.stands("DL-1", 0, 5)
	if r := s.receipt(set); r.State != "covered" || r.CoveredAt != start.Add(time.Minute).Unix() {
		t.Errorf("%+v", r)
	}
}

// Copies that are about to expire are left to it, unless it is urgent.
func TestExpiringCopies(t *testing.T) {
	t.Parallel()
	o := newOffice(t, calm).serve().people()
	o.holds("DL-1", 2)
	o.holds("DL-2", 2)
	s := o.speaker()
	copies, err := o.app.Store().Copies(t.Context(), "DL-1")
	o.must(err)
	expires := copies[0].Expires
	o.jump(expires.Add(-20 * time.Hour).Sub(start))
	set := s.say("P-1", ban("M-1", registryclient.CourtBan))
	urgent := s.say("P-2", ban("M-2", registryclient.ProvisionalWithdrawal))
	s.covered(urgent)
	o.stands("DL-2", 0, 2)
	o.pass(3 * time.Hour)
	o.stands("DL-1", 2, 0)
	if r := s.receipt(set); r.State != "applied" || r.Copies != 2 {
		t.Errorf("%+v", r)
	}
	o.jump(18 * time.Hour)
	if r := s.receipt(set); r.State != "covered" || len(r.Lists) != 0 || time.Unix(r.CoveredAt, 0).Before(expires) {
		t.Errorf("%+v", r)
	}
	o.stands("DL-1", 2, 0)
}
