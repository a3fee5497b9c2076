package proximity

import (
	"bytes"
	"errors"
	"testing"
)

// In place the same comes out as otherwise, the ciphertext is gone, and a message
// that was touched gives nothing and leaves nothing.
func TestOpenInPlace(t *testing.T) {
	p := accepted(t)
	for round := range 3 {
		message, err := p.holder.Respond(response)
		if err != nil {
			t.Fatal(err)
		}
		sealed := bytes.Clone(message)
		got, status, err := p.reader.OpenInPlace(message)
		if err != nil || status != nil || !bytes.Equal(got, response) {
			t.Fatalf("round %d: %x, %v, %v", round, got, status, err)
		}
		at := bytes.Index(message, response)
		if at < 0 || &message[at] != &got[0] || bytes.Equal(message, sealed) {
			t.Errorf("round %d: there are two copies", round)
		}
	}
	message, err := p.holder.Respond(response)
	if err != nil {
		t.Fatal(err)
	}
	message[len(message)-1] ^= 1
	if got, _, err := p.reader.OpenInPlace(message); got != nil || !errors.Is(err, ErrDecrypt) || bytes.Contains(message, response[:8]) {
		t.Errorf("%x, %v", got, err)
	}
	if !p.reader.Ended() {
		t.Error("the session goes on")
	}
}
