package proximity

import (
	"crypto/ecdh"
	"fmt"
	"io"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/mdoc"
)

// Reader is the reader's side of one session. It serves one engagement once; a
// new scan needs a new Reader.
type Reader struct {
	session
	private     *ecdh.PrivateKey
	keyBytes    []byte // EReaderKeyBytes as sent
	established bool
}

// NewReader makes the ephemeral reader key, on the curve of the holder's, and
// derives the session keys for an engagement that was scanned as QR code or came
// by NFC (its Handover says which).
func NewReader(e *Engagement, rand io.Reader) (*Reader, error) {
	public, err := e.DeviceKey.ECDH()
	if err != nil {
		return nil, fmt.Errorf("making reader session: %w: %w", ErrUnsupported, err)
	}
	private, err := public.Curve().GenerateKey(rand)
	if err != nil {
		return nil, fmt.Errorf("making reader session: %w", err)
	}
	return newReader(e, private)
}

func newReader(e *Engagement, private *ecdh.PrivateKey) (*Reader, error) {
	public, err := e.DeviceKey.ECDH()
	if err != nil {
		return nil, fmt.Errorf("making reader session: %w: %w", ErrUnsupported, err)
	}
	key, err := cose.MarshalKey(private.PublicKey())
	if err != nil {
		return nil, fmt.Errorf("making reader session: %w", err)
	}
	r := &Reader{private: private, keyBytes: cbor.WrapEncoded(key)}
	if r.transcript, err = e.transcript(r.keyBytes); err != nil {
		return nil, fmt.Errorf("making reader session: %w", err)
	}
	if r.send, r.recv, err = newChannels(private, public, r.transcript); err != nil {
		return nil, fmt.Errorf("making reader session: %w", err)
	}
	return r, nil
}

// Transcript is the session's transcript. It outlives the session, since the
// answer is verified over it.
func (r *Reader) Transcript() mdoc.SessionTranscript { return r.transcript }

// Key is the ephemeral reader key, which a deviceMac is verified with. It
// outlives the session until Close, after which it is nil.
func (r *Reader) Key() *ecdh.PrivateKey { return r.private }

// Establish encrypts the first request and returns SessionEstablishment.
func (r *Reader) Establish(deviceRequest []byte) ([]byte, error) {
	if r.established {
		return nil, fmt.Errorf("%w: session is established", ErrState)
	}
	data, err := r.seal(deviceRequest, MaxRequest)
	if err != nil {
		return nil, err
	}
	r.established = true
	return sessionEstablishment{readerKey: r.keyBytes, data: data}.build(), nil
}

// Request encrypts a later request under the same keys and returns SessionData.
func (r *Reader) Request(deviceRequest []byte) ([]byte, error) {
	if !r.established {
		return nil, fmt.Errorf("%w: session is not established", ErrState)
	}
	data, err := r.seal(deviceRequest, MaxRequest)
	if err != nil {
		return nil, err
	}
	return sessionData{data: data}.build(), nil
}

// Open takes a SessionData of the holder and returns the DeviceResponse, nil
// when there is none, and the status, nil when there is none. Status 20 may come
// with a response; every error and every status that ends the session wipes the
// keys. After an error, send StatusMessage(StatusFor(err)) and close.
func (r *Reader) Open(message []byte) (deviceResponse []byte, status *uint64, err error) {
	if !r.established {
		return nil, nil, fmt.Errorf("%w: session is not established", ErrState)
	}
	return r.open(message, MaxMessage, false)
}

// OpenInPlace is Open for whoever has no other use for message: the response
// takes its place, so that there is one copy to wipe. message holds nothing
// useful afterwards, also after an error.
func (r *Reader) OpenInPlace(message []byte) (deviceResponse []byte, status *uint64, err error) {
	if !r.established {
		return nil, nil, fmt.Errorf("%w: session is not established", ErrState)
	}
	return r.open(message, MaxMessage, true)
}

// Close ends the session and forgets the private key too. It is called when the
// answer has been verified.
func (r *Reader) Close() {
	r.end()
	r.private = nil
}
