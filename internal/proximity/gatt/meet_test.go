package gatt

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/proximity"
)

func engagement(t *testing.T, ble proximity.BLE) *proximity.Engagement {
	t.Helper()
	e, _, err := proximity.NewEngagement(proximity.Options{BLE: &ble}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deaf is a radio that does one of the two things only.
type deaf struct {
	Radio
	scans, advertises bool
	advertised        [][]byte // the Ident values
	failure           error    // at once, instead of waiting
}

func (d *deaf) never(ctx context.Context) (Link, error) {
	if d.failure != nil {
		return nil, d.failure
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (d *deaf) Advertise(offer Offer, ident []byte) Connect {
	d.advertised = append(d.advertised, ident)
	if !d.advertises {
		return d.never
	}
	return d.Radio.Advertise(offer, ident)
}

func (d *deaf) Scan(offer Offer) Connect {
	if !d.scans {
		return d.never
	}
	return d.Radio.Scan(offer)
}

// Which mode a reader and a holder meet in, and when.
func TestMeet(t *testing.T) {
	one := proximity.UUID{1} // wallets send one UUID for both modes
	broken := errors.New("no adapter")
	for name, c := range map[string]struct {
		ble                proximity.BLE
		scans, advertises  bool
		failure            error
		mode               Mode
		after              time.Duration
		readerIdentInvited bool
	}{
		"central client":                {proximity.BLE{CentralClient: true}, true, true, nil, CentralClient, 0, true},
		"peripheral server":             {proximity.BLE{PeripheralServer: true}, true, true, nil, PeripheralServer, 0, false},
		"both":                          {proximity.BLE{CentralClient: true, PeripheralServer: true}, true, true, nil, CentralClient, 0, true},
		"both, one UUID":                {proximity.BLE{CentralClient: true, PeripheralServer: true, CentralClientUUID: one, PeripheralServerUUID: one}, true, true, nil, CentralClient, 0, true},
		"both, reader cannot be seen":   {proximity.BLE{CentralClient: true, PeripheralServer: true}, true, false, nil, PeripheralServer, Patience, true},
		"both, reader cannot advertise": {proximity.BLE{CentralClient: true, PeripheralServer: true}, true, false, broken, PeripheralServer, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			e := engagement(t, c.ble)
			synctest.Test(t, func(t *testing.T) {
				model := NewModel(Conditions{})
				radio := &deaf{Radio: model, scans: c.scans, advertises: c.advertises, failure: c.failure}
				done := make(chan *Transport)
				go func() {
					tr, err := meetWithin(t, model, e, Holder)
					if err != nil {
						t.Error(err)
					}
					done <- tr
				}()
				begin := time.Now()
				connected := 0
				reader, err := Meet(t.Context(), radio, e, Options{Side: Reader, Progress: func(stage proximity.Stage, _ int) {
					if stage == proximity.Connected {
						connected++
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				took := time.Since(begin)
				if err := reader.Send(t.Context(), []byte("hello")); err != nil {
					t.Fatal(err)
				}
				holder := <-done
				if got, err := holder.Recv(t.Context()); err != nil || string(got) != "hello" {
					t.Errorf("got %q, %v", got, err)
				}
				if reader.opt.Mode != c.mode || holder.opt.Mode != c.mode || connected != 1 {
					t.Errorf("reader in %v, holder in %v, told %d times", reader.opt.Mode, holder.opt.Mode, connected)
				}
				if took != c.after {
					t.Errorf("after %v, want %v", took, c.after)
				}
				if c.readerIdentInvited != (len(radio.advertised) > 0 && len(radio.advertised[0]) == 16) {
					t.Errorf("advertised %x", radio.advertised)
				}
				if len(model.adverts) != 0 {
					t.Error("something is still advertised")
				}
				reader.Close()
				holder.Close()
			})
		})
	}
}

// What a reader cannot reach: no BLE at all, no radio, nobody there.
func TestMeetFails(t *testing.T) {
	broken := errors.New("no adapter")
	both := engagement(t, proximity.BLE{CentralClient: true, PeripheralServer: true})
	none, _, err := proximity.NewEngagement(proximity.Options{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		e     *proximity.Engagement
		radio *deaf
		want  error
	}{
		"no BLE":   {none, &deaf{}, proximity.ErrUnsupported},
		"no radio": {both, &deaf{failure: broken}, broken},
		"nobody":   {both, &deaf{}, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tr, err := meetWithin(t, c.radio, c.e, Reader); !errors.Is(err, c.want) || tr != nil {
					t.Errorf("%v, want %v", err, c.want)
				}
			})
		})
	}
}
