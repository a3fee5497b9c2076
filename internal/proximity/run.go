package proximity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/mdoc"
)

// Run says how a session is run. The zero value limits nothing but by its context.
type Run struct {
	// Response bounds how long a reader waits, from the begin of its request to the
	// end of the response: a human reads, chooses and unlocks meanwhile.
	Response time.Duration

	// Request bounds how long a holder waits for the first request, Idle for each
	// later one, and for the peer to take what is sent. The standard asks for at
	// least 30 s and 300 s where there is a limit.
	Request, Idle time.Duration

	// Progress is told of every message, and of the end.
	Progress Progress
}

// Limits in time for who has no reason for others. Zero in Run is no limit.
const (
	ResponseTime = 120 * time.Second
	RequestTime  = 30 * time.Second
	IdleTime     = 300 * time.Second
)

// farewellTime bounds the sending of a status to a peer that may not listen.
const farewellTime = time.Second

// RunReader is Run{}.Reader.
func RunReader(ctx context.Context, t Transport, r *Reader, request []byte) (response []byte, err error) {
	return Run{}.Reader(ctx, t, r, request)
}

// RunHolder is Run{}.Holder.
func RunHolder(ctx context.Context, t Transport, h *Holder, answer func(request []byte, transcript mdoc.SessionTranscript) (response []byte, err error)) error {
	return Run{}.Holder(ctx, t, h, answer)
}

// Reader sends one request, waits for the response, ends the session and closes
// the transport. The response is as decrypted: verify it over r.Transcript and,
// for a deviceMac, with r.Key; then call r.Close. ErrTimeout when Response has
// passed; io.EOF when the holder left without an answer; *StatusError when it
// ended the session with a status.
func (o Run) Reader(ctx context.Context, t Transport, r *Reader, request []byte) (response []byte, err error) {
	defer o.Progress.Tell(Ended, 0)
	defer t.Close()
	defer r.end()
	establishment, err := r.Establish(request)
	if err != nil {
		return nil, fmt.Errorf("reader session: %w", err)
	}
	limited, cancel := limit(ctx, o.Response)
	defer cancel()
	if err := o.send(limited, t, establishment); err != nil {
		return nil, fmt.Errorf("reader session: sending the request: %w", timedOut(ctx, limited, err))
	}
	message, err := o.recv(limited, t)
	if err != nil {
		if limited.Err() != nil {
			farewell(ctx, t, r.Terminate()) // the holder's screen need not wait
		}
		return nil, fmt.Errorf("reader session: waiting for the response: %w", timedOut(ctx, limited, err))
	}
	response, status, err := r.Open(message)
	if err != nil {
		// The peer is told if it still listens; the reason is the error.
		farewell(ctx, t, StatusMessage(StatusFor(err)))
		return nil, fmt.Errorf("reader session: %w", err)
	}
	if response == nil {
		return nil, fmt.Errorf("reader session: %w", &StatusError{Status: *status})
	}
	// A peer that disconnects once its response has arrived has done its part
	// (9.1.1.4): failing to say goodbye is no failure.
	farewell(ctx, t, r.Terminate())
	return response, nil
}

// Holder waits for the request, has it answered, and goes on until the reader
// ends the session or leaves; then it closes the transport. answer is called
// once per request; when it returns an error, nothing is sent but the end of the
// session. ErrTimeout when Request or Idle has passed.
func (o Run) Holder(ctx context.Context, t Transport, h *Holder, answer func(request []byte, transcript mdoc.SessionTranscript) (response []byte, err error)) error {
	defer o.Progress.Tell(Ended, 0)
	defer t.Close()
	defer h.Close()
	limited, cancel := limit(ctx, o.Request)
	defer cancel()
	message, err := o.recv(limited, t)
	if err != nil {
		return fmt.Errorf("holder session: waiting for the request: %w", timedOut(ctx, limited, err))
	}
	request, err := h.Accept(message)
	if err != nil {
		farewell(ctx, t, StatusMessage(StatusFor(err)))
		return fmt.Errorf("holder session: %w", err)
	}
	for range MaxRequests {
		if request, err = o.exchange(ctx, t, h, request, answer); err != nil || request == nil {
			return err
		}
	}
	farewell(ctx, t, h.Terminate())
	return fmt.Errorf("holder session: %w: more than %d requests", ErrLimit, MaxRequests)
}

// exchange answers one request and returns the next one, nil when the session is
// over.
func (o Run) exchange(ctx context.Context, t Transport, h *Holder, request []byte, answer func([]byte, mdoc.SessionTranscript) ([]byte, error)) ([]byte, error) {
	response, err := answer(request, h.Transcript())
	if err != nil {
		farewell(ctx, t, h.Terminate())
		return nil, fmt.Errorf("holder session: answering: %w", err)
	}
	message, err := h.Respond(response)
	if err != nil {
		farewell(ctx, t, h.Terminate())
		return nil, fmt.Errorf("holder session: %w", err)
	}
	sending, cancel := limit(ctx, o.Idle)
	defer cancel()
	if err := o.send(sending, t, message); err != nil {
		return nil, fmt.Errorf("holder session: sending the response: %w", timedOut(ctx, sending, err))
	}
	waiting, cancel := limit(ctx, o.Idle)
	defer cancel()
	message, err = o.recv(waiting, t)
	if errors.Is(err, io.EOF) {
		return nil, nil // the reader left with its response
	}
	if err != nil {
		if waiting.Err() != nil {
			farewell(ctx, t, h.Terminate())
		}
		return nil, fmt.Errorf("holder session: waiting for the end: %w", timedOut(ctx, waiting, err))
	}
	next, status, err := h.Open(message)
	if err != nil {
		farewell(ctx, t, StatusMessage(StatusFor(err)))
		return nil, fmt.Errorf("holder session: %w", err)
	}
	if status != nil && (*status != StatusTermination) && next == nil {
		return nil, fmt.Errorf("holder session: %w", &StatusError{Status: *status})
	}
	if h.Ended() {
		return nil, nil
	}
	return next, nil
}

func (o Run) send(ctx context.Context, t Transport, message []byte) error {
	if err := t.Send(ctx, message); err != nil {
		return err
	}
	o.Progress.Tell(Sent, len(message))
	return nil
}

func (o Run) recv(ctx context.Context, t Transport) ([]byte, error) {
	message, err := t.Recv(ctx)
	if err != nil {
		return nil, err
	}
	o.Progress.Tell(Received, len(message))
	return message, nil
}

// limit bounds ctx by d, unless d is zero.
func limit(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}

// timedOut says that it was the limit of a step and not the caller that stopped.
func timedOut(ctx, limited context.Context, err error) error {
	if ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return err
}

// farewell sends a status, though ctx may be over and the peer away.
func farewell(ctx context.Context, t Transport, status []byte) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
	defer cancel()
	_ = t.Send(ctx, status)
}
