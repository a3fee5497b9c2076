// Package memory is a store that forgets at the end of the process: for tests,
// for the demo, and as the plain reading of what the services ask of a store.
//
// Start with New. One mutex makes every method one step; it shares no code
// with the durable store, and passes the same storetest.Run.
package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Options of a new store.
type Options struct {
	// PublicURL is where status lists are published: status.URI.
	PublicURL string
	// Rand gives ids and keys of lists.
	Rand io.Reader
}

// Store keeps everything in maps.
type Store struct {
	opts Options

	mu sync.Mutex
	// Registry. Subjects are kept encoded, so that nobody shares memory.
	subjects map[string][]byte
	holders  map[string]string
	seqs     map[string]uint64
	events   map[eventID]*event
	pending  map[eventID]bool
	// Issuance.
	offers     map[issuance.Digest]issuance.OfferRecord
	nonces     map[issuance.Digest]expiring
	uses       map[useID]*expiring
	batches    map[string]*batch
	byDocument map[string][]string
	said       map[issuance.Event]bool
	// Lists.
	lists map[string]*list
	open  *list
	// Authorization server.
	grants    map[authserver.Digest]authserver.GrantRecord
	grantKeys map[string]authserver.Digest
	tokens    map[authserver.Digest]authserver.TokenRecord
	seen      map[authserver.Digest]expiring
	// Audit.
	head  audit.Head
	lines [][]byte
}

var (
	_ registry.Store   = (*Store)(nil)
	_ registry.Records = (*Store)(nil)
	_ issuance.Store   = (*Store)(nil)
	_ authserver.Store = (*Store)(nil)
	_ status.Store     = (*Store)(nil)
	_ audit.Writer     = (*Store)(nil)
)

// New makes an empty store.
func New(opts Options) (*Store, error) {
	if opts.PublicURL == "" || opts.Rand == nil {
		return nil, errors.New("memory: public URL and randomness are needed")
	}
	return &Store{
		opts:     opts,
		subjects: map[string][]byte{}, holders: map[string]string{}, seqs: map[string]uint64{},
		events: map[eventID]*event{}, pending: map[eventID]bool{},
		offers: map[issuance.Digest]issuance.OfferRecord{}, nonces: map[issuance.Digest]expiring{}, uses: map[useID]*expiring{},
		batches: map[string]*batch{}, byDocument: map[string][]string{}, said: map[issuance.Event]bool{},
		lists:  map[string]*list{},
		grants: map[authserver.Digest]authserver.GrantRecord{}, grantKeys: map[string]authserver.Digest{},
		tokens: map[authserver.Digest]authserver.TokenRecord{}, seen: map[authserver.Digest]expiring{},
	}, nil
}

// lock begins a step; a context that has ended gets none.
func (s *Store) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	return nil
}

// Close does nothing.
func (s *Store) Close() error { return nil }

// Append adds an event to the audit record.
func (s *Store) Append(ctx context.Context, e audit.Event) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.mu.Unlock()
	note, err := s.note(e)
	if err != nil {
		return err
	}
	note()
	return nil
}

// note prepares an audit line; calling the result writes it. Whoever cannot
// prepare it must not have written anything else.
func (s *Store) note(e audit.Event) (write func(), err error) {
	line, head, err := s.head.Next(e)
	if err != nil {
		return nil, err
	}
	return func() { s.lines, s.head = append(s.lines, line), head }, nil
}

// WriteAudit writes the audit record, one line an event.
func (s *Store) WriteAudit(ctx context.Context, w io.Writer) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	lines := s.lines[:len(s.lines):len(s.lines)]
	s.mu.Unlock()
	for _, l := range lines {
		if _, err := fmt.Fprintf(w, "%s\n", l); err != nil {
			return err
		}
	}
	return nil
}
