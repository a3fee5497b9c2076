package verifier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/clock"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/verifierhttp"
	"vidimus/internal/webserver"
)

// TerminalConfig is what a terminal needs: what the reader knows, and a way to
// phones.
type TerminalConfig struct {
	Reader ReaderConfig // its At is not looked at
	Link   Link         // nil where Simulation is set
	// Simulation is the phone of a terminal without a radio.
	Simulation *Simulation
	// Zone is the one in which the pages write times; nil is that of the machine.
	Zone *time.Location
	Log  *slog.Logger // of requests, without what they hold
	// After is that of verifierhttp.Config.
	After func(time.Duration, func()) (stop func() bool)
}

// Terminal is a reader behind pages. What it knows it reads anew when that is
// older than a minute, so that a bundle that was fetched meanwhile counts, and a
// clock that was put back shows. Safe for concurrent use; it implements
// verifierhttp.Reader.
type Terminal struct {
	cfg  TerminalConfig
	used codes

	mu      sync.Mutex
	ready   *Ready
	read    time.Time // when ready was prepared
	trouble error
	swept   sweeper

	phone *phone // of a simulation, nil before the first code
}

// phone is a simulated one that shows a code.
type phone struct {
	simulation *Simulation
	code       string
	link       Link
	cancel     context.CancelFunc
}

// NewTerminal makes a terminal. Whether it can read is in its Standing: a terminal
// with an old bundle says so on its page.
func NewTerminal(cfg TerminalConfig) (*Terminal, error) {
	if (cfg.Link == nil) == (cfg.Simulation == nil) {
		return nil, errors.New("a terminal has a radio or a simulated phone, and one of them")
	}
	if cfg.Reader.Clock == nil {
		cfg.Reader.Clock = clock.System{}
	}
	if cfg.Reader.Rand == nil {
		cfg.Reader.Rand = rand.Reader
	}
	if cfg.Zone == nil {
		cfg.Zone = time.Local
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Terminal{cfg: cfg}, nil
}

// knowledgeLife is for how long a terminal uses what it has read.
const knowledgeLife = time.Minute

// prepared gives what the reader knows now.
func (t *Terminal) prepared(ctx context.Context) (*Ready, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.cfg.Reader.Clock.Now()
	if age := now.Sub(t.read); t.ready != nil && age >= 0 && age < knowledgeLife {
		return t.ready, nil
	}
	cfg := t.cfg.Reader
	cfg.Check.At = now
	var stdin io.Reader // that of a page is nobody's
	t.ready, t.trouble = Prepare(ctx, cfg, stdin)
	if t.read = now; t.trouble != nil {
		t.ready = nil
		return nil, t.trouble
	}
	t.ready.used = &t.used
	return t.ready, nil
}

// Standing implements verifierhttp.Reader.
func (t *Terminal) Standing(ctx context.Context) verifierhttp.Standing {
	s := verifierhttp.Standing{At: t.cfg.Reader.Clock.Now(), Freshness: policy.NotKnown}
	ready, err := t.prepared(ctx)
	if err == nil && t.cfg.Simulation != nil {
		s.Code, err = t.shown()
	}
	if err != nil {
		s.Trouble, s.Detail = troubleOf(err), CleanLines(err.Error())
		return s
	}
	p := ready.Verify.Policy
	if s.Policy = ready.Verify.PolicyName; s.Policy == "" {
		s.Policy = "built-in"
	}
	if p == nil {
		p = policy.Default()
	}
	if p.Version != "" {
		s.Policy += " (" + p.Version + ")"
	}
	for _, profile := range p.Profiles {
		if len((&reading{ReadOptions: ReadOptions{Profile: profile}}).documents()) > 0 {
			s.Profiles = append(s.Profiles, profile)
		}
	}
	if ready.Identity != nil {
		s.Name = ready.Identity.Name
	}
	s.AnchorsAsOf = ready.Verify.AnchorsAsOf
	if s.AnchorsAsOf.IsZero() && ready.Verify.Trust != nil {
		s.AnchorsAsOf = ready.Verify.Trust.AsOf()
	}
	if !s.AnchorsAsOf.IsZero() {
		s.Freshness = p.FreshnessOf(policy.AnchorKnowledge, s.At.Sub(s.AnchorsAsOf))
	}
	if b := ready.knows; b != nil && b.Bundle != nil {
		s.Bundle = &verifierhttp.Bundle{Publisher: b.Publisher, Sequence: b.Sequence, Issued: b.Issued, Expires: b.Expires, Ended: b.Ended(s.At)}
		s.Freshness = worse(p.FreshnessOf(policy.AnchorKnowledge, s.At.Sub(b.Issued)), p.Freshness(s.At.Sub(b.Issued)))
		if b.Ended(s.At) {
			s.Freshness = worse(s.Freshness, policy.TooOld)
		}
	}
	return s
}

// worse is the one that helps less, in the order of the closed list.
func worse(a, b policy.Freshness) policy.Freshness {
	list := policy.Freshnesses()
	return list[max(slices.Index(list, a), slices.Index(list, b), 0)]
}

func troubleOf(err error) verifierhttp.Trouble {
	switch {
	case errors.Is(err, bundle.ErrClock):
		return verifierhttp.TroubleClock
	case errors.Is(err, bundle.ErrOlder), errors.Is(err, bundle.ErrSignature), errors.Is(err, bundle.ErrMalformed), errors.Is(err, bundle.ErrReader), errors.Is(err, bundle.ErrMark):
		return verifierhttp.TroubleBundle
	}
	return verifierhttp.TroubleReader
}

// Check implements verifierhttp.Reader.
func (t *Terminal) Check(ctx context.Context, w verifierhttp.Wish) error {
	ready, err := t.prepared(ctx)
	if err == nil {
		_, err = ready.Profile(w.Profile, t.category(ready, w))
	}
	if err == nil {
		_, err = proximity.ParseEngagementURI(w.Code)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", verifierhttp.ErrWish, err)
	}
	return nil
}

// category is that of a wish: it stands in the form also where nothing is asked
// about driving.
func (t *Terminal) category(ready *Ready, w verifierhttp.Wish) string {
	if p, err := ready.Profile(w.Profile, ""); err == nil && p.Question.Driving == "" {
		return ""
	}
	return w.Category
}

// Read implements verifierhttp.Reader.
func (t *Terminal) Read(ctx context.Context, w verifierhttp.Wish, progress func(step string)) (*verifierhttp.Answer, error) {
	ready, err := t.prepared(ctx)
	if err != nil {
		return nil, err
	}
	asked, err := ready.Profile(w.Profile, t.category(ready, w))
	if err != nil {
		return nil, err
	}
	e, err := proximity.ParseEngagementURI(w.Code)
	if err != nil {
		return nil, err
	}
	link, end := t.cfg.Link, func() {}
	if t.cfg.Simulation != nil {
		link, end = t.meet(w.Code)
	}
	defer end()
	out, err := ready.Read(ctx, e, link, asked, func(s Step) { progress(string(s.Kind)) })
	if err != nil {
		t.swept.soon() // an answer may have come before
		return nil, errors.New(CleanLines(err.Error()))
	}
	return &verifierhttp.Answer{Report: out.Report, Profile: asked, Signed: out.Signed, Took: out.Took, Wipe: func() {
		out.Wipe()
		t.swept.soon()
	}}, nil
}

// shown is the code of the simulated phone, which it makes anew after each reading.
func (t *Terminal) shown() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phone != nil {
		return t.phone.code, nil
	}
	s := *t.cfg.Simulation
	s.Clock = t.cfg.Reader.Clock
	ctx, cancel := context.WithCancel(context.Background())
	e, link, err := s.Begin(ctx)
	if err != nil {
		cancel()
		return "", err
	}
	t.phone = &phone{&s, e.URI(), link, cancel}
	return t.phone.code, nil
}

// meet gives the way to the simulated phone, if it shows this code.
func (t *Terminal) meet(code string) (Link, func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.phone
	if p == nil || p.code != code {
		return func(context.Context, *proximity.Engagement) (proximity.Transport, error) {
			return nil, errors.New("the simulated phone shows another code")
		}, func() {}
	}
	return p.link, func() { t.put(p) }
}

// put ends a simulated phone.
func (t *Terminal) put(p *phone) {
	if err := p.simulation.End(p.cancel); err != nil {
		t.cfg.Log.Warn("simulation", "ended", CleanLines(err.Error()))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phone == p {
		t.phone = nil
	}
}

// Close ends a simulated phone that nobody read.
func (t *Terminal) Close() {
	t.mu.Lock()
	p := t.phone
	t.mu.Unlock()
	if p != nil {
		t.put(p)
	}
}

// Serve shows the pages at addr, a loopback address with a port, until ctx ends.
// started is told where they are. What is shown then is wiped.
func (t *Terminal) Serve(ctx context.Context, addr string, started func(url string)) error {
	if err := loopbackOnly(addr); err != nil {
		return err
	}
	var pages http.Handler
	server, err := webserver.Listen("reader", addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages.ServeHTTP(w, r) }), nil, t.cfg.Log)
	if err != nil {
		return err
	}
	url := "http://" + server.Addr().String()
	pages, wipe, err := t.Handler(url)
	if err != nil {
		return errors.Join(err, server.Close())
	}
	defer t.Close()
	defer wipe()
	started(url + "/")
	return webserver.Run(ctx, server)
}

// Handler is the pages for the loopback address at url; wipe forgets what they show.
func (t *Terminal) Handler(url string) (handler http.Handler, wipe func(), err error) {
	c := t.cfg.Reader
	e, err := webserver.New(webserver.Config{Listener: "reader", Log: t.cfg.Log, Clock: c.Clock, Rand: c.Rand})
	if err != nil {
		return nil, nil, err
	}
	wipe, err = verifierhttp.Pages(e, verifierhttp.Config{URL: url, Reader: t, Clean: Clean, Zone: t.cfg.Zone, Clock: c.Clock, Rand: c.Rand, After: t.cfg.After})
	if err != nil {
		return nil, nil, err
	}
	return webserver.LoopbackOnly(e), wipe, nil
}

// loopbackOnly takes an address that nobody but this machine reaches: what is
// shown travels without TLS, and whoever reaches the page may ask.
func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%q is no address with a port, such as 127.0.0.1:8770: %w", addr, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || ip.Zone() != "" || !ip.Unmap().IsLoopback()) {
		return fmt.Errorf("%s is not a loopback address: the page of a reader is for the machine that it runs on; use 127.0.0.1 or [::1]", addr)
	}
	return nil
}
