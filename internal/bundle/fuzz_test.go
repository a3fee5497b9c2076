package bundle

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"vidimus/internal/statuslist"
)

// FuzzPayload: whatever a trusted signer signs, what is refused leaves nothing, and
// what is taken keeps its promises. It begins behind the signature, which no fuzzer
// gets past.
func FuzzPayload(f *testing.F) {
	w := newWorld(f)
	c := w.contents(1, start)
	c.Lists = c.Lists[2:] // short ones
	f.Add(payloadOf(f, w.build(c).Data))
	c.Lists, c.CRLs, c.Policy, c.Countries = nil, nil, nil, []string{"UT"}
	f.Add(payloadOf(f, w.build(c).Data))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		b, err := open(payload)
		if err != nil {
			if b != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v, %v", b, err)
			}
			return
		}
		if b.Publisher == "" || b.Sequence == 0 || !b.Expires.After(b.Issued) || b.Trust() == nil || b.CRLs() == nil {
			t.Fatalf("%+v", b)
		}
		for _, a := range b.Trust().All() {
			if len(a.Purposes) == 0 || a.Cert.Anchor() != nil {
				t.Fatalf("anchor %+v", a)
			}
		}
		for _, l := range b.Lists() {
			token, err := b.List(l.URI, l.Format, start)
			if err == nil && (len(token) != l.Bytes || b.Ended(start) || !l.Expires.IsZero() && !start.Before(l.Expires)) {
				t.Fatalf("list %+v", l)
			}
			if got, err := b.Token(l.URI, l.Format, start); err == nil {
				if _, err := got.Lookup(statuslist.Reference{URI: l.URI}, start); err == nil {
					t.Fatal("an answer without a signature")
				}
			}
		}
		if _, err := b.List("urn:nowhere", statuslist.FormatJWT, start); err == nil {
			t.Fatal("a list from nowhere")
		}
	})
}

// FuzzOpenRaw: nothing that our signer did not sign is a bundle.
func FuzzOpenRaw(f *testing.F) {
	w := newWorld(f)
	c := w.contents(1, start)
	c.Lists, c.CRLs = nil, nil
	good := w.build(c).Data
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{0xd2, 0x84, 0x40, 0xa0, 0x40, 0x40})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Open(data, w.pins(), start)
		if (b == nil) != (err != nil) {
			t.Fatalf("%v, %v", b, err)
		}
		if b != nil && !bytes.Equal(payloadOf(t, data), payloadOf(t, good)) {
			t.Fatal("another payload under our signature")
		}
	})
}

// FuzzParseMark: what is read is written again as the same bytes, and never lets
// the clock or the number go back.
func FuzzParseMark(f *testing.F) {
	w := newWorld(f)
	m := &Mark{Clock: start}
	f.Add(m.Marshal()[32:])
	w.must(m.Accept(w.bundle(3, start), start))
	f.Add(m.Marshal()[32:])
	b := w.bundle(4, start)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ParseMark(withSum(body))
		if err != nil {
			if m != nil || !errors.Is(err, ErrMark) {
				t.Fatalf("%v, %v", m, err)
			}
			return
		}
		again, err := ParseMark(m.Marshal())
		if err != nil || !again.Clock.Equal(m.Clock) || again.Sequence != m.Sequence || again.Publisher != m.Publisher {
			t.Fatalf("%+v, %+v, %v", m, again, err)
		}
		before := *m
		_ = m.Accept(b, start)
		m.See(start, start.Add(time.Hour))
		if m.Sequence < before.Sequence || m.Clock.Before(before.Clock) {
			t.Fatalf("%+v after %+v", m, before)
		}
	})
}

// open reads a payload as if its signer had been believed.
func open(payload []byte) (*Bundle, error) {
	w, err := parsePayload(payload)
	if err != nil {
		return nil, err
	}
	b, err := w.header()
	if err != nil {
		return nil, err
	}
	if err := b.read(w); err != nil {
		return nil, err
	}
	return b, nil
}
