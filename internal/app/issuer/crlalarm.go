package issuer

import (
	"slices"
	"sync"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/pki"
	"vidimus/internal/rotation"
)

// crlAlarms are the levels at which something was said, by the name of the list.
type crlAlarms struct {
	mu   sync.Mutex
	said map[string]rotation.Level
}

// crlLevel is how near the end of a list is. One that this machine renews every day has
// always less than a month: it is near its end when renewing fails.
func crlLevel(list *pki.CRL, renewed bool, now time.Time) rotation.Level {
	level := rotation.Alarm(list.NextUpdate, now)
	if renewed && level == rotation.Month {
		return rotation.Quiet
	}
	return level
}

// renewed says whether this machine writes the lists of a shelf itself.
func (a *App) renewed(s crlShelf) bool {
	for _, v := range a.cfg.revokers(a.roots) {
		if v.shelf.name == s.name {
			return v.key != ""
		}
	}
	return a.cfg.ReaderCA.Key != ""
}

// shelves are the places of all lists of this office.
func (a *App) shelves() []crlShelf {
	var out []crlShelf
	for _, v := range a.cfg.revokers(a.roots) {
		out = append(out, v.shelf)
	}
	if a.fleet != nil {
		out = append(out, a.cfg.readerShelf(a.fleet.Authority()))
	}
	return out
}

// alarmCRLs says once for every level that a list nears its end, or is not there: then
// nobody is green by it.
func (a *App) alarmCRLs(lists []shelvedCRL) {
	now := a.opts.Clock.Now()
	for _, s := range a.shelves() {
		i := slices.IndexFunc(lists, func(l shelvedCRL) bool { return l.shelf.name == s.name })
		if i < 0 {
			if a.crlAlarms.rises(s, rotation.Over) {
				a.log.Error("there is no list of revoked certificates: nothing below this root is green", "list", s.name, "remedy", a.crlRemedy(s))
			}
			continue
		}
		list := lists[i].list
		level := crlLevel(list, a.renewed(s), now)
		if !a.crlAlarms.rises(s, level) {
			continue
		}
		say := a.log.Warn
		if level >= rotation.Day {
			say = a.log.Error
		}
		say("a list of revoked certificates nears its end: after that no document below this root is green", "list", s.name, "left", level.String(),
			"next_update", list.NextUpdate, "remedy", a.crlRemedy(s))
	}
}

// rises keeps the level of a list, and says whether it is above what was said last.
func (c *crlAlarms) rises(s crlShelf, level rotation.Level) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.said == nil {
		c.said = map[string]rotation.Level{}
	}
	before := c.said[s.name]
	c.said[s.name] = level
	return level > before
}

func (a *App) crlRemedy(s crlShelf) string {
	if a.renewed(s) {
		return "the log says why it was not renewed"
	}
	return "have the next one signed where the key is, and take it over with issuer crl --import FILE"
}

// diagnoseCRLs looks at the lists of revoked certificates.
func (a *App) diagnoseCRLs(d *diagnosis.Diagnosis, now time.Time) {
	for _, s := range a.shelves() {
		what := s.name + crlSuffix
		list, _, err := a.crl.get(s)
		switch {
		case err != nil:
			d.Add("revocation", what, diagnosis.Wrong, "put the list back from the newest backup", "%v", err)
		case list == nil && a.renewed(s):
			d.Add("revocation", what, diagnosis.Good, "", "none yet: it is written when the office starts")
		case list == nil:
			d.Add("revocation", what, diagnosis.Wrong, a.crlRemedy(s), "there is none: nothing below %s is green", s.root)
		default:
			grade, level := diagnosis.Good, crlLevel(list, a.renewed(s), now)
			if level > rotation.Quiet {
				grade = diagnosis.Look
			}
			if level >= rotation.Day {
				grade = diagnosis.Wrong
			}
			d.Add("revocation", what, grade, a.crlRemedy(s), "number %s of %s, %d revoked, until %s", list.Number, stamp(list.ThisUpdate), list.Len(), stamp(list.NextUpdate))
		}
	}
}

// gaugeCRLs shows how long each list still counts: of one that is not there, no more.
func (a *App) gaugeCRLs() {
	a.metrics.Gauges("vidimus_crl_seconds_left", "Until the next update of a list of revoked certificates is due, 0 where there is no list: after that nothing below its root is green.", "list", func(set func(string, float64)) {
		for _, s := range a.shelves() {
			switch list, _, err := a.crl.get(s); {
			case err != nil:
			case list == nil:
				set(s.name, 0)
			default:
				set(s.name, list.NextUpdate.Sub(a.opts.Clock.Now()).Seconds())
			}
		}
	})
}
