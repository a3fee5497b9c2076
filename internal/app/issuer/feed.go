package issuer

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vidimus/api/registryclient"
)

// Feed pushes the events of one registry, in order, each once. It keeps what
// is not acknowledged yet beside the key and sends it again.
type Feed struct {
	client   *registryclient.Client
	outbox   *outbox
	receipts []*ecdsa.PublicKey // of who signs receipts
	// anonymous: there is no client certificate.
	anonymous bool
	// Tries and Pause say how often and how long apart the same token is sent
	// while the office does not answer.
	Tries int
	Pause time.Duration
}

// Progress is told of every event that was acknowledged.
type Progress func(e Sent)

// Sent is an acknowledged event.
type Sent struct {
	Seq  uint64 `json:"seq"`
	Name string `json:"name"`
	JTI  string `json:"jti"`
}

// Next sets the number of the next event, for a registry whose counter was
// lost; the office names the one that is due when it refuses another.
func (f *Feed) Next(seq uint64) { f.outbox.Seq = seq - 1 }

// Send numbers, signs and pushes events: one by one, or in batches. What was
// left over from last time goes first. A refusal ends it: the events from
// there on are not sent, and their numbers are free again.
func (f *Feed) Send(ctx context.Context, events []FileEvent, batch bool, progress Progress) error {
	for i, e := range events {
		if err := f.enqueue(e); err != nil {
			return fmt.Errorf("event %d: %w", i+1, err)
		}
	}
	if err := f.outbox.save(); err != nil {
		return err
	}
	push := f.one
	if batch {
		push = f.many
	}
	var err error
	for err == nil && len(f.outbox.Waiting) > 0 {
		err = push(ctx, progress)
	}
	return errors.Join(err, f.outbox.save())
}

func (f *Feed) enqueue(e FileEvent) error {
	event, err := e.event()
	if err != nil {
		return err
	}
	if event.Seq == 0 {
		event.Seq = f.outbox.last() + 1
	}
	set, err := f.client.Sign(event)
	if err != nil {
		return err
	}
	f.outbox.Waiting = append(f.outbox.Waiting, waiting{Sent: Sent{Seq: event.Seq, Name: e.Event, JTI: set.JTI}, Token: set.Token})
	return nil
}

// one pushes the first event that waits.
func (f *Feed) one(ctx context.Context, progress Progress) error {
	w := f.outbox.Waiting[0]
	err := f.retry(ctx, func() error { return f.client.Push(ctx, registryclient.SET{JTI: w.JTI, Token: w.Token}) })
	return f.settle(w, err, progress)
}

// many pushes as many as one request holds.
func (f *Feed) many(ctx context.Context, progress Progress) error {
	var sets []registryclient.SET
	size := 0
	for _, w := range f.outbox.Waiting {
		size += len(w.Token) + len(w.JTI) + 16
		if len(sets) > 0 && (len(sets) == registryclient.MaxBatch || size > registryclient.MaxBatchSize-1024) {
			break
		}
		sets = append(sets, registryclient.SET{JTI: w.JTI, Token: w.Token})
	}
	var answer *registryclient.Answer
	err := f.retry(ctx, func() (err error) {
		answer, err = f.client.PushBatch(ctx, sets)
		return err
	})
	if err != nil {
		return err
	}
	acked := map[string]bool{}
	for _, jti := range answer.Acks {
		acked[jti] = true
	}
	for _, s := range sets {
		var err error
		if refusal := answer.Refused[s.JTI]; refusal != nil {
			err = refusal
		} else if !acked[s.JTI] {
			return fmt.Errorf("the office could not take %s now: %w", s.JTI, registryclient.ErrTryAgain)
		}
		if err := f.settle(f.outbox.Waiting[0], err, progress); err != nil {
			return err
		}
	}
	return nil
}

// settle takes an event out of the outbox, or gives up after a refusal.
func (f *Feed) settle(w waiting, err error, progress Progress) error {
	var refusal *registryclient.Refusal
	switch {
	case err == nil:
		f.outbox.done(w)
		if progress != nil {
			progress(w.Sent)
		}
		return nil
	case errors.As(err, &refusal):
		f.outbox.Waiting = nil
		return fmt.Errorf("event %d %s: %w", w.Seq, w.Name, err)
	}
	return fmt.Errorf("event %d %s: %w (it waits in %s and goes first next time)", w.Seq, w.Name, err, f.outbox.path)
}

// retry repeats what the office could not answer.
func (f *Feed) retry(ctx context.Context, push func() error) error {
	for try := 1; ; try++ {
		err := f.advise(push())
		if err == nil || !errors.Is(err, registryclient.ErrTryAgain) || try >= f.Tries {
			return err
		}
		if err := sleep(ctx, f.Pause*time.Duration(try)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Receipt fetches and verifies the receipt of an event.
func (f *Feed) Receipt(ctx context.Context, jti string) (*registryclient.Receipt, error) {
	token, err := f.client.Receipt(ctx, jti)
	err = f.advise(err)
	var refusal *registryclient.Refusal
	if errors.As(err, &refusal) && refusal.Status == http.StatusNotFound {
		return nil, fmt.Errorf("no event %s of %s was accepted: %w", jti, f.client.Source, err)
	}
	if err != nil {
		return nil, err
	}
	return f.verify(token)
}

// Receipts calls each for the receipts of all events after a number, verified,
// in order.
func (f *Feed) Receipts(ctx context.Context, after uint64, each func(any) error) error {
	for n, err := range f.client.Receipts(ctx, after) {
		if err != nil {
			return f.advise(err)
		}
		r, err := f.verify(n.Receipt)
		if err != nil {
			return fmt.Errorf("receipt %d: %w", n.Number, err)
		}
		if err := each(struct {
			Number uint64 `json:"number"`
			*registryclient.Receipt
		}{n.Number, r}); err != nil {
			return err
		}
	}
	return nil
}

func (f *Feed) verify(token string) (*registryclient.Receipt, error) {
	if len(f.receipts) == 0 {
		return nil, errors.New("the certificate of signers.receipt is not here, so that receipts cannot be verified")
	}
	var err error
	for _, key := range f.receipts {
		var r *registryclient.Receipt
		if r, err = f.client.VerifyReceipt(token, key); err == nil {
			return r, nil
		}
	}
	return nil, err
}

// Settled fetches the receipt until it says the last word for now: covered or
// no-copies for an event that revokes copies, applied for any other.
func (f *Feed) Settled(ctx context.Context, s Sent) (*registryclient.Receipt, error) {
	for {
		r, err := f.Receipt(ctx, s.JTI)
		if err != nil && !errors.Is(err, registryclient.ErrTryAgain) {
			return nil, err
		}
		if err == nil && (r.State != "applied" || r.Copies == 0) {
			return r, nil
		}
		if err := sleep(ctx, f.Pause); err != nil {
			return nil, fmt.Errorf("waiting for the receipt of %s: %w", s.JTI, err)
		}
	}
}
