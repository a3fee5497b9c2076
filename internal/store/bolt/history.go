package bolt

import (
	"container/heap"
	"context"
	"fmt"
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/registry"
)

// eventValue is an accepted event. It is linked to the event before it in the
// history of each person: an index of histories would write a page more for
// every event.
type eventValue struct {
	record registry.EventRecord
	links  []link
}

// link leads from an event to the one before it in the history of a person.
type link struct {
	person string
	before uint64 // number of an event, 0 for the first
}

func (v eventValue) encode() []byte {
	r := v.record
	p := packer{b: make([]byte, 0, sealSize+len(r.Token)+len(r.Source)+len(r.JTI)+160)}
	p.text(r.Source)
	p.text(r.JTI)
	p.text(r.Name)
	p.fixed(r.Digest[:])
	p.uint(r.Seq)
	if p.bool(r.Prev != nil); r.Prev != nil {
		p.uint(*r.Prev)
	}
	p.text(r.Person)
	p.text(r.Other)
	p.text(r.Document)
	p.text(r.Wallet)
	p.time(r.Effective)
	p.time(r.Accepted)
	p.text(r.Decision)
	p.uint(uint64(len(v.links)))
	for _, l := range v.links {
		p.text(l.person)
		p.uint(l.before)
	}
	p.fixed([]byte(r.Token))
	return p.b
}

func decodeEvent(b []byte) (eventValue, error) {
	u := unpacker{b: b}
	var v eventValue
	r := &v.record
	r.Source, r.JTI, r.Name = u.text(), u.text(), u.text()
	u.fixed(r.Digest[:])
	r.Seq = u.uint()
	if u.bool() {
		prev := u.uint()
		r.Prev = &prev
	}
	r.Person, r.Other, r.Document, r.Wallet = u.text(), u.text(), u.text(), u.text()
	r.Effective, r.Accepted, r.Decision = u.time(), u.time(), u.text()
	for range u.count() {
		v.links = append(v.links, link{u.text(), u.uint()})
	}
	r.Token = string(u.b)
	if u.bad {
		return v, fmt.Errorf("event: %w", errRecord)
	}
	return v, nil
}

// putEvent writes an event and links it into the history of its people.
func (t *tx) putEvent(n uint64, rec registry.EventRecord, people []string, before []known) error {
	v := eventValue{record: rec}
	for i, person := range people {
		v.links = append(v.links, link{person, before[i].last})
	}
	t.put(eventBucket, number(n), v.encode())
	return nil
}

// event reads an event; ok is false when retention has taken it.
func (t *tx) event(n uint64) (v eventValue, ok bool, err error) {
	b := t.get(eventBucket, number(n))
	if b == nil {
		return v, false, nil
	}
	v, err = decodeEvent(b)
	return v, err == nil, err
}

// thread is where the walk over a history has come to in one person's.
type thread struct {
	person string
	event  uint64
}

// threads is a heap, the newest event first.
type threads []thread

func (h threads) Len() int           { return len(h) }
func (h threads) Less(i, j int) bool { return h[i].event > h[j].event }
func (h threads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *threads) Push(x any)        { *h = append(*h, x.(thread)) }
func (h *threads) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// History implements registry.Records.
func (s *Store) History(ctx context.Context, person string, before document.EventID, limit int) ([]registry.EventRecord, error) {
	var records []registry.EventRecord
	err := s.view(ctx, func(t *tx) error {
		head, err := t.head(person)
		if err != nil {
			return err
		}
		records, err = t.history(thread{person, head.last}, before, limit)
		return err
	})
	return records, err
}

// history walks from the newest event to older ones.
func (t *tx) history(from thread, before document.EventID, limit int) ([]registry.EventRecord, error) {
	var records []registry.EventRecord
	open, seen, passed := &threads{}, uint64(0), before == document.EventID{}
	push := func(th thread) {
		if th.event != 0 && !slices.Contains(*open, th) {
			heap.Push(open, th)
		}
	}
	for push(from); open.Len() > 0 && len(records) < limit; {
		at := heap.Pop(open).(thread)
		v, ok, err := t.event(at.event)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // taken by retention, like all before it
		}
		if passed && at.event != seen {
			records = append(records, v.record)
		}
		seen, passed = at.event, passed || v.record.Source == before.Source && v.record.JTI == before.JTI
		for _, l := range v.links {
			// After a merge the history of both is that of who has the record.
			merged := v.record.Name == document.NamePersonMerged && v.record.Other == at.person
			if l.person == at.person || merged {
				push(thread{l.person, l.before})
			}
		}
	}
	return records, nil
}
