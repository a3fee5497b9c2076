//go:build interop

package interop

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

// office is a running issuer with the sample people.
type office struct {
	t   *testing.T
	cfg issuer.Config
	app *issuer.App
	pki string   // folder that the peers need even without attestation
	env []string // more of it for the peers
}

// openOffice makes one; change gets the folder with the keys and certificates of
// the peers too.
func openOffice(t *testing.T, change ...func(c *issuer.Config, pki string)) *office {
	t.Helper()
	o := &office{t: t, pki: filepath.Join(t.TempDir(), "pki")}
	o.node("node", "pki.mjs")
	ctx, cancel := context.WithCancel(context.Background())
	cfg, err := issuer.DevOnFreePorts(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.RateLimit = issuer.RateLimit{PerSecond: 1000, Burst: 1000} // one address plays many wallets
	for _, f := range change {
		f(&cfg, o.pki)
	}
	if _, err := issuer.Init(ctx, cfg, time.Now(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	app, err := issuer.New(ctx, cfg, issuer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	o.cfg, o.app = cfg, app
	events, err := issuer.Sample(cfg.Authority, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	o.push(events...)
	return o
}

func (o *office) push(events ...issuer.FileEvent) []issuer.Sent {
	o.t.Helper()
	feed, err := issuer.OpenFeed(o.t.Context(), &o.cfg, issuer.FeedConfig{}, time.Now)
	if err != nil {
		o.t.Fatal(err)
	}
	var sent []issuer.Sent
	if err := feed.Send(o.t.Context(), events, true, func(s issuer.Sent) { sent = append(sent, s) }); err != nil {
		o.t.Fatal(err)
	}
	for _, s := range sent {
		if _, err := feed.Settled(o.t.Context(), s); err != nil {
			o.t.Fatal(err)
		}
	}
	return sent
}

func (o *office) offer(person string, configurations ...string) *issuerhttp.OfferResponse {
	o.t.Helper()
	desk, err := issuer.OpenDesk(&o.cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	offer, err := desk.Offer(o.t.Context(), issuer.OfferWish{Person: person, Configurations: configurations, Key: rand.Text()})
	if err != nil {
		o.t.Fatal(err)
	}
	return offer
}

func (o *office) iaca() string { return o.cfg.Path(o.cfg.IACA.Certificate) }

// node runs a program of testdata/interop and gives what it printed. It fails
// the test when the program does.
func (o *office) node(folder, program string, args ...string) string {
	o.t.Helper()
	out, err := o.tryNode(folder, program, args...)
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

func (o *office) tryNode(folder, program string, args ...string) (string, error) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "testdata", "interop", folder))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		o.t.Fatalf("%s has no node_modules: run ./t.sh interop, which installs them", dir)
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "INTEROP_PKI="+o.pki), o.env...)
	// A file, not a pipe: the programs end with process.exit, which cuts off
	// what a pipe has not taken yet.
	out, err := os.CreateTemp(o.t.TempDir(), "out")
	if err != nil {
		return "", err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	failed := cmd.Run()
	printed, err := os.ReadFile(out.Name())
	return string(printed), errors.Join(failed, err)
}
