//go:build e2e

package readertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/statuslist"
	"vidimus/internal/verifierhttp"
	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
	"vidimus/internal/webserver"
)

// site is a terminal with a simulated phone that holds a licence and a PID, on
// plain http at a loopback address, as it is served.
type site struct {
	*verifier.Terminal
	URL string

	mu   sync.Mutex
	bend func(*verifierhttp.Answer) // what becomes of an answer
	say  func(*verifierhttp.Standing)
	log  written
}

// written is a log that tests read while requests write it.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newSite(t *testing.T) *site {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w, err := pkitest.New(time.Now())
	must(err)
	dir := t.TempDir()
	issuer, err := wallettest.New(w, w.Clock, "")
	must(err)
	defer issuer.Close()
	store, err := wallet.OpenStore(filepath.Join(dir, "wallet"))
	must(err)
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	holder, err := wallet.New(wallet.Config{Store: store, Clock: w.Clock, Rand: rand.Reader, Web: web, AllowInsecure: true})
	must(err)
	offer, err := issuer.Offer("openid-credential-offer", "mdl", "pid-mdoc")
	must(err)
	_, err = holder.Accept(t.Context(), offer, wallet.AcceptOptions{Copies: 10})
	must(err)
	must(store.Close())
	list, err := issuer.StatusList(statuslist.FormatCWT)
	must(err)
	crl, err := pki.BuildCRL(pki.Revocations{Number: big.NewInt(1), ThisUpdate: w.Now, NextUpdate: w.Now.AddDate(0, 0, 30)}, w.IACA.Cert, w.IACA.Key, rand.Reader)
	must(err)
	must(os.Mkdir(filepath.Join(dir, "anchors"), 0o700))
	for name, data := range map[string][]byte{
		"anchors/iaca.pem": pki.EncodePEM(w.IACA.Cert), "list.cwt": list, "iaca.crl": crl.Raw,
		"anchors/trust.yaml": []byte("as_of: " + w.Now.Add(-3*time.Hour).Format(time.RFC3339) + "\nanchors:\n  iaca.pem: {purposes: [issue-mdoc, status-list], doctypes: [" + elements.MDLDocType + ", " + elements.PIDDocType + "]}\n"),
	} {
		must(os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}

	s := &site{}
	log := slog.New(slog.NewTextHandler(&s.log, nil))
	s.Terminal, err = verifier.NewTerminal(verifier.TerminalConfig{
		Reader: verifier.ReaderConfig{Clock: clock.System{}, Check: verifier.CheckConfig{
			TrustDir: filepath.Join(dir, "anchors"), Lists: []string{filepath.Join(dir, "list.cwt")}, CRLs: []string{filepath.Join(dir, "iaca.crl")},
		}},
		Simulation: &verifier.Simulation{Wallet: filepath.Join(dir, "wallet")},
	})
	must(err)
	t.Cleanup(s.Terminal.Close)
	var pages http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { pages.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	s.URL = server.URL
	e, err := webserver.New(webserver.Config{Listener: "reader", Log: log, Clock: clock.System{}, Rand: rand.Reader})
	must(err)
	wipe, err := verifierhttp.Pages(e, verifierhttp.Config{URL: s.URL, Reader: s, Clean: verifier.Clean, Clock: clock.System{}, Rand: rand.Reader})
	must(err)
	t.Cleanup(wipe)
	pages = webserver.LoopbackOnly(e)
	return s
}

// as bends the answers to come.
func (s *site) as(bend func(*verifierhttp.Answer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bend = bend
}

// saying bends what the terminal says of itself.
func (s *site) saying(say func(*verifierhttp.Standing)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say = say
}

func (s *site) Standing(ctx context.Context) verifierhttp.Standing {
	standing := s.Terminal.Standing(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.say != nil {
		s.say(&standing)
	}
	return standing
}

func (s *site) Read(ctx context.Context, w verifierhttp.Wish, progress func(string)) (*verifierhttp.Answer, error) {
	a, err := s.Terminal.Read(ctx, w, progress)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.bend != nil {
		s.bend(a)
	}
	return a, err
}

// code is what the phone shows now.
func (s *site) code(t *testing.T) string {
	t.Helper()
	standing := s.Terminal.Standing(t.Context())
	if standing.Code == "" {
		t.Fatal(standing.Detail)
	}
	return standing.Code
}
