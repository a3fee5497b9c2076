package issuer

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/registry"
	"vidimus/internal/status"
)

// Doctor looks at everything that an operator can do something about. It
// reads; it changes nothing. With full it reads the whole database.
func (a *App) Doctor(ctx context.Context, full bool) (any, error) {
	d := &diagnosis.Diagnosis{}
	now := a.opts.Clock.Now()
	stops, err := a.store.Stops(ctx)
	if err == nil {
		err = a.signers.heed(ctx)
	}
	if err != nil {
		d.Add("rotation", "all", diagnosis.Wrong, "see the log: until then nothing is issued", "who may not sign is not known: %v", err)
	}
	a.cfg.diagnoseKeys(ctx, d, a.roots, stops, now, a.opts.Rand)
	a.diagnoseHeld(d, now)
	a.diagnoseLists(ctx, d, now)
	a.diagnoseCRLs(d, now)
	a.roots.diagnose(d, now)
	a.cfg.diagnoseDisk(d)
	a.diagnoseDatabase(ctx, d, full)
	a.diagnoseClock(ctx, d, now)
	a.diagnoseSources(ctx, d, now)
	a.diagnoseAudit(ctx, d, now)
	a.diagnoseNotices(ctx, d, now)
	a.diagnoseEmergencies(ctx, d, now)
	a.diagnoseReaders(ctx, d, now)
	a.diagnoseBundle(d, now)
	a.diagnoseTrustLists(d, now)
	a.diagnosePublished(d)
	return d, nil
}

func (a *App) diagnoseLists(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	lists, err := a.store.Lists(ctx)
	if err != nil {
		d.Add("lists", "store", diagnosis.Wrong, "see the log; restart the office", "%v", err)
		return
	}
	open, waiting, revoked := 0, 0, 0
	for _, l := range lists {
		if !l.Closed {
			open++
		}
		waiting += l.Waiting
		revoked += l.Revoked
		if used := l.Allocated + l.Cover; !l.Closed && used > status.ListSize*95/100 {
			d.Add("lists", l.ID, diagnosis.Look, "none: it closes with the next copy", "%d of %d entries are used", used, status.ListSize)
		}
	}
	d.Add("lists", "all", diagnosis.Good, "", "%d lists, %d open; %d entries invalid, %d more wait for their tick", len(lists), open, revoked, waiting)
	if oldest := a.publisher.Oldest(); !oldest.IsZero() {
		grade := diagnosis.Good
		if now.Sub(oldest) > a.cfg.Status.TTL {
			grade = diagnosis.Wrong
		}
		d.Add("lists", "age", grade, "publishing fails: the log says why", "the oldest published token is %s old, ttl %s", now.Sub(oldest).Round(time.Second), a.cfg.Status.TTL)
	}
}

// Free space below which an operator is told: the store refuses writes before
// there is none.
const (
	diskLook  = 2 << 30
	diskWrong = 256 << 20
)

func (c *Config) diagnoseDisk(d *diagnosis.Diagnosis) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(c.StateDir, &fs); err != nil {
		d.Add("disk", c.StateDir, diagnosis.Wrong, "see that the file system is mounted", "%v", err)
		return
	}
	free := fs.Bavail * uint64(fs.Bsize)
	grade := diagnosis.Good
	switch {
	case free < diskWrong || fs.Files > 0 && fs.Ffree < 100:
		grade = diagnosis.Wrong
	case free < diskLook:
		grade = diagnosis.Look
	}
	d.Add("disk", c.StateDir, grade, "make room or grow the volume: writes are refused when there is none", "%s free, %d files more", size(free), fs.Ffree)
}

// diagnoseDatabase reads a small database as a whole, a large one when asked.
func (a *App) diagnoseDatabase(ctx context.Context, d *diagnosis.Diagnosis, full bool) {
	info, err := os.Stat(a.cfg.Path(databaseFile))
	if err != nil {
		d.Add("database", databaseFile, diagnosis.Wrong, "see that the file system is mounted", "%v", err)
		return
	}
	length := size(uint64(info.Size()))
	if !full && info.Size() > readWhole {
		d.Add("database", databaseFile, diagnosis.Good, "", "%s; not read as a whole: doctor --full does", length)
		return
	}
	if err := a.store.Check(ctx); err != nil {
		d.Add("database", databaseFile, diagnosis.Wrong, "stop the office, keep the file, and restore the last good backup (docs/OPERATIONS.md, Restore)", "%s: %v", length, err)
		return
	}
	d.Add("database", databaseFile, diagnosis.Good, "", "%s, read as a whole: every page, record and count is right", length)
}

// readWhole is up to which length a database is read whenever somebody looks.
const readWhole = 64 << 20

func size(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d bytes", n)
}

// diagnoseClock holds the clock against what was recorded and published: it
// may stand anywhere after them, never before.
func (a *App) diagnoseClock(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	last := a.publisher.Oldest()
	if _, at, err := a.lastAudit(ctx); err == nil && at.After(last) {
		last = at
	}
	switch ahead := last.Sub(now); {
	case ahead > time.Minute:
		d.Add("clock", "now", diagnosis.Wrong, "set the clock right (NTP), then restart", "%s behind what was recorded last: %s", ahead.Round(time.Second), stamp(now))
	default:
		d.Add("clock", "now", diagnosis.Good, "", "%s, after everything that was recorded", stamp(now))
	}
}

func (a *App) diagnoseSources(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	gaps := map[string]registry.Gap{}
	for _, g := range a.inbox.Gaps() {
		gaps[g.Source] = g
	}
	for _, s := range a.sources {
		last, err := a.store.LastSeq(ctx, s.Name)
		if err != nil {
			d.Add("sources", s.Name, diagnosis.Wrong, "see the log", "%v", err)
			continue
		}
		grade, remedy, text := diagnosis.Good, "", fmt.Sprintf("%d events accepted", last)
		if g, held := gaps[s.Name]; held && g.Held > 0 {
			grade, remedy = diagnosis.Look, fmt.Sprintf("ask the registry for event %d", g.Next)
			text += fmt.Sprintf("; event %d is missing, %d later ones wait", g.Next, g.Held)
		}
		if last == 0 {
			grade, remedy = diagnosis.Look, "nothing, if the registry has not begun; else ask it"
			text = "no event yet"
		}
		d.Add("sources", s.Name, grade, remedy, "%s", text)
		if url := a.cfg.webhook(s.Name); url != "" {
			a.diagnoseWebhook(ctx, d, s.Name)
		}
	}
}

func (a *App) diagnoseNotices(ctx context.Context, d *diagnosis.Diagnosis, now time.Time) {
	n, oldest, err := a.store.WaitingNotices(ctx)
	if err != nil {
		d.Add("notices", "outbox", diagnosis.Wrong, "see the log", "%v", err)
		return
	}
	grade, text := diagnosis.Good, fmt.Sprintf("%d wait", n)
	if n > 0 {
		text += fmt.Sprintf(", the oldest since %s", now.Sub(oldest).Round(time.Second))
		if now.Sub(oldest) > time.Hour {
			grade = diagnosis.Look
		}
	}
	if a.cfg.Notices.Webhook == "" && a.cfg.Notices.Mail.Server == "" {
		grade = diagnosis.Look
		text += "; there is no way to deliver them"
	}
	d.Add("notices", "outbox", grade, "set notices.webhook or notices.mail, and see that they answer", "%s", text)
}
