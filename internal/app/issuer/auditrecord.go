package issuer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/diagnosis"
	"vidimus/internal/problem"
)

// auditKeysDir holds the keys of the pseudonyms, a file per month.
const auditKeysDir = "audit-keys"

// openPeriodKeys opens the keys of the pseudonyms.
func openPeriodKeys(dir string, rand io.Reader) (*audit.PeriodKeys, error) {
	k, err := audit.OpenPeriodKeys(dir, rand)
	if err != nil {
		return nil, fmt.Errorf("keys of the audit record: %w", err)
	}
	return k, nil
}

// auditTree makes the tree over the audit record. What was signed before must
// still be there: a database that is older than a checkpoint outside of it was
// put back behind our back.
func (a *App) auditTree(id *identity) error {
	earlier, err := a.cfg.earlierCheckpointKeys()
	if err != nil {
		return err
	}
	for _, other := range a.successions["checkpoint"].generations {
		more, err := audit.NewCheckpointKeys(other.leaf.PublicKey())
		if err != nil {
			return fmt.Errorf("%s: %w", other.label, err)
		}
		maps.Copy(earlier, more)
	}
	outside := make([]string, len(a.cfg.Audit.Checkpoints))
	for i, p := range a.cfg.Audit.Checkpoints {
		outside[i] = a.cfg.Path(p)
	}
	failed := a.metrics.Counter("vidimus_audit_checkpoint_failures_total", "Checkpoints of the audit record that could not be made or handed out.")
	a.tree, err = audit.NewTree(audit.TreeConfig{
		Issuer: a.cfg.PublicURL, Store: a.store, Signer: id.key, Earlier: earlier, Outside: outside, Interval: a.cfg.Audit.Interval,
		Clock: a.opts.Clock, Rand: a.opts.Rand,
		Alarm: func(err error) {
			failed()
			a.log.Error("checkpoint of the audit record", "error", err)
		},
	})
	return err
}

// checkpointKeys are the keys that sign checkpoints now or did before.
func (c *Config) checkpointKeys() (audit.CheckpointKeys, error) {
	roots, err := c.loadRoots()
	if err != nil {
		return nil, err
	}
	keys, err := c.earlierCheckpointKeys()
	if err != nil {
		return nil, err
	}
	for _, g := range c.generations("checkpoint") {
		// The certificate may have run out: what it signed stays signed. The zero
		// time is before its beginning.
		id, err := c.chainOf(g, roots, time.Time{})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.label, err)
		}
		more, err := audit.NewCheckpointKeys(id.leaf.PublicKey())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.label, err)
		}
		maps.Copy(keys, more)
	}
	return keys, nil
}

// earlierCheckpointKeys are those of audit.earlier: certificates of keys that
// signed before.
func (c *Config) earlierCheckpointKeys() (audit.CheckpointKeys, error) {
	keys := audit.CheckpointKeys{}
	for _, path := range c.Audit.Earlier {
		certs, err := readChain(c.Path(path))
		if err != nil {
			return nil, fmt.Errorf("audit.earlier: %w", err)
		}
		more, err := audit.NewCheckpointKeys(certs[0].PublicKey())
		if err != nil {
			return nil, fmt.Errorf("audit.earlier: %s: %w", path, err)
		}
		for kid, key := range more {
			keys[kid] = key
		}
	}
	return keys, nil
}

// lastAudit gives the instant of the last line of the record.
func (a *App) lastAudit(ctx context.Context) (seq uint64, at time.Time, err error) {
	lines, _, err := a.store.AuditSize(ctx)
	if err != nil || lines == 0 {
		return 0, time.Time{}, err
	}
	err = a.store.AuditLines(ctx, lines, 1, func(n uint64, line []byte) error {
		var e audit.Event
		if e, err = audit.ParseLine(line); err == nil {
			seq, at = n, e.Time
		}
		return err
	})
	return seq, at, err
}

// Audit writes the record, a line an event, as it is at this moment.
func (a *App) Audit(ctx context.Context, w io.Writer) error {
	lines, _, err := a.store.AuditSize(ctx)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "the record cannot be read now")
	}
	for from := uint64(1); from <= lines; from += auditStep {
		err := a.store.AuditLines(ctx, from, int(min(auditStep, lines-from+1)), func(_ uint64, line []byte) error {
			_, err := w.Write(append(append(make([]byte, 0, len(line)+1), line...), '\n'))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// auditStep is how many lines are read in one view of the database.
const auditStep = 1000

// Prove implements issuerhttp.Operator.
func (a *App) Prove(ctx context.Context, seq uint64, source, jti string) (any, error) {
	if seq == 0 {
		var err error
		if seq, err = a.lineOf(ctx, source, jti); err != nil {
			return nil, err
		}
	}
	p, err := a.tree.Prove(ctx, seq)
	if errors.Is(err, audit.ErrNotSigned) {
		if _, err = a.tree.Checkpoint(ctx); err == nil {
			p, err = a.tree.Prove(ctx, seq)
		}
	}
	switch {
	case errors.Is(err, audit.ErrNotSigned):
		return nil, problem.Wrap(problem.NotFound, err, "the record has no such line")
	case err != nil:
		return nil, problem.Wrap(problem.Unavailable, err, "no proof can be made now: the log says why")
	}
	return p, nil
}

// lineOf finds the last line about a registry event.
func (a *App) lineOf(ctx context.Context, source, jti string) (uint64, error) {
	if jti == "" {
		return 0, problem.New(problem.InvalidRequest, "a line number or an event is wanted")
	}
	lines, _, err := a.store.AuditSize(ctx)
	if err != nil {
		return 0, problem.Wrap(problem.Unavailable, err, "the record cannot be read now")
	}
	var found uint64
	for from := uint64(1); from <= lines; from += auditStep {
		err := a.store.AuditLines(ctx, from, auditStep, func(seq uint64, line []byte) error {
			e, err := audit.ParseLine(line)
			if err == nil && e.Detail["event"] == jti && (source == "" || e.Actor == source) {
				found = seq
			}
			return err
		})
		if err != nil {
			return 0, problem.Wrap(problem.Unavailable, err, "the record cannot be read now")
		}
	}
	if found == 0 {
		return 0, problem.New(problem.NotFound, "the record has no line about this event")
	}
	return found, nil
}

// elsewhere says whether a path leads out of the state folder.
func (c *Config) elsewhere(p string) bool {
	in, err := filepath.Rel(c.StateDir, c.Path(p))
	return err != nil || !filepath.IsLocal(in)
}

func (a *App) diagnoseAudit(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	lines, _, err := a.store.AuditSize(ctx)
	size, _, cerr := a.store.LastCheckpoint(ctx)
	if err = errors.Join(err, cerr); err != nil {
		d.Add("audit", "record", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	grade, remedy := diagnosis.Good, ""
	if !a.cfg.Dev && !slices.ContainsFunc(a.cfg.Audit.Checkpoints, a.cfg.elsewhere) {
		grade, remedy = diagnosis.Look, "set audit.checkpoints to files on another disk or machine: without them a record that was made anew is not noticed"
	}
	if _, at, err := a.lastAudit(ctx); err == nil && lines > size && now.Sub(at) > 5*a.cfg.Audit.Interval {
		grade, remedy = diagnosis.Wrong, "the log says why no checkpoint is made"
	}
	d.Add("audit", "record", grade, remedy, "%d lines, %d of them under the last checkpoint, %d files outside", lines, size, len(a.cfg.Audit.Checkpoints))
	months := a.pseudonyms.Months()
	d.Add("audit", "keys", diagnosis.Good, "", "pseudonyms of %s", cmp.Or(strings.Join(months, " "), "no month yet: nobody was named in the record"))
}

// CopyRecord copies a record and verifies its chain on the way.
func CopyRecord(w io.Writer, r io.Reader) (audit.Head, error) {
	return audit.Verify(io.TeeReader(r, w), nil)
}

// VerifyRecord holds a record against the checkpoints that were written
// outside the database.
func VerifyRecord(cfg *Config, r io.Reader, files []string, now time.Time) (string, error) {
	keys, err := cfg.checkpointKeys()
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		for _, p := range cfg.Audit.Checkpoints {
			files = append(files, cfg.Path(p))
		}
	}
	var checkpoints [][]audit.Checkpoint
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("checkpoints: %w", err)
		}
		points, err := keys.ReadCheckpoints(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("checkpoints: %s: %w", name, err)
		}
		checkpoints = append(checkpoints, points)
	}
	verified, err := audit.VerifyRecord(r, nil, checkpoints...)
	if err != nil {
		return "", err
	}
	if verified.Checkpoints == 0 && verified.Head.Seq > 0 {
		return "", fmt.Errorf("the %d lines follow each other, but no checkpoint outside the database speaks of them: nothing says that this is the record that was written; look for the files of audit.checkpoints, or name a copy with --checkpoints", verified.Head.Seq)
	}
	text := fmt.Sprintf("verified: %d lines, %d of them under %d checkpoints\n", verified.Head.Seq, verified.Signed, verified.Checkpoints)
	if len(verified.Lost) > 0 {
		text += fmt.Sprintf("%d checkpoints speak of lines that were lost when a backup was restored\n", len(verified.Lost))
	}
	if verified.Signed < verified.Head.Seq {
		text += "the lines after the last checkpoint are under no signature yet\n"
	}
	return text, nil
}

// CheckProof verifies a proof without the office.
func CheckProof(cfg *Config, data []byte, now time.Time) (string, error) {
	keys, err := cfg.checkpointKeys()
	if err != nil {
		return "", err
	}
	p, err := audit.ParseProof(data)
	if err != nil {
		return "", err
	}
	e, c, err := audit.VerifyProof(p, keys)
	if err != nil {
		return "", err
	}
	return "line " + strconv.FormatUint(p.Seq, 10) + " of the record of " + c.Issuer + ", signed " + stamp(c.Issued) + " over " +
		strconv.FormatUint(c.Size, 10) + " lines:\n" + p.Line + "\n" + e.Action + " by " + e.Actor + " at " + stamp(e.Time) + "\n", nil
}
