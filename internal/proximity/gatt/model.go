package gatt

import (
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"vidimus/internal/proximity"
)

// Conditions are those under which the connections of a Model work. The zero
// value is a perfect radio with the largest MTU.
type Conditions struct {
	MTU            int           // ATT_MTU, bytes; 0 means MaxMTU
	BytesPerSecond int           // of values, in each direction; 0 means at once
	Delay          time.Duration // the longest that a value waits besides; drawn evenly
	Find           time.Duration // from the begin of a scan to the connection

	// Cuts break connections: the n-th one when so many bytes of values have gone
	// over it in both directions; none beyond the list.
	Cuts []int

	// Abrupt disconnects lose what was sent and not read.
	Abrupt bool

	// What no sound stack does, each the probability for one value.
	Loss, Duplicate, Reorder, Truncate float64

	// Seed draws all of that, the same for the same traffic.
	Seed uint64
}

// Model is a radio in memory: what is advertised in it can be found in it. It
// keeps the rules of GATT that a real one keeps: the size of a value, the
// direction of a characteristic, who may read Ident. Time is that of timers, so
// that synctest turns it.
type Model struct {
	conditions Conditions

	mu          sync.Mutex
	connections int
	adverts     []*advert
	changed     chan struct{} // closed and replaced when adverts grow
}

// advert is a server that waits for a peer.
type advert struct {
	mode    Mode
	service proximity.UUID
	ident   []byte
	taken   chan *modelLink // one place
}

// NewModel returns a radio with nobody in it.
func NewModel(c Conditions) *Model {
	if c.MTU == 0 {
		c.MTU = MaxMTU
	}
	return &Model{conditions: c, changed: make(chan struct{})}
}

// Advertise implements Radio.
func (m *Model) Advertise(offer Offer, ident []byte) Connect {
	return func(ctx context.Context) (Link, error) {
		a := &advert{mode: offer.Mode, service: offer.Service, ident: slices.Clone(ident), taken: make(chan *modelLink, 1)}
		m.mu.Lock()
		m.adverts = append(m.adverts, a)
		close(m.changed)
		m.changed = make(chan struct{})
		m.mu.Unlock()
		select {
		case link := <-a.taken:
			return link, nil
		case <-ctx.Done():
		}
		m.mu.Lock()
		m.adverts = slices.DeleteFunc(m.adverts, func(other *advert) bool { return other == a })
		m.mu.Unlock()
		select {
		case link := <-a.taken: // in the same moment
			link.Close()
		default:
		}
		return nil, ctx.Err()
	}
}

// Scan implements Radio. Of several servers with one service it finds the one
// that came first.
func (m *Model) Scan(offer Offer) Connect {
	return func(ctx context.Context) (Link, error) {
		if err := pause(ctx, m.conditions.Find); err != nil {
			return nil, err
		}
		for {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			link, changed := m.find(offer)
			if link != nil {
				return link, nil
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find connects to a server of the service with the characteristics of the mode,
// or returns what to wait for.
func (m *Model) find(offer Offer) (Link, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, a := range m.adverts {
		if a.service != offer.Service || a.mode != offer.Mode {
			continue
		}
		m.adverts = slices.Delete(m.adverts, i, i+1)
		client, server := m.connect(a.ident)
		a.taken <- server
		return client, nil
	}
	return nil, m.changed
}

// connect makes the two ends of the next connection.
func (m *Model) connect(ident []byte) (client, server *modelLink) {
	cut := -1
	if m.connections < len(m.conditions.Cuts) {
		cut = m.conditions.Cuts[m.connections]
	}
	m.connections++
	seed := m.conditions.Seed<<8 + uint64(m.connections)
	wire := &wire{conditions: m.conditions, left: cut, down: make(chan struct{})}
	up := newLane(wire, rand.New(rand.NewPCG(seed, 1)))
	down := newLane(wire, rand.New(rand.NewPCG(seed, 2)))
	client = &modelLink{wire: wire, role: Client, out: up, in: down, ident: ident, closed: make(chan struct{})}
	server = &modelLink{wire: wire, role: Server, out: down, in: up, closed: make(chan struct{})}
	return client, server
}

// wire is a connection of a Model.
type wire struct {
	conditions Conditions

	mu   sync.Mutex
	left int // bytes until it breaks; below zero it does not
	once sync.Once
	down chan struct{} // closed when it is disconnected
}

func (w *wire) disconnect() {
	w.once.Do(func() { close(w.down) })
}

// pass counts n bytes and reports whether they get through.
func (w *wire) pass(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left < 0 {
		return true
	}
	if w.left < n {
		w.disconnect()
		return false
	}
	w.left -= n
	return true
}

// isDown reports whether the connection is over.
func (w *wire) isDown() bool {
	select {
	case <-w.down:
		return true
	default:
		return false
	}
}

// errDown: a write after the end of the connection.
var errDown = io.ErrClosedPipe
