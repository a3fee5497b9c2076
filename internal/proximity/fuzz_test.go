package proximity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"

	"vidimus/internal/cbor"
)

func sentinel(err error) bool {
	for _, known := range []error{ErrMalformed, ErrLimit, ErrUnsupported, ErrDecrypt, ErrState} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// FuzzParseEngagement: a refusal returns nothing; what is accepted keeps its
// bytes, reads back from its own URI and opens a session or says why not.
func FuzzParseEngagement(f *testing.F) {
	for _, v := range qrVectors(f) {
		f.Add(fromHex(f, v.Engagement))
	}
	f.Add(with(f, map[any]any{0: "1.1", 5: []any{}, 6: map[int]any{2: true, 3: true, 4: false}}))
	f.Add(with(f, map[any]any{2: methods(3)}))
	for _, curve := range []ecdh.Curve{ecdh.P384(), ecdh.P521(), ecdh.X25519()} {
		e, _, err := NewEngagement(Options{Curve: curve, BLE: &BLE{PeripheralServer: true, PSM: 0x80}}, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseEngagement(raw)
		if err != nil {
			if e != nil || !sentinel(err) {
				t.Fatalf("%+v, %v", e, err)
			}
			return
		}
		if !bytes.Equal(e.Raw, raw) || !bytes.Contains(raw, e.DeviceKeyBytes) {
			t.Fatal("not as received")
		}
		if e.Version == "1.0" && e.Capabilities != nil || len(e.Methods) > MaxMethods {
			t.Fatalf("%+v", e)
		}
		if uri := e.URI(); len(uri) <= MaxURI && len(e.Methods) > 0 {
			if back, err := ParseEngagementURI(uri); err != nil || !bytes.Equal(back.Raw, raw) {
				t.Fatalf("%s: %v", uri, err)
			}
		}
		if _, err := e.Ident(); err != nil {
			t.Fatal(err)
		}
		if r, err := NewReader(e, rand.Reader); err != nil && (r != nil || !sentinel(err)) {
			t.Fatalf("%+v, %v", r, err)
		} else if err == nil && !bytes.Contains(r.Transcript(), raw) {
			t.Fatal("the transcript holds other bytes")
		}
	})
}

// FuzzSessionData feeds both sides of a session: nothing but what was encrypted
// under its keys comes out, and after an error nothing more does.
func FuzzSessionData(f *testing.F) {
	v := annexD(f)
	f.Add(v["session_data"])
	f.Add(v["session_termination"])
	f.Add(v["session_establishment"])
	f.Add(StatusMessage(10))
	f.Add(sessionData{data: []byte("x")}.build())
	engagement := engagementOf(f, v)
	establishment, err := parseEstablishment(v["session_establishment"])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := parseSessionData(message)
		if err != nil && (m != nil || !sentinel(err)) {
			t.Fatalf("%+v, %v", m, err)
		}
		if err == nil {
			if again, err := parseSessionData(m.build()); err != nil || !bytes.Equal(again.data, m.data) || (again.status == nil) != (m.status == nil) {
				t.Fatalf("%+v written again: %v", m, err)
			}
			if entries, err := cbor.MapEntries(message); err == nil && cbor.Lint(message) == nil && len(message) == len(m.build()) &&
				len(entries) <= 2 && !bytes.Equal(m.build(), message) {
				t.Fatalf("%x written again as %x", message, m.build())
			}
		}
		r := &Reader{established: true, keyBytes: establishment.readerKey}
		if r.send, err = newChannel(bytes.Clone(v["sk_reader"]), senderReader); err != nil {
			t.Fatal(err)
		}
		if r.recv, err = newChannel(bytes.Clone(v["sk_device"]), senderDevice); err != nil {
			t.Fatal(err)
		}
		got, status, err := r.Open(message)
		if err != nil {
			if got != nil || status != nil || !sentinel(err) || !r.Ended() {
				t.Fatalf("%x, %v, %v", got, status, err)
			}
		} else if got != nil && !bytes.Equal(got, v["device_response"]) {
			t.Fatalf("%x was never encrypted", got)
		} else if got == nil && !r.Ended() {
			t.Fatal("a status without data goes on")
		}
		if _, err := parseEstablishment(message); err != nil {
			return
		}
		h, err := NewHolder(engagement, p256(t, v["ephemeral_device_key_d"]))
		if err != nil {
			t.Fatal(err)
		}
		request, err := h.Accept(message)
		if err != nil && (request != nil || !sentinel(err) || !h.Ended()) {
			t.Fatalf("%x, %v", request, err)
		}
		if err == nil && bytes.Contains(message, r.keyBytes) && !bytes.Equal(request, v["device_request"]) {
			t.Fatalf("%x was never encrypted", request)
		}
	})
}
