package issuer_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// start is when every test begins.
var start = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

// office is an issuer in a folder of the test, on real ports, by a clock that
// stands still.
type office struct {
	t     *testing.T
	clock *clock.Fake
	cfg   issuer.Config
	app   *issuer.App
	log   *logBuffer
	level slog.Level
	stop  func() error
	opts  issuer.Options // beside clock, log and Fatal
	fatal func(error)    // nil fails the test
	fails bool           // the office is to end with an error
}

// logBuffer is a log that many may write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newOffice makes the state folder; change may alter the configuration first.
func newOffice(t *testing.T, change ...func(*issuer.Config)) *office {
	t.Helper()
	cfg, err := issuer.DevOnFreePorts(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.RateLimit = issuer.RateLimit{PerSecond: 1000, Burst: 1000}
	for _, f := range change {
		f(&cfg)
	}
	o := &office{t: t, clock: clock.NewFake(start), cfg: cfg, log: &logBuffer{}}
	if _, err := issuer.Init(t.Context(), cfg, start, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) new() (*issuer.App, error) {
	opts := o.opts
	opts.Clock, opts.Logger = o.clock, slog.New(slog.NewTextHandler(o.log, &slog.HandlerOptions{Level: o.level}))
	if opts.Fatal = o.fatal; opts.Fatal == nil {
		opts.Fatal = func(err error) { o.t.Errorf("fatal: %v", err) }
	}
	return issuer.New(o.t.Context(), o.cfg, opts)
}

// serve starts the office; stop, or the end of the test, ends it.
func (o *office) serve() *office {
	o.t.Helper()
	app, err := o.new()
	if err != nil {
		o.t.Fatal(err)
	}
	o.app = app
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	o.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	o.t.Cleanup(func() {
		if err := o.stop(); err != nil && !o.fails {
			o.t.Errorf("the office ends with %v", err)
		}
	})
	return o
}

// restart ends the office and starts it again on the same state.
func (o *office) restart() {
	o.t.Helper()
	if err := o.stop(); err != nil {
		o.t.Fatal(err)
	}
	o.serve()
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) feed(f issuer.FeedConfig) *issuer.Feed {
	o.t.Helper()
	feed, err := issuer.OpenFeed(o.t.Context(), &o.cfg, f, o.clock.Now)
	o.must(err)
	return feed
}

// push sends events of the sample registry and gives what was acknowledged.
func (o *office) push(events ...issuer.FileEvent) []issuer.Sent {
	o.t.Helper()
	var sent []issuer.Sent
	o.must(o.feed(issuer.FeedConfig{}).Send(o.t.Context(), events, len(events) > 5, func(s issuer.Sent) { sent = append(sent, s) }))
	return sent
}

// people pushes the sample people.
func (o *office) people() *office {
	o.t.Helper()
	events, err := issuer.Sample(o.cfg.Authority, o.clock.Now())
	o.must(err)
	if sent := o.push(events...); len(sent) != len(events) {
		o.t.Fatalf("%d of %d events acknowledged", len(sent), len(events))
	}
	return o
}

func (o *office) desk() *issuer.Desk {
	o.t.Helper()
	d, err := issuer.OpenDesk(&o.cfg)
	o.must(err)
	return d
}

func (o *office) offer(w issuer.OfferWish) *issuerhttp.OfferResponse {
	o.t.Helper()
	if w.Key == "" {
		w.Key = rand.Text()
	}
	offer, err := o.desk().Offer(o.t.Context(), w)
	o.must(err)
	return offer
}

// anchors trusts the office's root for everything that it issues.
func (o *office) anchors() *trust.Store {
	o.t.Helper()
	s := &trust.Store{}
	for _, c := range o.iaca() {
		o.must(s.Add(trust.Anchor{Cert: c, Source: "test", Scope: trust.Scope{
			Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT, trust.StatusList},
			DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
		}}))
	}
	return s
}

func (o *office) iaca() []*pki.Certificate {
	o.t.Helper()
	certs, err := pki.ParsePEM(o.read(o.cfg.Path(o.cfg.IACA.Certificate)))
	o.must(err)
	return certs
}

// wallet is a reference holder with an empty folder.
func (o *office) wallet(change ...func(*wallet.Config)) *wallet.Wallet {
	o.t.Helper()
	store, err := wallet.OpenStore(filepath.Join(o.t.TempDir(), "wallet"))
	o.must(err)
	o.t.Cleanup(func() { store.Close() })
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	o.t.Cleanup(web.Close)
	cfg := wallet.Config{Store: store, Clock: o.clock, Rand: rand.Reader, Web: web, AllowInsecure: o.cfg.Dev, Trust: o.anchors()}
	for _, f := range change {
		f(&cfg)
	}
	w, err := wallet.New(cfg)
	o.must(err)
	return w
}

// get fetches from a listener, with headers given in pairs.
func (o *office) get(url string, header ...string) (int, http.Header, string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, url, nil)
	o.must(err)
	return o.do(req, header...)
}

func (o *office) post(url, mediaType, body string, header ...string) (int, http.Header, string) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, url, strings.NewReader(body))
	o.must(err)
	req.Header.Set("Content-Type", mediaType)
	return o.do(req, header...)
}

func (o *office) do(req *http.Request, header ...string) (int, http.Header, string) {
	o.t.Helper()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	o.must(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	o.must(err)
	return res.StatusCode, res.Header, string(body)
}
