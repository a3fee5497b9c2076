package bulk

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// Kind is what a comparison found. The list only grows.
type Kind string

// Between the dump and the office.
const (
	LineRefused        Kind = "line-refused"   // a line of the dump cannot be read
	PersonTwice        Kind = "person-twice"   // in the dump
	MissingPerson      Kind = "missing-person" // in the dump, not in the office
	MergedPerson       Kind = "merged-person"  // in the dump; in the office merged into another
	UnknownPerson      Kind = "unknown-person" // in the office, not in the dump
	PersonDiffers      Kind = "person-differs" // Members says where
	MissingEntitlement Kind = "missing-entitlement"
	UnknownEntitlement Kind = "unknown-entitlement"
	EntitlementDiffers Kind = "entitlement-differs"
	MissingDocument    Kind = "missing-document"
	UnknownDocument    Kind = "unknown-document"
	DocumentDiffers    Kind = "document-differs"
	MissingMeasure     Kind = "missing-measure"
	UnknownMeasure     Kind = "unknown-measure"
	MeasureDiffers     Kind = "measure-differs"
)

// Between the office and what is published.
const (
	// CopyNotCovered: the document must not be valid and this copy is not
	// published as INVALID, and no publication of it is due.
	CopyNotCovered Kind = "copy-not-covered"
	// CopyWaiting: as CopyNotCovered, and its list has flips that are recorded
	// and not released yet. It is no fault.
	CopyWaiting Kind = "copy-waiting"
	// CopyExpiring: as CopyNotCovered, and the copy expires by itself before a
	// flip would have been worth it. It is no fault.
	CopyExpiring Kind = "copy-expiring"
	// ListNotPublished: a list of ours cannot be fetched.
	ListNotPublished Kind = "list-not-published"
	// ListBehind: a released version is not published yet.
	ListBehind Kind = "list-behind"
	// ListLacks: indices that were released as INVALID are not, in a list of
	// that version or a later one. Count says how many.
	ListLacks Kind = "list-lacks"
	// ListExceeds: indices are INVALID of which there is no record: perhaps
	// copies of documents that nothing was said against.
	ListExceeds Kind = "list-exceeds"
)

// fault tells the findings that speak against the office from those that time
// resolves.
func (k Kind) fault() bool { return k != CopyWaiting && k != CopyExpiring }

// Finding is one line of the findings. It names things and members of things,
// never a value.
type Finding struct {
	Kind     Kind     `json:"kind"`
	Line     int      `json:"line,omitempty"` // of the dump
	Person   string   `json:"person,omitempty"`
	Document string   `json:"document,omitempty"`
	Measure  string   `json:"measure,omitempty"`
	Right    string   `json:"right,omitempty"` // kind/territory
	Members  []string `json:"members,omitempty"`
	List     string   `json:"list,omitempty"`
	Index    *uint64  `json:"index,omitempty"`
	Count    int      `json:"count,omitempty"`
	Detail   string   `json:"detail,omitempty"` // a refusal: names a member
}

// report writes findings, counts them and keeps the digest of what was
// written.
type report struct {
	out    *bufio.Writer
	hash   hash.Hash
	counts map[Kind]int
	total  int
}

func newReport(w io.Writer) *report {
	return &report{out: bufio.NewWriter(w), hash: sha256.New(), counts: map[Kind]int{}}
}

func (r *report) add(f Finding) error {
	text, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("encoding a finding: %w", err)
	}
	text = append(text, '\n')
	r.hash.Write(text)
	r.counts[f.Kind]++
	r.total++
	if _, err := r.out.Write(text); err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	return nil
}

func (r *report) addAll(list []Finding) error {
	for _, f := range list {
		if err := r.add(f); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) digest() (d [32]byte) { return [32]byte(r.hash.Sum(d[:0])) }
