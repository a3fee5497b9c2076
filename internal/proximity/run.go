package proximity

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vidimus/internal/mdoc"
)

// RunReader sends one request, waits for the response, ends the session and
// closes the transport. The response is as decrypted: verify it over
// r.Transcript and, for a deviceMac, with r.Key; then call r.Close. Time limits
// are those of ctx.
func RunReader(ctx context.Context, t Transport, r *Reader, request []byte) (response []byte, err error) {
	defer t.Close()
	defer r.end()
	establishment, err := r.Establish(request)
	if err != nil {
		return nil, fmt.Errorf("reader session: %w", err)
	}
	if err := t.Send(ctx, establishment); err != nil {
		return nil, fmt.Errorf("reader session: sending the request: %w", err)
	}
	message, err := t.Recv(ctx)
	if err != nil {
		return nil, fmt.Errorf("reader session: waiting for the response: %w", err)
	}
	response, status, err := r.Open(message)
	if err != nil {
		// The peer is told if it still listens; the reason is the error.
		_ = t.Send(ctx, StatusMessage(StatusFor(err)))
		return nil, fmt.Errorf("reader session: %w", err)
	}
	if response == nil {
		return nil, fmt.Errorf("reader session: %w", &StatusError{Status: *status})
	}
	// A peer that disconnects once its response has arrived has done its part
	// (9.1.1.4): failing to say goodbye is no failure.
	_ = t.Send(ctx, r.Terminate())
	return response, nil
}

// RunHolder waits for the request, has it answered, and goes on until the reader
// ends the session or leaves; then it closes the transport. answer is called
// once per request; when it returns an error, nothing is sent but the end of the
// session.
func RunHolder(ctx context.Context, t Transport, h *Holder, answer func(request []byte, transcript mdoc.SessionTranscript) (response []byte, err error)) error {
	defer t.Close()
	defer h.Close()
	message, err := t.Recv(ctx)
	if err != nil {
		return fmt.Errorf("holder session: waiting for the request: %w", err)
	}
	request, err := h.Accept(message)
	if err != nil {
		_ = t.Send(ctx, StatusMessage(StatusFor(err)))
		return fmt.Errorf("holder session: %w", err)
	}
	for range MaxRequests {
		if request, err = exchange(ctx, t, h, request, answer); err != nil || request == nil {
			return err
		}
	}
	_ = t.Send(ctx, h.Terminate())
	return fmt.Errorf("holder session: %w: more than %d requests", ErrLimit, MaxRequests)
}

// exchange answers one request and returns the next one, nil when the session is
// over.
func exchange(ctx context.Context, t Transport, h *Holder, request []byte, answer func([]byte, mdoc.SessionTranscript) ([]byte, error)) ([]byte, error) {
	response, err := answer(request, h.Transcript())
	if err != nil {
		_ = t.Send(ctx, h.Terminate())
		return nil, fmt.Errorf("holder session: answering: %w", err)
	}
	message, err := h.Respond(response)
	if err != nil {
		_ = t.Send(ctx, h.Terminate())
		return nil, fmt.Errorf("holder session: %w", err)
	}
	if err := t.Send(ctx, message); err != nil {
		return nil, fmt.Errorf("holder session: sending the response: %w", err)
	}
	message, err = t.Recv(ctx)
	if errors.Is(err, io.EOF) {
		return nil, nil // the reader left with its response
	}
	if err != nil {
		return nil, fmt.Errorf("holder session: waiting for the end: %w", err)
	}
	next, status, err := h.Open(message)
	if err != nil {
		_ = t.Send(ctx, StatusMessage(StatusFor(err)))
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
