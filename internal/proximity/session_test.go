package proximity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/cbor"
)

// Two requests and two responses on every curve, under one pair of keys.
func TestSessionCurves(t *testing.T) {
	for name, curve := range map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521(), "X25519": ecdh.X25519()} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, curve)
			got, err := p.holder.Accept(p.first)
			if err != nil || !bytes.Equal(got, request) {
				t.Fatalf("%x, %v", got, err)
			}
			if !bytes.Equal(p.reader.Transcript(), p.holder.Transcript()) || !p.holder.ReaderKey().Equal(p.reader.Key().PublicKey()) {
				t.Error("two transcripts")
			}
			for round := range 3 {
				message, err := p.holder.Respond(response)
				if err != nil {
					t.Fatal(err)
				}
				got, status, err := p.reader.Open(message)
				if err != nil || status != nil || !bytes.Equal(got, response) {
					t.Fatalf("round %d: %x, %v, %v", round, got, status, err)
				}
				if message, err = p.reader.Request(request); err != nil {
					t.Fatal(err)
				}
				if got, status, err = p.holder.Open(message); err != nil || status != nil || !bytes.Equal(got, request) {
					t.Fatalf("round %d: %x, %v, %v", round, got, status, err)
				}
			}
		})
	}
}

// A status without data uses up no counter value.
func TestStatusCountsNot(t *testing.T) {
	p := accepted(t)
	before := p.reader.recv.counter
	status := uint64(99)
	message, err := p.holder.Respond(response)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseSessionData(message)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.reader.Open(sessionData{data: m.data, status: &status}.build()); err != nil || p.reader.recv.counter != before+1 {
		t.Errorf("counter %d, %v", p.reader.recv.counter, err)
	}
	if _, _, err := p.reader.Open(StatusMessage(99)); err != nil || p.reader.recv.counter != before+1 || !p.reader.Ended() {
		t.Errorf("counter %d, %v", p.reader.recv.counter, err)
	}
}

// Messages out of order are refused and leak nothing.
func TestOrder(t *testing.T) {
	p := newPair(t, nil)
	if _, err := p.reader.Establish(request); !errors.Is(err, ErrState) {
		t.Errorf("established twice: %v", err)
	}
	if _, err := p.holder.Respond(response); !errors.Is(err, ErrState) {
		t.Errorf("response before the request: %v", err)
	}
	r, err := NewReader(p.engagement, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Request(request); !errors.Is(err, ErrState) {
		t.Errorf("request before establishment: %v", err)
	}
	if _, _, err := r.Open(StatusMessage(20)); !errors.Is(err, ErrState) {
		t.Errorf("answer before the request: %v", err)
	}
	if _, _, err := p.holder.Open(StatusMessage(20)); !errors.Is(err, ErrState) || !p.holder.Ended() {
		t.Errorf("data before establishment: %v", err)
	}
	if _, err := p.holder.Accept(p.first); !errors.Is(err, ErrState) {
		t.Errorf("establishment after the end: %v", err)
	}
	p.reader.Terminate()
	if _, err := p.reader.Request(request); !errors.Is(err, ErrState) {
		t.Errorf("request after the end: %v", err)
	}
}

func TestRequestTooLarge(t *testing.T) {
	p := newPair(t, nil)
	r, err := NewReader(p.engagement, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Establish(make([]byte, MaxRequest+1)); !errors.Is(err, ErrLimit) {
		t.Errorf("request: %v", err)
	}
	if _, err := p.holder.Accept(p.first); err != nil {
		t.Fatal(err)
	}
	if _, err := p.holder.Respond(make([]byte, MaxMessage)); !errors.Is(err, ErrLimit) {
		t.Errorf("response: %v", err)
	}
	// The largest response that may be sent is one that may be received.
	large := cbor.MustMarshal(map[string]any{"x": make([]byte, MaxMessage-64-8)})
	message, err := p.holder.Respond(large)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := p.reader.Open(message); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestHolderKey(t *testing.T) {
	p := newPair(t, nil)
	other, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*ecdh.PrivateKey{"other": other, "none": nil} {
		if h, err := NewHolder(p.engagement, key); !errors.Is(err, ErrState) || h != nil {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
}

// Keys do not outlive their use: the bytes of a session key are wiped when the
// cipher is made, the cipher when the session ends, the private key on Close.
func TestWipe(t *testing.T) {
	key := bytes.Repeat([]byte{7}, keySize)
	if _, err := newChannel(key, senderReader); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(key, make([]byte, keySize)) {
		t.Error("key bytes left")
	}
	short := []byte{1, 2, 3}
	if _, err := newChannel(short, senderReader); err == nil || !bytes.Equal(short, make([]byte, 3)) {
		t.Errorf("short key: %v, %x left", err, short)
	}
	p := accepted(t)
	p.reader.Terminate()
	p.holder.Close()
	for name, c := range map[string]*channel{"reader sends": p.reader.send, "reader receives": p.reader.recv, "holder sends": p.holder.send, "holder receives": p.holder.recv} {
		if c.aead != nil {
			t.Errorf("%s: cipher left", name)
		}
	}
	if p.reader.Key() == nil || p.holder.private != nil {
		t.Error("private keys")
	}
	if p.reader.Close(); p.reader.Key() != nil || p.reader.Transcript() == nil {
		t.Error("after Close")
	}
}

func TestStatusFor(t *testing.T) {
	for err, want := range map[error]uint64{
		ErrDecrypt: 10, ErrMalformed: 11, ErrLimit: 11, ErrUnsupported: 11, ErrState: 20, errTest: 20,
	} {
		if got := StatusFor(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}
