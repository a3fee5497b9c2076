package verifier

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"vidimus/internal/clock"
	"vidimus/internal/pki"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// Simulation is a holder without a phone: the reference wallet, over a model of
// Bluetooth. It agrees to whatever a reader asks that does not sign falsely.
type Simulation struct {
	Wallet string // its folder
	// Readers and Revoked are whom the wallet knows as readers; nil is nobody.
	Readers *trust.Store
	Revoked *pki.CRLs
	// Consent decides; nil is wallet.AgreeToAll.
	Consent wallet.Consent
	// Radio is the model; nil is one with the MTU of a usual phone.
	Radio *gatt.Model
	// Told gets each line of the wallet; nil is for nobody.
	Told func(string)

	Clock clock.Clock
	Rand  io.Reader

	store *wallet.Store
	ended chan error
}

// usualMTU is what iPhones agree on.
const usualMTU = 185

// Begin shows an engagement and waits for a reader, until ctx ends. Of each call
// the answer is for one reading; call End when it is over.
func (s *Simulation) Begin(ctx context.Context) (*proximity.Engagement, Link, error) {
	if s.Radio == nil {
		s.Radio = gatt.NewModel(gatt.Conditions{MTU: usualMTU})
	}
	if s.Consent == nil {
		s.Consent = wallet.AgreeToAll
	}
	if s.Rand == nil {
		s.Rand = rand.Reader
	}
	decide := s.Consent
	told := func(i wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
		for _, d := range i.Documents {
			s.say("asked for a %s by %s", d.DocType, d.Reader)
		}
		return decide(i)
	}
	// A wallet that is not there would be made, and show nothing.
	if _, err := os.Stat(s.Wallet); err != nil {
		return nil, nil, fmt.Errorf("no wallet to simulate a phone with: %w; `wallet accept` makes one", err)
	}
	var err error
	if s.store, err = wallet.OpenStore(s.Wallet); err != nil {
		return nil, nil, err
	}
	w, err := wallet.New(wallet.Config{Store: s.store, Clock: s.Clock, Rand: s.Rand, Progress: s.Told})
	if err != nil {
		return nil, nil, errors.Join(err, s.store.Close())
	}
	shown, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}, Capabilities: wallet.Capabilities()}, s.Rand)
	if err != nil {
		return nil, nil, errors.Join(err, s.store.Close())
	}
	holder, err := proximity.NewHolder(shown, private)
	if err != nil {
		return nil, nil, errors.Join(err, s.store.Close())
	}
	// The reader reads what is on the screen, and nothing else.
	scanned, err := proximity.ParseEngagementURI(shown.URI())
	if err != nil {
		return nil, nil, errors.Join(err, s.store.Close())
	}
	session := &wallet.Session{Wallet: w, Consent: told, Readers: s.Readers, Revoked: s.Revoked, ReaderKey: holder.ReaderKey}
	s.ended = make(chan error, 1)
	go func() {
		t, err := gatt.Meet(ctx, s.Radio, shown, gatt.Options{Side: gatt.Holder})
		if err == nil {
			err = proximity.RunHolder(ctx, t, holder, session.Answer)
		}
		s.ended <- err
	}()
	return scanned, Over(s.Radio), nil
}

func (s *Simulation) say(format string, args ...any) {
	if s.Told != nil {
		s.Told(fmt.Sprintf(format, args...))
	}
}

// End waits for the wallet and closes it. cancel ends the context of Begin first,
// for a reader that never came.
func (s *Simulation) End(cancel context.CancelFunc) error {
	cancel()
	var err error
	if s.ended != nil {
		if err = <-s.ended; errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if err != nil {
		return fmt.Errorf("the simulated wallet: %w", err)
	}
	return nil
}
