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
