package invariants

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"vidimus/internal/jose"
)

// Kind is what a client did.
type Kind string

// The calls of a journal.
const (
	Start      Kind = "start"      // the office was started; Took until it was ready
	Ready      Kind = "ready"      // it was asked whether it is ready; Refused is a no
	Push       Kind = "push"       // an event: Source, JTI, Digest
	Receipt    Kind = "receipt"    // of an event: Source, JTI, Version, Lists
	Token      Kind = "token"      // a code was redeemed: Code, Wrong
	Credential Kind = "credential" // copies came: Nonce, Batch, Copies
	List       Kind = "list"       // a status list was fetched: URI, Body
	Other      Kind = "other"      // any other call, for its HTTP status
)

// Entry is one line of a journal: a call when it was sent, with State Sent,
// and again when its answer came. A call without an answer has an unknown
// outcome. The order of the lines is that of the client's clock.
type Entry struct {
	Call  uint64    `json:"call"` // the same for both lines of one call
	At    time.Time `json:"at"`
	Kind  Kind      `json:"kind"`
	State State     `json:"state"`
	HTTP  int       `json:"http,omitempty"` // status of the answer

	Took time.Duration `json:"took,omitempty"` // of a Start

	Source  string `json:"source,omitempty"`
	JTI     string `json:"jti,omitempty"`
	Digest  string `json:"digest,omitempty"` // SHA-256 of the event token, hex
	Version uint64 `json:"version,omitempty"`
	Outcome string `json:"outcome,omitempty"` // state of a receipt
	Lists   []At   `json:"lists,omitempty"`

	Code  string `json:"code,omitempty"`  // SHA-256 of the pre-authorized code, hex
	Wrong bool   `json:"wrong,omitempty"` // the transaction code was wrong on purpose
	Nonce string `json:"nonce,omitempty"` // SHA-256 of the c_nonce, hex

	// Batch is what the audit record has of the released copies: hex of
	// SHA-256 over the SHA-256 of each.
	Batch    string `json:"batch,omitempty"`
	Copies   []Copy `json:"copies,omitempty"`
	Verified bool   `json:"verified,omitempty"` // under the office's root, by the client

	URI string `json:"uri,omitempty"`
	// File is the name of a list in a published folder, when it was read there
	// and not asked for by its URI.
	File string `json:"file,omitempty"`
	Body string `json:"body,omitempty"` // the token as served, in base64url
}

// At is a list from a version on.
type At struct {
	URI     string `json:"uri"`
	Version uint64 `json:"version"`
}

// Copy is where a released credential is in a status list, or by which
// identifier (hex) in an identifier list.
type Copy struct {
	URI   string `json:"uri"`
	Index uint64 `json:"idx,omitempty"`
	ID    string `json:"id,omitempty"`
}

// State says what is known of a call.
type State string

// The states. Refused is an answer that says no.
const (
	Sent     State = "sent"
	Answered State = "answered"
	Refused  State = "refused"
)

// maxJournalLine bounds one line: a list of 2^20 bits, in base64 twice.
const maxJournalLine = 1 << 20

// Journal writes down calls; it is safe for concurrent use. Each line is
// handed over whole, so that what a client knew is there when it is killed.
type Journal struct {
	mu      sync.Mutex
	to      io.Writer
	last    uint64
	now     func() time.Time
	err     error
	entries []Entry
}

// NewJournal writes to w, which may be nil; the entries are kept as well.
func NewJournal(w io.Writer, now func() time.Time) *Journal { return &Journal{to: w, now: now} }

// Sent notes that a call begins, and gives its number.
func (j *Journal) Sent(e Entry) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	e.Call, e.State = j.last, Sent
	j.write(e)
	return e.Call
}

// Done notes the answer of a call: State is Answered or Refused.
func (j *Journal) Done(call uint64, e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Call = call
	j.write(e)
}

func (j *Journal) write(e Entry) {
	e.At = j.now()
	j.entries = append(j.entries, e)
	if j.to == nil {
		return
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.to.Write(append(line, '\n'))
	}
	if j.err == nil && err != nil {
		j.err = err
	}
}

// Resume goes on with a journal that was written elsewhere.
func (j *Journal) Resume(entries []Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append([]Entry(nil), entries...)
	for _, e := range entries {
		j.last = max(j.last, e.Call)
	}
}

// Entries gives what was written down so far.
func (j *Journal) Entries() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]Entry(nil), j.entries...)
}

// Forget leaves out the lists that were fetched so far and what the office said
// of itself, once a check has seen them: its Memory knows what they said.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.entries[:0]
	for _, e := range j.entries {
		if e.Kind != List && e.Kind != Start && e.Kind != Ready && e.Kind != Other {
			kept = append(kept, e)
		}
	}
	clear(j.entries[len(kept):])
	j.entries = kept
}

// Err is the first error of writing.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// ReadJournal reads the lines of a journal. The last one may be cut off, by
// the end of the client.
func ReadJournal(r io.Reader) ([]Entry, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxJournalLine)
	var out []Entry
	var bad error
	for n := 1; lines.Scan(); n++ {
		if bad != nil {
			return nil, bad // it was not the last line
		}
		var e Entry
		if err := jose.DecodeJSONLimit(lines.Bytes(), &e, maxJournalLine); err != nil {
			bad = fmt.Errorf("line %d of the journal: %w", n, err)
			continue
		}
		switch e.Kind {
		case Start, Ready, Push, Receipt, Token, Credential, List, Other:
		default:
			return nil, fmt.Errorf("line %d of the journal: no kind %q", n, e.Kind)
		}
		out = append(out, e)
	}
	return out, lines.Err()
}
