package invariants

import (
	"encoding/hex"

	"vidimus/internal/registry"
)

// present is I1.
func (x *examination) present(r *Result) {
	byID := map[string]Accepted{}
	for _, history := range x.Histories {
		for _, a := range history {
			byID[a.Source+"\x00"+a.JTI] = a
		}
	}
	for _, e := range x.Journal {
		if e.State != Answered || e.Kind != Push && e.Kind != Receipt {
			continue
		}
		r.Seen++
		a, there := byID[e.Source+"\x00"+e.JTI]
		if !there {
			if x.rowOf(e.Source, e.JTI) == nil { // an event about a wallet unit is nobody's
				r.bad("event %s of %s was acknowledged and is gone", e.JTI, e.Source)
			}
			continue
		}
		if e.Kind == Push && e.Digest != "" && e.Digest != hex.EncodeToString(a.Digest[:]) {
			r.bad("event %s of %s is another than was acknowledged", e.JTI, e.Source)
		}
		if a.Outcome.JTI == "" {
			r.bad("event %s of %s has no outcome", e.JTI, e.Source)
		}
		if now := x.versionNow(a); e.Version > now {
			r.bad("event %s of %s made version %d, it is at %d", e.JTI, e.Source, e.Version, now)
		}
		if e.Outcome == string(registry.StateCovered) && a.Outcome.Covered.IsZero() && a.Outcome.Version == e.Version {
			r.bad("event %s of %s was receipted as covered and is not", e.JTI, e.Source)
		}
	}
}

// versionNow is the version of the outcome, not above that of its subject.
func (x *examination) versionNow(a Accepted) uint64 {
	if a.Person == "" {
		return a.Outcome.Version
	}
	return min(a.Outcome.Version, x.Subjects[a.Person].Version)
}

func (x *examination) rowOf(source, jti string) *registry.ReceiptRow {
	for i, row := range x.Rows[source] {
		if row.Outcome.JTI == jti {
			return &x.Rows[source][i]
		}
	}
	return nil
}

// once is I2: by the numbers of each source, the receipt rows, the histories
// and the audit record, each by itself.
func (x *examination) once(r *Result) {
	for source, last := range x.LastSeq {
		bySeq := map[uint64]string{}
		take := func(seq uint64, jti string) {
			if other, taken := bySeq[seq]; taken && other != jti {
				r.bad("%s: number %d is that of %s and of %s", source, seq, other, jti)
			}
			bySeq[seq] = jti
		}
		for _, history := range x.Histories {
			for _, a := range history {
				if a.Source == source {
					take(a.Seq, a.JTI)
				}
			}
		}
		for i, row := range x.Rows[source] {
			take(row.Outcome.Seq, row.Outcome.JTI)
			if row.Number != x.Rows[source][0].Number+uint64(i) {
				r.bad("%s: receipt %d stands in the place of %d", source, row.Number, x.Rows[source][0].Number+uint64(i))
			}
		}
		r.Seen += len(bySeq)
		for seq := range bySeq {
			if seq == 0 || seq > last {
				r.bad("%s: event number %d, the last is said to be %d", source, seq, last)
			}
		}
		if !x.Partial && uint64(len(bySeq)) != last {
			r.bad("%s: %d events for the numbers to %d", source, len(bySeq), last)
		}
	}
	for person, history := range x.Histories {
		seen := map[string]bool{}
		for _, a := range history {
			key := a.Source + "\x00" + a.JTI
			if seen[key] {
				r.bad("event %s of %s is twice in the history of %s", a.JTI, a.Source, person)
			}
			seen[key] = true
			if n := len(x.line.events[key]); n != 1 && !(x.Partial && n == 0) {
				r.bad("event %s of %s was recorded %d times", a.JTI, a.Source, n)
			}
		}
	}
	for key, at := range x.line.events {
		if len(at) > 1 {
			r.bad("lines %v accept one event (%q)", at, key)
		}
	}
}
