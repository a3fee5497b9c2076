package issuer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"vidimus/internal/signer/socket"
)

// signerEvery is how often the office asks the signer process whether it is there:
// an office that has nothing to sign would not notice for hours that it could not.
const signerEvery = 10 * time.Second

// signerWatch is whether the signer process answers. The zero value says yes: the
// office started with it.
type signerWatch struct{ why atomic.Pointer[error] }

// away says why the signer process cannot be asked; nil where it can, or is not needed.
func (w *signerWatch) away() error {
	if why := w.why.Load(); why != nil {
		return *why
	}
	return nil
}

// watchSigner asks until ctx ends. Each change is one line of the log.
func (a *App) watchSigner(ctx context.Context, client *socket.Client) {
	tick := time.NewTicker(signerEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.lookAtSigner(ctx, client)
		}
	}
}

// lookAtSigner asks once.
func (a *App) lookAtSigner(ctx context.Context, client *socket.Client) {
	_, err := client.Status(ctx)
	if ctx.Err() != nil {
		return
	}
	before := a.signer.away()
	if err == nil {
		a.signer.why.Store(nil)
		if before != nil {
			a.log.Info("the signer is there again", "socket", a.cfg.SignerSocket)
		}
		return
	}
	err = fmt.Errorf("nothing can be signed: %w", err)
	a.signer.why.Store(&err)
	if before == nil {
		a.log.Error("the signer is away", "socket", a.cfg.SignerSocket, "error", err)
	}
}

// gaugeSigner shows whether the signer process answers, where there is one.
func (a *App) gaugeSigner() {
	if a.keys.far == nil {
		return
	}
	a.metrics.Gauge("vidimus_signer_up", "1 when the signer process answers, 0 when it does not.", func() float64 {
		if a.signer.away() != nil {
			return 0
		}
		return 1
	})
}
