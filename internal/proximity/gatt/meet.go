package gatt

import (
	"context"
	"fmt"
	"time"

	"vidimus/internal/proximity"
)

// Radio connects: BlueZ (package ble), or a Model.
type Radio interface {
	// Advertise returns the Connect of a GATT server of the offered service. ident
	// is the value of Ident, 16 bytes; nil leaves the characteristic out.
	Advertise(offer Offer, ident []byte) Connect

	// Scan returns the Connect of a GATT client of the offered service.
	Scan(offer Offer) Connect
}

// Patience is how long a reader waits in the preferred mode before it tries the
// other one beside it.
const Patience = 5 * time.Second

// regret is how long a holder waits for the start of the other mode when the one that
// had started ends without a request: the reader has decided for the other one, and
// its start may be on its way.
const regret = 5 * time.Second

// Meet reaches the other side of an engagement: in the preferred mode, and in the
// other one too, if it is offered and the first has failed or not started within
// Patience. Of opt, Mode and Ident are set here. ErrUnsupported: no BLE is offered.
// The limit in time is that of ctx.
//
// Of two modes the reader alone decides (8.3.3.1.1.2): the first to start is its
// mode, and it starts no other. A holder tries both at once and keeps all that
// have started until a whole message has come over one, so that with both offered
// Meet returns when the request is there, for Recv to return. It is waited for
// proximity.RequestTime from the start. Nothing of the other mode remains when Meet
// returns.
func Meet(ctx context.Context, radio Radio, e *proximity.Engagement, opt Options) (*Transport, error) {
	ble, err := e.BLE()
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if opt.Ident, err = e.Ident(); err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	progress := opt.Progress
	opt.Progress = nil // one of two is told of
	won, err := race(ctx, radio, Offers(ble), opt)
	if err != nil {
		return nil, err
	}
	won.opt.Progress = progress
	progress.Tell(proximity.Connected, 0)
	return won, nil
}

// race opens every offer, one after the other begins, and returns the first
// transport over which it goes on.
func race(ctx context.Context, radio Radio, offers []Offer, opt Options) (won *Transport, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	starting, giveUp := context.WithCancel(ctx)
	defer giveUp()
	type outcome struct {
		transport *Transport // started, also with an error
		err       error
	}
	outcomes := make(chan outcome)
	failed := make(chan struct{}) // closed when the first one has
	if opt.Side == Reader {
		opt.turn = make(chan struct{}, 1)
	}
	for i, offer := range offers {
		patience := time.Duration(i) * Patience
		if opt.Side == Holder {
			patience = 0
		}
		go func() {
			t, err := meet(starting, radio, offer, opt, patience, failed)
			if err == nil && opt.Side == Holder && len(offers) > 1 {
				err = t.hear(ctx)
			}
			outcomes <- outcome{t, err}
		}()
	}
	for range offers {
		o := <-outcomes
		switch {
		case o.err == nil && won == nil:
			won = o.transport
			cancel()
			continue
		case o.transport != nil:
			o.transport.link.Close() // what ends here is not the session
			late := time.AfterFunc(regret, giveUp)
			defer late.Stop()
		}
		if o.err != nil && err == nil {
			close(failed)
		}
		if err == nil || o.transport != nil {
			err = o.err // one that had started says more
		}
	}
	if won != nil {
		return won, nil
	}
	return nil, err
}

// meet opens one offer after patience, or when another one has failed.
func meet(ctx context.Context, radio Radio, offer Offer, opt Options, patience time.Duration, failed <-chan struct{}) (*Transport, error) {
	if patience > 0 {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-failed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	opt.Mode = offer.Mode
	switch {
	case opt.Mode.Role(opt.Side) == Client:
		return Open(ctx, radio.Scan(offer), opt)
	case opt.Mode == CentralClient:
		return Open(ctx, radio.Advertise(offer, opt.Ident), opt)
	}
	return Open(ctx, radio.Advertise(offer, nil), opt)
}
