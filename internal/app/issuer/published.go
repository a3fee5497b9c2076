package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/problem"
	"vidimus/internal/publication"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
	"vidimus/internal/store/bolt"
)

// storeOptions open the database as this configuration says.
func (c *Config) storeOptions(rand io.Reader, schedule status.Schedule, names audit.Pseudonyms, fatal func(error)) bolt.Options {
	return bolt.Options{
		PublicURL: c.PublicURL, Rand: rand, Dev: c.Dev, OnFatal: fatal,
		Schedule: schedule, OpenLists: c.Status.OpenLists, Rotate: c.Status.Rotate, Pseudonyms: names,
	}
}

// sink is the folder of published lists, nil without status.directory.
func (c *Config) sink(r roots) (status.Sink, error) {
	if c.Status.Directory == "" {
		return nil, nil
	}
	f, err := publication.Open(c.Path(c.Status.Directory), r.iacas())
	if err != nil {
		return nil, fmt.Errorf("status.directory: %w", err)
	}
	return f, nil
}

// ErrRolledBack: the database is older than what the office published or
// signed.
var ErrRolledBack = errors.New("the database is older than what was published: an old copy was put in its place. Put the newest one back, or run `issuer restore --database` with the old one, which gives nothing twice and takes nothing back")

// rolledBack refuses a database that is older than what lies outside of it: the
// published lists and the checkpoints of the audit record.
func (a *App) rolledBack(ctx context.Context) error {
	if a.sink != nil {
		past, err := a.sink.Published(ctx)
		if err != nil {
			return fmt.Errorf("status.directory: %w", err)
		}
		lists, err := a.store.Lists(ctx)
		if err != nil {
			return err
		}
		known := map[string]uint64{}
		for _, l := range lists {
			known[l.URI] = l.Version
		}
		for uri, p := range past {
			if v, here := known[uri]; here && v < p.Version {
				return fmt.Errorf("%w (%s is at version %d here, %d was published)", ErrRolledBack, uri, v, p.Version)
			} else if !here {
				a.log.Warn("a published list is not known here: it was retired, or the database is an old copy", "uri", uri)
			}
		}
	}
	_, err := a.tree.Checkpoint(ctx)
	if !errors.Is(err, audit.ErrTruncated) && !errors.Is(err, audit.ErrCheckpoint) {
		return err
	}
	kept, restored, scanErr := a.restoredAt(ctx)
	if scanErr != nil {
		return scanErr
	}
	switch {
	case !restored:
		return fmt.Errorf("%w (%w)", ErrRolledBack, err)
	case !a.opts.DeclareRestore:
		return fmt.Errorf("%w (%w)", ErrNotDeclared, err)
	}
	a.log.Warn("the database was restored from a backup: checkpoints over later lines speak of lines that were lost", "kept", kept)
	_, err = a.tree.DeclareRestore(ctx, kept)
	return err
}

// ErrNotDeclared: a database that says that it was restored, while checkpoints
// speak of lines that it does not have. A line in the database is not enough to
// sign that away: whoever can write to it can write that line.
var ErrNotDeclared = errors.New("the database was restored from a backup and nobody has declared so: if you did that, run `issuer audit declare-restore`, which signs that later lines of the audit record are lost")

// restoredAt finds the last line since the last checkpoint of the database that
// says that it was restored, and how many lines came before it.
func (a *App) restoredAt(ctx context.Context) (kept uint64, restored bool, err error) {
	from, _, err := a.store.LastCheckpoint(ctx)
	if err != nil {
		return 0, false, err
	}
	lines, _, err := a.store.AuditSize(ctx)
	for at := from + 1; err == nil && at <= lines; at += auditStep {
		err = a.store.AuditLines(ctx, at, auditStep, func(seq uint64, line []byte) error {
			e, err := audit.ParseLine(line)
			if err == nil && e.Action == "issuer.restore" {
				kept, restored = seq-1, true
			}
			return err
		})
	}
	return kept, restored, err
}

// PublishedFiles is what `issuer status publish` wrote.
type PublishedFiles struct {
	Directory string `json:"directory"`
	Lists     int    `json:"lists"`
	Removed   int    `json:"removed"`
}

// Publish implements issuerhttp.Operator.
func (a *App) Publish(ctx context.Context, directory string) (any, error) {
	if !filepath.IsAbs(directory) {
		return nil, problem.New(problem.InvalidRequest, "directory is not an absolute path")
	}
	if err := a.cfg.mayPublish(directory); err != nil {
		return nil, err
	}
	folder, err := publication.Open(directory, a.roots.iacas())
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the folder cannot be written: %s", err)
	}
	if err := a.publisher.Publish(ctx); err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "the lists cannot be published now: the log says why")
	}
	lists, err := a.store.Lists(ctx)
	if err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	}
	past, err := folder.Published(ctx)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "what is in the folder cannot be read: %s", err)
	}
	e := status.Edition{Aggregation: a.publisher.Aggregation()}
	for _, l := range lists {
		t, err := a.servedForms(ctx, l)
		if errors.Is(err, status.ErrListNotFound) {
			continue
		}
		if err != nil {
			return nil, problem.Wrap(problem.Unavailable, err, "try again later")
		}
		e.Lists = append(e.Lists, t)
		delete(past, l.URI)
	}
	for uri := range past {
		e.Retired = append(e.Retired, path.Base(uri))
	}
	if err := folder.Put(ctx, e); err != nil {
		return nil, problem.Wrap(problem.Conflict, err, "the folder was not brought up to date: %s", err)
	}
	revoked, err := a.revocationLists(ctx)
	err = errors.Join(err, a.publishNumbered(ctx, directory, revoked))
	if err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "the lists of revoked signers and readers were not brought up to date: %s", err)
	}
	if err := a.fileSigners(directory); err != nil {
		return nil, problem.Wrap(problem.Unavailable, err, "the certificates of document signers were not brought up to date: %s", err)
	}
	return PublishedFiles{Directory: directory, Lists: len(e.Lists), Removed: len(e.Retired)}, nil
}

// mayPublish refuses the state folder and what lies in it, but for the folder
// that is there to be published.
func (c *Config) mayPublish(directory string) error {
	state, err := filepath.Abs(c.StateDir)
	if err != nil {
		return err
	}
	in, err := filepath.Rel(state, directory)
	if err == nil && filepath.IsLocal(in) && (c.Status.Directory == "" || filepath.Clean(directory) != filepath.Clean(c.Path(c.Status.Directory))) {
		return problem.New(problem.InvalidRequest, "directory is in the state folder: the whole world would read what lies there; name one of its own")
	}
	return nil
}

// servedForms are the forms of a list as they are served.
func (a *App) servedForms(ctx context.Context, l status.List) (status.Tokens, error) {
	t := status.Tokens{ID: l.ID, Kind: l.Kind}
	if l.Kind == status.KindIdentifier {
		o, err := a.publisher.Identifiers(ctx, l.ID)
		t.Objects = []*status.Object{o}
		return t, err
	}
	for _, f := range []statuslist.Format{statuslist.FormatJWT, statuslist.FormatCWT} {
		o, err := a.publisher.Token(ctx, l.ID, f)
		if err != nil {
			return t, err
		}
		t.Objects = append(t.Objects, o)
	}
	return t, nil
}

// measure feeds the figures of publication.
func (a *App) measure() *status.Measure {
	took := a.metrics.Histogram("vidimus_status_publish_seconds", "One publication, from reading the store to serving and writing the lists.",
		[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15})
	lag := a.metrics.Histogram("vidimus_status_lag_seconds", "From the instant at which flips were due until they could be fetched.",
		[]float64{.1, .25, .5, 1, 2, 5, 15, 60, 300})
	return &status.Measure{
		Published: func(_ int, d time.Duration) { took(d.Seconds()) },
		Lag:       func(d time.Duration) { lag(d.Seconds()) },
	}
}
