package issuer

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/diagnosis"
	"vidimus/internal/rotation"
)

// nextRemedy says how the next key of a signer is made: in a file by the office, at the
// signer process by people.
func (c *Config) nextRemedy(name string) string {
	if atSigner(c.Signers[name].Key) {
		return "make the next one: " + atSignerRemedy + ", as next of this signer (docs/OPERATIONS.md, Keys that follow each other)"
	}
	return "make the next one: another key and certificate under new file names, as next of this signer, and run issuer init --add (docs/OPERATIONS.md, Keys that follow each other)"
}

// newRemedy is for a signer whose key nobody waits to follow.
func (c *Config) newRemedy(name string) string {
	if atSigner(c.Signers[name].Key) {
		return atSignerRemedy
	}
	return "make a new key and certificate under new file names, and run issuer init --add"
}

const atSignerRemedy = "a new key in the token (signer key create), its certificate from a ceremony, and both under a new name in the configurations of the signer and of the issuer (docs/KEYS.md, Keys and certificates); start the signer, then the office anew"

const barredRemedy = "see that another key of this signer signs (docs/OPERATIONS.md, A signing key is stolen), and take this one out of the configuration"

// diagnoseSuccession says who signs, who follows, and until when somebody can.
func (c *Config) diagnoseSuccession(d *diagnosis.Diagnosis, name string, generations []*identity, cat *catalog.Catalog, barred barred, now time.Time) {
	published, err := c.openAnnouncements()
	if err != nil {
		d.Add("rotation", name, diagnosis.Wrong, "put the file back from a backup", "%v", err)
		return
	}
	since := func(id *identity) time.Time {
		if at := published.since(id); !at.IsZero() {
			return at
		}
		return now // at the next start
	}
	ofDocuments := documentSigner(c.profile(name))
	if !ofDocuments {
		since = nil
	}
	s := succeed(name, generations, c.policy(name, cat), since)
	s.bar(barred.why)
	for _, g := range s.halted() {
		d.Add("rotation", g.label[len("signers."):], diagnosis.Wrong, barredRemedy, "%s: it signs no more", s.barred(g))
	}
	end := c.signerDeadline(s, now)
	id := s.at(now)
	if id == nil {
		d.Add("rotation", name, diagnosis.Wrong, c.nextRemedy(name), "no key may sign what it would: %s", end.means)
		return
	}
	text := fmt.Sprintf("%s signs until %s", id.label, end.ends.UTC().Format(time.DateOnly))
	next, from := s.next(now)
	follows := next != nil
	if follows {
		text = fmt.Sprintf("%s signs, %s follows on %s; all is well until %s", id.label, next.label, from.UTC().Format(time.DateOnly), end.ends.UTC().Format(time.DateOnly))
	}
	grade, remedy := diagnosis.Good, ""
	switch level := rotation.Alarm(end.ends, now); {
	case level >= rotation.Day:
		grade, remedy = diagnosis.Wrong, c.nextRemedy(name)
	case level > rotation.Quiet:
		grade, remedy = diagnosis.Look, c.nextRemedy(name)
	case ofDocuments && !c.Dev && id.leaf.NotAfter().Sub(id.leaf.NotBefore()) > c.Rotation.Longest+24*time.Hour:
		grade, remedy = diagnosis.Look, c.nextRemedy(name)
		text += fmt.Sprintf("; its certificate lives for %d days, rotation.longest are %d", int(id.leaf.NotAfter().Sub(id.leaf.NotBefore()).Hours()/24), int(c.Rotation.Longest.Hours()/24))
	case ofDocuments && !c.Dev && !follows && now.Sub(id.leaf.NotBefore()) > c.Rotation.Use:
		grade, remedy = diagnosis.Look, c.nextRemedy(name)
		text += fmt.Sprintf("; it should have been followed on %s", id.leaf.NotBefore().Add(c.Rotation.Use).UTC().Format(time.DateOnly))
	}
	d.Add("rotation", name, grade, remedy, "%s", text)
	for _, g := range generations {
		if g != id && now.After(g.ends) {
			d.Add("rotation", g.label[len("signers."):], diagnosis.Look, "take it out of the configuration", "it ended on %s", g.ends.UTC().Format(time.DateOnly))
		}
	}
}

// diagnoseHeld says which keys a running office goes on with although they end, or may
// not sign, and another could.
func (a *App) diagnoseHeld(d *diagnosis.Diagnosis, now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(a.successions)) {
		s := a.successions[name]
		ends, held := s.holds(now)
		if !held || !s.stops(now).After(ends) {
			continue // diagnoseSuccession has said it
		}
		grade := diagnosis.Look
		switch level := rotation.Alarm(ends, now); {
		case level == rotation.Quiet:
			continue
		case level >= rotation.Day:
			grade = diagnosis.Wrong
		}
		d.Add("rotation", name, grade, "restart the office, once another certificate of this signer is valid: this one is changed at a start alone", "the office signs with %s until %s, whatever follows", s.held.label, stamp(ends))
	}
}
