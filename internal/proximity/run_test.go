package proximity

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
)

var errTest = errors.New("not today")

// meet makes a fresh reader and holder, and a transport between them.
func meet(t testing.TB) (r *Reader, h *Holder, rt, ht Transport) {
	t.Helper()
	e, priv, err := NewEngagement(Options{BLE: &BLE{CentralClient: true}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	scanned, err := ParseEngagementURI(e.URI())
	if err != nil {
		t.Fatal(err)
	}
	if r, err = NewReader(scanned, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if h, err = NewHolder(e, priv); err != nil {
		t.Fatal(err)
	}
	rt, ht = Pipe()
	return r, h, rt, ht
}

func TestRun(t *testing.T) {
	r, h, rt, ht := meet(t)
	var asked []byte
	var transcript mdoc.SessionTranscript
	done := make(chan error)
	go func() {
		done <- RunHolder(t.Context(), ht, h, func(req []byte, tr mdoc.SessionTranscript) ([]byte, error) {
			asked, transcript = req, tr
			return response, nil
		})
	}()
	got, err := RunReader(t.Context(), rt, r, request)
	if err != nil || !bytes.Equal(got, response) {
		t.Errorf("%x, %v", got, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(asked, request) || !bytes.Equal(transcript, r.Transcript()) {
		t.Errorf("asked %x", asked)
	}
	if !r.Ended() || !h.Ended() || r.Key() == nil || h.private != nil {
		t.Error("the session goes on")
	}
	if _, err := RunReader(t.Context(), rt, r, request); !errors.Is(err, ErrState) {
		t.Errorf("run twice: %v", err)
	}
}

// The holder refuses: the reader learns that the session is over, nothing else.
func TestRunHolderRefuses(t *testing.T) {
	r, h, rt, ht := meet(t)
	done := make(chan error)
	go func() {
		done <- RunHolder(t.Context(), ht, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) { return nil, errTest })
	}()
	got, err := RunReader(t.Context(), rt, r, request)
	var status *StatusError
	if !errors.As(err, &status) || status.Status != StatusTermination || got != nil {
		t.Errorf("%x, %v", got, err)
	}
	if err := <-done; !errors.Is(err, errTest) {
		t.Error(err)
	}
}

// script plays one side by hand: it sends what it is told and keeps what it gets.
func script(t *testing.T, tr Transport, send ...[]byte) {
	t.Helper()
	for _, msg := range send {
		if err := tr.Send(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
}

func last(t *testing.T, tr Transport) (messages [][]byte) {
	t.Helper()
	for {
		msg, err := tr.Recv(t.Context())
		if errors.Is(err, io.EOF) {
			return messages
		}
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, msg)
	}
}

// What a reader answers to bad messages, and that it closes.
func TestRunReaderAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		message []byte
		status  uint64
		want    error
	}{
		"undecryptable": {sessionData{data: make([]byte, 40)}.build(), StatusEncryption, ErrDecrypt},
		"no CBOR":       {[]byte("hello"), StatusCBOR, ErrMalformed},
		"empty map":     {[]byte{0xa0}, StatusCBOR, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r, _, rt, ht := meet(t)
			script(t, ht, c.message)
			got, err := RunReader(t.Context(), rt, r, request)
			if !errors.Is(err, c.want) || got != nil {
				t.Errorf("%x, %v", got, err)
			}
			messages := last(t, ht)
			if len(messages) != 2 || !bytes.Equal(messages[1], StatusMessage(c.status)) {
				t.Errorf("sent %x", messages)
			}
		})
	}
	for _, code := range []uint64{10, 11, 20, 99} {
		r, _, rt, ht := meet(t)
		script(t, ht, StatusMessage(code))
		_, err := RunReader(t.Context(), rt, r, request)
		var status *StatusError
		if !errors.As(err, &status) || status.Status != code || status.Error() == "" {
			t.Errorf("%d: %v", code, err)
		}
		if messages := last(t, ht); len(messages) != 1 {
			t.Errorf("%d: sent %x", code, messages)
		}
	}
}

// A holder that leaves before its response has failed; one that leaves after it
// has not.
func TestRunReaderDisconnect(t *testing.T) {
	r, _, rt, ht := meet(t)
	ht.Close()
	if got, err := RunReader(t.Context(), rt, r, request); err == nil || got != nil {
		t.Errorf("%x, %v", got, err)
	}
	r, h, rt, ht := meet(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer ht.Close()
		first, err := ht.Recv(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := h.Accept(first); err != nil {
			t.Error(err)
			return
		}
		message, err := h.Respond(response)
		if err != nil {
			t.Error(err)
			return
		}
		if err := ht.Send(t.Context(), message); err != nil {
			t.Error(err)
		}
	}()
	if got, err := RunReader(t.Context(), rt, r, request); err != nil || !bytes.Equal(got, response) {
		t.Errorf("%x, %v", got, err)
	}
	<-done
}

func TestRunHolderAnswers(t *testing.T) {
	never := func([]byte, mdoc.SessionTranscript) ([]byte, error) {
		return nil, errors.New("asked")
	}
	for name, c := range map[string]struct {
		message func(r *Reader) []byte
		status  uint64
		want    error
	}{
		"undecryptable": {func(r *Reader) []byte {
			m := sessionEstablishment{readerKey: r.keyBytes, data: make([]byte, 40)}
			return m.build()
		}, StatusEncryption, ErrDecrypt},
		"no CBOR":      {func(*Reader) []byte { return []byte("hello") }, StatusCBOR, ErrMalformed},
		"session data": {func(*Reader) []byte { return StatusMessage(20) }, StatusCBOR, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r, h, rt, ht := meet(t)
			script(t, rt, c.message(r))
			if err := RunHolder(t.Context(), ht, h, never); !errors.Is(err, c.want) {
				t.Error(err)
			}
			if messages := last(t, rt); len(messages) != 1 || !bytes.Equal(messages[0], StatusMessage(c.status)) {
				t.Errorf("sent %x", messages)
			}
		})
	}
	t.Run("reader never comes", func(t *testing.T) {
		_, h, _, ht := meet(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := RunHolder(ctx, ht, h, never); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// A reader that asks twice is answered twice; one that never stops is stopped.
func TestRunHolderRequests(t *testing.T) {
	for name, c := range map[string]struct {
		requests int
		end      []byte
		want     error
		status   uint64
	}{
		"two, then status 20":  {2, StatusMessage(20), nil, 0},
		"two, then disconnect": {2, nil, nil, 0},
		"two, then status 10":  {2, StatusMessage(10), nil, 10},
		"two, then junk":       {2, []byte("x"), ErrMalformed, 0},
		"too many":             {MaxRequests + 1, nil, ErrLimit, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, h, rt, ht := meet(t)
			answers := 0
			done := make(chan error)
			go func() {
				done <- RunHolder(t.Context(), ht, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) {
					answers++
					return cbor.MustMarshal(map[string]int{"n": answers}), nil
				})
			}()
			message, err := r.Establish(request)
			if err != nil {
				t.Fatal(err)
			}
			for n := 1; n <= c.requests; n++ {
				script(t, rt, message)
				answer, err := rt.Recv(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got, _, err := r.Open(answer)
				if n > MaxRequests {
					if err != nil || got != nil || !r.Ended() {
						t.Errorf("after the last request: %x, %v", got, err)
					}
					break
				}
				if err != nil || !bytes.Equal(got, cbor.MustMarshal(map[string]int{"n": n})) {
					t.Fatalf("%x, %v", got, err)
				}
				if message, err = r.Request(request); err != nil {
					t.Fatal(err)
				}
			}
			if c.end != nil {
				script(t, rt, c.end)
			}
			rt.Close()
			err = <-done
			var status *StatusError
			switch {
			case c.status != 0:
				if !errors.As(err, &status) || status.Status != c.status {
					t.Error(err)
				}
			case !errors.Is(err, c.want) || c.want == nil && err != nil:
				t.Errorf("%v, want %v", err, c.want)
			}
			if answers != min(c.requests, MaxRequests) {
				t.Errorf("%d answers", answers)
			}
		})
	}
}
