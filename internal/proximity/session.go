package proximity

import (
	"fmt"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
)

// session is what reader and holder have in common once the keys are there.
type session struct {
	transcript mdoc.SessionTranscript
	send, recv *channel
	ended      bool
}

// open takes a SessionData: what it decrypts to, nil without data, and its
// status, nil without one. Status 20, 10, 11 and, without data, any other end
// the session (9.1.1.4). So does every error.
func (s *session) open(message []byte, max int, inPlace bool) (plaintext []byte, status *uint64, err error) {
	defer func() {
		if err != nil {
			s.end()
		}
	}()
	if s.ended {
		return nil, nil, fmt.Errorf("%w: session has ended", ErrState)
	}
	m, err := parseSessionData(message)
	if err != nil {
		return nil, nil, err
	}
	if m.data != nil {
		if plaintext, err = s.decrypt(m.data, max, inPlace); err != nil {
			return nil, nil, err
		}
	}
	if m.status != nil && (m.data == nil || *m.status == StatusTermination) {
		s.end()
	}
	return plaintext, m.status, nil
}

// decrypt opens data and checks that it holds exactly one acceptable CBOR item
// of at most max bytes. In place the plaintext overwrites data.
func (s *session) decrypt(data []byte, max int, inPlace bool) ([]byte, error) {
	var dst []byte
	if inPlace {
		dst = data[:0]
	}
	plaintext, err := s.recv.open(dst, data)
	if err != nil {
		return nil, err
	}
	if len(plaintext) > max {
		return nil, fmt.Errorf("%w: decrypted message of %d bytes, at most %d", ErrLimit, len(plaintext), max)
	}
	if _, err := cbor.CheckMap(plaintext, cbor.MaxMessage); err != nil {
		return nil, fmt.Errorf("%w: decrypted message: %w", ErrMalformed, err)
	}
	return plaintext, nil
}

// seal encrypts a message of this side.
func (s *session) seal(plaintext []byte, max int) ([]byte, error) {
	if s.ended {
		return nil, fmt.Errorf("%w: session has ended", ErrState)
	}
	if len(plaintext) > max {
		return nil, fmt.Errorf("%w: message of %d bytes, at most %d", ErrLimit, len(plaintext), max)
	}
	return s.send.seal(plaintext)
}

// end forgets the session keys. The transcript stays: the answer is verified
// over it.
func (s *session) end() {
	s.ended = true
	for _, c := range []*channel{s.send, s.recv} {
		if c != nil {
			c.wipe()
		}
	}
}

// Terminate ends the session and returns the message that says so to the other
// side: SessionData with status 20.
func (s *session) Terminate() []byte {
	s.end()
	return StatusMessage(StatusTermination)
}

// Ended reports whether the session is over: terminated by either side, or by an
// error.
func (s *session) Ended() bool {
	return s.ended
}
