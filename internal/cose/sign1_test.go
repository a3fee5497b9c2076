package cose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"vidimus/internal/cbor"
)

// signers returns one key per supported curve.
func signers(t testing.TB) map[Algorithm]crypto.Signer {
	t.Helper()
	keys := map[Algorithm]crypto.Signer{}
	for alg, curve := range map[Algorithm]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[alg] = key
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys[EdDSA] = key
	return keys
}

// token hides the concrete type of a key, as an HSM's signer does.
type token struct{ crypto.Signer }

func TestSignVerify(t *testing.T) {
	payload := []byte("payload")
	keys := signers(t)
	for alg, key := range keys {
		for name, signer := range map[string]crypto.Signer{"key": key, "token": token{key}} {
			t.Run(alg.String()+"/"+name, func(t *testing.T) {
				data, err := SignSign1(signer, payload, SignOptions{Unprotected: map[any]any{33: X5ChainValue([][]byte{{1}})}}, rand.Reader)
				if err != nil {
					t.Fatal(err)
				}
				s, err := ParseSign1(data)
				if err != nil {
					t.Fatal(err)
				}
				if s.Header.Algorithm != alg || s.Tagged || !bytes.Equal(s.Payload, payload) || len(s.Header.X5Chain) != 1 {
					t.Errorf("parsed %+v", s)
				}
				if err := s.Verify(key.Public()); err != nil {
					t.Error(err)
				}
				if err := s.VerifyDetached(key.Public(), payload); !errors.Is(err, ErrMalformed) {
					t.Errorf("attached payload taken as detached: %v", err)
				}
				for other, k := range keys {
					if other != alg {
						if err := s.Verify(k.Public()); !errors.Is(err, ErrKey) {
							t.Errorf("key for %v: %v", other, err)
						}
					}
				}
				s.Payload = append([]byte("x"), payload...)
				if err := s.Verify(key.Public()); !errors.Is(err, ErrSignature) {
					t.Errorf("other payload: %v", err)
				}
			})
		}
	}
}

func TestSignDetachedTagged(t *testing.T) {
	key := signers(t)[ES256]
	data, err := SignSign1(key, []byte("payload"), SignOptions{
		Protected: map[any]any{16: "application/statuslist+cwt", int64(4): []byte("k")}, Tagged: true, Detached: true, Algorithm: ESP256,
	}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSign1(data)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Tagged || s.Payload != nil || s.Header.Algorithm != ESP256 || s.Header.Type != "application/statuslist+cwt" || string(s.Header.KeyID) != "k" {
		t.Errorf("parsed %+v", s)
	}
	if err := s.VerifyDetached(key.Public(), []byte("payload")); err != nil {
		t.Error(err)
	}
	if err := s.VerifyDetached(key.Public(), []byte("other")); !errors.Is(err, ErrSignature) {
		t.Errorf("other payload: %v", err)
	}
	if err := s.Verify(key.Public()); !errors.Is(err, ErrMalformed) {
		t.Errorf("detached payload taken as attached: %v", err)
	}
}

// One certificate is a byte string, more are an array (RFC 9360, 2).
func TestX5ChainValue(t *testing.T) {
	for _, n := range []int{1, 2, MaxChain} {
		chain := make([][]byte, n)
		for i := range chain {
			chain[i] = []byte{byte(i)}
		}
		data, err := SignSign1(signers(t)[ES256], nil, SignOptions{Protected: map[any]any{33: X5ChainValue(chain)}}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSign1(data)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Header.X5Chain) != n || s.Header.X5ChainSingleArray || !s.Header.X5ChainProtected || !bytes.Equal(s.Header.X5Chain[n-1], chain[n-1]) {
			t.Errorf("%d certificates: %+v", n, s.Header)
		}
	}
}

// An empty payload is attached, a missing one is detached.
func TestEmptyPayload(t *testing.T) {
	key := signers(t)[ES256]
	for _, payload := range [][]byte{nil, {}} {
		data, err := SignSign1(key, payload, SignOptions{}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSign1(data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Payload == nil {
			t.Fatal("empty payload read as detached")
		}
		if err := s.Verify(key.Public()); err != nil {
			t.Error(err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	keys := signers(t)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		signer crypto.Signer
		opt    SignOptions
		want   error
	}{
		"other curve":         {keys[ES256], SignOptions{Algorithm: ES384}, ErrKey},
		"EdDSA with EC":       {keys[ES256], SignOptions{Algorithm: EdDSA}, ErrKey},
		"MAC":                 {keys[ES256], SignOptions{Algorithm: HMAC256}, ErrKey},
		"P-224":               {p224, SignOptions{}, ErrUnsupported},
		"own alg":             {keys[ES256], SignOptions{Protected: map[any]any{1: -7}}, ErrMalformed},
		"alg in unprotected":  {keys[ES256], SignOptions{Unprotected: map[any]any{1: -7}}, ErrMalformed},
		"label in both":       {keys[ES256], SignOptions{Protected: map[any]any{4: []byte{1}}, Unprotected: map[any]any{int64(4): []byte{1}}}, ErrMalformed},
		"label twice":         {keys[ES256], SignOptions{Protected: map[any]any{4: []byte{1}, int64(4): []byte{1}}}, ErrMalformed},
		"label of other type": {keys[ES256], SignOptions{Protected: map[any]any{uint8(4): []byte{1}}}, ErrMalformed},
		"unknown critical":    {keys[ES256], SignOptions{Protected: map[any]any{2: []int{99}, 99: 1}}, ErrUnsupported},
		"signer lies":         {liar{keys[ES256]}, SignOptions{}, ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := SignSign1(c.signer, []byte("x"), c.opt, rand.Reader)
			if !errors.Is(err, c.want) || data != nil {
				t.Errorf("%x, %v, want %v", data, err, c.want)
			}
		})
	}
}

// liar returns r || s where a signer returns DER.
type liar struct{ crypto.Signer }

func (liar) Sign(_ io.Reader, _ []byte, _ crypto.SignerOpts) ([]byte, error) {
	return make([]byte, 64), nil
}

func TestMac0(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	data, err := Mac0Detached(key, []byte("payload"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []byte{0x84, 0x43, 0xa1, 1, 5, 0xa0, 0xf6, 0x58, 32}; !bytes.HasPrefix(data, want) {
		t.Errorf("starts %x, want %x", data[:9], want)
	}
	m, err := ParseMac0(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.VerifyDetached(key, []byte("payload")); err != nil {
		t.Error(err)
	}
	if err := m.VerifyDetached(key, []byte("other")); !errors.Is(err, ErrSignature) {
		t.Errorf("other payload: %v", err)
	}
	if err := m.VerifyDetached(key[:31], []byte("payload")); !errors.Is(err, ErrKey) {
		t.Errorf("short key: %v", err)
	}
	if err := m.Verify(key); !errors.Is(err, ErrMalformed) {
		t.Errorf("detached payload taken as attached: %v", err)
	}
	m.MAC = m.MAC[:31]
	if err := m.VerifyDetached(key, []byte("payload")); !errors.Is(err, ErrSignature) {
		t.Errorf("short MAC: %v", err)
	}
	if _, err := Mac0Detached(nil, []byte("payload")); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if _, err := ParseSign1(data); !errors.Is(err, ErrUnsupported) {
		t.Errorf("Mac0 read as Sign1: %v", err)
	}
	if _, err := ParseSign1(cbor.MustMarshal(cbor.Tag{Number: 17, Content: cbor.RawMessage(data)})); !errors.Is(err, ErrMalformed) {
		t.Errorf("tagged Mac0 read as Sign1: %v", err)
	}
}

// A caller that expects more than one message of a session says how much.
func TestParseSign1Limit(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	data, err := SignSign1(key, make([]byte, cbor.MaxMessage+1), SignOptions{Tagged: true}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseSign1(data); !errors.Is(err, ErrMalformed) {
		t.Errorf("beyond the limit: %v", err)
	}
	msg, err := ParseSign1Limit(data, len(data))
	if err != nil || len(msg.Payload) != cbor.MaxMessage+1 || msg.Verify(key.Public()) != nil {
		t.Errorf("within another: %v", err)
	}
	if _, err := ParseSign1Limit(data, len(data)-1); !errors.Is(err, ErrMalformed) {
		t.Errorf("one byte too many: %v", err)
	}
}
