package status

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// Schedule decides when a flip is due for publication. A store is opened with
// one.
type Schedule interface {
	// Due gives the instant from which a flip is released. An urgent one is
	// due now. Any other is due at a tick drawn evenly from the window that
	// begins next, whatever the order of events, so that within a window
	// nothing tells which flips belong together. leave is true for a copy
	// that expires before it is worth flipping: it is left alone.
	Due(now time.Time, urgent bool, expires time.Time, random io.Reader) (due time.Time, leave bool, err error)
}

// Mixing is the Schedule of this office. Ticks and windows are multiples of
// their lengths since 1970: a restart moves none.
type Mixing struct{ tick, mix, leave time.Duration }

// NewSchedule makes a Mixing. tick is how often lists are published; mix is
// the length of the windows, brought up to whole ticks, 0 for none: then a
// flip is due at the next tick, together with all others of its event, and who
// watches the list can link them. Copies that expire within leave of now are
// left alone.
func NewSchedule(tick, mix, leave time.Duration) *Mixing {
	if tick <= 0 {
		tick = DefaultTick
	}
	mix = max(mix, 0)
	return &Mixing{tick: tick, mix: (mix + tick - 1) / tick * tick, leave: max(leave, 0)}
}

// Due implements Schedule. A copy without a known expiry is never left alone.
func (m *Mixing) Due(now time.Time, urgent bool, expires time.Time, random io.Reader) (time.Time, bool, error) {
	if urgent {
		// Long expired copies revoke nothing, and would be linked for nothing.
		return now, !expires.IsZero() && expires.Add(expiredFor).Before(now), nil
	}
	due, end := m.Next(now), time.Time{}
	if m.mix > 0 {
		var begin time.Time
		_, _, begin = m.Window(now)
		_, _, end = m.Window(begin)
		var err error
		if due, err = m.Draw(begin, random); err != nil {
			return time.Time{}, false, err
		}
	} else {
		end = due
	}
	leave := !expires.IsZero() && (!expires.After(end) || !expires.After(now.Add(m.leave)))
	return due, leave, nil
}

// Next is the first tick after now.
func (m *Mixing) Next(now time.Time) time.Time { return floor(now, m.tick).Add(m.tick) }

// Window gives number, begin and end of the window of an instant; without
// mixing every tick is one. End is the begin of the next.
func (m *Mixing) Window(at time.Time) (number uint64, begin, end time.Time) {
	length := m.mix
	if length == 0 {
		length = m.tick
	}
	begin = floor(at, length)
	return uint64(begin.UnixNano() / int64(length)), begin, begin.Add(length)
}

// Draw gives one of the ticks of the window of an instant, each as likely as
// any other.
func (m *Mixing) Draw(at time.Time, random io.Reader) (time.Time, error) {
	_, begin, end := m.Window(at)
	var seed [8]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return time.Time{}, fmt.Errorf("drawing a tick: %w", err)
	}
	// The high half of the product is even to 2^-48 for any number of ticks.
	n, _ := bits.Mul64(binary.BigEndian.Uint64(seed[:]), uint64(end.Sub(begin)/m.tick))
	return begin.Add(time.Duration(n) * m.tick), nil
}

// Cover is the plan for the noise of the window of an instant, total flips in
// all. Random must not fail; where it does, noise is due with the first tick.
func (m *Mixing) Cover(at time.Time, total int, random io.Reader) Cover {
	number, begin, end := m.Window(at)
	return Cover{Window: number, Begin: begin, End: end, Alive: end.Add(m.leave), Total: total, Due: func() time.Time {
		due, err := m.Draw(begin, random)
		if err != nil {
			return begin
		}
		return due
	}}
}

// floor is the last multiple of d since 1970 that is not after t.
func floor(t time.Time, d time.Duration) time.Time {
	n := t.UnixNano()
	rest := n % int64(d)
	if rest < 0 {
		rest += int64(d)
	}
	return time.Unix(0, n-rest).UTC()
}
