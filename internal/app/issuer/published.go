package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/pki"
	"vidimus/internal/publication"
	"vidimus/internal/status"
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
	f, err := publication.Open(c.Path(c.Status.Directory), []*pki.Certificate{r.iaca})
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
	if errors.Is(err, audit.ErrTruncated) || errors.Is(err, audit.ErrCheckpoint) {
		return fmt.Errorf("%w (%w)", ErrRolledBack, err)
	}
	return err
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
