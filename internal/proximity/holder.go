package proximity

import (
	"bytes"
	"crypto/ecdh"
	"fmt"

	"vidimus/internal/mdoc"
)

// Holder is the holder's side of one session. It serves its engagement once.
type Holder struct {
	session
	engagement *Engagement
	private    *ecdh.PrivateKey
	readerKey  *ecdh.PublicKey
}

// NewHolder takes the engagement that was shown and its private key.
func NewHolder(e *Engagement, private *ecdh.PrivateKey) (*Holder, error) {
	public, err := e.DeviceKey.ECDH()
	if err != nil {
		return nil, fmt.Errorf("making holder session: %w: %w", ErrUnsupported, err)
	}
	if private == nil || !private.PublicKey().Equal(public) {
		return nil, fmt.Errorf("making holder session: %w: not the key of this engagement", ErrState)
	}
	return &Holder{engagement: e, private: private}, nil
}

// Accept takes SessionEstablishment and returns the DeviceRequest. A second one
// ends the session.
func (h *Holder) Accept(message []byte) (deviceRequest []byte, err error) {
	defer func() {
		if err != nil {
			h.end()
		}
	}()
	if h.ended || h.recv != nil {
		return nil, fmt.Errorf("%w: second SessionEstablishment", ErrState)
	}
	m, err := parseEstablishment(message)
	if err != nil {
		return nil, err
	}
	readerKeyBytes := bytes.Clone(m.readerKey)
	if h.readerKey, err = h.parseReaderKey(readerKeyBytes); err != nil {
		return nil, fmt.Errorf("eReaderKey: %w", err)
	}
	if h.transcript, err = h.engagement.transcript(readerKeyBytes); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if h.recv, h.send, err = newChannels(h.private, h.readerKey, h.transcript); err != nil {
		return nil, err
	}
	return h.decrypt(m.data, MaxRequest, false)
}

// parseReaderKey reads EReaderKeyBytes: a key on the curve of the device key, in
// full (9.1.1.4: an EReaderKey has no sign bit).
func (h *Holder) parseReaderKey(item []byte) (*ecdh.PublicKey, error) {
	key, err := parseSessionKey(item)
	if err != nil {
		return nil, err
	}
	if key.Compressed {
		return nil, fmt.Errorf("%w: compressed point", ErrMalformed)
	}
	public, err := key.ECDH()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if public.Curve() != h.private.Curve() {
		return nil, fmt.Errorf("%w: key on %v instead of %v", ErrMalformed, public.Curve(), h.private.Curve())
	}
	return public, nil
}

// Transcript is the session's transcript, nil before Accept.
func (h *Holder) Transcript() mdoc.SessionTranscript { return h.transcript }

// ReaderKey is the reader's ephemeral key, with which a deviceMac is made; nil
// before Accept.
func (h *Holder) ReaderKey() *ecdh.PublicKey { return h.readerKey }

// Respond encrypts a DeviceResponse and returns SessionData.
func (h *Holder) Respond(deviceResponse []byte) ([]byte, error) {
	if h.send == nil {
		return nil, fmt.Errorf("%w: session is not established", ErrState)
	}
	data, err := h.seal(deviceResponse, MaxMessage-64)
	if err != nil {
		return nil, err
	}
	return sessionData{data: data}.build(), nil
}

// Open takes a SessionData of the reader and returns a later DeviceRequest, nil
// when there is none, and the status, nil when there is none.
func (h *Holder) Open(message []byte) (deviceRequest []byte, status *uint64, err error) {
	if h.recv == nil {
		h.end()
		return nil, nil, fmt.Errorf("%w: session is not established", ErrState)
	}
	return h.open(message, MaxRequest, false)
}

// Close ends the session and forgets the private key.
func (h *Holder) Close() {
	h.end()
	h.private = nil
}
