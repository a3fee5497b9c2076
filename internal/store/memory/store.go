// Package memory is a store that forgets at the end of the process: for tests,
// for the demo, and as the plain reading of what the services ask of a store.
//
// Start with New. One mutex makes every method one step, and a step that ends
// with an error is undone. It shares no code with the durable store, counts
// nothing that it can look up but the copies that are alive, and passes the
// same storetest.Run. To issue, revoke a document and release costs no more for
// what was made before, so that a test can live through a year.
package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/bulk"
	"vidimus/internal/citizen"
	"vidimus/internal/emergency"
	"vidimus/internal/fleet"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Options of a new store.
type Options struct {
	// PublicURL is where status lists are published: status.URI.
	PublicURL string
	// Rand gives ids and keys of lists, and draws.
	Rand io.Reader
	// Schedule says when flips are due; nil is at once, and no copy is left
	// alone.
	Schedule status.Schedule
	// OpenLists is from how many lists the copies of a batch are drawn; 0 is 8.
	OpenLists int
	// Rotate is after what time a list is closed; 0 is status.DefaultRotate.
	Rotate time.Duration
	// Pseudonyms stand for persons in the audit record; nil is a key of the
	// store's own, which goes with it.
	Pseudonyms audit.Pseudonyms
}

// Store keeps everything in maps. The values of maps are never changed, but
// replaced by put, so that a step can be undone.
type Store struct {
	opts Options

	mu   sync.Mutex
	undo []func()

	counters map[string]uint64
	// Registry. Subjects are kept encoded, so that nobody shares memory.
	subjects map[string][]byte
	holders  map[string]string
	agenda   map[string]time.Time
	seqs     map[string]uint64
	ids      map[eventID]uint64
	events   map[uint64]registry.EventRecord
	outcomes map[uint64]registry.Outcome
	history  map[string][]uint64
	merged   map[string][]string // person -> those whose record it got
	rows     map[string][]registry.ReceiptRow
	cursors  map[string]uint64
	open     map[uint64]opening
	// Issuance.
	offers       map[issuance.Digest]issuance.OfferRecord
	nonces       map[issuance.Digest]time.Time
	uses         map[useID]use
	voids        map[string]voided
	wallets      map[string]wallet
	batches      map[string]batch
	order        []string            // of batches
	issued       map[string][]string // document -> its batches
	said         map[saidID]time.Time
	transactions map[issuance.Digest]issuance.Transaction
	marks        map[issuance.Digest]issuance.ListMark
	// Lists.
	lists  map[listID]list
	giving map[status.Kind][]listID // open lists
	flips  map[place]uint64         // since which version they are INVALID, 0 while they wait
	waits  []waiting                // those that wait
	alive  map[expiring]int         // copies that were not flipped
	// Notices, imports, officers.
	notices     map[uint64]notice.Record
	imports     map[importID]bulk.Import
	revocations map[citizen.Digest]citizen.Code
	readers     map[string]fleet.Reader
	links       map[officer.Digest]officer.Link
	sessions    map[officer.Digest]officer.Session
	proposals   map[string]officer.Proposal
	plans       map[string]emergency.Plan
	concerned   map[string]map[string]emergency.Concerned // plan -> document
	stops       map[stopID]emergency.Stop
	// Authorization server.
	grants    map[authserver.Digest]authserver.GrantRecord
	grantKeys map[string]authserver.Digest
	tokens    map[authserver.Digest]authserver.TokenRecord
	seen      map[authserver.Digest]time.Time
	requests  map[authserver.Digest]authserver.RequestRecord
	codes     map[authserver.Digest]authserver.CodeRecord
	refreshes map[authserver.Digest]authserver.RefreshRecord
	revoked   map[authserver.Digest]time.Time // grants of RevokeIssued, until when that is remembered
	// Audit.
	head       audit.Head
	lines      [][]byte
	tree       [][32]byte
	treeSize   uint64
	checkpoint checkpoint
}

var (
	_ registry.Store   = (*Store)(nil)
	_ registry.Records = (*Store)(nil)
	_ issuance.Store   = (*Store)(nil)
	_ authserver.Store = (*Store)(nil)
	_ status.Store     = (*Store)(nil)
	_ notice.Store     = (*Store)(nil)
	_ bulk.Store       = (*Store)(nil)
	_ officer.Store    = (*Store)(nil)
	_ emergency.Store  = (*Store)(nil)
	_ fleet.Store      = (*Store)(nil)
	_ audit.Writer     = (*Store)(nil)
	_ audit.TreeStore  = (*Store)(nil)
)

// New makes an empty store.
func New(opts Options) (*Store, error) {
	if opts.PublicURL == "" || opts.Rand == nil {
		return nil, errors.New("memory: public URL and randomness are needed")
	}
	if opts.OpenLists < 0 || opts.OpenLists > 256 || opts.Rotate < 0 {
		return nil, errors.New("memory: open lists are 1 to 256, rotate is not negative")
	}
	if opts.Schedule == nil {
		opts.Schedule = atOnce{}
	}
	if opts.OpenLists == 0 {
		opts.OpenLists = 8
	}
	if opts.Rotate == 0 {
		opts.Rotate = status.DefaultRotate
	}
	if opts.Pseudonyms == nil {
		var key ownKey
		if _, err := io.ReadFull(opts.Rand, key[:]); err != nil {
			return nil, fmt.Errorf("memory: key of pseudonyms: %w", err)
		}
		opts.Pseudonyms = key
	}
	return &Store{
		opts: opts, counters: map[string]uint64{},
		subjects: map[string][]byte{}, holders: map[string]string{}, agenda: map[string]time.Time{}, seqs: map[string]uint64{},
		ids: map[eventID]uint64{}, events: map[uint64]registry.EventRecord{}, outcomes: map[uint64]registry.Outcome{},
		history: map[string][]uint64{}, merged: map[string][]string{}, rows: map[string][]registry.ReceiptRow{},
		cursors: map[string]uint64{}, open: map[uint64]opening{},
		offers: map[issuance.Digest]issuance.OfferRecord{}, nonces: map[issuance.Digest]time.Time{}, uses: map[useID]use{},
		voids: map[string]voided{}, wallets: map[string]wallet{}, batches: map[string]batch{}, issued: map[string][]string{}, said: map[saidID]time.Time{},
		transactions: map[issuance.Digest]issuance.Transaction{},
		marks:        map[issuance.Digest]issuance.ListMark{},
		lists:        map[listID]list{}, giving: map[status.Kind][]listID{}, flips: map[place]uint64{},
		alive:   map[expiring]int{},
		notices: map[uint64]notice.Record{}, imports: map[importID]bulk.Import{},
		revocations: map[citizen.Digest]citizen.Code{}, readers: map[string]fleet.Reader{},
		links: map[officer.Digest]officer.Link{}, sessions: map[officer.Digest]officer.Session{}, proposals: map[string]officer.Proposal{},
		plans: map[string]emergency.Plan{}, concerned: map[string]map[string]emergency.Concerned{}, stops: map[stopID]emergency.Stop{},
		grants: map[authserver.Digest]authserver.GrantRecord{}, grantKeys: map[string]authserver.Digest{},
		tokens: map[authserver.Digest]authserver.TokenRecord{}, seen: map[authserver.Digest]time.Time{},
		requests: map[authserver.Digest]authserver.RequestRecord{}, codes: map[authserver.Digest]authserver.CodeRecord{},
		refreshes: map[authserver.Digest]authserver.RefreshRecord{}, revoked: map[authserver.Digest]time.Time{},
	}, nil
}

// atOnce is the Schedule of who has none.
type atOnce struct{}

func (atOnce) Due(now time.Time, _ bool, _ time.Time, _ io.Reader) (time.Time, bool, error) {
	return now, false, nil
}

// step runs one step; a context that has ended gets none. What it did is
// undone when it returns an error.
func (s *Store) step(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.undo = s.undo[:0]
	err := do()
	if err != nil {
		for i := len(s.undo) - 1; i >= 0; i-- {
			s.undo[i]()
		}
	}
	return err
}

// put replaces a value of a map within a step.
func put[K comparable, V any](s *Store, m map[K]V, k K, v V) {
	before, known := m[k]
	s.undo = append(s.undo, func() {
		if known {
			m[k] = before
		} else {
			delete(m, k)
		}
	})
	m[k] = v
}

// drop deletes a value of a map within a step.
func drop[K comparable, V any](s *Store, m map[K]V, k K) {
	if before, known := m[k]; known {
		s.undo = append(s.undo, func() { m[k] = before })
		delete(m, k)
	}
}

// assign replaces a value within a step.
func assign[V any](s *Store, at *V, v V) {
	before := *at
	s.undo = append(s.undo, func() { *at = before })
	*at = v
}

// next counts something up and gives the new number, from 1.
func (s *Store) next(name string) uint64 {
	put(s, s.counters, name, s.counters[name]+1)
	return s.counters[name]
}

// Close does nothing.
func (s *Store) Close() error { return nil }
