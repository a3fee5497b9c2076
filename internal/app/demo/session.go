package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/qr"
	"vidimus/internal/trust"
	"vidimus/internal/wallet"
)

// encounter is one session of a wallet and a reader that stand beside each other
// (ISO/IEC 18013-5, 8 and 9.1.1).
type encounter struct {
	shown   *qr.Code // the engagement, on the wallet's screen
	scanned string   // what the reader's camera makes of it

	holder  *proximity.Holder
	reader  *proximity.Reader
	asked   wallet.Inquiry // what the holder was asked
	request []byte
	answer  []byte // DeviceResponse
}

// engage lets the wallet show a QR code and the reader scan it.
func engage() (*encounter, error) {
	engagement, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{PeripheralServer: true}}, rand.Reader)
	if err != nil {
		return nil, err
	}
	var e encounter
	if e.holder, err = proximity.NewHolder(engagement, private); err != nil {
		return nil, err
	}
	if e.shown, err = qr.Encode(engagement.URI()); err != nil {
		return nil, err
	}
	if e.scanned, err = scan(e.shown); err != nil {
		return nil, fmt.Errorf("scanning the QR code: %w", err)
	}
	found, err := proximity.ParseEngagementURI(e.scanned)
	if err != nil {
		return nil, fmt.Errorf("reading the engagement: %w", err)
	}
	if e.reader, err = proximity.NewReader(found, rand.Reader); err != nil {
		return nil, err
	}
	return &e, nil
}

// scan reads a code back from a picture of it, as a camera would.
func scan(c *qr.Code) (string, error) {
	picture, err := c.PNG(640)
	if err != nil {
		return "", err
	}
	return qr.Decode(bytes.NewReader(picture))
}

// run exchanges one question and one answer, encrypted, over a pipe in the place
// of Bluetooth. The holder agrees to everything that a reader with a sound
// signature asks.
func (e *encounter) run(ctx context.Context, w *wallet.Wallet, readers *trust.Store, request func(mdoc.SessionTranscript) ([]byte, error)) error {
	var err error
	if e.request, err = request(e.reader.Transcript()); err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	session := &wallet.Session{Wallet: w, Readers: readers, ReaderKey: e.holder.ReaderKey, Consent: func(i wallet.Inquiry) func(wallet.AskedDocument, wallet.AskedElement) bool {
		e.asked = i
		return wallet.AgreeToAll(i)
	}}
	ours, theirs := proximity.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- proximity.RunHolder(ctx, ours, e.holder, session.Answer) }()
	answer, err := proximity.RunReader(ctx, theirs, e.reader, e.request)
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	e.answer = answer
	return nil
}

// question tells what the holder saw: who asks, how sure that is, for what.
func (e *encounter) question() (who, what string, err error) {
	if len(e.asked.Documents) != 1 {
		return "", "", fmt.Errorf("%d documents were asked for instead of one", len(e.asked.Documents))
	}
	d := e.asked.Documents[0]
	if d.Reader.State != wallet.ReaderKnown {
		return "", "", fmt.Errorf("the reader is %s to the wallet: %s", d.Reader.State, d.Reader.Reason)
	}
	var names []string
	for _, a := range d.Elements {
		names = append(names, a.Asked)
	}
	return d.Reader.Name, strings.Join(names, ", "), nil
}
