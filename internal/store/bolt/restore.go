package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"vidimus/internal/audit"
	"vidimus/internal/status"
)

// PublishedList is a list as it can be fetched: nothing of it may be taken
// back.
type PublishedList struct {
	Version uint64
	// Invalid are the indices of a list of bits, Identifiers what an identifier
	// list holds.
	Invalid     []uint32
	Identifiers [][]byte
}

// RestoreOptions say into what a backup comes back.
type RestoreOptions struct {
	Options
	// Published are the lists as they can be fetched, by URI.
	Published map[string]PublishedList
	Now       time.Time
}

// Report is what Restored did.
type Report struct {
	Lists   int // of the backup, all closed now
	United  int // entries that were published as INVALID and the backup did not know
	Unseen  int // lists of the backup without a published copy
	Adopted int // published lists that the backup did not know: served on, never given out
	// Lost are published lists that cannot be served on: the backup has not
	// the key that makes their identifiers.
	Lost []string
}

func (r Report) String() string {
	text := fmt.Sprintf("%d lists closed, %d of them without a published copy; %d revocations taken from what was published; %d published lists that are newer than the backup taken in", r.Lists, r.Unseen, r.United, r.Adopted)
	for _, uri := range r.Lost {
		text += "; LOST, its published copy must be served on as it is: " + uri
	}
	return text
}

const (
	// versionLeap is by how much the version of a list rises of which nobody
	// knows how far it was published: more than it was changed.
	versionLeap = 1 << 20
	// adoptedLife is how long a list is served on of whose copies nothing is
	// known: no copy lives longer.
	adoptedLife = 366 * 24 * time.Hour
)

// singleUse are the buckets of what may be used once: the backup does not know
// what was used since.
var singleUse = []bucketID{offerBucket, nonceBucket, useBucket, grantBucket, keyBucket, tokenBucket, seenBucket,
	requestBucket, codeBucket, refreshBucket, revokedBucket, expiryBucket, linkBucket, sessionBucket, transactionBucket, waitingBucket, awaitingBucket, readerCodeBucket}

// Restored makes a database that came back from a backup fit to go on, in one
// transaction, before it is opened for the first time: no list gives out an
// index again, no list goes back in its version or in what it revoked, and
// what can be used once is void.
func Restored(path string, opts RestoreOptions) (report Report, err error) {
	if err := opts.complete(); err != nil {
		return Report{}, err
	}
	db, err := openFile(path, opts.lockTimeout)
	if err == nil {
		err = checkMarks(db, opts.Dev)
	}
	if err == nil {
		err = guarded(db, func(t *tx) error { return t.check(context.Background()) })
	}
	if err == nil {
		s := &Store{db: db, opts: opts.Options, lists: listCache{known: map[uint32]*knownList{}}}
		err = restoreIn(db, func(t *tx) error {
			report, err = s.restore(t, opts)
			return err
		})
	}
	if db != nil {
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		return Report{}, fmt.Errorf("restoring %s: %w", path, err)
	}
	return report, nil
}

func restoreIn(db *bbolt.DB, do step) error {
	return db.Update(func(below *bbolt.Tx) error {
		for _, b := range singleUse {
			if err := below.DeleteBucket([]byte(b.String())); err != nil {
				return err
			}
			if _, err := below.CreateBucket([]byte(b.String())); err != nil {
				return err
			}
		}
		t := newTx(below)
		if err := isolated(do, t); err != nil {
			return err
		}
		return t.flush()
	})
}

func (s *Store) restore(t *tx, opts RestoreOptions) (report Report, err error) {
	var lists []*knownList
	var counters []counterValue
	err = s.eachList(t, func(l *knownList, c counterValue) error {
		lists, counters = append(lists, l), append(counters, c)
		return nil
	})
	if err != nil {
		return report, err
	}
	if err := t.forgetLogins(); err != nil {
		return report, err
	}
	known := map[string]bool{}
	progresses := map[uint64]*progress{}
	for i, l := range lists {
		known[l.URI] = true
		public, seen := opts.Published[l.URI]
		if !seen {
			report.Unseen++
			public.Version = counters[i].version + versionLeap - 1
		}
		if c := &counters[i]; !c.closed && c.expiry.Before(opts.Now.Add(adoptedLife)) {
			// Copies that the backup does not know were made in it since, perhaps.
			c.expiry = opts.Now.Add(adoptedLife)
		}
		n, err := t.unite(l, counters[i], public, progresses)
		if err != nil {
			return report, err
		}
		report.United += n
	}
	report.Lists = len(lists)
	for _, kind := range []status.Kind{status.KindStatus, status.KindIdentifier} {
		t.putOpenLists(kind, nil)
	}
	if err := t.advanceOutcomes(progresses); err != nil {
		return report, err
	}
	for uri, public := range opts.Published {
		if known[uri] {
			continue
		}
		if err := s.adopt(t, uri, public, opts.Now, &report); err != nil {
			return report, err
		}
	}
	slices.Sort(report.Lost)
	return report, s.note(t, audit.Event{
		Time: opts.Now, Action: "issuer.restore", Actor: "issuer", Subject: "database", Outcome: audit.Done,
		Detail: map[string]string{"count": fmt.Sprint(report.Lists)},
	})
}

// forgetLogins deletes when links and sessions end: they are gone.
func (t *tx) forgetLogins() error {
	var keys [][]byte
	err := t.scan(officerEndBucket, nil, func(key, _ []byte) error {
		if key[8] != proposalLetter {
			keys = append(keys, bytes.Clone(key))
		}
		return nil
	})
	for _, key := range keys {
		t.delete(officerEndBucket, key)
	}
	return err
}

// unite closes a list, lifts its version above what is published, and makes
// INVALID what is published as that. It says how many entries these are.
func (t *tx) unite(l *knownList, c counterValue, public PublishedList, progresses map[uint64]*progress) (int, error) {
	c.closed = true
	c.version = max(c.version, public.Version) + 1
	invalid, err := l.indices(public)
	if err != nil {
		return 0, err
	}
	united := 0
	for _, index := range invalid {
		key := flipKey(l.number, index)
		v, known, err := t.flip(key)
		switch {
		case err != nil:
			return 0, err
		case known && v.version > 0:
			continue
		case known:
			c.waiting--
			if err := t.releaseOne(l.number, index, c.version, progresses); err != nil {
				return 0, err
			}
		default:
			t.put(flipBucket, key, flipValue{version: c.version}.encode())
		}
		c.revoked++
		united++
	}
	t.putCounter(l.number, c)
	return united, nil
}

// indices gives the indices that are published as INVALID.
func (l *knownList) indices(public PublishedList) ([]uint32, error) {
	invalid := slices.Clone(public.Invalid)
	if len(public.Identifiers) > 0 && l.Kind == status.KindIdentifier {
		wanted := map[string]bool{}
		for _, id := range public.Identifiers {
			wanted[string(id)] = true
		}
		for index := uint32(0); index < status.ListSize && len(wanted) > 0; index++ {
			if id := string(status.Identifier(l.Key, index)); wanted[id] {
				delete(wanted, id)
				invalid = append(invalid, index)
			}
		}
		if len(wanted) > 0 {
			return nil, fmt.Errorf("the published copy of %s has identifiers that are not of this list", l.URI)
		}
	}
	slices.Sort(invalid)
	invalid = slices.Compact(invalid)
	if n := len(invalid); n > 0 && invalid[n-1] >= status.ListSize {
		return nil, fmt.Errorf("the published copy of %s is larger than the list", l.URI)
	}
	return invalid, nil
}

// adopt takes in a list that is published and that the backup does not know.
func (s *Store) adopt(t *tx, uri string, public PublishedList, now time.Time, report *Report) error {
	id := uri[strings.LastIndexByte(uri, '/')+1:]
	if id == "" || uri != status.URI(s.opts.PublicURL, id) {
		report.Lost = append(report.Lost, uri)
		return nil
	}
	// Its key is lost, and with it which index is whose: this one orders
	// nothing.
	key := make([]byte, status.KeySize)
	if _, err := io.ReadFull(s.opts.Rand, key); err != nil {
		return fmt.Errorf("taking in %s: %w", uri, err)
	}
	c := counterValue{version: 1, next: fullList, expiry: now.Add(adoptedLife)}
	n, err := t.putList(listValue{ID: id, URI: uri, Kind: status.KindStatus, Key: key, Created: now}, c)
	if err != nil {
		return err
	}
	l, err := s.list(t, n)
	if err != nil {
		return err
	}
	report.Adopted++
	_, err = t.unite(l, c, public, nil)
	return err
}
