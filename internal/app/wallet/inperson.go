package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/ble"
	"vidimus/internal/clock"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
	"vidimus/internal/qr"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// InPersonConfig is the flags of present --ble.
type InPersonConfig struct {
	Dir     string
	Adapter string // hci0; "" is the first that is on
	Mode    string // of Modes
	Agree   Agreement
	Readers string // folder of the authorities of readers; "" knows nobody
	MAC     bool
	Code    string        // file for a picture of the code, PNG; "" is none
	Wait    time.Duration // for a reader
}

// DefaultWait is how long a code is shown: the standard asks for half a minute at
// least, and a person who looks for a camera takes longer.
const DefaultWait = 2 * time.Minute

// modes are the words for what an engagement offers.
var modes = map[string]proximity.BLE{
	"both":       {CentralClient: true, PeripheralServer: true},
	"central":    {CentralClient: true},
	"peripheral": {PeripheralServer: true},
}

// Modes are the words for Mode.
func Modes() []string { return []string{"both", "central", "peripheral"} }

// codeSide is the side of the picture in pixels.
const codeSide = 600

// PresentInPerson shows a code and answers the reader that comes over Bluetooth
// (ISO/IEC 18013-5, 8.3.3.1.1). The text of the code goes to out, everything else
// to told; in gives the answers of the person.
func PresentInPerson(ctx context.Context, cfg InPersonConfig, in io.Reader, out, told io.Writer) error {
	return hinted(cfg.present(ctx, in, out, told))
}

func (cfg *InPersonConfig) present(ctx context.Context, in io.Reader, out, told io.Writer) (err error) {
	mode, ok := modes[cfg.Mode]
	if !ok {
		return usage("--mode %q: one of %v", cfg.Mode, Modes())
	}
	store, err := open(cfg.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	w, err := wallet.New(wallet.Config{Store: store, Clock: clock.System{}, Rand: rand.Reader, Progress: func(line string) { fmt.Fprintln(told, clean(line)) }})
	if err != nil {
		return err
	}
	session := &wallet.Session{Wallet: w, Consent: Consent(cfg.Agree, in, told)}
	if cfg.Readers != "" {
		if session.Readers, session.Revoked, err = trust.LoadReaders(cfg.Readers); err != nil {
			return fmt.Errorf("readers: %w", err)
		}
	}
	// A code is shown when somebody can come.
	radio, err := ble.Open(ctx, ble.Options{Adapter: cfg.Adapter, Warn: func(s string) { fmt.Fprintln(told, "note:", clean(s)) }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, radio.Close()) }()
	engagement, private, err := proximity.NewEngagement(proximity.Options{BLE: &mode, Capabilities: wallet.Capabilities()}, rand.Reader)
	if err != nil {
		return err
	}
	holder, err := proximity.NewHolder(engagement, private)
	if err != nil {
		return err
	}
	if cfg.MAC {
		session.ReaderKey = holder.ReaderKey
	}
	if err := cfg.show(engagement.URI(), out, told); err != nil {
		return err
	}
	transport, err := cfg.meet(ctx, radio, engagement)
	if err != nil {
		return err
	}
	fmt.Fprintln(told, "a reader has connected")
	return proximity.Run{Request: proximity.RequestTime, Idle: proximity.IdleTime}.Holder(ctx, transport, holder, session.Answer)
}

// show shows the code: as text, as a picture, and in the terminal.
func (cfg *InPersonConfig) show(uri string, out, told io.Writer) error {
	code, err := qr.Encode(uri)
	if err != nil {
		return err
	}
	if cfg.Code != "" {
		picture, err := code.PNG(codeSide)
		if err != nil {
			return err
		}
		if err := writeFile(cfg.Code, picture); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out, uri); err != nil {
		return err
	}
	fmt.Fprintf(told, "%s\nshow this code to the reader; it serves once, for %s\n", code.Terminal(), cfg.Wait)
	return nil
}

// meet waits for a reader.
func (cfg *InPersonConfig) meet(ctx context.Context, radio gatt.Radio, e *proximity.Engagement) (*gatt.Transport, error) {
	waiting, cancel := context.WithTimeout(ctx, cfg.Wait)
	defer cancel()
	transport, err := gatt.Meet(waiting, radio, e, gatt.Options{Side: gatt.Holder})
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return nil, fmt.Errorf("no reader came within %s: %w", cfg.Wait, err)
	}
	return transport, err
}
