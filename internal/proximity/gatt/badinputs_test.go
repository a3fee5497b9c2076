package gatt

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
)

// value is one that a scripted peer writes.
type value struct {
	c Characteristic
	b []byte
}

// scripted starts a transport on one end of a connection and gives the other end,
// the bare link, into the hands of the test.
func scripted(t *testing.T, c Conditions, mode Mode, side Side) (*Transport, Link) {
	t.Helper()
	m := NewModel(c)
	offer := Offer{Mode: mode, Service: service}
	peer := make(chan Link)
	connect, other := m.Scan(offer), m.Advertise(offer, ident)
	if mode.Role(side) == Server {
		connect, other = other, connect
	}
	go func() {
		link, err := other(t.Context())
		if err != nil {
			t.Error(err)
		}
		peer <- link
	}()
	link, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw := <-peer
	if mode.Role(side) == Server {
		put(t, raw, value{State, []byte{stateStart}})
	}
	tr, err := Start(t.Context(), link, Options{Mode: mode, Side: side, Ident: ident})
	if err != nil {
		t.Fatal(err)
	}
	if mode.Role(side) == Client {
		if c, b, err := raw.Read(t.Context()); err != nil || c != State || !bytes.Equal(b, []byte{stateStart}) {
			t.Fatalf("%v %x, %v", c, b, err)
		}
	}
	return tr, raw
}

func put(t *testing.T, link Link, values ...value) {
	t.Helper()
	for _, v := range values {
		if err := link.Write(t.Context(), v.c, v.b); err != nil {
			t.Fatal(err)
		}
	}
}

// What a peer sends after the start, over both roles: fragments (bad input Q05),
// their order (Q06), and State (Q07). want is the error of the last Recv, messages
// are those before it.
func TestBadInputs(t *testing.T) {
	const more, last = prefixMore, prefixLast
	message := func(b ...byte) value { return value{0, b} } // the peer's messages
	state := func(b ...byte) value { return value{State, b} }
	repeated := func(v value, n int) (values []value) {
		for range n {
			values = append(values, v)
		}
		return values
	}
	for name, c := range map[string]struct {
		sent     []value
		messages []string
		want     error
	}{
		"Q05/prefix_02":               {[]value{message(0x02, 'x')}, nil, proximity.ErrMalformed},
		"Q05/prefix_ff":               {[]value{message(0xff)}, nil, proximity.ErrMalformed},
		"Q05/prefix_02_within":        {[]value{message(more, 'x'), message(0x02, 'y')}, nil, proximity.ErrMalformed},
		"Q05/prefix_ff_after_one":     {[]value{message(last, 'x'), message(0xff)}, []string{"x"}, proximity.ErrMalformed},
		"Q05/endless_without_content": {repeated(message(more), MaxEmpty+1), nil, proximity.ErrLimit},
		"Q06/zero_length":             {[]value{message()}, nil, proximity.ErrMalformed},
		"Q06/zero_length_within":      {[]value{message(more, 'x'), message()}, nil, proximity.ErrMalformed},
		"Q06/final_without_content":   {[]value{message(more, 'x'), message(last)}, []string{"x"}, io.EOF}, // legal
		"Q06/nothing_but_final":       {[]value{message(last)}, []string{""}, io.EOF},
		"Q06/empty_within":            {[]value{message(more), message(more, 'x'), message(more), message(last, 'y')}, []string{"xy"}, io.EOF},
		"Q06/after_the_final_one":     {[]value{message(last, 'x'), message(more, 'y')}, []string{"x"}, ErrLost}, // the begin of a next message
		"Q06/two_messages":            {[]value{message(last, 'x'), message(more, 'y'), message(last, 'z')}, []string{"x", "yz"}, io.EOF},
		"Q06/not_full":                {[]value{message(more, 'x'), message(more, 'y'), message(last, 'z')}, []string{"xyz"}, io.EOF},
		"Q07/start_twice":             {[]value{state(stateStart)}, nil, proximity.ErrState},
		"Q07/start_within":            {[]value{message(more, 'x'), state(stateStart)}, nil, proximity.ErrState},
		"Q07/end":                     {[]value{state(stateEnd)}, nil, io.EOF},
		"Q07/end_after_one":           {[]value{message(last, 'x'), state(stateEnd)}, []string{"x"}, io.EOF},
		"Q07/end_within":              {[]value{message(more, 'x'), state(stateEnd)}, nil, ErrLost},
		"Q07/end_twice":               {[]value{state(stateEnd), state(stateEnd)}, nil, io.EOF},
		"Q07/data_after_end":          {[]value{state(stateEnd), message(last, 'x')}, nil, io.EOF},
		"Q07/state_00":                {[]value{state(0)}, nil, proximity.ErrMalformed},
		"Q07/state_03":                {[]value{state(3)}, nil, proximity.ErrMalformed},
		"Q07/state_empty":             {[]value{state()}, nil, proximity.ErrMalformed},
		"Q07/state_long":              {[]value{state(stateEnd, 0)}, nil, proximity.ErrMalformed},
		"Q07/disconnect":              {nil, nil, io.EOF},
		"Q07/disconnect_within":       {[]value{message(more, 'x')}, nil, ErrLost},
	} {
		for _, mode := range []Mode{CentralClient, PeripheralServer} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tr, raw := scripted(t, Conditions{}, mode, Reader)
					peer := mode.Role(Holder)
					go func() {
						for _, v := range c.sent {
							if v.c == 0 {
								v.c = peer.out()
							}
							if err := raw.Write(t.Context(), v.c, v.b); err != nil {
								return // the transport has had enough
							}
						}
						raw.Close()
					}()
					var got []string
					var err error
					for err == nil {
						var m []byte
						if m, err = tr.Recv(t.Context()); err == nil {
							got = append(got, string(m))
						}
					}
					if !errors.Is(err, c.want) || len(got) != len(c.messages) {
						t.Fatalf("%q, %v, want %q, %v", got, err, c.messages, c.want)
					}
					for i := range got {
						if got[i] != c.messages[i] {
							t.Errorf("message %d: %q", i, got[i])
						}
					}
					if _, again := tr.Recv(t.Context()); !errors.Is(again, c.want) {
						t.Errorf("again: %v", again)
					}
					if err := tr.Send(t.Context(), []byte("x")); err == nil {
						t.Error("sent after the end")
					}
					tr.Close()
					if _, err := tr.Recv(t.Context()); err == nil {
						t.Error("received after Close")
					}
				})
			})
		}
	}
}

// A value of the wrong characteristic, as a link that is wrong itself gives it.
func TestWrongCharacteristic(t *testing.T) {
	for _, c := range []Characteristic{ServerClient, Ident, 0, 9} {
		tr := newTransport(nil, Options{Mode: CentralClient, Side: Reader})
		if m, err := tr.take(c, []byte{0, 1}); !errors.Is(err, proximity.ErrState) || m != nil {
			t.Errorf("%v: %x, %v", c, m, err)
		}
	}
}

// A message that never ends (bad input Q05): by its size, with the memory that it
// takes bounded, and by its time.
func TestEndless(t *testing.T) {
	full := append([]byte{prefixMore}, bytes.Repeat([]byte{7}, maxValue-1)...)
	for name, c := range map[string]struct {
		value []byte
		pause time.Duration
	}{"by size": {full, 0}, "by time": {[]byte{prefixMore, 'x'}, time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			tr, raw := scripted(t, Conditions{}, CentralClient, Reader)
			sent := make(chan int)
			go func() {
				n := 0
				for raw.Write(t.Context(), ClientServer, c.value) == nil {
					n += len(c.value)
					time.Sleep(c.pause)
				}
				sent <- n
			}()
			begin := time.Now()
			if m, err := tr.Recv(t.Context()); !errors.Is(err, proximity.ErrLimit) || m != nil {
				t.Errorf("%s: %d bytes, %v", name, len(m), err)
			}
			if took := time.Since(begin); took > DefaultMessageTime+2*time.Second || c.pause > 0 && took < DefaultMessageTime {
				t.Errorf("%s: after %v", name, took)
			}
			tr.Close()
			if n := <-sent; n > proximity.MaxMessage*101/100 || len(tr.in.parts) > proximity.MaxMessage {
				t.Errorf("%s: %d bytes were taken, %d kept", name, n, len(tr.in.parts))
			}
		})
	}
}

// Before the start (bad input Q07): what a server does with a peer that sends
// something else, and with one that goes.
func TestBeforeStart(t *testing.T) {
	for name, c := range map[string]struct {
		first value
		want  error
	}{
		"Q07/data_before_start":  {value{ClientServer, []byte{prefixLast, 'x'}}, proximity.ErrState},
		"Q07/end_before_start":   {value{State, []byte{stateEnd}}, ErrLost},
		"Q07/state_before_start": {value{State, []byte{7}}, proximity.ErrMalformed},
		"Q07/nothing":            {value{}, ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := NewModel(Conditions{}).connect(nil)
				if c.first.c != 0 {
					put(t, client, c.first)
				}
				client.Close()
				if tr, err := Start(t.Context(), server, Options{Mode: CentralClient, Side: Reader}); !errors.Is(err, c.want) || tr != nil {
					t.Errorf("%v", err)
				}
				if !server.isClosed() {
					t.Error("the link is open")
				}
			})
		})
	}
}

// Another reader near that advertises the same service (bad input Q04): the holder
// sees its Ident and goes, and tries once more.
func TestOtherIdent(t *testing.T) {
	for name, ids := range map[string][][]byte{
		"other":         {bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{1}, 16)},
		"short":         {ident[:15], ident[:15]},
		"empty":         {{}, {}},
		"longer":        {append(bytes.Clone(ident), 0), append(bytes.Clone(ident), 0)},
		"other, theirs": {bytes.Repeat([]byte{1}, 16), ident},
	} {
		t.Run("Q04/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				radio := NewModel(Conditions{})
				offer := Offer{Mode: CentralClient, Service: service}
				met := make([]Link, len(ids))
				for i, id := range ids {
					go func() {
						link, err := radio.Advertise(offer, id)(t.Context())
						if err != nil {
							t.Error(err)
						}
						met[i] = link
					}()
					synctest.Wait() // in this order
				}
				tr, err := Open(t.Context(), radio.Scan(offer), Options{Mode: CentralClient, Side: Holder, Ident: ident})
				good := bytes.Equal(ids[1], ident)
				if (err == nil) != good || !good && !errors.Is(err, ErrIdent) {
					t.Errorf("%v", err)
				}
				synctest.Wait()
				// The stranger learns nothing: no start, no message.
				if c, b, err := met[0].Read(t.Context()); !errors.Is(err, io.EOF) {
					t.Errorf("a stranger got %v %x, %v", c, b, err)
				}
				if tr != nil {
					tr.Close()
				}
			})
		})
	}
}

// A session over a transport whose peer plays the attacker: what was captured is
// played again with a new session (bad inputs Q03, Q07 and Q10).
func TestReplayedSession(t *testing.T) {
	request := cbor.MustMarshal(map[string]any{"version": "1.0", "docRequests": []any{}})
	response := cbor.MustMarshal(map[string]any{"version": "1.0", "status": 0})
	e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var captured []byte
	synctest.Test(t, func(t *testing.T) {
		r, err := proximity.NewReader(e, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		h, err := proximity.NewHolder(e, private)
		if err != nil {
			t.Fatal(err)
		}
		radio := NewModel(Conditions{})
		done := make(chan error)
		go func() {
			tr, err := meetWithin(t, radio, e, Holder)
			if err == nil {
				tr := &tap{Transport: tr}
				err = proximity.RunHolder(t.Context(), tr, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) { return response, nil })
				captured = tr.sent[0]
			}
			done <- err
		}()
		tr, err := meetWithin(t, radio, e, Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := proximity.RunReader(t.Context(), tr, r, request); err != nil || !bytes.Equal(got, response) {
			t.Errorf("%x, %v", got, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r, err := proximity.NewReader(e, rand.Reader) // the same QR code, shown by another
		if err != nil {
			t.Fatal(err)
		}
		radio := NewModel(Conditions{})
		sent := make(chan [][]byte)
		go func() {
			tr, err := meetWithin(t, radio, e, Holder)
			if err != nil {
				t.Error(err)
			}
			defer tr.Close()
			var messages [][]byte
			for err == nil {
				var m []byte
				if m, err = tr.Recv(t.Context()); err == nil {
					messages = append(messages, m)
					_ = tr.Send(t.Context(), captured)
				}
			}
			sent <- messages
		}()
		tr, err := meetWithin(t, radio, e, Reader)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := proximity.RunReader(t.Context(), tr, r, request); !errors.Is(err, proximity.ErrDecrypt) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
		if messages := <-sent; len(messages) != 2 || !bytes.Equal(messages[1], proximity.StatusMessage(proximity.StatusEncryption)) {
			t.Errorf("the replayer got %x", messages)
		}
	})
}

// tap keeps what goes out.
type tap struct {
	proximity.Transport
	sent [][]byte
}

func (t *tap) Send(ctx context.Context, msg []byte) error {
	t.sent = append(t.sent, bytes.Clone(msg))
	return t.Transport.Send(ctx, msg)
}
