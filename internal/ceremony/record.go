package ceremony

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"vidimus/internal/audit"
)

// Events of the audit record. Before the signature the subject is the digest of the
// act, after it that of the transcript.
const (
	ActionSign  = "ceremony.sign"
	auditActor  = "ceremony"
	maxRecorded = 100_000 // acts of one record: ten a day for a generation
)

// Recorded gives the digests of the transcripts in an audit record, in order, after
// verifying the whole of it; none where there is no record yet. With an error that
// matches audit.ErrTorn, which a crash leaves, come those before the torn line.
func Recorded(path string) ([]string, error) {
	h, err := recorded(path)
	return h.done, err
}

// history is what an audit record says was done.
type history struct {
	done  []string          // digests of transcripts, in order
	lists map[string]listed // the last revocation list, by the SHA-256 of the key's SubjectPublicKeyInfo
}

// listed is a revocation list in an audit record.
type listed struct{ number, tbs string } // tbs: SHA-256

func recorded(path string) (h history, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("opening the audit record: %w", err)
	}
	defer f.Close()
	h.lists = map[string]listed{}
	_, err = audit.VerifyRecord(f, func(_ uint64, e audit.Event) error {
		if e.Action != ActionSign || e.Outcome != audit.Done {
			return nil
		}
		if len(h.done) == maxRecorded {
			return fmt.Errorf("more than %d acts in one audit record", maxRecorded)
		}
		h.done = append(h.done, e.Subject)
		if key := e.Detail["key"]; e.Detail["name"] == ActCRL && key != "" {
			h.lists[key] = listed{e.Detail["version"], e.Detail["digest"]}
		}
		return nil
	})
	switch {
	case errors.Is(err, audit.ErrTorn):
		return h, fmt.Errorf("the audit record: %w", err)
	case err != nil:
		return history{}, fmt.Errorf("the audit record: %w", err)
	}
	return h, nil
}

// follows wants the act to follow the last one of its record, and a revocation list
// the last one of its key there. Errors match ErrPrevious.
func (p *Plan) follows(h history) error {
	last := "none"
	if len(h.done) > 0 {
		last = h.done[len(h.done)-1]
	}
	named := p.Act.Transcript.Previous
	if named != "none" {
		sum, err := digest("transcript.previous", named)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPrevious, err)
		}
		named = hex.EncodeToString(sum[:])
	}
	if named != last {
		return fmt.Errorf("%w: transcript.previous is %s, the last act of the audit record is %s", ErrPrevious, named, last)
	}
	return p.followsList(h)
}

func (p *Plan) followsList(h history) error {
	if p.Draft.CRL == nil {
		return nil
	}
	last, there := h.lists[spkiHash(p.Issuer.PublicKey())]
	if !there {
		return nil
	}
	want := fmt.Sprintf("the last list of this key in the audit record is number %s (SHA-256 of its TBS %s): name that in follows, with its entries in revoked", last.number, last.tbs)
	if p.before == nil {
		return fmt.Errorf("%w: the list follows none, and %s", ErrPrevious, want)
	}
	if sum := sha256.Sum256(p.before.TBS()); hex.EncodeToString(sum[:]) != last.tbs {
		return fmt.Errorf("%w: the list follows number %s (SHA-256 of its TBS %x), and %s", ErrPrevious, p.before.Number, sum, want)
	}
	return nil
}

// InRecord says which of the transcripts an audit record does not have, and how many
// it has beside them.
func InRecord(transcripts []*Transcript, done []string) (missing []*Transcript, others int) {
	others = len(done)
	for _, t := range transcripts {
		if slices.Contains(done, hex.EncodeToString(t.Hash[:])) {
			others--
		} else {
			missing = append(missing, t)
		}
	}
	return missing, others
}

// journal is the audit record during one act.
type journal struct {
	file *audit.File
	lock *os.File
	c    *Ceremony
	p    *Plan
}

func (c *Ceremony) journal(p *Plan) (j *journal, err error) {
	path := p.Act.path(p.Act.Audit)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the audit record: %w", err)
	}
	lock, err := alone(path + ".lock")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	// A torn line is cut off when the record is opened.
	h, err := recorded(path)
	if err != nil && !errors.Is(err, audit.ErrTorn) {
		return nil, err
	}
	if err := p.follows(h); err != nil {
		return nil, err
	}
	// A record that is missing begins with the first act alone.
	f, _, err := audit.OpenFile(path, p.Act.Transcript.Previous == "none", nil)
	if err != nil {
		return nil, err
	}
	return &journal{f, lock, c, p}, nil
}

// alone has one act at a time on one audit record, until the file is closed or the
// process ends. The file stays.
func alone(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the audit record: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: another act is under way on this audit record (%s: %w)", ErrPrevious, path, err)
	}
	return f, nil
}

func (j *journal) Close() {
	j.file.Close()
	j.lock.Close()
}

func (j *journal) write(ctx context.Context, outcome, subject string, detail map[string]string) error {
	detail["name"] = j.p.Act.Act
	detail["digest"] = hex.EncodeToString(j.p.TBSHash[:])
	return j.file.Append(ctx, audit.Event{Time: j.c.Clock.Now(), Action: ActionSign, Actor: auditActor, Subject: subject, Outcome: outcome, Detail: detail})
}
