package memory_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/memory"
	"vidimus/internal/store/storetest"
)

// settings of a year.
type settings struct {
	mix       time.Duration
	cover     int
	openLists int           // 0: 8
	rotate    time.Duration // 0: 180 days
	perHour   float64       // revocations that are not urgent
	half      bool          // of the year
}

const (
	documents  = 600
	batchSize  = 20
	copyLife   = 14 * 24 * time.Hour
	renewEvery = 12 * 24 * time.Hour
	urgentRate = 0.02 // an hour
)

var yearBegins = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// copyOf is a copy as it was issued.
type copyOf struct {
	uri     string
	index   uint32
	expires time.Time
}

// met is a list as the watcher knows it: when it was opened, and what has turned
// INVALID in it.
type met struct {
	number  uint32
	uri     string
	opened  int64
	invalid []uint32
}

// second is an instant in seconds of the year.
func second(at time.Time) int64 { return at.Unix() - yearBegins.Unix() }

// office is a store in use: what is published of it, and whose copies are
// whose, which nobody but the test knows.
type office struct {
	t         *testing.T
	store     *memory.Store
	schedule  *status.Mixing
	bytes     io.Reader // what the store draws from
	random    *rand.Rand
	batches   int
	seq       uint64
	persons   []uint64                    // versions of their records
	revoked   []int                       // how often: a document that comes back has another number
	owner     map[string]map[uint32]int32 // address of a list -> index -> document
	lists     map[string]*met             // as the watcher has met them
	published map[string]uint64           // versions
}

func newOffice(t *testing.T, set settings) *office {
	t.Helper()
	source := func(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte(bytes.Repeat([]byte{seed}, 32))) }
	o := &office{
		t: t, schedule: status.NewSchedule(time.Minute, set.mix, 24*time.Hour), bytes: source(7), random: rand.New(source(8)),
		owner: map[string]map[uint32]int32{}, lists: map[string]*met{}, published: map[string]uint64{},
	}
	var err error
	o.store, err = memory.New(memory.Options{
		PublicURL: storetest.PublicURL, Rand: o.bytes, Schedule: o.schedule, OpenLists: set.openLists, Rotate: set.rotate,
		Pseudonyms: storetest.Pseudonyms{},
	})
	o.must(err)
	for d := range documents {
		o.persons, o.revoked = append(o.persons, 0), append(o.revoked, 0)
		o.say(d, yearBegins, document.Change{Applied: true})
	}
	return o
}

func (o *office) must(err error) {
	if err != nil {
		o.t.Helper()
		o.t.Fatal(err)
	}
}

func (o *office) person(d int) string   { return fmt.Sprint("P", d) }
func (o *office) document(d int) string { return fmt.Sprint("N", d, "-", o.revoked[d]) }

// issue gives a wallet its next batch of copies. Expiry is rounded to the day,
// as it stands in the copies.
func (o *office) issue(d int, now time.Time) []copyOf {
	o.batches++
	in := storetest.Intent(fmt.Sprintf("B%07d", o.batches), o.person(d), o.document(d), o.persons[d], batchSize)
	in.Recorded, in.Granted, in.TokenExpires = now, now, now.Add(time.Hour)
	in.Issued, in.Expires = now.Truncate(24*time.Hour), now.Add(copyLife).Truncate(24*time.Hour).Add(24*time.Hour)
	given, err := o.store.RecordIntent(o.t.Context(), in, storetest.AuditEvent(in.Batch))
	o.must(err)
	o.must(o.store.MarkSigned(o.t.Context(), in.Batch, storetest.AuditEvent(in.Batch)))
	var copies []copyOf
	for _, at := range given {
		if o.owner[at.List] == nil {
			o.owner[at.List] = map[uint32]int32{}
		}
		o.owner[at.List][uint32(at.Index)] = int32(d + 1)
		copies = append(copies, copyOf{at.List, uint32(at.Index), in.Expires})
	}
	return copies
}

// revoke lets the registry revoke a document.
func (o *office) revoke(d int, now time.Time, urgent bool) {
	o.say(d, now, document.Change{Applied: true, Revoke: []document.Revocation{{Document: o.document(d), Fact: document.FactPersonChanged, Urgent: urgent}}})
	o.revoked[d]++
}

// say lets the registry say of a person what makes a change.
func (o *office) say(d int, now time.Time, change document.Change) {
	o.seq++
	jti := fmt.Sprint("E", o.seq)
	app := registry.Application{
		Record: registry.EventRecord{
			Source: "R", JTI: jti, Name: "test-event", Token: jti, Digest: storetest.Digest(int(o.seq)), Seq: o.seq, Person: o.person(d),
			Effective: now, Accepted: now, Audit: storetest.AuditEvent(jti),
		},
		Decide: func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
			next := slices.Clone(subjects)
			next[0].Version++
			return next, change, nil
		},
	}
	o.must(o.store.ApplyEvents(o.t.Context(), []registry.Application{app})[0].Err)
	o.persons[d]++
}

// plan fills up the window of an instant.
func (o *office) plan(now time.Time, cover int) {
	_, err := o.store.PlanCover(o.t.Context(), o.schedule.Cover(now, cover, o.bytes))
	o.must(err)
}

// release publishes what is due, and adds what everybody sees of it.
func (o *office) release(now time.Time, all []seen) []seen {
	released, err := o.store.Release(o.t.Context(), now)
	o.must(err)
	for _, r := range released {
		if o.lists[r.ID] == nil {
			o.watch()
		}
		l := o.lists[r.ID]
		l.invalid = append(l.invalid, r.Indices...)
		o.published[r.ID] = r.Version
		for _, i := range r.Indices {
			all = append(all, seen{second(now), l.opened, l.number, i, o.owner[l.uri][i]})
		}
	}
	return all
}

// watch looks at the list of lists.
func (o *office) watch() {
	lists, err := o.store.Lists(o.t.Context())
	o.must(err)
	for _, l := range lists {
		if o.lists[l.ID] == nil {
			o.lists[l.ID] = &met{number: uint32(len(o.lists)), uri: l.URI, opened: second(l.Created)}
		}
	}
}

// tidy tells what can be fetched, and drops lists of which nothing is alive.
func (o *office) tidy(now time.Time) {
	var published []status.Published
	for _, id := range slices.Sorted(maps.Keys(o.published)) {
		published = append(published, status.Published{ID: id, Version: o.published[id]})
	}
	_, err := o.store.MarkCovered(o.t.Context(), published, now)
	o.must(err)
	gone, err := o.store.Retire(o.t.Context(), now.Add(-24*time.Hour))
	o.must(err)
	for _, id := range gone {
		delete(o.published, id)
	}
}

// live runs a year: documents are issued in batches and renewed, revoked at
// random, and issued again within a day.
func live(t *testing.T, set settings) *year {
	o := newOffice(t, set)
	y := &year{cover: 64}
	copies, renew := make([][]copyOf, documents), make([]time.Time, documents)
	for d := range documents {
		renew[d] = yearBegins.Add(time.Duration(o.random.Int64N(int64(renewEvery))))
	}
	var revoked [][]copyOf // without urgency, by event
	hours := hoursOfYear
	if set.half {
		hours /= 2
	}
	for hour := range hours {
		begin := yearBegins.Add(time.Duration(hour) * time.Hour)
		if set.cover > 0 {
			o.plan(begin, set.cover)
		}
		for d := range documents {
			if at := renew[d]; at.Before(begin.Add(time.Hour)) && !at.Before(begin) {
				left := slices.DeleteFunc(copies[d], func(c copyOf) bool { return !c.expires.After(at) })
				copies[d] = append(left, o.issue(d, at)...)
				renew[d] = at.Add(renewEvery + time.Duration(o.random.Int64N(int64(24*time.Hour))))
			}
		}
		for minute := range 60 {
			tick := begin.Add(time.Duration(minute) * time.Minute)
			y.hours[hour] = o.release(tick, y.hours[hour])
			for _, urgent := range []bool{false, true} {
				rate := set.perHour / 60
				if urgent {
					rate = urgentRate / 60
				}
				if o.random.Float64() >= rate {
					continue
				}
				now := tick.Add(time.Second + time.Duration(o.random.Int64N(int64(58*time.Second))))
				d := o.random.IntN(documents)
				o.revoke(d, now, urgent)
				if urgent {
					y.hours[hour] = o.release(now, y.hours[hour])
				} else {
					revoked = append(revoked, copies[d])
				}
				copies[d] = nil
				renew[d] = begin.Add(time.Hour + time.Duration(o.random.Int64N(int64(23*time.Hour))))
			}
		}
		o.tidy(begin.Add(time.Hour - time.Second))
	}
	o.compare()
	y.choose(o, revoked)
	return y
}

// compare checks that what was seen is what the lists say at the end.
func (o *office) compare() {
	for id := range o.published {
		indices, _, err := o.store.Revoked(o.t.Context(), id)
		o.must(err)
		if l := o.lists[id]; !slices.Equal(indices, slices.Sorted(slices.Values(l.invalid))) {
			o.t.Fatalf("%d entries of %s are INVALID, %d were seen to turn, or others", len(indices), id, len(l.invalid))
		}
	}
}

// choose takes one copy of each revoked document of which two or more could be
// seen to turn.
func (y *year) choose(o *office, revoked [][]copyOf) {
	place := map[string]map[uint32]seen{}
	flips := make([]map[uint32]seen, len(o.lists))
	for _, l := range o.lists {
		flips[l.number] = map[uint32]seen{}
		place[l.uri] = flips[l.number]
	}
	for _, hour := range y.hours {
		for _, f := range hour {
			if f.document > 0 {
				flips[f.list][f.index] = f
			}
		}
	}
	for _, copies := range revoked {
		var turned []seen
		for _, c := range copies {
			if f, ok := place[c.uri][c.index]; ok {
				turned = append(turned, f)
			}
		}
		if len(turned) > 1 {
			y.targets = append(y.targets, turned[o.random.IntN(len(turned))])
		}
	}
}
