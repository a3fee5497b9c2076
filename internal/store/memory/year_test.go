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
	rotate    time.Duration // 0: 90 days
	perHour   float64       // revocations that are not urgent
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
	persons   []uint64                  // versions of their records
	owner     map[string]map[uint32]int // address of a list -> index -> document
	lists     map[string]status.List    // as the watcher has met them
	published map[string]uint64         // versions
}

func newOffice(t *testing.T, set settings) *office {
	t.Helper()
	source := func(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte(bytes.Repeat([]byte{seed}, 32))) }
	o := &office{
		t: t, schedule: status.NewSchedule(time.Minute, set.mix, 24*time.Hour), bytes: source(7), random: rand.New(source(8)),
		owner: map[string]map[uint32]int{}, lists: map[string]status.List{}, published: map[string]uint64{},
	}
	var err error
	o.store, err = memory.New(memory.Options{
		PublicURL: storetest.PublicURL, Rand: o.bytes, Schedule: o.schedule, OpenLists: set.openLists, Rotate: set.rotate,
		Pseudonyms: storetest.Pseudonyms{},
	})
	o.must(err)
	for d := range documents {
		source := fmt.Sprint("registry of ", d)
		o.must(o.store.ApplyEvents(t.Context(), []registry.Application{storetest.EventAt(source, 1, o.person(d), storetest.Person("A"), yearBegins)})[0].Err)
		o.persons = append(o.persons, 1)
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
func (o *office) document(d int) string { return fmt.Sprint("N", d) }

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
			o.owner[at.List] = map[uint32]int{}
		}
		o.owner[at.List][uint32(at.Index)] = d + 1
		copies = append(copies, copyOf{at.List, uint32(at.Index), in.Expires})
	}
	return copies
}

// revoke lets the registry revoke a document.
func (o *office) revoke(d int, now time.Time, urgent bool) {
	o.seq++
	app := storetest.Revoking("R", o.seq, o.person(d), urgent, o.document(d))
	app.Record.Accepted, app.Record.Effective = now, now
	o.must(o.store.ApplyEvents(o.t.Context(), []registry.Application{app})[0].Err)
	o.persons[d]++
}

// plan fills up the window of an instant.
func (o *office) plan(now time.Time, cover int) {
	_, err := o.store.PlanCover(o.t.Context(), o.schedule.Cover(now, cover, o.bytes))
	o.must(err)
}

// release publishes what is due, and gives what everybody sees of it.
func (o *office) release(now time.Time) (all []seen) {
	released, err := o.store.Release(o.t.Context(), now)
	o.must(err)
	for _, r := range released {
		l, known := o.lists[r.ID]
		if !known {
			o.watch()
			l = o.lists[r.ID]
		}
		o.published[r.ID] = r.Version
		for _, i := range r.Indices {
			all = append(all, seen{now, l.ID, l.Created, i, o.owner[l.URI][i]})
		}
	}
	return all
}

// watch looks at the list of lists.
func (o *office) watch() {
	lists, err := o.store.Lists(o.t.Context())
	o.must(err)
	for _, l := range lists {
		o.lists[l.ID] = l
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
	y := &year{hours: map[int64][]seen{}, cover: 64}
	copies, renew := make([][]copyOf, documents), make([]time.Time, documents)
	for d := range documents {
		renew[d] = yearBegins.Add(time.Duration(o.random.Int64N(int64(renewEvery))))
	}
	release := func(now time.Time) {
		y.hours[now.Unix()/3600] = append(y.hours[now.Unix()/3600], o.release(now)...)
	}
	var revoked [][]copyOf // without urgency, by event
	for hour := range 365 * 24 {
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
			release(tick)
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
					release(now)
				} else {
					revoked = append(revoked, copies[d])
				}
				copies[d] = nil
				renew[d] = begin.Add(time.Hour + time.Duration(o.random.Int64N(int64(23*time.Hour))))
			}
		}
		o.tidy(begin.Add(time.Hour - time.Second))
	}
	o.compare(y)
	y.choose(o, revoked)
	return y
}

// compare checks that what was seen is what the lists say at the end.
func (o *office) compare(y *year) {
	o.watch()
	bits := map[string]map[uint32]bool{}
	for _, flips := range y.hours {
		for _, f := range flips {
			if bits[f.list] == nil {
				bits[f.list] = map[uint32]bool{}
			}
			bits[f.list][f.index] = true
		}
	}
	for id := range o.published {
		indices, _, err := o.store.Revoked(o.t.Context(), id)
		o.must(err)
		for _, i := range indices {
			if !bits[id][i] {
				o.t.Fatalf("index %d of %s is INVALID and was never seen to turn", i, id)
			}
		}
		if len(indices) != len(bits[id]) || len(indices) == 0 {
			o.t.Fatalf("%d entries of %s are INVALID, %d were seen to turn", len(indices), id, len(bits[id]))
		}
	}
}

// choose takes one copy of each revoked document of which two or more could be
// seen to turn.
func (y *year) choose(o *office, revoked [][]copyOf) {
	uris := map[string]string{}
	for id, l := range o.lists {
		uris[id] = l.URI
	}
	place := map[string]map[uint32]seen{}
	for _, flips := range y.hours {
		for _, f := range flips {
			uri := uris[f.list]
			if place[uri] == nil {
				place[uri] = map[uint32]seen{}
			}
			place[uri][f.index] = f
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
