package wallet

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// Connection is the flags of every command that speaks to issuers.
type Connection struct {
	Dir              string
	ClientID         string
	InsecureLoopback bool
	ProviderDir      string // folder of a test wallet provider; "" has the wallet attested by nobody
	TrustDir         string // folder of anchors; "" accepts any issuer
	WebRoots         string // PEM file; "" takes the roots of the machine
}

// loginID is how a wallet for development calls itself when it logs in and has no
// other name.
const loginID = "test-wallet"

// connect opens the folder and makes a wallet with a web; done lets go of both.
func (c *Connection) connect(progress io.Writer) (w *wallet.Wallet, done func(), err error) {
	var closers []io.Closer
	release := func() {
		for _, c := range slices.Backward(closers) {
			_ = c.Close() // read from, or synced when it was written
		}
	}
	defer func() {
		if err != nil {
			release()
		}
	}()
	options := fetch.Options{AllowInsecureLoopback: c.InsecureLoopback, UserAgent: "vidimus-wallet"}
	if c.WebRoots != "" {
		pem, err := os.ReadFile(c.WebRoots)
		if err != nil {
			return nil, nil, err
		}
		options.Roots = x509.NewCertPool()
		if !options.Roots.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("%s: no certificate in PEM", c.WebRoots)
		}
	}
	var anchors *trust.Store
	if c.TrustDir != "" {
		if anchors, err = loadTrust(c.TrustDir); err != nil {
			return nil, nil, err
		}
	}
	store, err := open(c.Dir)
	if err != nil {
		return nil, nil, err
	}
	web := fetch.New(options)
	closers = append(closers, store, closer(web.Close))
	say := func(line string) { fmt.Fprintln(progress, clean(line)) }
	config := wallet.Config{
		Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: web, AllowInsecure: c.InsecureLoopback, ClientID: c.ClientID, Trust: anchors, Progress: say,
	}
	if c.InsecureLoopback { // an office with --dev takes any name
		config.LoginID = loginID
	}
	if c.ProviderDir != "" {
		if config.ClientID == "" {
			config.ClientID = providerClientID
		}
		if config.Provider, err = openProvider(c.ProviderDir); err != nil {
			return nil, nil, err
		}
	}
	browser, err := newBrowser(say)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, browser)
	config.Browser = browser
	w, err = wallet.New(config)
	return w, release, err
}

// closer makes one of a function.
type closer func()

// Close implements io.Closer.
func (c closer) Close() error {
	c()
	return nil
}

// loadTrust reads a folder of anchors. Those that its trust.yaml does not name
// count for the types that are built in.
func loadTrust(dir string) (*trust.Store, error) {
	return trust.LoadDir(dir, trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT},
		DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
	})
}

// What a program ends with beside an error.
var (
	// ErrPartly says that some of what was asked for was kept and the rest failed.
	ErrPartly = errors.New("the rest was not taken up")
	// ErrWaiting says that nothing failed, and that something comes later.
	ErrWaiting = errors.New("not all is there yet")
)

// outcome names what became of a command: a wait by itself is no failure.
func outcome(err error, kept []wallet.Batch, c *Connection) error {
	switch {
	case err == nil:
		return nil
	case onlyWaiting(err):
		return &told{fmt.Errorf("%w: %w", ErrWaiting, err), "go on with `" + c.command("collect") + "`; `wallet list` shows what waits"}
	case len(kept) > 0:
		return fmt.Errorf("%w: %w", ErrPartly, err)
	}
	return err
}

// onlyWaiting reports whether nothing is wrong but that something comes later, or
// that whoever waited was interrupted.
func onlyWaiting(err error) bool {
	if err == wallet.ErrWaiting || err == context.Canceled {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !onlyWaiting(err) })
	case interface{ Unwrap() error }:
		return onlyWaiting(e.Unwrap())
	}
	return false
}

// command is one that goes on with the same wallet, for a shell.
func (c *Connection) command(name string) string {
	words := []string{"wallet", name}
	for _, f := range []struct{ flag, value string }{{"--dir", c.Dir}, {"--provider", c.ProviderDir}, {"--trust", c.TrustDir}, {"--web-roots", c.WebRoots}} {
		if f.value == "" {
			continue
		}
		if strings.ContainsFunc(f.value, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`'"\$&;|<>()*?#~!`, r) }) {
			f.value = "'" + strings.ReplaceAll(f.value, "'", `'\''`) + "'"
		}
		words = append(words, f.flag, f.value)
	}
	if c.InsecureLoopback {
		words = append(words, "--insecure-loopback")
	}
	return strings.Join(words, " ")
}
