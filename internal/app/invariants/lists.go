package invariants

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
	"vidimus/internal/statuslist"
)

// fetched is one list as it was served, or lies in a published folder.
type fetched struct {
	what      string // for a message
	from      string // where it was read: its URI, or a file
	uri       string
	sent      int // position of the request in the journal, -1 for a file
	answered  int
	issued    time.Time
	invalid   []byte // a bit per index
	signature error
	broken    error
}

// fetches reads every list of the journal and of the published files.
func fetches(ev *Evidence) []fetched {
	var out []fetched
	sent := map[uint64]int{}
	for i, e := range ev.Journal {
		switch {
		case e.State == Sent:
			sent[e.Call] = i
		case e.Kind == List && e.State == Answered:
			f := fetched{what: fmt.Sprintf("call %d", e.Call), from: cmp.Or(e.File, e.URI), uri: e.URI, sent: sent[e.Call], answered: i}
			body, err := jose.DecodeBase64URL(e.Body)
			if f.broken = err; err == nil {
				f.read(body, ev.Root)
			}
			out = append(out, f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(ev.Files)) {
		f := fetched{what: name, from: name, sent: -1, answered: -1}
		f.read(ev.Files[name], ev.Root)
		out = append(out, f)
	}
	return out
}

func (f *fetched) read(body []byte, root *x509.Certificate) {
	t, err := statuslist.ParseToken(body)
	if err != nil {
		f.broken = err
		return
	}
	if f.uri == "" {
		f.uri = t.Subject
	}
	if t.Subject != f.uri {
		f.broken = fmt.Errorf("it is the list %s", t.Subject)
		return
	}
	f.issued = t.IssuedAt
	leaf, err := leafUnder(root, t.Chain)
	if err == nil {
		err = t.Verify(leaf.PublicKey)
	}
	if f.signature = err; err != nil {
		return // what it says counts for nothing
	}
	list, err := t.List()
	if err != nil {
		f.broken = err
		return
	}
	f.invalid = list.Bytes()
}

// leafUnder reads the leaf of a chain that root signed, by itself or over the
// certificates between; nil takes any root.
func leafUnder(root *x509.Certificate, chain [][]byte) (*x509.Certificate, error) {
	if len(chain) == 0 {
		return nil, errors.New("no certificate of the signer")
	}
	var certs []*x509.Certificate
	for _, der := range chain {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	for i, c := range certs {
		above := root
		if i+1 < len(certs) {
			above = certs[i+1]
		}
		if above == nil {
			break
		}
		if err := c.CheckSignatureFrom(above); err != nil {
			return nil, fmt.Errorf("certificate %q: %w", c.Subject.CommonName, err)
		}
	}
	return certs[0], nil
}

// whole is I11.
func (x *examination) whole(r *Result) {
	if x.Torn != nil {
		r.bad("%v", x.Torn)
	}
	for _, f := range x.tokens {
		r.Seen++
		if f.broken != nil {
			r.bad("%s: %v", f.what, f.broken)
		}
	}
}

// manifest is I10 and I11 for a published folder: what it says of its files is
// what they are, and a withdrawal that is covered stands in it.
func (x *examination) manifest(r *Result) {
	versions := map[string]uint64{}
	for _, f := range x.Manifest {
		r.Seen++
		if l, known := x.Lists[f.URI]; known && f.Version > l.Version {
			r.bad("%s has version %d in the folder, the database has %d", f.URI, f.Version, l.Version)
		}
		if was := x.before().Lists[f.URI].Filed; f.Version < was {
			r.bad("%s had version %d in the folder, and has %d", f.URI, was, f.Version)
		}
		versions[f.URI] = f.Version
		if s, known := x.memory.Lists[f.URI]; known {
			s.Filed = f.Version
			x.memory.Lists[f.URI] = s
		}
	}
	for _, rows := range x.Rows {
		for _, row := range rows {
			for _, at := range row.Outcome.Lists {
				if has, there := versions[at.URI]; there && !row.Outcome.Covered.IsZero() && has < at.Version {
					r.bad("event %s is covered by version %d of %s, the folder has %d", row.Outcome.JTI, at.Version, at.URI, has)
				}
			}
		}
	}
}

// published is I10.
func (x *examination) published(r *Result) {
	for uri, l := range x.Lists {
		r.Seen++
		b := x.before().Lists[uri]
		if l.Version < b.Version || l.Version == 0 {
			r.bad("%s is at version %d, it was at %d", uri, l.Version, b.Version)
		}
		s := x.memory.Lists[uri]
		s.Version, s.Allocated, s.Issued = l.Version, l.Allocated, max(s.Issued, b.Issued)
		x.memory.Lists[uri] = s
	}
	x.inOrder(func(f fetched, at *served) {
		r.Seen++
		if f.signature != nil {
			r.bad("%s: %v", f.what, f.signature)
		}
		if f.issued.Unix() < at.issued {
			r.bad("%s: %s was issued at %d, and before one of %d was served", f.what, f.uri, f.issued.Unix(), at.issued)
		}
	}, func(uri string, at served) {
		s := x.memory.Lists[uri]
		s.Issued = max(s.Issued, at.issued)
		x.memory.Lists[uri] = s
	})
	x.manifest(r)
}

// served is the least that a list must say.
type served struct {
	issued  int64
	invalid []byte // nil: nothing is known
}

func (s served) with(issued int64, invalid []byte) served {
	out := served{max(s.issued, issued), s.invalid}
	if len(invalid) > 0 {
		out.invalid = union(s.invalid, invalid)
	}
	return out
}

func union(a, b []byte) []byte {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := bytes.Clone(a)
	for i, v := range b {
		out[i] |= v
	}
	return out
}

// inOrder walks through the lists as clients saw them: each is held against
// the least that was served or receipted before it was asked for.
func (x *examination) inOrder(each func(f fetched, at *served), end func(uri string, at served)) {
	now := map[string]served{}
	for uri, b := range x.before().Lists {
		now[uri] = served{b.Issued, bitmap(b.Invalid)}
	}
	asked := map[int]served{}
	atSent, atAnswer := map[int]int{}, map[int]int{}
	for i, f := range x.tokens {
		if f.broken == nil && f.sent >= 0 {
			atSent[f.sent], atAnswer[f.answered] = i, i
		}
	}
	covered := x.coveredBy()
	for i, e := range x.Journal {
		if n, ok := atSent[i]; ok {
			asked[n] = now[x.tokens[n].from]
		}
		if n, ok := atAnswer[i]; ok {
			f := x.tokens[n]
			at := asked[n]
			each(f, &at)
			if f.signature == nil {
				now[f.from] = now[f.from].with(f.issued.Unix(), f.invalid)
			}
		}
		if e.Kind == Receipt && e.State == Answered && e.Outcome == string(registry.StateCovered) {
			for uri, bits := range covered[e.Source+"\x00"+e.JTI] {
				now[uri] = now[uri].with(0, bits)
			}
		}
	}
	for _, f := range x.tokens {
		if f.sent < 0 && f.broken == nil { // the last word of the folder, whatever the journal saw
			at := served{}
			each(f, &at)
		}
	}
	for uri, at := range now {
		if _, known := x.Lists[uri]; known { // not a file
			end(uri, at)
		}
	}
}

// coveredBy gives for each event that ends documents the indices of the
// copies that it must have revoked, per list.
func (x *examination) coveredBy() map[string]map[string][]byte {
	out := map[string]map[string][]byte{}
	x.ended(func(a Accepted, copies []issuance.Copy) {
		lists := map[string][]uint32{}
		for _, c := range copies {
			lists[c.List] = append(lists[c.List], uint32(c.Index))
		}
		bits := map[string][]byte{}
		for uri, indices := range lists {
			bits[uri] = bitmap(indices)
		}
		out[a.Source+"\x00"+a.JTI] = bits
	})
	return out
}

// ended calls each for every event that ends a document for good, with the
// copies of it in status lists that had an intent before.
func (x *examination) ended(each func(a Accepted, copies []issuance.Copy)) {
	byDocument := map[string][]issuance.Copy{}
	for _, c := range x.Copies {
		if c.List != "" && c.Identifier == nil && c.State != issuance.StateBurned {
			byDocument[c.Document] = append(byDocument[c.Document], c)
		}
	}
	for _, history := range x.Histories {
		for _, a := range history {
			if a.Name != document.NameDocumentAnnulled && a.Name != document.NameDocumentSurrendered || a.Document == "" {
				continue
			}
			at := x.line.events[a.Source+"\x00"+a.JTI]
			if len(at) == 0 {
				continue
			}
			var copies []issuance.Copy
			for _, c := range byDocument[a.Document] {
				if intent := x.line.intent[c.Batch]; len(intent) > 0 && intent[0] < at[0] {
					copies = append(copies, c)
				}
			}
			each(a, copies)
		}
	}
}

// revoked is I9.
func (x *examination) revoked(r *Result) {
	stored := map[string][]byte{}
	for uri, l := range x.Lists {
		stored[uri] = bitmap(l.Invalid)
		if lost := missing(bitmap(x.before().Lists[uri].Invalid), stored[uri]); lost >= 0 {
			r.bad("index %d of %s was revoked and is not any more", lost, uri)
		}
	}
	x.inOrder(func(f fetched, at *served) {
		r.Seen++
		if f.signature != nil {
			return
		}
		if lost := missing(at.invalid, f.invalid); lost >= 0 {
			r.bad("%s: index %d of %s is valid again", f.what, lost, f.uri)
		}
		if _, known := stored[f.uri]; !known {
			return // retired since
		}
		if extra := missing(f.invalid, stored[f.uri]); extra >= 0 {
			r.bad("%s: index %d of %s was published as revoked and is not in the database", f.what, extra, f.uri)
		}
	}, func(uri string, at served) {
		s := x.memory.Lists[uri]
		s.Invalid = rising(union(at.invalid, stored[uri]))
		x.memory.Lists[uri] = s
	})
	x.ended(func(a Accepted, copies []issuance.Copy) { x.flipped(r, a, copies, stored) })
	for uri, bits := range stored { // lists that no client asked for
		if s := x.memory.Lists[uri]; s.Invalid == nil {
			s.Invalid = rising(bits)
			x.memory.Lists[uri] = s
		}
	}
}

// flipped holds one event against the lists.
func (x *examination) flipped(r *Result, a Accepted, copies []issuance.Copy, stored map[string][]byte) {
	at := x.line.events[a.Source+"\x00"+a.JTI][0]
	for _, c := range x.Copies {
		if intent := x.line.intent[c.Batch]; c.Document == a.Document && len(intent) > 0 && intent[0] > at && x.firstEnd(a) {
			r.bad("batch %s has its intent after %s of its document (line %d)", c.Batch, a.Name, at)
		}
	}
	if len(copies) > 0 && a.Outcome.State() == registry.StateNoCopies {
		r.bad("event %s of %s: no copies, it is said, and there were %d", a.JTI, a.Source, len(copies))
	}
	if a.Outcome.Covered.IsZero() {
		if x.Settled && len(copies) > 0 {
			r.bad("event %s of %s is not covered", a.JTI, a.Source)
		}
		return
	}
	left := a.Outcome.Expiring
	for _, c := range copies {
		r.Seen++
		if bits := stored[c.List]; bits != nil && !has(bits, c.Index) {
			if left--; left < 0 {
				r.bad("index %d of %s is not revoked, though event %s of %s is covered", c.Index, c.List, a.JTI, a.Source)
			}
		}
	}
}

// firstEnd tells that the event did end its document, which a repeat does not.
func (x *examination) firstEnd(a Accepted) bool {
	d := x.Subjects[a.Person].Document(a.Document)
	return d != nil && (d.Annulled || d.Surrendered)
}

// bitmap is a bit per index, nil for none.
func bitmap(indices []uint32) []byte {
	var out []byte
	for _, i := range indices {
		if n := int(i/8) + 1; n > len(out) {
			out = append(out, make([]byte, max(n, 2*len(out))-len(out))...)
		}
		out[i/8] |= 1 << (i % 8)
	}
	return out
}

func has(bits []byte, i uint64) bool { return i/8 < uint64(len(bits)) && bits[i/8]&(1<<(i%8)) != 0 }

// missing gives the first index that a has and b has not, -1 when there is none.
func missing(a, b []byte) int {
	for i, v := range a {
		var w byte
		if i < len(b) {
			w = b[i]
		}
		if v &^= w; v != 0 {
			for bit := range 8 {
				if v&(1<<bit) != 0 {
					return i*8 + bit
				}
			}
		}
	}
	return -1
}

func rising(bits []byte) []uint32 {
	out := []uint32{}
	for i, v := range bits {
		for bit := 0; v != 0 && bit < 8; bit++ {
			if v&(1<<bit) != 0 {
				out = append(out, uint32(i*8+bit))
			}
		}
	}
	return out
}
