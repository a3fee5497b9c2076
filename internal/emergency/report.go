package emergency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/legible"
)

// Report is what an emergency leaves for those who ask later. Text says the
// same in words.
type Report struct {
	Made     time.Time `json:"made"`
	Progress Progress  `json:"progress"`
	Stops    []Stop    `json:"stops"`
	// Before are the copies by key id as they were counted, After those in scope
	// that are good now.
	Before map[string]int `json:"before"`
	After  map[string]int `json:"after"`
}

// Anchored is a report as octets, whose digest stands in the audit record: in an
// entry ActionReport about the plan.
type Anchored struct {
	Report json.RawMessage `json:"report"`
	Digest string          `json:"digest"` // SHA-256 of Report, hexadecimal
	Text   string          `json:"text"`
}

// Report makes a report of a plan and puts its digest into the audit record.
func (s *Service) Report(ctx context.Context, id, actor string) (Anchored, error) {
	progress, err := s.Progress(ctx, id)
	if err != nil {
		return Anchored{}, err
	}
	r := Report{Made: s.p.Clock.Now().UTC().Truncate(time.Second), Progress: progress, Before: progress.Plan.Counts.ByKey, After: map[string]int{}}
	if r.Stops, err = s.Stops(ctx); err != nil {
		return Anchored{}, err
	}
	if progress.Plan.Act != Lift {
		counts, err := s.count(ctx, progress.Plan.Scope)
		if err != nil {
			return Anchored{}, err
		}
		r.After = counts.ByKey
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Anchored{}, err
	}
	body = legible.JSON(body)
	sum := sha256.Sum256(body)
	out := Anchored{Report: body, Digest: hex.EncodeToString(sum[:]), Text: r.String()}
	did := s.event(ActionReport, actor, audit.Done, progress.Plan.Draft, map[string]string{"digest": out.Digest, "previous": progress.Plan.Hash})
	if err := s.p.Audit.Append(ctx, did); err != nil {
		return Anchored{}, unavailable(err)
	}
	return out, nil
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "not yet"
	}
	return t.UTC().Format(time.RFC3339)
}

// lines writes line by line what a terminal can be given, whatever names are in it.
func lines(b *strings.Builder) func(format string, args ...any) {
	return func(format string, args ...any) { b.WriteString(legible.Line(fmt.Sprintf(format, args...)) + "\n") }
}

// String is Text without names of keys.
func (d Draft) String() string { return d.Text(nil) }

// Text is the draft for a human who decides on it.
func (d Draft) Text(keys KeyNames) string {
	var b strings.Builder
	line := lines(&b)
	line("plan %s: %s %s", d.ID, d.Act, keys.scope(d.Scope))
	if d.Reference != "" {
		line("case %s", d.Reference)
	}
	if d.Act == Lift {
		line("ends the stop of %s", d.Ends)
		return b.String()
	}
	limit := "and what is signed until it begins"
	if d.Scope.Bounded() {
		limit = "at most " + number(d.Bound)
	}
	line("copies to be revoked: %d, %s; %d more have no status and end by themselves", d.Counts.Copies, limit, d.Counts.Ending)
	for _, key := range slices.Sorted(maps.Keys(d.Counts.ByKey)) {
		line("  by key %s: %d", keys.Of(key), d.Counts.ByKey[key])
	}
	for _, id := range slices.Sorted(maps.Keys(d.Counts.ByConfiguration)) {
		line("  of %s: %d", id, d.Counts.ByConfiguration[id])
	}
	line("in %d batches of %d documents of %d persons, in %d lists", d.Counts.Batches, d.Counts.Documents, d.Counts.Persons, d.Counts.Lists)
	line("documents that wallets fetch anew by themselves: %d; that need a new offer: %d", d.Counts.Refreshing, d.Counts.Offers)
	return b.String()
}

func (e Estimate) String() string {
	return fmt.Sprintf("revoked in %s, published in %s more, holders told in %s, as many copies signed anew in %s at best; all in %s",
		e.Revoke.Round(time.Second), e.Publish.Round(time.Millisecond), e.Tell.Round(time.Second), e.Reissue.Round(time.Second), e.Total().Round(time.Second))
}

// String is the progress for a human.
func (p Progress) String() string {
	var b strings.Builder
	line := lines(&b)
	pl := p.Plan
	b.WriteString(pl.Draft.Text(p.Keys))
	line("stage: %s", p.Stage)
	line("hash: %s", pl.Hash)
	line("proposed by %s", pl.Proposed)
	line("approved by %s", pl.Approved)
	if pl.Begun.IsZero() {
		line("good until %s", stamp(pl.Expires))
	}
	line("begun %s, done %s, published %s", stamp(pl.Begun), stamp(pl.Done), stamp(pl.Covered))
	if pl.Act == Lift {
		return b.String()
	}
	line("estimate: %s", p.Estimate)
	line("revoked: %d copies of %d documents in %d steps; left in scope: %d", pl.Revoked, pl.Documents, pl.Steps, p.Left)
	for _, key := range slices.Sorted(maps.Keys(pl.ByKey)) {
		line("  by key %s: %d", p.Keys.Of(key), pl.ByKey[key])
	}
	for _, uri := range slices.Sorted(maps.Keys(pl.Lists)) {
		if v := pl.Lists[uri]; v > 0 {
			line("  list %s, version %d", uri, v)
		}
	}
	line("issued anew: %d documents with %d copies; open: %d, of which %d need a new offer", p.Reissued, p.Anew, p.Open, p.Offers)
	line("holders told: of %d documents", pl.Told)
	if p.Blocked != "" {
		line("nothing can be fetched yet: %s", p.Blocked)
	} else if !p.Until.IsZero() {
		line("the last holder is told by %s", stamp(p.Until))
	}
	return b.String()
}

// String is the report in words.
func (r Report) String() string {
	var b strings.Builder
	line := lines(&b)
	line("report of %s", stamp(r.Made))
	b.WriteString(r.Progress.String())
	for _, key := range slices.Sorted(maps.Keys(r.Before)) {
		line("key %s: %d good copies in scope before, %d now", r.Progress.Keys.Of(key), r.Before[key], r.After[key])
	}
	for _, stop := range r.Stops {
		line("stopped: %s, since %s, by %s", stop.Line(r.Progress.Keys), time.Unix(stop.Since, 0).UTC().Format(time.RFC3339), stop.Plan)
	}
	return b.String()
}
