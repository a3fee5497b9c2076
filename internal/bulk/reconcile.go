package bulk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/document"
)

// Reconciler compares a dump of one source with the office, and the office
// with what is published.
type Reconciler struct {
	Store     Store
	Recorded  Recorded
	Published Published
	Table     document.Table
	Source    Source
	Manifest  Manifest // of the dump
	File      io.Reader
	// Images is the folder of the dump's pictures. When it is nil, pictures
	// named by digest are not compared and Result.Pictures counts them.
	Images Images
	Clock  clock.Clock
	// Leave is status.leave: copies that expire within it are left alone.
	Leave time.Duration
	// Findings takes one JSON object a line. They name persons and documents,
	// and no value: they are for the source and the office alone.
	Findings io.Writer
	// Progress, when not nil, is told now and then: Lines of the dump, then
	// Subjects of the office.
	Progress func(lines, subjects int)
}

// maxOpen bounds the copies that are looked at twice, 200 octets each.
const maxOpen = 2_000_000

// Result is what a comparison came to.
type Result struct {
	Manifest    Manifest
	Begun, Done time.Time
	// Persons of the dump, Subjects of the office, Copies of documents that
	// must not be valid: how many were looked at. Pictures were not.
	Persons, Subjects, Copies, Pictures int
	Counts                              map[Kind]int
	// Findings is how many lines were written, Digest the SHA-256 of them.
	Findings int
	Digest   [32]byte
	Lists    []ListVersion
}

// ListVersion is a list as it was compared.
type ListVersion struct {
	URI     string `json:"uri"`
	Version uint64 `json:"version"`
}

// Clean tells that nothing is missing: no finding, but for copies whose flip
// is due or that expire by themselves.
func (r Result) Clean() bool {
	for kind, n := range r.Counts {
		if n > 0 && kind.fault() {
			return false
		}
	}
	return true
}

// Run reads the dump once and the office once. The dump is to be made when the
// office has all events of the source, and none is to be sent before Run has
// ended: what changes meanwhile is found to differ. An error means that
// nothing is proven.
func (r *Reconciler) Run(ctx context.Context) (Result, error) {
	result := Result{Manifest: r.Manifest, Begun: r.Clock.Now()}
	out := newReport(r.Findings)
	known := &persons{}
	if err := r.dump(ctx, &result, out, known); err != nil {
		return result, err
	}
	if twice := known.sort(); twice > 0 {
		if err := out.add(Finding{Kind: PersonTwice, Count: twice}); err != nil {
			return result, err
		}
	}
	shelves, lists, err := r.fetch(ctx)
	if err != nil {
		return result, err
	}
	left, err := r.office(ctx, &result, out, known, shelves)
	if err != nil {
		return result, err
	}
	if err := r.settle(ctx, left, out); err != nil {
		return result, err
	}
	for _, l := range lists {
		s := shelves[l.URI]
		found, err := r.publication(ctx, s)
		if err == nil {
			err = out.addAll(found)
		}
		if err != nil {
			return result, err
		}
		if s.published != nil {
			result.Lists = append(result.Lists, ListVersion{URI: l.URI, Version: s.published.Version()})
		}
	}
	if err := out.out.Flush(); err != nil {
		return result, fmt.Errorf("writing the findings: %w", err)
	}
	result.Counts, result.Findings, result.Digest, result.Done = out.counts, out.total, out.digest(), r.Clock.Now()
	return result, nil
}

// dump compares every line with the subject of the office.
func (r *Reconciler) dump(ctx context.Context, result *Result, out *report, known *persons) error {
	s := &stream{manifest: r.Manifest, file: r.File, clock: r.Clock, parser: parser{
		table: r.Table, may: r.Source.May, images: r.Images, id: document.EventID{Source: r.Manifest.Source, JTI: r.Manifest.ID},
	}}
	lines := 0
	return s.each(ctx, 0, func(w *work) error {
		for _, refused := range w.refused {
			if err := out.add(Finding{Kind: LineRefused, Line: refused.Line, Detail: refused.Detail()}); err != nil {
				return err
			}
		}
		for from := 0; from < len(w.parsed); from += lookup {
			if err := r.lookup(ctx, w.parsed[from:min(from+lookup, len(w.parsed))], result, out, known); err != nil {
				return err
			}
		}
		lines += len(w.lines)
		if r.Progress != nil {
			r.Progress(lines, 0)
		}
		return nil
	})
}

func (r *Reconciler) lookup(ctx context.Context, said []parsed, result *Result, out *report, known *persons) error {
	numbers := make([]string, len(said))
	for i := range said {
		numbers[i] = said[i].subject.Number
	}
	kept, err := r.Store.Subjects(ctx, numbers)
	if err != nil {
		return fmt.Errorf("reading subjects: %w", err)
	}
	for i := range said {
		if err := known.add(numbers[i]); err != nil {
			return err
		}
		result.Persons++
		result.Pictures += len(said[i].left)
		if kept[i] == nil {
			if err := out.add(Finding{Kind: MissingPerson, Person: numbers[i]}); err != nil {
				return err
			}
			continue
		}
		c := comparison{may: r.Source.May, at: r.Manifest.Issued, left: said[i].left}
		if err := out.addAll(c.compare(said[i].subject, *kept[i])); err != nil {
			return err
		}
	}
	return nil
}

// office looks at every subject: whether the dump has it, and whether the
// copies are covered. What is open is looked at once more later.
func (r *Reconciler) office(ctx context.Context, result *Result, out *report, known *persons, shelves map[string]*shelf) ([]open, error) {
	var left []open
	for after := ""; ; {
		subjects := make([]document.Subject, 0, lookup)
		err := r.Store.EachSubject(ctx, after, lookup, func(s document.Subject) error {
			subjects = append(subjects, s)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading subjects: %w", err)
		}
		if len(subjects) == 0 {
			return left, nil
		}
		after = subjects[len(subjects)-1].Number
		now := r.Clock.Now()
		for _, s := range subjects {
			if !known.has(s.Number) && concerns(r.Source.May, s, r.Manifest.Issued) {
				if err := out.add(Finding{Kind: UnknownPerson, Person: s.Number}); err != nil {
					return nil, err
				}
			}
			for _, d := range s.Documents {
				if !mustBeInvalid(r.Table, s, d, now) {
					continue
				}
				more, checked, err := r.copies(ctx, s.Number, d.Number, shelves, now)
				if err != nil {
					return nil, err
				}
				result.Copies += checked
				if left = append(left, more...); len(left) > maxOpen {
					return nil, errors.New("too many copies are not covered to list them")
				}
			}
		}
		result.Subjects += len(subjects)
		if r.Progress != nil {
			r.Progress(result.Persons, result.Subjects)
		}
	}
}
