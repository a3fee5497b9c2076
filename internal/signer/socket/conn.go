package socket

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// conn is one peer of a server.
type conn struct {
	s     *Server
	net   *net.UnixConn
	peer  signer.Caller
	user  *user
	small budget // of small frames that are not answered
	timed bool   // there is a time for the frame that is being read

	mu      sync.Mutex
	running map[uint64]context.CancelFunc
	open    int // requests whose answer was not taken yet, those under way among them
	stopped bool

	writing sync.Mutex
	wg      sync.WaitGroup
}

// stop lets the connection read no more.
func (c *conn) stop() {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.net.SetReadDeadline(time.Unix(1, 0))
}

// wait sets how long the next read may take, 0 for as long as it takes, unless the
// connection was stopped.
func (c *conn) wait(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	at := time.Time{}
	if d > 0 {
		at = time.Now().Add(d)
	}
	c.net.SetReadDeadline(at)
}

// serve reads requests until the peer leaves or breaks the rules, and ends when the
// last of them is answered.
func (c *conn) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer c.wg.Wait()
	in := bufio.NewReaderSize(c.net, 64<<10)
	for {
		// A peer may be silent for as long as it likes; a frame that has begun has its time.
		if _, err := in.Peek(1); err != nil {
			return err
		}
		if in.Buffered() < headSize {
			c.hurry()
		}
		n, err := readHead(in, maxFrame)
		if err != nil {
			return err
		}
		body, done, err := c.body(in, n)
		if c.timed {
			c.timed = false
			c.wait(0)
		}
		var r *request
		if err == nil {
			r, err = parseRequest(body)
		}
		if err != nil {
			done()
			return err
		}
		if err := c.begin(ctx, r, done); err != nil {
			return err
		}
	}
}

// hurry begins the time of a frame, unless that has begun.
func (c *conn) hurry() {
	if !c.timed {
		c.timed = true
		c.wait(c.s.patience)
	}
}

// body reads the rest of a frame; done is called when nobody needs it any more.
func (c *conn) body(in *bufio.Reader, n int) (body []byte, done func(), err error) {
	if n > smallFrame {
		return c.large(in, n)
	}
	c.small.take(n, 0)
	if in.Buffered() < n {
		c.hurry()
	}
	b, err := readSmall(in, n)
	if err != nil {
		c.small.give(n)
		return nil, func() {}, err
	}
	return *b, func() { release(b); c.small.give(n) }, nil
}

// large reads the rest of a large frame. Room is taken for what arrives, not for what is
// promised. Who has none yet waits until there is some; who has some and gets no more in
// time makes way for the others.
func (c *conn) large(in *bufio.Reader, n int) (body []byte, done func(), err error) {
	have := 0
	done = func() {
		c.user.large.give(have)
		c.s.bytes.give(have)
	}
	body, err = readBody(in, n, func(more int) error {
		var within time.Duration
		if have > 0 {
			within = c.s.patience
		}
		begin := time.Now()
		if !c.user.large.take(more, within) {
			return errRoom
		}
		if !c.s.bytes.take(more, within) {
			c.user.large.give(more)
			return errRoom
		}
		have += more
		if time.Since(begin) > roomSoon {
			c.timed = false // the time that it waited was not its own
		}
		c.hurry()
		return nil
	})
	return body, done, err
}

// begin starts what a request asks for; release is called when its bytes are needed
// no more.
func (c *conn) begin(ctx context.Context, r *request, release func()) error {
	c.mu.Lock()
	if r.op == opCancel {
		if cancel := c.running[r.id]; cancel != nil {
			cancel()
			c.running[r.id] = nil // its answer is not sent
		}
		c.mu.Unlock()
		release()
		return nil
	}
	if _, twice := c.running[r.id]; twice {
		c.mu.Unlock()
		release()
		return fmt.Errorf("%w: an id that is under way", ErrFrame)
	}
	if c.open >= maxInFlight {
		c.mu.Unlock()
		release()
		c.write(refusal(r.id, problem.New(problem.Unavailable, "more than %d requests under way", maxInFlight)))
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	c.running[r.id] = cancel
	c.open++
	c.mu.Unlock()
	c.s.busy.Add(1)
	c.wg.Go(func() {
		defer c.s.busy.Add(-1)
		a := c.s.answerFor(ctx, c.peer, r)
		cancel()
		r.messages = nil // which lie in what is released
		release()
		c.mu.Lock()
		wanted := c.running[r.id] != nil
		delete(c.running, r.id)
		c.mu.Unlock()
		if wanted {
			c.write(a)
		}
		c.mu.Lock()
		c.open--
		c.mu.Unlock()
	})
	return nil
}

// write sends an answer. Who does not take it is disconnected.
func (c *conn) write(a *answer) {
	b := buffer(4 << 10)
	defer release(b)
	*b = a.append(*b)
	c.writing.Lock()
	defer c.writing.Unlock()
	c.net.SetWriteDeadline(time.Now().Add(frameTime))
	if _, err := c.net.Write(*b); err != nil {
		c.net.Close()
	}
}
