package socket

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// errUnsent is for a request of which nothing left this process.
	errUnsent = errors.New("nothing was sent")
	// errLate is for an answer that did not come in time.
	errLate = errors.New("the signer did not answer in time")
	// errTurned is for a signer that does not want this process.
	errTurned = errors.New("the signer turned this process away")
	// errHung is for a signer that takes requests and answers none.
	errHung = errors.New("the signer does not answer")
)

// wire is one connection of a client.
type wire struct {
	c   *Client
	net *net.UnixConn

	mu      sync.Mutex
	last    uint64
	waiting map[uint64]chan *answer
	err     error // why it is dead

	writing sync.Mutex
	late    atomic.Int32 // answers in a row that did not come in time

	first chan struct{} // closed by the first answer, or the end
	good  bool          // there was an answer; read when first is closed
	once  sync.Once
	deaf  chan struct{} // closed when nothing is read any more
	trial bool          // the connection before ended badly
	tried atomic.Bool   // somebody has asked on it
}

func newWire(nc *net.UnixConn, c *Client, trial bool) *wire {
	w := &wire{c: c, net: nc, waiting: map[uint64]chan *answer{}, first: make(chan struct{}), deaf: make(chan struct{}), trial: trial}
	go func() {
		defer close(w.deaf)
		w.read()
	}()
	return w
}

func (w *wire) dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err != nil
}

// read hands out answers until the connection ends.
func (w *wire) read() {
	in := bufio.NewReaderSize(w.net, 16<<10)
	for {
		n, err := readHead(in, maxAnswer)
		var body []byte
		if err == nil {
			body, err = readBody(in, n, nil)
		}
		var a *answer
		if err == nil {
			a, err = parseAnswer(body)
		}
		if err != nil {
			w.fail(err)
			return
		}
		if a.id == 0 { // no request has it: it is about the connection
			w.fail(fmt.Errorf("%w: %s", errTurned, a.text))
			return
		}
		w.late.Store(0)
		w.once.Do(func() {
			w.good = true
			close(w.first)
			w.c.worked()
		})
		w.mu.Lock()
		to := w.waiting[a.id]
		delete(w.waiting, a.id)
		w.mu.Unlock()
		if to != nil { // else nobody waits any more
			to <- a
		}
	}
}

// fail ends the connection and whoever waits on it.
func (w *wire) fail(err error) {
	w.mu.Lock()
	if w.err != nil {
		w.mu.Unlock()
		return
	}
	w.err = err
	for id, to := range w.waiting {
		close(to)
		delete(w.waiting, id)
	}
	w.mu.Unlock()
	w.net.Close()
	w.once.Do(func() { close(w.first) })
	w.c.lost(w, w.good && err != errHung, err)
}

// ended is told of a connection that takes nothing more, and gives the reason: what the
// other end said before it left comes first.
func (w *wire) ended(err error) error {
	w.net.SetReadDeadline(time.Now().Add(trialTime))
	<-w.deaf
	w.fail(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(w.err, errTurned) {
		return w.err
	}
	return err
}

// trusted lets one request go ahead on a connection that follows one which ended badly,
// and the others when that is answered; who would wait for longer fails instead.
func (w *wire) trusted(ctx context.Context) error {
	if !w.trial || w.answered() || w.tried.CompareAndSwap(false, true) {
		return nil
	}
	timer := time.NewTimer(trialTime)
	defer timer.Stop()
	select {
	case <-w.first:
		return nil
	case <-ctx.Done():
		return away(context.Cause(ctx))
	case <-timer.C:
		return away(fmt.Errorf("%w; it is being tried", errHung))
	}
}

// answered says whether there was an answer, or will never be one.
func (w *wire) answered() bool {
	select {
	case <-w.first:
		return true
	default:
		return false
	}
}

// untried lets the next request go ahead when the one that did has no answer.
func (w *wire) untried() {
	if w.trial && !w.answered() {
		w.tried.Store(false)
	}
}

// ask sends one request and waits for its answer.
func (w *wire) ask(ctx context.Context, r *request) (*answer, error) {
	if ctx.Err() != nil {
		return nil, away(context.Cause(ctx))
	}
	to := make(chan *answer, 1)
	w.mu.Lock()
	if w.err != nil {
		err := w.err
		w.mu.Unlock()
		return nil, away(fmt.Errorf("%w: %w", errUnsent, err))
	}
	w.last++
	sent := *r
	sent.id = w.last
	w.waiting[sent.id] = to
	w.mu.Unlock()

	b := buffer(sent.size())
	*b = sent.append(*b)
	until, _ := ctx.Deadline()
	err := w.write(*b, until)
	release(b)
	if err != nil {
		return nil, away(w.ended(err))
	}
	select {
	case a, ok := <-to:
		switch {
		case !ok:
			w.mu.Lock()
			defer w.mu.Unlock()
			return nil, away(fmt.Errorf("the answer of the signer was lost: %w", w.err))
		case a.problem != "":
			return nil, a.told()
		}
		return a, nil
	case <-ctx.Done():
		w.cancel(sent.id)
		if errors.Is(context.Cause(ctx), errLate) && (w.late.Add(1) >= hung || w.trial && !w.answered()) {
			w.fail(errHung)
		}
		return nil, away(context.Cause(ctx))
	}
}

// cancel tells the signer that nobody waits for an answer.
func (w *wire) cancel(id uint64) {
	w.mu.Lock()
	_, waits := w.waiting[id]
	delete(w.waiting, id)
	w.mu.Unlock()
	if !waits {
		return
	}
	r := request{id: id, op: opCancel}
	if err := w.write(r.append(nil), time.Now().Add(time.Second)); err != nil {
		w.fail(err)
	}
}

// write sends a frame whole. A peer that closed its end is found out here: then
// nothing of the frame has gone.
func (w *wire) write(frame []byte, until time.Time) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.net.SetWriteDeadline(until)
	n, err := w.net.Write(frame)
	if err != nil && n == 0 {
		return fmt.Errorf("%w: %w", errUnsent, err)
	}
	return err
}
