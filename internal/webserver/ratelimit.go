package webserver

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter gives each key its own token bucket and forgets the key that was
// seen longest ago when it knows 65,536. Safe for concurrent use; the nil
// Limiter limits nothing.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	keys      int

	mu     sync.Mutex
	recent *list.List // of *bucket, newest first
	byKey  map[string]*list.Element
}

type bucket struct {
	key   string
	limit *rate.Limiter
}

// NewLimiter allows burst requests at once and perSecond in the long run.
func NewLimiter(perSecond float64, burst int) *Limiter {
	return &Limiter{
		perSecond: rate.Limit(perSecond), burst: burst, keys: maxLimiterKeys,
		recent: list.New(), byKey: map[string]*list.Element{},
	}
}

// Allow takes one token of the key's bucket and says whether there was one.
func (l *Limiter) Allow(key string, now time.Time) bool {
	return l == nil || l.bucket(key).AllowN(now, 1)
}

// Exhausted says that the bucket is empty, without taking from it.
func (l *Limiter) Exhausted(key string, now time.Time) bool {
	return l != nil && l.bucket(key).TokensAt(now) < 1
}

func (l *Limiter) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.byKey[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket).limit
	}
	if l.recent.Len() >= l.keys {
		old := l.recent.Back()
		delete(l.byKey, old.Value.(*bucket).key)
		l.recent.Remove(old)
	}
	b := &bucket{key: key, limit: rate.NewLimiter(l.perSecond, l.burst)}
	l.byKey[key] = l.recent.PushFront(b)
	return b.limit
}

// clientKey is what a client is limited by: its IPv4 address, or the /64 that
// an IPv6 customer usually has to itself.
func clientKey(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.Unmap().String()
}
