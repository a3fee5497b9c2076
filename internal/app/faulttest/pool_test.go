package faulttest

import (
	mathrand "math/rand/v2"
	"slices"
	"sync"
)

// pool is what the clients of one office know together.
type pool struct {
	mu        sync.Mutex
	documents []offered
	receipts  []wanted
}

// offered is a document that copies can be made of.
type offered struct{ person, number, kind string }

// wanted is an event whose receipt says covered, sooner or later.
type wanted struct {
	source *source
	jti    string
}

func (p *pool) offer(person, number, kind string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents = append(p.documents, offered{person, number, kind})
}

func (p *pool) forget(number string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.documents = slices.DeleteFunc(p.documents, func(o offered) bool { return o.number == number })
}

func (p *pool) any(random *mathrand.Rand) (offered, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.documents) == 0 {
		return offered{}, false
	}
	return p.documents[random.IntN(len(p.documents))], true
}

func (p *pool) ended(s *source, jti string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.receipts = append(p.receipts, wanted{s, jti})
}

// waiting gives the events that were not covered yet.
func (p *pool) waiting() []wanted {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.receipts)
}

// covered forgets an event.
func (p *pool) covered(w wanted) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.receipts = slices.DeleteFunc(p.receipts, func(o wanted) bool { return o == w })
}
