package wallet

import (
	"context"
	"io"
	"strings"
	"time"

	"vidimus/internal/wallet"
)

// AcceptConfig is the flags of accept.
type AcceptConfig struct {
	Connection
	Offer          string
	TxCode         string
	Configurations []string
	Copies         int
	Login          bool // log in even where the offer has a pre-authorized code
	Encrypt        bool
	Wait           time.Duration // how long an issuer that delivers later is asked again
}

// Accept takes up an offer. What was kept goes to out, a line for each batch,
// steps to progress. ErrPartly, ErrWaiting.
func Accept(ctx context.Context, cfg AcceptConfig, out, progress io.Writer) error {
	w, done, err := cfg.connect(progress)
	if err != nil {
		return err
	}
	defer done()
	offer := strings.TrimSpace(cfg.Offer)
	batches, err := w.Accept(ctx, offer, wallet.AcceptOptions{
		TxCode: cfg.TxCode, Configurations: cfg.Configurations, Copies: cfg.Copies, Login: cfg.Login, Encrypt: cfg.Encrypt, Wait: cfg.Wait,
	})
	printBatches(out, batches)
	return offerHint(outcome(err, batches, &cfg.Connection), offer, cfg.InsecureLoopback)
}
