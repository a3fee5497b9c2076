package wallet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/trust"
)

// Web is how a wallet reaches issuers; package fetch has one.
type Web interface {
	// Do sends one request and gives the answer, of any status, with at most
	// limit bytes of its body, which is closed; a longer one is an error. It
	// goes to public servers over https alone unless it was told otherwise,
	// follows no redirect to another origin, and none of a request with a
	// body.
	Do(r *http.Request, limit int64) (*http.Response, []byte, error)
}

// Config is what a wallet works with.
type Config struct {
	Store *Store
	Clock clock.Clock
	Rand  io.Reader
	// Web may be nil for a wallet that accepts nothing.
	Web Web
	// AllowInsecure lets http identifiers and endpoints pass, for development.
	// Where Web goes is its own affair.
	AllowInsecure bool
	// ClientID is sent to token endpoints; "" for an anonymous wallet.
	ClientID string
	// LoginID is ClientID for logins where that is "": a login is always that of
	// a named wallet (RFC 6749, section 4.1.1). "" refuses them with ErrClientID.
	LoginID string
	// Provider vouches for the wallet and its keys under ClientID; nil when
	// nobody does.
	Provider Provider
	// Browser is for offers that want a login; nil takes none of those.
	Browser Browser
	// Trust holds the anchors that issuers must lead to; nil accepts every
	// issuer whose signature fits its own certificate.
	Trust *trust.Store
	// Sleep waits between two questions to an issuer that delivers later; nil
	// waits by the clock of the machine.
	Sleep func(ctx context.Context, d time.Duration) error
	// Progress is told every step in one line, without secrets and values.
	Progress func(line string)
}

// Wallet is a holder. It is for one goroutine.
type Wallet struct{ cfg Config }

// New makes a wallet.
func New(cfg Config) (*Wallet, error) {
	if cfg.Store == nil || cfg.Clock == nil || cfg.Rand == nil {
		return nil, errors.New("making a wallet: store, clock and rand are needed")
	}
	if cfg.Provider != nil && cfg.ClientID == "" {
		return nil, errors.New("making a wallet: a provider vouches for a client id, and there is none")
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	return &Wallet{cfg}, nil
}

func (w *Wallet) say(format string, args ...any) { w.cfg.Progress(fmt.Sprintf(format, args...)) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
