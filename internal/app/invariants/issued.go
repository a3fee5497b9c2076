package invariants

import (
	"cmp"
	"encoding/hex"

	"vidimus/internal/issuance"
)

// placeOf is where a stored copy is, in the words of a journal.
func placeOf(c issuance.Copy) Copy {
	if c.Identifier != nil {
		return Copy{URI: c.List, ID: hex.EncodeToString(c.Identifier)}
	}
	return Copy{URI: c.List, Index: c.Index}
}

// indices is I3.
func (x *examination) indices(r *Result) {
	owner := map[Copy]issuance.Copy{}
	for _, c := range x.Copies {
		if c.List == "" {
			continue
		}
		r.Seen++
		at := placeOf(c)
		if other, taken := owner[at]; taken {
			r.bad("index %d of %s belongs to the batches %s and %s", c.Index, c.List, other.Batch, c.Batch)
		}
		owner[at] = c
	}
	told := map[Copy]string{}
	for _, e := range x.Journal {
		for _, c := range e.Copies {
			r.Seen++
			if other, taken := told[c]; taken && other != e.Batch {
				r.bad("index %d of %s came with two batches", c.Index, c.URI)
			}
			told[c] = e.Batch
			if stored, there := owner[c]; !there || stored.State == issuance.StateBurned {
				r.bad("index %d of %s was released, and the store does not know it as given out", c.Index, c.URI)
			}
		}
	}
	for uri, b := range x.before().Lists {
		if now, there := x.Lists[uri]; there && now.Allocated < b.Allocated {
			r.bad("%s has given out %d indices, it had %d", uri, now.Allocated, b.Allocated)
		}
	}
}

// intents is I4.
func (x *examination) intents(r *Result) {
	checked := map[string]bool{}
	for _, c := range x.Copies {
		if checked[c.Batch] {
			continue
		}
		checked[c.Batch] = true
		r.Seen++
		intent, done, failed := x.line.intent[c.Batch], x.line.done[c.Batch], x.line.failed[c.Batch]
		if len(intent) != 1 {
			r.bad("batch %s has %d intents", c.Batch, len(intent))
			continue
		}
		want := map[issuance.State][2]int{issuance.StateIntended: {0, 0}, issuance.StateSigned: {1, 0}, issuance.StateBurned: {0, 1}}[c.State]
		if [2]int{len(done), len(failed)} != want {
			r.bad("batch %s is %s, with %d completions and %d failures", c.Batch, c.State, len(done), len(failed))
		}
		for _, n := range append(done, failed...) {
			if n < intent[0] {
				r.bad("batch %s: line %d comes before the intent", c.Batch, n)
			}
		}
	}
	for batch := range x.line.done {
		if !checked[batch] && !x.Partial {
			r.bad("batch %s was signed, and the store has no copy of it", batch)
		}
	}
}

// released is I5: what a client holds is what the record says was signed, and
// its batch is known as signed.
func (x *examination) released(r *Result) {
	byPlace := map[Copy]issuance.Copy{}
	for _, c := range x.Copies {
		byPlace[placeOf(c)] = c
	}
	for _, e := range x.Journal {
		if e.Kind != Credential || e.State != Answered {
			continue
		}
		r.Seen++
		batch, recorded := x.line.digests[e.Batch]
		if !recorded {
			r.bad("copies with digest %.16s were released and are not in the audit record", e.Batch)
			continue
		}
		for _, c := range e.Copies {
			if at := byPlace[c]; at.Batch != batch || at.State != issuance.StateSigned {
				r.bad("index %d of %s was released with batch %s and is of batch %q, %s", c.Index, c.URI, batch, at.Batch, at.State)
			}
		}
	}
}

// singleUse is I7.
func (x *examination) singleUse(r *Result) {
	taken := map[string]uint64{}
	for _, e := range x.Journal {
		if e.State != Answered {
			continue
		}
		for _, value := range []string{e.Code, e.Nonce} {
			if value == "" {
				continue
			}
			r.Seen++
			if other, twice := taken[value]; twice {
				r.bad("calls %d and %d used the same %s", other, e.Call, e.Kind)
			}
			taken[value] = e.Call
		}
	}
}

// wrongCodes is I8: an attempt that was answered with no was counted, and what
// was counted stays so.
func (x *examination) wrongCodes(r *Result) {
	answered := map[string]int{}
	for _, e := range x.Journal {
		if e.Kind == Token && e.Wrong && e.State == Refused {
			answered[e.Code]++
		}
	}
	before, allowed := x.before().Attempts, cmp.Or(x.Tries, maxAttempts)
	for code, left := range x.Attempts {
		r.Seen++
		if most := allowed - answered[code]; left > most {
			r.bad("offer %.16s: %d wrong codes were answered, and %d attempts are left", code, answered[code], left)
		}
		if was, known := before[code]; known && left > was {
			r.bad("offer %.16s: %d attempts are left, it were %d", code, left, was)
		}
		x.memory.Attempts[code] = left
	}
}

// maxAttempts is the most that any configuration allows (offers.tx_code_attempts).
const maxAttempts = 10
