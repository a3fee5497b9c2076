package faulttest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/app/invariants"
	"vidimus/internal/app/issuer"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// errGone says that the office does not answer any more: its clients stop.
var errGone = errors.New("the office does not answer")

// gone turns an answer that did not come into errGone; a refusal stays.
func gone(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || isTryAgain(err) {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return err
}

// load is the clients of an office: registries, holders, readers of lists and
// of receipts, who all write into one journal.
type load struct {
	dir           string
	journal       *invariants.Journal
	pool          *pool
	sources       []*source
	holders       []*holder
	http          *http.Client
	asker         *http.Client // whether the office is ready, at readyz
	readyz        string
	random        *mathrand.Rand // of the reader of lists
	receiptRandom *mathrand.Rand
	anchors       *trust.Store
	public        string
	receipt       *x509.Certificate
	root          *x509.Certificate
	opsRoot       *x509.Certificate
	Calls         atomic.Int64 // answered
	Issued        atomic.Int64 // batches
	Pushed        atomic.Int64 // events
	Brought       atomic.Int64 // receipts that came by themselves
	trouble       atomic.Pointer[error]
	idle          time.Duration // of the reader of lists, between two looks

	folder     string // of published lists
	folderHad  map[string]string
	idleFolder time.Duration
}

func newLoad(dir string, cfg *issuer.Config, sources, holders int, j *invariants.Journal) (*load, error) {
	l := &load{
		dir: dir, journal: j, holders: make([]*holder, holders), pool: &pool{},
		idle: 20 * time.Millisecond, idleFolder: 20 * time.Millisecond, folderHad: map[string]string{},
		random: mathrand.New(mathrand.NewPCG(seed(), 7)), receiptRandom: mathrand.New(mathrand.NewPCG(seed(), 8)),
	}
	for n := range sources {
		s, err := newSource(dir, n+1, cfg)
		if err != nil {
			return nil, err
		}
		s.journal, s.pool, s.most = j, l.pool, 4
		s.random = mathrand.New(mathrand.NewPCG(seed(), uint64(n)+100))
		l.sources = append(l.sources, s)
		cfg.Sources[len(cfg.Sources)-1].Webhook = hook(func(body []byte) { l.took(s, body) })
	}
	cfg.Notices.Webhook = hook(func([]byte) {})
	return l, nil
}

// open reads what init made.
func (l *load) open(cfg *issuer.Config) error {
	l.public, l.folder = cfg.PublicURL, cfg.Path(cfg.Status.Directory)
	l.http = &http.Client{Timeout: 10 * time.Second, Transport: &watch{l.journal, patient{&http.Transport{MaxIdleConnsPerHost: 16}}}}
	l.readyz, l.asker = "http://"+cfg.Listen.Metrics+"/readyz", &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	var err error
	if l.root, err = certificate(cfg.Path(cfg.IACA.Certificate)); err != nil {
		return err
	}
	if l.opsRoot, err = certificate(cfg.Path(cfg.OperationsCA.Certificate)); err != nil {
		return err
	}
	if l.receipt, err = certificate(cfg.Path(cfg.Signers["receipt"].Chain)); err != nil {
		return err
	}
	iaca, err := pki.ParseCertificate(l.root.Raw)
	if err != nil {
		return err
	}
	l.anchors = &trust.Store{}
	if err := l.anchors.Add(trust.Anchor{Cert: iaca, Source: "test", Scope: trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT, trust.StatusList},
		DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
	}}); err != nil {
		return err
	}
	for _, s := range l.sources {
		s.client.Endpoint, s.client.Audience, s.client.HTTP = "http://"+cfg.Listen.Registry, cfg.PublicURL, l.http
	}
	for n := range l.holders {
		h, err := newHolder(l.dir, cfg, l.anchors, l.journal, l.pool, l.http, mathrand.New(mathrand.NewPCG(seed(), uint64(n)+200)))
		if err != nil {
			return err
		}
		l.holders[n] = h
	}
	return nil
}

func certificate(path string) (*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM", path)
	}
	return x509.ParseCertificate(block.Bytes)
}

// watch writes down every answer that is none of the protocol.
type watch struct {
	journal *invariants.Journal
	next    http.RoundTripper
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(r)
	if err == nil && res.StatusCode >= 500 {
		e := invariants.Entry{Kind: invariants.Other, URI: r.URL.Path, HTTP: res.StatusCode}
		call := w.journal.Sent(e)
		e.State = invariants.Refused
		w.journal.Done(call, e)
	}
	return res, err
}

// run lets all clients work until ctx ends or the office is gone. The error is
// what should never happen: a refusal, a credential that does not verify.
func (l *load) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failures := make(chan error, len(l.sources)+len(l.holders)+4)
	work := func(do func() error) {
		wg.Go(func() {
			for ctx.Err() == nil {
				if err := do(); err != nil {
					cancel() // who finds the office gone tells the others
					if !errors.Is(err, errGone) {
						failures <- err
					}
				}
			}
		})
	}
	for _, s := range l.sources {
		work(func() error { return s.push(ctx, l.pushed) })
	}
	for _, h := range l.holders {
		work(func() error { return h.fetch(ctx, l.issued) })
	}
	work(func() error { return l.readLists(ctx) })
	work(func() error { return l.readReceipts(ctx) })
	work(func() error { return l.readFolder(ctx) })
	work(func() error { return l.ask(ctx) })
	wg.Wait()
	l.http.CloseIdleConnections()
	l.asker.CloseIdleConnections()
	close(failures)
	if err := <-failures; err != nil {
		return err
	}
	if err := l.trouble.Load(); err != nil {
		return fmt.Errorf("a receipt that came to a webhook: %w", *err)
	}
	return nil
}

// ask asks whether the office is ready, and writes down what it says.
func (l *load) ask(ctx context.Context) error {
	e := invariants.Entry{Kind: invariants.Ready}
	call := l.journal.Sent(e)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.readyz, nil)
	if err != nil {
		return err
	}
	res, err := l.asker.Do(req)
	if err != nil {
		return errGone
	}
	if err := res.Body.Close(); err != nil {
		return errGone
	}
	e.State, e.HTTP = invariants.Refused, res.StatusCode
	if res.StatusCode == http.StatusOK {
		e.State = invariants.Answered
	}
	l.journal.Done(call, e)
	pause(ctx, l.idle)
	return nil
}

func (l *load) pushed(n int) { l.Pushed.Add(int64(n)); l.Calls.Add(int64(n)) }

func (l *load) issued(n int) {
	if n == 4 { // the calls of a whole flow
		l.Issued.Add(1)
	}
	l.Calls.Add(int64(n))
}

func (l *load) get(ctx context.Context, url, accept string) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Accept", accept)
	res, err := l.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errGone, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	if err != nil {
		return 0, nil, errGone
	}
	l.Calls.Add(1)
	return res.StatusCode, body, nil
}

// readLists looks at every list once, as JWT or as CWT.
func (l *load) readLists(ctx context.Context) error {
	code, body, err := l.get(ctx, l.public+"/status", "application/json")
	if err != nil || code != http.StatusOK {
		pause(ctx, 5*time.Millisecond)
		return err
	}
	var all struct {
		Lists []string `json:"status_lists"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return fmt.Errorf("the list of lists: %w", err)
	}
	for _, uri := range all.Lists {
		if err := l.readList(ctx, uri); err != nil {
			return err
		}
	}
	pause(ctx, l.idle)
	return nil
}

func (l *load) readList(ctx context.Context, uri string) error {
	e := invariants.Entry{Kind: invariants.List, URI: uri}
	call := l.journal.Sent(e)
	code, body, err := l.get(ctx, uri, []string{"application/statuslist+jwt", "application/statuslist+cwt"}[l.random.IntN(2)])
	if err != nil {
		return err
	}
	e.HTTP, e.State = code, invariants.Refused
	if code == http.StatusOK {
		e.State, e.Body = invariants.Answered, jose.EncodeBase64URL(body)
	}
	l.journal.Done(call, e)
	return nil
}

// readFolder reads the published files as another web server would.
func (l *load) readFolder(ctx context.Context) error {
	names, err := filepath.Glob(filepath.Join(l.folder, "status", "*.?wt"))
	if err != nil {
		return err
	}
	for _, name := range names {
		e := invariants.Entry{Kind: invariants.List, File: name}
		call := l.journal.Sent(e)
		body, err := os.ReadFile(name)
		if err != nil || l.folderHad[name] == string(body) {
			continue // retired meanwhile, or as before
		}
		l.folderHad[name] = string(body)
		e.State, e.Body = invariants.Answered, jose.EncodeBase64URL(body)
		l.journal.Done(call, e)
	}
	pause(ctx, l.idleFolder)
	return nil
}

// readReceipts asks after one event that ended a document.
func (l *load) readReceipts(ctx context.Context) error {
	waiting := l.pool.waiting()
	if len(waiting) == 0 {
		pause(ctx, 5*time.Millisecond)
		return nil
	}
	w := waiting[l.receiptRandom.IntN(len(waiting))]
	_, err := l.readReceipt(ctx, w)
	pause(ctx, 10*time.Millisecond)
	return err
}

func (l *load) readReceipt(ctx context.Context, w wanted) (done bool, err error) {
	e := invariants.Entry{Kind: invariants.Receipt, Source: w.source.name, JTI: w.jti}
	call := l.journal.Sent(e)
	text, err := w.source.client.Receipt(ctx, w.jti)
	if err != nil {
		if !errors.Is(gone(err), errGone) {
			return false, &violation{[]string{"I1"}, fmt.Sprintf("receipt of the acknowledged event %s of %s: %v", w.jti, w.source.name, err)}
		}
		return false, gone(err)
	}
	r, err := w.source.client.VerifyReceipt(text, publicKey(l.receipt))
	if err != nil {
		return false, fmt.Errorf("receipt of %s: %w", w.jti, err)
	}
	e.State, e.HTTP, e.Version, e.Outcome = invariants.Answered, http.StatusOK, r.Version, r.State
	for _, at := range r.Lists {
		e.Lists = append(e.Lists, invariants.At{URI: at.URI, Version: at.Version})
	}
	l.journal.Done(call, e)
	l.Calls.Add(1)
	if r.State == "covered" || r.State == "no-copies" {
		l.pool.covered(w)
		return true, nil
	}
	return false, nil
}

// settle delivers what is pending and waits for the receipts of ended
// documents.
func (l *load) settle(ctx context.Context) error {
	defer l.http.CloseIdleConnections()
	for _, s := range l.sources {
		for len(s.pending) > 0 {
			if err := s.deliver(ctx, l.pushed); err != nil {
				return err
			}
		}
	}
	for {
		waiting := l.pool.waiting()
		if len(waiting) == 0 {
			return l.readLists(ctx)
		}
		for _, w := range waiting {
			if _, err := l.readReceipt(ctx, w); err != nil {
				return err
			}
		}
		pause(ctx, 20*time.Millisecond)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("%d events are not covered: %w", len(waiting), err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
