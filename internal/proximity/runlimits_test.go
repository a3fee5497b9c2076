package proximity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/mdoc"
)

// The session of Annex D.5 through a whole run: the reader gets the response of the
// standard, byte by byte, and ends with its termination.
func TestAnnexDRunReader(t *testing.T) {
	v := annexD(t)
	r, err := newReader(engagementOf(t, v), p256(t, v["ephemeral_reader_key_d"]))
	if err != nil {
		t.Fatal(err)
	}
	rt, ht := Pipe()
	script(t, ht, v["session_data"])
	got, err := RunReader(t.Context(), rt, r, v["device_request"])
	if err != nil || !bytes.Equal(got, v["device_response"]) || !bytes.Equal(r.Transcript().Bytes(), v["session_transcript_bytes"]) {
		t.Errorf("%x, %v", got, err)
	}
	messages := last(t, ht)
	if len(messages) != 2 || !bytes.Equal(messages[1], v["session_termination"]) {
		t.Fatalf("sent %x", messages)
	}
	if m, err := parseEstablishment(messages[0]); err != nil || !bytes.Equal(m.data, establishmentData(t, v)) {
		t.Errorf("sent %x, %v", messages[0], err)
	}
}

// The holder's side of it, with the messages of the standard's reader.
func TestAnnexDRunHolder(t *testing.T) {
	v := annexD(t)
	h, err := NewHolder(engagementOf(t, v), p256(t, v["ephemeral_device_key_d"]))
	if err != nil {
		t.Fatal(err)
	}
	rt, ht := Pipe()
	script(t, rt, v["session_establishment"], v["session_termination"])
	err = RunHolder(t.Context(), ht, h, func(request []byte, transcript mdoc.SessionTranscript) ([]byte, error) {
		if !bytes.Equal(request, v["device_request"]) || !bytes.Equal(transcript.Bytes(), v["session_transcript_bytes"]) {
			t.Errorf("asked %x", request)
		}
		return v["device_response"], nil
	})
	if messages := last(t, rt); err != nil || len(messages) != 1 || !bytes.Equal(messages[0], v["session_data"]) {
		t.Errorf("sent %x, %v", messages, err)
	}
}

// A response that comes after five minutes, or never (bad input Q15): the reader
// stops at its limit, tells the holder, and has nothing.
func TestReaderTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		answers time.Duration // the holder's human
		in      bool
	}{
		"Q15/in_time":            {ResponseTime - time.Second, true},
		"Q15/after_five_minutes": {5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, h, rt, ht := meet(t)
				done := make(chan error)
				go func() {
					done <- RunHolder(t.Context(), ht, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) {
						time.Sleep(c.answers)
						return response, nil
					})
				}()
				begin := time.Now()
				got, err := Run{Response: ResponseTime}.Reader(t.Context(), rt, r, request)
				took := time.Since(begin)
				if c.in && (err != nil || !bytes.Equal(got, response) || took != c.answers) {
					t.Errorf("%x, %v after %v", got, err, took)
				}
				if !c.in && (!errors.Is(err, ErrTimeout) || got != nil || took != ResponseTime || !r.Ended()) {
					t.Errorf("%x, %v after %v", got, err, took)
				}
				if err := <-done; (err == nil) != c.in {
					t.Errorf("holder: %v", err)
				}
			})
		})
	}
	t.Run("Q15/never", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, _, rt, ht := meet(t)
			got, err := Run{Response: ResponseTime}.Reader(t.Context(), rt, r, request)
			if !errors.Is(err, ErrTimeout) || got != nil {
				t.Errorf("%x, %v", got, err)
			}
			messages := last(t, ht)
			if len(messages) != 2 || !bytes.Equal(messages[1], StatusMessage(StatusTermination)) {
				t.Errorf("sent %x", messages)
			}
		})
	})
}

// What a holder waits for: the first request, and every later one.
func TestHolderTimeout(t *testing.T) {
	run := Run{Request: RequestTime, Idle: IdleTime}
	answer := func([]byte, mdoc.SessionTranscript) ([]byte, error) { return response, nil }
	synctest.Test(t, func(t *testing.T) {
		_, h, rt, ht := meet(t)
		begin := time.Now()
		if err := run.Holder(t.Context(), ht, h, answer); !errors.Is(err, ErrTimeout) || time.Since(begin) != RequestTime {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if messages := last(t, rt); len(messages) != 0 {
			t.Errorf("sent %x", messages) // there is no session to end
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r, h, rt, ht := meet(t)
		first, err := r.Establish(request)
		if err != nil {
			t.Fatal(err)
		}
		script(t, rt, first)
		begin := time.Now()
		if err := run.Holder(t.Context(), ht, h, answer); !errors.Is(err, ErrTimeout) || time.Since(begin) != IdleTime || !h.Ended() {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		messages := last(t, rt)
		if len(messages) != 2 || !bytes.Equal(messages[1], StatusMessage(StatusTermination)) {
			t.Errorf("sent %x", messages)
		}
	})
	synctest.Test(t, func(t *testing.T) { // a reader that does not take what is sent
		r, h, rt, ht := meet(t)
		first, err := r.Establish(request)
		if err != nil {
			t.Fatal(err)
		}
		script(t, rt, first)
		for range pipeDepth {
			script(t, ht, []byte("full"))
		}
		if err := run.Holder(t.Context(), ht, h, answer); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
	})
}

// The operator cancels: the holder is told, and the reason is the operator's.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, rt, ht := meet(t)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		got, err := Run{Response: ResponseTime}.Reader(ctx, rt, r, request)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) || got != nil {
			t.Errorf("%x, %v", got, err)
		}
		messages := last(t, ht)
		if len(messages) != 2 || !bytes.Equal(messages[1], StatusMessage(StatusTermination)) {
			t.Errorf("sent %x", messages)
		}
	})
}

// What a user interface is told, in this order.
func TestRunProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, h, rt, ht := meet(t)
		var reader, holder []string
		tell := func(into *[]string) Progress {
			return func(stage Stage, n int) {
				text := stage.String()
				if n > 0 {
					text += " some"
				}
				*into = append(*into, text)
			}
		}
		done := make(chan error)
		go func() {
			done <- Run{Progress: tell(&holder)}.Holder(t.Context(), ht, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) { return response, nil })
		}()
		if _, err := (Run{Progress: tell(&reader)}).Reader(t.Context(), rt, r, request); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(reader, []string{"sent some", "received some", "ended"}) ||
			!slices.Equal(holder, []string{"received some", "sent some", "received some", "ended"}) {
			t.Errorf("reader %q, holder %q", reader, holder)
		}
	})
	for stage := Engaged; stage <= Ended; stage++ {
		if stage.String() == "unknown" {
			t.Errorf("stage %d has no name", stage)
		}
	}
}

// A holder that leaves instead of answering is no answer.
func TestHolderLeaves(t *testing.T) {
	r, _, rt, ht := meet(t)
	go func() {
		if _, err := ht.Recv(t.Context()); err != nil {
			t.Error(err)
		}
		ht.Close()
	}()
	got, err := RunReader(t.Context(), rt, r, request)
	if !errors.Is(err, io.EOF) || got != nil {
		t.Errorf("%x, %v", got, err)
	}
}
