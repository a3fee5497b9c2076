package signer

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
)

// Config is what a service needs.
type Config struct {
	Keys []Key
	// Audit is where requests are recorded before they are signed. It is the
	// service's own, or that of the office that it is a part of.
	Audit audit.Writer
	// Memory is where the last list of each series is kept, nil for the memory of this
	// process alone.
	Memory Memory
	Clock  clock.Clock
	Rand   io.Reader
	// OnError is told of what the one who asked is told nothing of: a record that
	// cannot be written, a key that fails. nil for nobody.
	OnError func(error)
}

// Caller is who asks, for the record.
type Caller struct {
	// Name is that of a part of this process; "" for another process, which is
	// then known by what the kernel says of it.
	Name     string
	UID, GID uint32
	PID      int32
}

func (c Caller) String() string {
	if c.Name != "" {
		return c.Name
	}
	return fmt.Sprintf("uid %d pid %d", c.UID, c.PID)
}

// Request asks for a signature of one key over each of some messages.
type Request struct {
	Key      string
	Messages [][]byte
}

// Service signs with the keys that it holds. Safe for concurrent use.
type Service struct {
	cfg      Config
	keys     map[string]*held
	names    []string
	refusals refusals
	lost     counts // requests for keys that are not there
}

// New proves every key against its certificate and makes the service. All that is
// wrong is told at once; nothing is signed but proofs.
func New(cfg Config) (*Service, error) {
	if cfg.Audit == nil || cfg.Clock == nil || cfg.Rand == nil || len(cfg.Keys) == 0 {
		return nil, errors.New("signer: keys, audit, clock and rand are required")
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	if cfg.Memory == nil {
		cfg.Memory = &inMind{last: map[[2]string][]byte{}}
	}
	s := &Service{cfg: cfg, keys: make(map[string]*held, len(cfg.Keys))}
	s.refusals.fill()
	holding := make([]*held, len(cfg.Keys))
	errs := make([]error, len(cfg.Keys))
	parallel(runtime.GOMAXPROCS(0), len(cfg.Keys), func(i int) error {
		if holding[i], errs[i] = hold(cfg.Keys[i], cfg.Rand); errs[i] != nil {
			errs[i] = fmt.Errorf("key %.64q: %w", cfg.Keys[i].Name, errs[i])
		}
		return nil
	})
	own := newOwnKeys()
	for _, h := range holding {
		if h == nil {
			continue
		}
		h.own = own
		for _, c := range h.certs {
			if err := own.add(c); err != nil {
				errs = append(errs, fmt.Errorf("key %q: %w", h.Name, err))
			}
		}
		if s.keys[h.Name] != nil {
			errs = append(errs, fmt.Errorf("key %q is there twice", h.Name))
		}
		if err := s.recall(h); err != nil {
			errs = append(errs, fmt.Errorf("key %q: %w", h.Name, err))
		}
		s.keys[h.Name] = h
		s.names = append(s.names, h.Name)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Chain gives the certificates of a key, DER, leaf first. The error is that of Sign
// for a key that is not there.
func (s *Service) Chain(key string) ([][]byte, error) {
	h := s.keys[key]
	if h == nil {
		return nil, told(refuse(ReasonKey, "there is no key of this name"))
	}
	return h.Key.Chain, nil
}

// reading is a message as far as signing it needs.
type reading struct {
	kind   Kind
	hash   crypto.Hash
	digest []byte
}

// Sign signs every message of a request, or none. Signatures are in ASN.1 DER, in
// the order of the messages, made with the hash of HashFor.
//
// Errors are problem.Errors: Unavailable when the record or the key fail, so that
// the same request may be made again later; RateLimited when it would be too soon;
// and, matching ErrRefused, InvalidRequest, AccessDenied, NotFound and TooLarge for
// what will never be signed.
func (s *Service) Sign(ctx context.Context, caller Caller, r Request) ([][]byte, error) {
	begin := s.cfg.Clock.Now()
	h := s.keys[r.Key]
	c := &s.lost
	if h != nil {
		c = &h.counts
	}
	signatures, err := s.sign(ctx, caller, h, r)
	switch {
	case err != nil && err == ctx.Err(): // nobody waits: no failure of ours
		return nil, told(err)
	case err != nil:
		c.failed(err)
		return nil, told(err)
	}
	c.signed(len(signatures), s.cfg.Clock.Now().Sub(begin))
	return signatures, nil
}

func (s *Service) sign(ctx context.Context, caller Caller, h *held, r Request) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	read, err := s.read(h, r)
	if err != nil {
		if ReasonOf(err) != "" {
			s.recordRefusal(ctx, caller, r, err)
		}
		return nil, err
	}
	// Who left while it was read is not recorded, and gets no signature.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	series := ""
	if h.follows && read[0].kind.Follows() {
		h.turn.Lock() // until it is signed: lists go out in their order
		defer h.turn.Unlock()
		if series, err = s.remember(h, read[0].kind, r.Messages[0]); err != nil {
			if ReasonOf(err) != "" {
				s.recordRefusal(ctx, caller, r, err)
			}
			return nil, err
		}
	}
	// Whoever asked may be gone from now on: what is recorded now is signed all the same, so
	// that the record says what was done.
	ctx = context.WithoutCancel(ctx)
	if err := s.record(ctx, caller, h, read, series); err != nil {
		err = fmt.Errorf("recording a request: %w", err)
		s.cfg.OnError(err)
		return nil, err
	}
	out := make([][]byte, len(read))
	workers := h.Parallel
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	err = parallel(workers, len(read), func(i int) (err error) {
		out[i], err = h.sign(s.cfg.Rand, read[i].hash, read[i].digest)
		return err
	})
	if err != nil {
		err = fmt.Errorf("key %s: %w", h.Name, err)
		s.recordFailure(ctx, caller, h, len(read))
		s.cfg.OnError(err)
		return nil, err
	}
	return out, nil
}

// read judges a request: whether there is such a key, whether it signs now, every
// message, and the rate.
func (s *Service) read(h *held, r Request) ([]reading, error) {
	now := s.cfg.Clock.Now()
	switch {
	case h == nil:
		return nil, refuse(ReasonKey, "there is no key of this name")
	case len(r.Messages) == 0 || len(r.Messages) > MaxMessages:
		return nil, refuse(ReasonSize, "%d messages, 1 to %d are signed at once", len(r.Messages), MaxMessages)
	}
	read := make([]reading, len(r.Messages))
	err := parallel(runtime.GOMAXPROCS(0), len(read), func(i int) error {
		var err error
		if read[i], err = h.judge(r.Messages[i], now); err != nil && len(read) > 1 {
			err = fmt.Errorf("message %d: %w", i+1, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if h.follows && len(read) > 1 && slices.ContainsFunc(read, func(m reading) bool { return m.kind.Follows() }) {
		return nil, refuse(ReasonKind, "a list is signed alone, so that it has a line of the record for itself")
	}
	if h.limit != nil && !h.limit.AllowN(now, len(read)) {
		return nil, refuse(ReasonRate, "more than the key may sign: try again in %d s", int(float64(len(read))/h.Policy.Rate.PerSecond)+1)
	}
	return read, nil
}

// judge reads one message and holds it against the policy of the key.
func (h *held) judge(message []byte, now instant) (reading, error) {
	kind, err := h.readMessage(message, now)
	if err != nil {
		return reading{}, err
	}
	if !h.Policy.signs(kind) {
		return reading{}, refuse(ReasonKind, "the key does not sign messages of kind %s", kind)
	}
	// A key that is to come, or has been, proves itself: it signs nothing else.
	if err := h.covers(now); err != nil && kind != KindProof {
		return reading{}, err
	}
	out := reading{kind: kind, hash: h.hash}
	if kind == KindProof {
		out.hash = crypto.SHA256
	}
	if out.hash == crypto.SHA256 {
		sum := sha256.Sum256(message)
		out.digest = sum[:]
		return out, nil
	}
	d := out.hash.New()
	d.Write(message)
	out.digest = d.Sum(nil)
	return out, nil
}

// few is how many messages are not worth a goroutine.
const few = 3

// parallel calls do for 0 to n-1 with at most as many goroutines as workers, and
// gives the first error; the rest is not begun then.
func parallel(workers, n int, do func(i int) error) error {
	workers = min(workers, n)
	if workers <= 1 || n <= few && workers <= runtime.GOMAXPROCS(0) {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next  atomic.Int64
		once  sync.Once
		first error
		stop  atomic.Bool
		wg    sync.WaitGroup
	)
	work := func() {
		for !stop.Load() {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			if err := do(i); err != nil {
				once.Do(func() { first = err })
				stop.Store(true)
			}
		}
	}
	for range workers - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return first
}
