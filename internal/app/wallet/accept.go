package wallet

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// ErrPartly says that some of an offer was kept and the rest failed.
var ErrPartly = errors.New("the rest of the offer was not taken up")

// AcceptConfig is the flags of accept.
type AcceptConfig struct {
	Dir              string
	Offer            string
	TxCode           string
	Configurations   []string
	Copies           int
	ClientID         string
	InsecureLoopback bool
	ProviderDir      string // folder of a test wallet provider; "" has the wallet attested by nobody
	Login            bool   // log in even where the offer has a pre-authorized code
	Encrypt          bool
	TrustDir         string // folder of anchors; "" accepts any issuer
	WebRoots         string // PEM file; "" takes the roots of the machine
}

// Accept takes up an offer. What was kept goes to out, a line for each batch,
// steps to progress.
func Accept(ctx context.Context, cfg AcceptConfig, out, progress io.Writer) error {
	options := fetch.Options{AllowInsecureLoopback: cfg.InsecureLoopback, UserAgent: "vidimus-wallet"}
	if cfg.WebRoots != "" {
		pem, err := os.ReadFile(cfg.WebRoots)
		if err != nil {
			return err
		}
		options.Roots = x509.NewCertPool()
		if !options.Roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s: no certificate in PEM", cfg.WebRoots)
		}
	}
	var anchors *trust.Store
	if cfg.TrustDir != "" {
		var err error
		if anchors, err = loadTrust(cfg.TrustDir); err != nil {
			return err
		}
	}
	store, err := open(cfg.Dir)
	if err != nil {
		return err
	}
	defer store.Close()
	web := fetch.New(options)
	defer web.Close()
	say := func(line string) { fmt.Fprintln(progress, clean(line)) }
	config := wallet.Config{
		Store: store, Clock: clock.System{}, Rand: rand.Reader, Web: web, AllowInsecure: cfg.InsecureLoopback, ClientID: cfg.ClientID, Trust: anchors, Progress: say,
	}
	if cfg.ProviderDir != "" {
		if config.ClientID == "" {
			config.ClientID = providerClientID
		}
		if config.Provider, err = openProvider(cfg.ProviderDir); err != nil {
			return err
		}
	}
	browser, err := newBrowser(say)
	if err != nil {
		return err
	}
	defer browser.Close()
	config.Browser = browser
	w, err := wallet.New(config)
	if err != nil {
		return err
	}
	offer := strings.TrimSpace(cfg.Offer)
	batches, err := w.Accept(ctx, offer, wallet.AcceptOptions{
		TxCode: cfg.TxCode, Configurations: cfg.Configurations, Copies: cfg.Copies, Login: cfg.Login, Encrypt: cfg.Encrypt,
	})
	for _, b := range batches {
		fmt.Fprintf(out, "%s\t%d copies\t%s\n", b.ID, len(b.Copies), clean(b.Type))
	}
	if err != nil && len(batches) > 0 {
		err = fmt.Errorf("%w: %w", ErrPartly, err)
	}
	return offerHint(err, offer, cfg.InsecureLoopback)
}

// loadTrust reads a folder of anchors. Those that its trust.yaml does not name
// count for the types that are built in.
func loadTrust(dir string) (*trust.Store, error) {
	return trust.LoadDir(dir, trust.Scope{
		Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT},
		DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT},
	})
}
