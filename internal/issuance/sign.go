package issuance

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"vidimus/internal/audit"
	"vidimus/internal/catalog"
	"vidimus/internal/faults"
	"vidimus/internal/keys"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// ErrEnded is returned by a second Sign, or one after Discard.
var ErrEnded = errors.New("the batch has ended")

// Sign signs every copy and releases them, once. The store's step from
// intended to signed is the gate: what could not be recorded is not released,
// and its indices are lost.
func (p *Prepared) Sign(ctx context.Context) (*oid4vci.CredentialResponse, error) {
	if p.ended.Swap(true) {
		return nil, problem.Wrap(problem.Internal, ErrEnded, "")
	}
	if p.deferred != nil {
		return p.deferred, nil
	}
	out := &oid4vci.CredentialResponse{
		Credentials: make([]oid4vci.Credential, len(p.copies)), NotificationID: p.s.notificationID(p.intent.Batch, p.access),
	}
	faults.Point("issuance.built")
	if err := p.signCopies(ctx, out.Credentials); err != nil {
		return nil, p.burn(ctx, err)
	}
	faults.Point("issuance.signed")
	// The signatures exist: the record is completed even if the wallet has
	// gone away meanwhile.
	did := p.event(audit.Done, map[string]string{"digest": digest(p.copies)})
	if err := p.s.p.Store.MarkSigned(context.WithoutCancel(ctx), p.intent.Batch, did); err != nil {
		return nil, unavailable(fmt.Errorf("recording a signed batch: %w", err))
	}
	faults.Point("issuance.recorded")
	p.s.p.Meter.Issued(p.cfg.ID, len(out.Credentials))
	p.s.addNonce(ctx, out, p.draft15)
	return out, nil
}

// signCopies signs every copy into out. A key that is elsewhere gets all of them
// in one request, every other as many at once as there are workers.
func (p *Prepared) signCopies(ctx context.Context, out []oid4vci.Credential) error {
	sign := func(key crypto.Signer, i int) error {
		credential, err := p.copies[i].Sign(key, p.signer.Chain, p.s.p.Rand)
		if err != nil {
			return unavailable(fmt.Errorf("signing copy %d: %w", i, err))
		}
		out[i] = credential
		faults.Point("issuance.copy-signed")
		return nil
	}
	far, ok := p.signer.Key.(keys.Batcher)
	if !ok {
		return p.s.parallel(ctx, len(p.copies), func(i int) error { return sign(p.signer.Key, i) })
	}
	batch := far.Batch(ctx, len(p.copies))
	errs := make([]error, len(p.copies))
	var wg sync.WaitGroup
	for i := range p.copies {
		wg.Go(func() {
			defer batch.Leave() // the others do not wait for a copy that could not be made
			errs[i] = sign(batch, i)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// digest is SHA-256 over the SHA-256 of what was signed of each copy, in their
// order: enough to prove later what that was, and nothing to read.
func digest(copies []catalog.Prepared) string {
	all := sha256.New()
	for _, c := range copies {
		one := sha256.Sum256(c.Payload())
		all.Write(one[:])
	}
	return hex.EncodeToString(all.Sum(nil))
}

// parallel calls do for 0 to n-1 with at most as many goroutines as there are
// workers, and returns the first error; the rest is not begun then.
func (s *Service) parallel(ctx context.Context, n int, do func(i int) error) error {
	var (
		next  atomic.Int64
		once  sync.Once
		first error
		stop  atomic.Bool
		wg    sync.WaitGroup
	)
	fail := func(err error) { once.Do(func() { first = err; stop.Store(true) }) }
	work := func() {
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := ctx.Err(); err != nil {
				fail(unavailable(err))
				return
			}
			if err := do(i); err != nil {
				fail(err)
			}
		}
	}
	for range min(s.cfg.Workers, n) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return first
}

func (s *Service) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(s.p.Rand, b); err != nil {
		return nil, unavailable(err)
	}
	return b, nil
}
