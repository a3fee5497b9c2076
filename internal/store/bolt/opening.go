package bolt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/faults"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

// opening counts the copies that an outcome concerns while it is not covered.
type opening struct {
	event  uint64 // 0: nobody keeps the outcome
	at     time.Time
	atOnce map[string]bool // batches of which the flips are due at once, whoever asks

	members  []string // batches (keys of copyBucket) of an opening before that is not covered yet
	copies   int
	urgent   bool // some flip is to be published at once
	expiring int
	until    time.Time
	waiting  int               // flips not released
	versions map[uint32]uint64 // of lists, since when the released ones are INVALID
	all      []string          // batches that it concerns
}

// openValue is what a release needs of an open outcome.
type openValue struct {
	waiting  int
	versions []listVersion
}

func (v openValue) encode() []byte {
	p := packer{b: make([]byte, 0, 8+6*len(v.versions))}
	p.uint(uint64(v.waiting))
	p.uint(uint64(len(v.versions)))
	for _, l := range v.versions {
		p.uint(uint64(l.list))
		p.uint(l.version)
	}
	return p.b
}

func (t *tx) open(event uint64) (v openValue, ok bool, err error) {
	b := t.get(openBucket, number(event))
	if b == nil {
		return v, false, nil
	}
	u := unpacker{b: b}
	v.waiting = int(u.uint())
	for range u.count() {
		v.versions = append(v.versions, listVersion{uint32(u.uint()), u.uint()})
	}
	if err := u.end(); err != nil {
		return v, false, fmt.Errorf("open outcome: %w", err)
	}
	return v, true, nil
}

// recall takes an outcome that is open out of where it waits, and remembers
// its batches.
func (o *opening) recall(t *tx, outcome registry.Outcome) error {
	b := t.get(memberBucket, number(o.event))
	if b == nil {
		return nil
	}
	o.urgent = outcome.Urgent
	u := unpacker{b: b}
	for range u.count() {
		o.members = append(o.members, u.text())
	}
	if err := u.end(); err != nil {
		return fmt.Errorf("open outcome: %w", err)
	}
	t.unqueue(o.event, outcome)
	return nil
}

// unqueue takes an outcome out of the queues of those that are all released.
func (t *tx) unqueue(event uint64, outcome registry.Outcome) {
	if key := number(event); t.has(unpublishedBucket, key) {
		t.delete(unpublishedBucket, key)
	}
	if key := after(moment(outcome.Until), number(event)); t.has(untilBucket, key) {
		t.delete(untilBucket, key)
	}
}

// write puts the counts into the outcome and queues it where it waits. It
// gives the lists of the outcome, when all is released already.
func (o *opening) write(t *tx, outcome *registry.Outcome) []listVersion {
	outcome.Revokes, outcome.Copies, outcome.Expiring, outcome.Until = true, o.copies, o.expiring, o.until
	outcome.Lists, outcome.Covered, outcome.Urgent = nil, time.Time{}, o.urgent
	if o.copies == 0 {
		t.close(o.event, *outcome)
		return nil
	}
	v := openValue{waiting: o.waiting}
	for _, list := range slices.Sorted(maps.Keys(o.versions)) {
		v.versions = append(v.versions, listVersion{list, o.versions[list]})
	}
	t.put(openBucket, number(o.event), v.encode())
	p := packer{}
	p.uint(uint64(len(o.all)))
	for _, key := range o.all {
		p.text(key)
	}
	t.put(memberBucket, number(o.event), p.b)
	if o.waiting > 0 {
		return nil
	}
	t.queue(o.event, *outcome, v.versions)
	return v.versions
}

// queue puts an outcome of which all is released where it waits.
func (t *tx) queue(event uint64, outcome registry.Outcome, lists []listVersion) {
	if len(lists) > 0 {
		t.put(unpublishedBucket, number(event), nil)
		return
	}
	t.put(untilBucket, after(moment(outcome.Until), number(event)), nil)
}

// close forgets what is kept of an outcome while it is open.
func (t *tx) close(event uint64, outcome registry.Outcome) {
	if key := number(event); t.has(openBucket, key) {
		t.delete(openBucket, key)
		t.delete(memberBucket, key)
	}
	t.unqueue(event, outcome)
}

// flip writes the flips of all copies that revocations of one cause name, and
// counts them and those of o.members.
func (s *Store) flip(t *tx, o *opening, revoke []document.Revocation, holders map[string]bool) error {
	named, err := t.batchesOf(revoke)
	if err != nil {
		return err
	}
	o.versions = map[uint32]uint64{}
	o.all = slices.Sorted(maps.Keys(named))
	for _, key := range o.members {
		if _, again := named[key]; !again {
			o.all = append(o.all, key)
		}
	}
	slices.Sort(o.all)
	f := flipping{store: s, tx: t, opening: o, grown: map[uint32]int{}, gone: map[string]uint64{}}
	kept := o.all[:0]
	for _, key := range o.all {
		b, err := t.batch(key)
		if err != nil {
			return err
		}
		if b == nil {
			continue // retention took it: it has expired
		}
		urgent, again := named[key]
		before, left := o.copies, o.expiring
		if err := f.batch(b, again, o.atOnce[key]); err != nil {
			return err
		}
		o.urgent = o.urgent || urgent && o.copies-o.expiring > before-left
		if o.copies > before {
			kept = append(kept, key)
			if holder := t.get(holderBucket, []byte(b.Document)); holder != nil && again {
				holders[string(holder)] = true
			}
		}
	}
	o.all = kept
	if faults.Wrong("store.lose-flip") && f.last != nil {
		t.delete(flipBucket, f.last)
	}
	return f.count()
}

// batchesOf gives the batches (keys of copyBucket) that revocations name, and
// whether one of those is urgent.
func (t *tx) batchesOf(revoke []document.Revocation) (map[string]bool, error) {
	named := map[string]bool{}
	for _, r := range revoke {
		each := func(key []byte) { named[string(key)] = named[string(key)] || r.Urgent }
		var err error
		switch {
		case r.Document != "":
			err = t.scan(copyBucket, pair(r.Document, nil), func(key, value []byte) error {
				b, err := decodeBatch(key, value)
				if err == nil && b.State != issuance.StateBurned && (r.Wallet == "" || r.Wallet == b.Wallet) {
					each(key)
				}
				return err
			})
		case r.Wallet != "":
			prefix := pair(r.Wallet, nil)
			err = t.scan(unitCopyBucket, prefix, func(key, _ []byte) error {
				b, err := t.batch(string(key[len(prefix):]))
				if err == nil && b != nil && b.State != issuance.StateBurned {
					each(key[len(prefix):])
				}
				return err
			})
		}
		if err != nil {
			return nil, err
		}
	}
	return named, nil
}

// flipping is one run over the copies of an opening.
type flipping struct {
	store *Store
	tx    *tx
	*opening
	grown map[uint32]int    // flips that are new, by list
	gone  map[string]uint64 // of those, by key of expiringBucket
	last  []byte            // key of the last one
}

// batch flips the copies of a batch that is named, or counts those of one that
// was named before.
func (f *flipping) batch(b *batchValue, named, urgent bool) error {
	if b.Kind == issuance.StatusNone {
		// Nothing can be flipped: it ends by itself.
		if !named || b.Expires.After(f.at) {
			f.leave(b, b.Count)
		}
		return nil
	}
	places, err := f.store.places(f.tx, b)
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.list == nil {
			continue // retired: it has expired
		}
		if err := f.copy(b, p, named, urgent); err != nil {
			return err
		}
	}
	return nil
}

func (f *flipping) leave(b *batchValue, n int) {
	f.copies += n
	f.expiring += n
	if b.Expires.After(f.until) {
		f.until = b.Expires
	}
}

func (f *flipping) copy(b *batchValue, p place, named, urgent bool) error {
	key := flipKey(p.list.number, p.index)
	v, known, err := f.tx.flip(key)
	if err != nil {
		return err
	}
	if !known {
		if !named {
			f.leave(b, 1) // as it was when it was named
			return nil
		}
		due, leave, err := f.store.opts.Schedule.Due(f.at, urgent, b.Expires, f.store.opts.Rand)
		if err != nil {
			return fmt.Errorf("scheduling a flip: %w", err)
		}
		if leave {
			f.leave(b, 1)
			return nil
		}
		v = flipValue{due: moment(due)}
		f.grown[p.list.number]++
		f.gone[string(expiringKey(b.Expires, p.list.number))]++
		f.last = key
		f.tx.put(dueBucket, after(v.due, key), nil)
	}
	f.copies++
	if v.version > 0 {
		f.versions[p.list.number] = max(f.versions[p.list.number], v.version)
		return nil
	}
	f.waiting++
	changed := !known
	if now := moment(f.at); named && urgent && v.due > now {
		f.tx.delete(dueBucket, after(v.due, key))
		f.tx.put(dueBucket, after(now, key), nil)
		v.due, changed = now, true
	}
	if f.event != 0 && !slices.Contains(v.waiters, f.event) {
		v.waiters, changed = append(v.waiters, f.event), true
	}
	if changed {
		f.tx.put(flipBucket, key, v.encode())
	}
	return nil
}

// count writes how many flips each list waits for, and that these copies hide
// no noise any more.
func (f *flipping) count() error {
	for _, list := range slices.SortedFunc(maps.Keys(f.grown), cmp.Compare[uint32]) {
		c, err := f.tx.counter(list)
		if err != nil {
			return err
		}
		c.waiting += f.grown[list]
		f.tx.putCounter(list, c)
	}
	for key, n := range f.gone {
		if alive := toNumber(f.tx.get(expiringBucket, []byte(key))); alive > n {
			f.tx.put(expiringBucket, []byte(key), number(alive-n))
		} else if alive > 0 {
			f.tx.delete(expiringBucket, []byte(key))
		}
	}
	return nil
}
