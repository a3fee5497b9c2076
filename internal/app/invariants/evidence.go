package invariants

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"vidimus/internal/authserver"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Store is what is read of a database; every store of ours has it.
type Store interface {
	EachSubject(ctx context.Context, after string, limit int, each func(document.Subject) error) error
	History(ctx context.Context, person string, before document.EventID, limit int) ([]registry.EventRecord, error)
	Outcome(ctx context.Context, source, jti string) (registry.Outcome, error)
	LastSeq(ctx context.Context, source string) (uint64, error)
	Receipts(ctx context.Context, source string, after uint64, limit int) ([]registry.ReceiptRow, error)
	Copies(ctx context.Context, document string) ([]issuance.Copy, error)
	Lists(ctx context.Context) ([]status.List, error)
	Revoked(ctx context.Context, id string) (indices []uint32, version uint64, err error)
	Grant(ctx context.Context, code authserver.Digest) (authserver.GrantRecord, error)
	AuditLines(ctx context.Context, from uint64, limit int, each func(seq uint64, line []byte) error) error
	LastCheckpoint(ctx context.Context) (size uint64, token string, err error)
}

// Accepted is one event as the store has it.
type Accepted struct {
	registry.EventRecord
	Outcome registry.Outcome
}

// Filed is what the manifest of a published folder says of one list.
type Filed struct {
	URI     string `json:"uri"`
	Version uint64 `json:"version"`
}

// Index is a list as the store has it.
type Index struct {
	status.List
	// Invalid are the released indices, at Version.
	Invalid []uint32
}

// Evidence is everything that Check looks at.
type Evidence struct {
	Subjects map[string]document.Subject
	// Histories are the events of each person, in the order in which they
	// were applied.
	Histories map[string][]Accepted
	// LastSeq is the number of the last accepted event of each source.
	LastSeq map[string]uint64
	Rows    map[string][]registry.ReceiptRow
	Copies  []issuance.Copy
	Lists   map[string]Index // by URI
	Lines   [][]byte         // audit record
	// Attempts are the tries left of the grants that the journal names, by
	// the hex digest of the code; a grant that is gone is not in it.
	Attempts map[string]int

	// Checkpoints are tokens in the order in which they were found: of the
	// database, then of each file outside.
	Checkpoints [][]string
	// Files are published lists: name -> token, as a web server would serve
	// them.
	Files map[string][]byte
	// Manifest is what the folder says of its lists, Torn why that cannot be
	// read.
	Manifest []Filed
	Torn     error
	// Signers are the document signers as the folder publishes them, none where it has
	// no list of them; nil when no folder was looked at.
	Signers *Signers
	// Root is the office's IACA certificate, Operations that of the root over
	// its receipts and checkpoints; nil takes any root.
	Root, Operations *x509.Certificate
	// Checkpointer is the certificate of the key that signs checkpoints.
	Checkpointer *x509.Certificate

	Journal []Entry
	// Before is what an earlier check of the same office remembered.
	Before *Memory
	// Settled says that the office ran undisturbed at the end: every event
	// that revokes copies must be covered.
	Settled bool
	// Tries is offers.tx_code_attempts of the office, 0 for the most that any
	// configuration allows.
	Tries int
	// Partial says that events may be gone (retention) or have never been
	// there (imports): then states are folded only where all events are there.
	Partial bool
}

// page is how many records are read at once.
const page = 500

// Gather reads a database. Journal, Checkpoints of files, Files and Root are
// the caller's to add; the journal is needed here for the codes that it names.
func Gather(ctx context.Context, s Store, journal []Entry) (*Evidence, error) {
	ev := &Evidence{
		Subjects: map[string]document.Subject{}, Histories: map[string][]Accepted{}, LastSeq: map[string]uint64{},
		Rows: map[string][]registry.ReceiptRow{}, Lists: map[string]Index{}, Attempts: map[string]int{}, Journal: journal,
	}
	for _, read := range []func(context.Context, Store) error{ev.subjects, ev.sources, ev.lists, ev.record, ev.grants} {
		if err := read(ctx, s); err != nil {
			return nil, fmt.Errorf("reading the database: %w", err)
		}
	}
	return ev, nil
}

// subjects reads everybody with their events and copies.
func (ev *Evidence) subjects(ctx context.Context, s Store) error {
	for last := ""; ; {
		n := 0
		err := s.EachSubject(ctx, last, page, func(sub document.Subject) error {
			n++
			last = sub.Number
			ev.Subjects[sub.Number] = sub
			return nil
		})
		if err != nil {
			return err
		}
		if n < page {
			break
		}
	}
	for number, sub := range ev.Subjects {
		if err := ev.history(ctx, s, number); err != nil {
			return err
		}
		for _, d := range sub.Documents {
			copies, err := s.Copies(ctx, d.Number)
			if err != nil {
				return err
			}
			ev.Copies = append(ev.Copies, copies...)
		}
	}
	return nil
}

func (ev *Evidence) history(ctx context.Context, s Store, person string) error {
	var all []Accepted
	var before document.EventID
	for {
		records, err := s.History(ctx, person, before, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			o, err := s.Outcome(ctx, r.Source, r.JTI)
			if err != nil && !errors.Is(err, registry.ErrOutcomeNotFound) {
				return err
			}
			all = append(all, Accepted{r, o})
			before = document.EventID{Source: r.Source, JTI: r.JTI}
			if _, known := ev.LastSeq[r.Source]; !known {
				ev.LastSeq[r.Source] = 0
			}
		}
		if len(records) < page {
			break
		}
	}
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 { // they came newest first
		all[i], all[j] = all[j], all[i]
	}
	ev.Histories[person] = all
	return nil
}

func (ev *Evidence) sources(ctx context.Context, s Store) error {
	for _, e := range ev.Journal {
		if e.Source != "" {
			ev.LastSeq[e.Source] = 0
		}
	}
	for source := range ev.LastSeq {
		last, err := s.LastSeq(ctx, source)
		if err != nil {
			return err
		}
		ev.LastSeq[source] = last
		for after := uint64(0); ; {
			rows, err := s.Receipts(ctx, source, after, page)
			if err != nil {
				return err
			}
			ev.Rows[source] = append(ev.Rows[source], rows...)
			if len(rows) < page {
				break
			}
			after = rows[len(rows)-1].Number
		}
	}
	return nil
}

func (ev *Evidence) lists(ctx context.Context, s Store) error {
	lists, err := s.Lists(ctx)
	if err != nil {
		return err
	}
	for _, l := range lists {
		invalid, version, err := s.Revoked(ctx, l.ID)
		if err != nil {
			return err
		}
		l.Version = version
		ev.Lists[l.URI] = Index{l, invalid}
	}
	return nil
}

func (ev *Evidence) record(ctx context.Context, s Store) error {
	for {
		n := 0
		err := s.AuditLines(ctx, uint64(len(ev.Lines))+1, page, func(_ uint64, line []byte) error {
			n++
			ev.Lines = append(ev.Lines, append([]byte(nil), line...))
			return nil
		})
		if err != nil {
			return err
		}
		if n < page {
			break
		}
	}
	_, token, err := s.LastCheckpoint(ctx)
	if err == nil && token != "" {
		ev.Checkpoints = append(ev.Checkpoints, []string{token})
	}
	return err
}

func (ev *Evidence) grants(ctx context.Context, s Store) error {
	for _, e := range ev.Journal {
		raw, err := hex.DecodeString(e.Code)
		if e.Kind != Token || err != nil || len(raw) != 32 {
			continue
		}
		if _, known := ev.Attempts[e.Code]; known {
			continue
		}
		switch g, err := s.Grant(ctx, authserver.Digest(raw)); {
		case err == nil:
			ev.Attempts[e.Code] = g.AttemptsLeft
		case !errors.Is(err, authserver.ErrGrantNotFound):
			return err
		}
	}
	return nil
}
