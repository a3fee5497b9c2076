package verifier

import (
	"context"
	"errors"

	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// Over is the Link over a radio: BlueZ, or a model of one. It takes the mode of
// Bluetooth that the engagement offers, the preferred one first.
func Over(radio gatt.Radio) Link {
	return func(ctx context.Context, e *proximity.Engagement) (proximity.Transport, error) {
		t, err := gatt.Meet(ctx, radio, e, gatt.Options{Side: gatt.Reader})
		if errors.Is(err, proximity.ErrUnsupported) {
			return nil, errors.New("this phone offers no Bluetooth, and NFC and Wi-Fi Aware are not supported here")
		}
		if err != nil {
			return nil, err
		}
		return t, nil
	}
}

// Radio is one that is opened for a reading and closed after it.
type Radio interface {
	gatt.Radio
	Close() error
}

// OverEach is Over with a radio of its own for each reading: one that was switched
// off meanwhile is found again when it is on.
func OverEach(open func(context.Context) (Radio, error)) Link {
	return func(ctx context.Context, e *proximity.Engagement) (proximity.Transport, error) {
		radio, err := open(ctx)
		if err != nil {
			return nil, err
		}
		t, err := Over(radio)(ctx, e)
		if err != nil {
			return nil, errors.Join(err, radio.Close())
		}
		return &borrowed{t, radio}, nil
	}
}

// borrowed is a transport that closes its radio.
type borrowed struct {
	proximity.Transport
	radio Radio
}

func (b *borrowed) Close() error { return errors.Join(b.Transport.Close(), b.radio.Close()) }
