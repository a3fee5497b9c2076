package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// Config is what a server needs.
type Config struct {
	Service *signer.Service
	// UIDs and GIDs are those of the processes that may ask: one of them is enough.
	// An empty list names nobody.
	UIDs, GIDs []uint32
	// Notes are lines about what is behind the keys, for Status. nil for none.
	Notes func() []string
	// Configuration is the file that says all this, for Status; "" for none.
	Configuration string
	// OnError is told of what no peer is told. nil for nobody.
	OnError func(error)
}

// Server answers peers.
type Server struct {
	cfg      Config
	bytes    budget
	patience time.Duration // frameTime

	mu      sync.Mutex
	conns   map[*conn]struct{}
	users   map[uint32]*user // who have connections
	stopped bool
	turned  atomic.Uint64 // peers turned away
	busy    atomic.Int64  // requests under way
	wg      sync.WaitGroup
}

// NewServer makes one.
func NewServer(cfg Config) (*Server, error) {
	if cfg.Service == nil || len(cfg.UIDs)+len(cfg.GIDs) == 0 {
		return nil, errors.New("socket: a service is required, and users or groups that may ask it")
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Notes == nil {
		cfg.Notes = func() []string { return nil }
	}
	s := &Server{cfg: cfg, patience: frameTime, conns: map[*conn]struct{}{}, users: map[uint32]*user{}}
	s.bytes.fill(maxBytes)
	return s, nil
}

// user is a user whose processes are connected.
type user struct {
	conns int
	large budget // of large frames
}

// Serve answers whoever comes until the context is done; then it takes no more
// requests, finishes those that are under way, and closes the listener.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var wait time.Duration
	for {
		c, err := l.AcceptUnix()
		if ctx.Err() != nil {
			if err == nil {
				c.Close()
			}
			return s.drain()
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("socket: %w", errors.Join(err, s.drain()))
			}
			// Out of descriptors, most likely: those who are connected go on.
			s.cfg.OnError(fmt.Errorf("socket: %w", err))
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
			continue
		}
		wait = 0
		s.wg.Go(func() { s.serve(ctx, c) })
	}
}

// drain waits for every connection to end its work.
func (s *Server) drain() error {
	s.mu.Lock()
	s.stopped = true
	for c := range s.conns {
		c.stop()
	}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-time.After(drainTime):
	}
	s.mu.Lock()
	for c := range s.conns {
		c.net.Close()
	}
	s.mu.Unlock()
	return fmt.Errorf("socket: %d requests were not finished within %s", s.busy.Load(), drainTime)
}

func (s *Server) serve(ctx context.Context, nc *net.UnixConn) {
	defer nc.Close()
	peer, err := peerOf(nc)
	if err != nil {
		s.cfg.OnError(fmt.Errorf("socket: asking who the peer is: %w", err))
		return
	}
	if !slices.Contains(s.cfg.UIDs, peer.UID) && !slices.Contains(s.cfg.GIDs, peer.GID) {
		s.turned.Add(1)
		turnAway(nc, problem.AccessDenied, "user %d, group %d may not ask: name the user in peers.users or the group in peers.groups of the signer's configuration, and start the signer again", peer.UID, peer.GID)
		s.cfg.Service.Note(ctx, peer, "", 0, ReasonPeer)
		s.cfg.OnError(fmt.Errorf("socket: %s may not ask: it is neither in peers.users nor in peers.groups", peer))
		return
	}
	c, err := s.join(nc, peer)
	if err != nil {
		turnAway(nc, problem.Unavailable, "%s", err.Error())
		s.cfg.OnError(fmt.Errorf("socket: %s: %w", peer, err))
		return
	}
	// What is under way is finished when the context ends: it is told to stop by drain.
	err = c.serve(context.WithoutCancel(ctx))
	s.leave(c)
	switch {
	case errors.Is(err, ErrFrame):
		s.cfg.Service.Note(ctx, peer, "", 0, signer.ReasonForm)
		s.cfg.OnError(fmt.Errorf("socket: %s: %w", peer, err))
	case errors.Is(err, errRoom) || errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		s.cfg.OnError(fmt.Errorf("socket: %s began a request and did not end it within %s: %w", peer, s.patience, err))
	}
}

// errRoom is for a large frame for which there is no room, while it takes some.
var errRoom = errors.New("others take the room for large requests")

// join makes the connection of a peer, unless there are too many.
func (s *Server) join(nc *net.UnixConn, peer signer.Caller) (*conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[peer.UID]
	switch {
	case s.stopped:
		return nil, errors.New("the signer is ending: try again when it is back")
	case len(s.conns) >= maxConnections:
		return nil, fmt.Errorf("%d connections are open, and there may be no more: see who holds them (ss -xp), and end what needs none", maxConnections)
	case u != nil && u.conns >= maxOfUser:
		return nil, fmt.Errorf("user %d has %d connections open, and may have no more: see what holds them (ss -xp); one is enough for a process", peer.UID, u.conns)
	case u == nil:
		u = &user{}
		u.large.fill(maxUserBytes)
		s.users[peer.UID] = u
	}
	u.conns++
	c := &conn{s: s, net: nc, peer: peer, user: u, running: map[uint64]context.CancelFunc{}}
	c.small.fill(maxSmall)
	s.conns[c] = struct{}{}
	return c, nil
}

func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if c.user.conns--; c.user.conns == 0 {
		delete(s.users, c.peer.UID)
	}
}

// turnAway tells a peer why, and what to do: the answer to no request, whose id is 0.
func turnAway(nc *net.UnixConn, kind problem.Kind, format string, args ...any) {
	nc.SetWriteDeadline(time.Now().Add(refusalTime))
	nc.Write(refusal(0, problem.New(kind, format, args...)).append(nil)) // who has left already does not hear it
}

// ReasonPeer is the reason in the record of a peer that may not ask at all.
const ReasonPeer signer.Reason = "peer"

// answerFor does what a request asks for.
func (s *Server) answerFor(ctx context.Context, peer signer.Caller, r *request) *answer {
	a := &answer{id: r.id}
	var err error
	switch r.op {
	case opSign:
		a.items, err = s.cfg.Service.Sign(ctx, peer, signer.Request{Key: r.key, Messages: r.messages})
	case opDescribe:
		a.items, err = s.cfg.Service.Chain(r.key)
	case opStatus:
		a.data, err = json.Marshal(s.Status())
	}
	if err != nil {
		return refusal(r.id, err)
	}
	return a
}

func refusal(id uint64, err error) *answer {
	a := &answer{id: id, problem: string(problem.KindOf(err)), reason: string(signer.ReasonOf(err)), text: problem.Detail(err)}
	if a.text == "" {
		a.text = "the signer cannot do this now"
	}
	return a
}

// Status is how a signer stands.
type Status struct {
	Keys       []signer.KeyStatus `json:"keys"`
	Unknown    uint64             `json:"unknown"` // requests for keys that are not there
	Turned     uint64             `json:"turned"`  // peers turned away
	Connected  int                `json:"connected"`
	InFlight   int64              `json:"in_flight"`
	BytesTaken int64              `json:"bytes"` // of large requests
	Notes      []string           `json:"notes"` // about tokens
	// Configuration is the file by which the signer was started, "" where it tells none.
	Configuration string `json:"configuration,omitempty"`
}

// Status tells how the server stands.
func (s *Server) Status() Status {
	s.mu.Lock()
	connected := len(s.conns)
	s.mu.Unlock()
	return Status{Keys: s.cfg.Service.Status(), Unknown: s.cfg.Service.Unknown(), Turned: s.turned.Load(), Connected: connected,
		InFlight: s.busy.Load(), BytesTaken: s.bytes.taken(), Notes: append([]string{}, s.cfg.Notes()...), Configuration: s.cfg.Configuration}
}
