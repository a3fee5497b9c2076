package signer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"vidimus/internal/audit"
	"vidimus/internal/problem"
)

// ActionSign is the action of every line that this room records.
const ActionSign = "key.sign"

type instant = time.Time

// record writes down what will be signed and waits until it is durable.
// series is that of a list.
func (s *Service) record(ctx context.Context, caller Caller, h *held, read []reading, series string) error {
	kind := read[0].kind
	for _, r := range read {
		if r.kind != kind {
			kind = "several"
		}
	}
	detail := map[string]string{
		"kind": string(kind), "count": strconv.Itoa(len(read)), "digest": requestDigest(read), "key": h.kid,
	}
	if series != "" {
		detail["series"] = series
	}
	return s.cfg.Audit.Append(ctx, audit.Event{
		Time: s.cfg.Clock.Now(), Action: ActionSign, Actor: caller.String(), Subject: h.Name, Outcome: audit.Intent, Detail: detail,
	})
}

// requestDigest is over the digests of the messages, in hexadecimal.
func requestDigest(read []reading) string {
	all := sha256.New()
	for _, r := range read {
		all.Write(r.digest)
	}
	var sum [sha256.Size]byte
	return hex.EncodeToString(all.Sum(sum[:0]))
}

// recordFailure says that what stands in the record was not signed. It is not what
// the answer depends on.
func (s *Service) recordFailure(ctx context.Context, caller Caller, h *held, n int) {
	if !s.refusals.allow(s.cfg.Clock.Now()) {
		return
	}
	if err := s.cfg.Audit.Append(ctx, audit.Event{
		Time: s.cfg.Clock.Now(), Action: ActionSign, Actor: caller.String(), Subject: h.Name, Outcome: audit.Failed,
		Detail: map[string]string{"count": strconv.Itoa(n), "key": h.kid},
	}); err != nil {
		s.cfg.OnError(err)
	}
}

// recordRefusal writes down that something was asked for that is not signed, as long
// as that happens rarely: a flood fills no disk. How many lines were left out stands
// in the next one, as its size.
func (s *Service) recordRefusal(ctx context.Context, caller Caller, r Request, why error) {
	s.Note(ctx, caller, r.Key, len(r.Messages), ReasonOf(why))
}

// Note records a refusal that somebody else made: who may not ask at all, or asks in
// no form of ours. Like every refusal it is left out where there are too many.
func (s *Service) Note(ctx context.Context, caller Caller, key string, n int, reason Reason) {
	if !s.refusals.allow(s.cfg.Clock.Now()) {
		return
	}
	if s.keys[key] == nil {
		key = "unknown"
	}
	detail := map[string]string{"count": strconv.Itoa(n), "reason": string(reason)}
	if kind, ok := problems[reason]; ok {
		detail["problem"] = string(kind)
	} else {
		detail["problem"] = string(problem.AccessDenied)
	}
	if out := s.refusals.taken(); out > 0 {
		detail["size"] = strconv.FormatUint(out, 10)
	}
	if err := s.cfg.Audit.Append(context.WithoutCancel(ctx), audit.Event{
		Time: s.cfg.Clock.Now(), Action: ActionSign, Actor: caller.String(), Subject: key, Outcome: audit.Denied, Detail: detail,
	}); err != nil {
		s.cfg.OnError(err)
	}
}

// Refusals that are recorded: enough to see an attack begin, and a line in ten
// seconds while it lasts.
const (
	refusalEvery = 10 * time.Second
	refusalBurst = 100
)

type refusals struct {
	limit *rate.Limiter
	mu    sync.Mutex
	out   uint64 // left out since the last line
}

func (r *refusals) fill() { r.limit = rate.NewLimiter(rate.Every(refusalEvery), refusalBurst) }

func (r *refusals) allow(now time.Time) bool {
	if r.limit.AllowN(now, 1) {
		return true
	}
	r.mu.Lock()
	r.out++
	r.mu.Unlock()
	return false
}

func (r *refusals) taken() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.out
	r.out = 0
	return n
}
