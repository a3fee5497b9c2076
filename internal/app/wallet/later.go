package wallet

import (
	"context"
	"fmt"
	"io"
	"time"

	"vidimus/internal/wallet"
)

// CollectConfig is the flags of collect.
type CollectConfig struct {
	Connection
	IDs  []string // none: all that waits
	Wait time.Duration
}

// Collect asks for what issuers promised for later. ErrPartly, ErrWaiting.
func Collect(ctx context.Context, cfg CollectConfig, out, progress io.Writer) error {
	w, done, err := cfg.connect(progress)
	if err != nil {
		return err
	}
	defer done()
	batches, err := w.Collect(ctx, cfg.IDs, cfg.Wait)
	printBatches(out, batches)
	if err == nil && len(batches) == 0 {
		fmt.Fprintln(progress, "nothing waits")
	}
	return hinted(outcome(err, batches, &cfg.Connection))
}

// RefreshConfig is the flags of refresh.
type RefreshConfig struct {
	Connection
	IDs    []string // none: all that can be refreshed
	Copies int
	Wait   time.Duration
}

// Refresh puts fresh copies in the place of those that are held. ErrPartly,
// ErrWaiting.
func Refresh(ctx context.Context, cfg RefreshConfig, out, progress io.Writer) error {
	w, done, err := cfg.connect(progress)
	if err != nil {
		return err
	}
	defer done()
	batches, err := w.Refresh(ctx, wallet.RefreshOptions{Batches: cfg.IDs, Copies: cfg.Copies, Wait: cfg.Wait})
	printBatches(out, batches)
	return hinted(outcome(err, batches, &cfg.Connection))
}

// printBatches writes a line for each batch that was kept.
func printBatches(out io.Writer, batches []wallet.Batch) {
	for _, b := range batches {
		fmt.Fprintf(out, "%s\t%d copies\t%s\n", b.ID, len(b.Copies), clean(b.Type))
	}
}

// printWaiting lists what was asked for and did not come yet.
func printWaiting(out io.Writer, list []wallet.Waiting) {
	for _, l := range list {
		fmt.Fprintf(out, "%s\twaits for %s of %s since %s, not to be asked before %s", l.ID, clean(l.Type), clean(l.Issuer),
			l.Since.UTC().Format(time.RFC3339), l.Next.UTC().Format(time.RFC3339))
		if l.Replaces != "" {
			fmt.Fprintf(out, ", in the place of %s", l.Replaces)
		}
		fmt.Fprintln(out)
	}
}
