package bundle

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

// FuzzOpen: whatever a trusted signer signs, what is refused leaves nothing, and
// what is taken keeps its promises. The signature is made anew, so that the fuzzer
// gets past it.
func FuzzOpen(f *testing.F) {
	w := newWorld(f)
	f.Add(payloadOf(f, w.build(w.contents(1, start)).Data))
	c := w.contents(2, start)
	c.Lists, c.CRLs, c.Policy, c.Countries = nil, nil, nil, []string{"UT"}
	f.Add(payloadOf(f, w.build(c).Data))
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		data, err := cose.SignSign1(w.BundleSigner.Key, payload, cose.SignOptions{Tagged: true, Protected: map[any]any{
			cose.LabelContentType: ContentType, cose.LabelX5Chain: w.BundleSigner.Cert.Raw}}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Open(data, w.pins(), start)
		if err != nil {
			var path *pki.PathError
			if b != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrClock) && !errors.Is(err, ErrReader) && !errors.As(err, &path) {
				t.Fatalf("%v, %v", b, err)
			}
			return
		}
		if b.Publisher == "" || b.Sequence == 0 || b.Issued.After(start.Add(skew)) || !b.Expires.After(b.Issued) || b.Trust() == nil || b.CRLs() == nil {
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
	good := w.build(w.contents(1, start)).Data
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
