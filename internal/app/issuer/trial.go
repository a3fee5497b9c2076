package issuer

import (
	"sync"
	"time"
)

const (
	// trialLifetime is how long a copy that could be made is taken for one that
	// can be. It is a promise to nobody: issuance looks again.
	trialLifetime = time.Minute
	// maxTrials bounds the memory, about 200 octets each.
	maxTrials = 10_000
)

// trial is a copy that was tried: of a document, as the registries had spoken of
// the person by then.
type trial struct {
	person, document, configuration string
	version                         uint64
}

// trials remembers what could be made a moment ago: the page that asks the
// person has tried what the wallet asks for seconds later. Refusals are not
// remembered. The zero trials is ready, and safe for concurrent use.
type trials struct {
	mu   sync.Mutex
	made map[trial]time.Time // until when
}

// passed says whether it could be made less than trialLifetime before now.
func (t *trials) passed(one trial, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := t.made[one]
	return now.Before(until) && !now.Before(until.Add(-trialLifetime))
}

// pass notes that it could be made now.
func (t *trials) pass(one trial, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.made) >= maxTrials {
		clear(t.made)
	}
	if t.made == nil {
		t.made = map[trial]time.Time{}
	}
	t.made[one] = now.Add(trialLifetime)
}
