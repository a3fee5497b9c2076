package issuer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"vidimus/internal/outfile"
)

// waiting is a signed event that was not acknowledged yet.
type waiting struct {
	Sent
	Token string `json:"token"`
}

// outbox is the counter of a source and what waits, in a file beside its key:
// an answer that was lost is asked for again with the same token.
type outbox struct {
	path    string
	Source  string    `json:"source"`
	Seq     uint64    `json:"seq"` // last acknowledged
	Waiting []waiting `json:"waiting,omitempty"`
}

func openOutbox(path, source string) (*outbox, error) {
	o := &outbox{path: path, Source: source}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, o); err != nil { // our own file
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if o.Source != source {
		return nil, fmt.Errorf("%s belongs to %s: one key, one source", path, o.Source)
	}
	return o, nil
}

// last is the highest number given out.
func (o *outbox) last() uint64 {
	if n := len(o.Waiting); n > 0 {
		return o.Waiting[n-1].Seq
	}
	return o.Seq
}

func (o *outbox) done(w waiting) {
	o.Seq, o.Waiting = w.Seq, o.Waiting[1:]
}

// save replaces the file as a whole. The tokens hold personal data: nobody
// else reads them, and they are gone once acknowledged.
func (o *outbox) save() error {
	data, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := outfile.Replace(o.path, data, 0o600); err != nil {
		return fmt.Errorf("keeping what waits: %w", err)
	}
	return nil
}
