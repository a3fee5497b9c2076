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

// Meet reaches the other side of an engagement: in the preferred mode, and in the
// other one too, if it is offered and the first has failed or not started within
// Patience. A holder, who does not know what the reader prefers, tries both at
// once. The first to start wins; nothing of the other remains when Meet returns.
// Of opt, Mode and Ident are set here. ErrUnsupported: no BLE is offered. The limit
// in time is that of ctx.
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
// transport that starts.
func race(ctx context.Context, radio Radio, offers []Offer, opt Options) (won *Transport, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		transport *Transport
		err       error
	}
	outcomes := make(chan outcome)
	failed := make(chan struct{}) // closed when the first one has
	for i, offer := range offers {
		patience := time.Duration(i) * Patience
		if opt.Side == Holder {
			patience = 0
		}
		go func() {
			t, err := meet(ctx, radio, offer, opt, patience, failed)
			outcomes <- outcome{t, err}
		}()
	}
	for range offers {
		o := <-outcomes
		switch {
		case o.err != nil && err == nil:
			err = o.err
			close(failed)
		case o.err != nil:
		case won != nil:
			o.transport.Close() // started in the same moment
		default:
			won = o.transport
			cancel()
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
