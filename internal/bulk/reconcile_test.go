package bulk

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/portrait"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
)

// lists is what is published, and what the office recorded.
type lists struct {
	published map[string]PublishedList
	recorded  map[string][]uint32
	version   uint64
	looks     int
	onLook    func(look int)
}

func (l *lists) List(_ context.Context, uri string) (PublishedList, error) {
	l.looks++
	if l.onLook != nil {
		l.onLook(l.looks)
	}
	if p, ok := l.published[uri]; ok {
		return p, nil
	}
	return nil, errors.New("404")
}

func (l *lists) Revoked(_ context.Context, id string) ([]uint32, uint64, error) {
	return l.recorded[id], l.version, nil
}

func statusBits(t *testing.T, indices ...uint32) *statuslist.List {
	t.Helper()
	list, err := statuslist.New(1, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range indices {
		if err := list.Set(uint64(i), statuslist.Invalid); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

const (
	listA = office + "/status/a"
	listB = office + "/identifiers/b"
)

// compared is a world with people in the office, and the lists of their copies.
func compared(t *testing.T) (*world, *lists, *Reconciler) {
	w := newWorld(t)
	if _, err := w.importer(generated(t, 24), 10).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := []byte("key of list b")
	w.store.lists = []status.List{{ID: "a", URI: listA, Kind: status.KindStatus}, {ID: "b", URI: listB, Kind: status.KindIdentifier, Key: key}}
	l := &lists{version: 3, published: map[string]PublishedList{}, recorded: map[string][]uint32{"a": {1, 2}, "b": {7}}}
	l.published[listA] = StatusList(statusBits(t, 1, 2), 3)
	l.published[listB] = IdentifierList([][]byte{status.Identifier(key, 7)}, 3)
	return w, l, &Reconciler{
		Store: w.store, Recorded: l, Published: l, Table: document.DefaultTable(), Source: w.source, Images: w.images, Clock: w.clock, Leave: 24 * time.Hour,
	}
}

// run compares with a dump of these lines and gives the findings.
func (w *world) run(r *Reconciler, dump []byte) (Result, []Finding, []byte) {
	w.Helper()
	r.Manifest, r.File = w.manifest(dump, 10), bytes.NewReader(dump)
	var out bytes.Buffer
	r.Findings = &out
	result, err := r.Run(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var found []Finding
	for line := range bytes.Lines(out.Bytes()) {
		var f Finding
		if err := json.Unmarshal(line, &f); err != nil {
			w.Fatalf("%s: %v", line, err)
		}
		found = append(found, f)
	}
	if len(found) != result.Findings {
		w.Errorf("%d findings, %d counted", len(found), result.Findings)
	}
	return result, found, out.Bytes()
}

// What the office gives out of itself has nothing missing.
func TestReconcileOwnDump(t *testing.T) {
	w, _, r := compared(t)
	face, err := portrait.Draw(3)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := w.images.Put(face)
	if err != nil {
		t.Fatal(err)
	}
	im := w.importer(file(fmt.Sprintf(`{"person":"Z","attributes":{"family_name":"A","given_name":"B","birth_date":"1984-01-26","portrait":{"sha-256":"%x"}}}`, digest)), 0)
	im.Manifest.ID = "import-2"
	if _, err := im.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	out := NewWriter(&dump, 10)
	var line []byte
	for _, s := range w.store.subjects {
		if line, err = AppendSubject(line[:0], s, w.images.Put); err != nil {
			t.Fatal(err)
		}
		if err := out.Line(line); err != nil {
			t.Fatal(err)
		}
	}
	result, found, _ := w.run(r, dump.Bytes())
	if len(found) != 0 || !result.Clean() || result.Persons != 25 || result.Subjects != 25 || result.Pictures != 0 || len(result.Lists) != 2 {
		t.Errorf("%+v, %+v", result, found)
	}
	// Without the folder the portrait is left out, and said to be.
	r.Images = nil
	if result, found, _ := w.run(r, dump.Bytes()); len(found) != 0 || result.Pictures != 1 {
		t.Errorf("%+v, %+v", result, found)
	}

	token, err := result.Sign(office, w.key, nil, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jose.Parse(token)
	if err != nil || signed.Verify(w.key.Public()) != nil || signed.Header.Type != ResultType {
		t.Fatalf("%v", err)
	}
	var claims resultClaims
	if err := jose.DecodeJSON(signed.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Issuer != office || claims.Audience != registry || !claims.Clean || claims.Compared.Persons != 25 || claims.Dump.Count != 25 ||
		claims.Dump.SHA256 != jose.EncodeBase64URL(result.Manifest.Digest[:]) || len(claims.Lists) != 2 || claims.Lists[0].Version != 3 {
		t.Errorf("%s", signed.Payload)
	}
}

// change replaces text in the line of one person.
func change(t *testing.T, dump []byte, person int, old, replacement string) []byte {
	t.Helper()
	lines := strings.SplitAfter(string(dump), "\n")
	changed := strings.Replace(lines[person], old, replacement, 1)
	if changed == lines[person] {
		t.Fatalf("%q is not in %s", old, lines[person])
	}
	lines[person] = changed
	return []byte(strings.Join(lines, ""))
}

// Each difference is found, and nothing else, and no value is told.
func TestReconcileDiffers(t *testing.T) {
	base := generated(t, 24)
	banned := -1
	for i, line := range strings.Split(string(base), "\n") {
		if strings.Contains(line, `"measures"`) {
			banned = i
			break
		}
	}
	if banned < 0 {
		t.Fatal("nobody has a measure")
	}
	number := func(prefix string, i int) string { return fmt.Sprintf("%s-%09d", prefix, i) }
	edit := func(person int, old, replacement string) func(*world) []byte {
		return func(*world) []byte { return change(t, base, person, old, replacement) }
	}
	for _, test := range []struct {
		name string
		dump func(*world) []byte
		want Finding
	}{
		{"person missing", func(w *world) []byte { delete(w.store.subjects, number("P", 5)); return base }, Finding{Kind: MissingPerson, Person: number("P", 5)}},
		{
			"person unknown", func(*world) []byte { return []byte(strings.SplitAfterN(string(base), "\n", 2)[1]) },
			Finding{Kind: UnknownPerson, Person: number("P", 0)},
		},
		{
			"person twice", func(*world) []byte { return append(bytes.Clone(base), base[:bytes.IndexByte(base, '\n')+1]...) },
			Finding{Kind: PersonTwice, Count: 1},
		},
		{"person merged", func(w *world) []byte {
			s := w.store.subjects[number("P", 5)]
			s.MergedInto = number("P", 6)
			w.store.subjects[number("P", 5)] = s
			return base
		}, Finding{Kind: MergedPerson, Person: number("P", 5)}},
		{
			"attribute", edit(5, `"eye_colour":"brown"`, `"eye_colour":"SECRET"`),
			Finding{Kind: PersonDiffers, Person: number("P", 5), Members: []string{"attributes.eye_colour"}},
		},
		{
			"attribute gone, another come", edit(5, `"weight":`, `"signature_usual_mark":"","weight":`),
			Finding{Kind: PersonDiffers, Person: number("P", 5), Members: []string{"attributes.signature_usual_mark"}},
		},
		{
			"died", edit(5, `,"attributes"`, `,"died":"2026-01-01T00:00:00Z","attributes"`),
			Finding{Kind: PersonDiffers, Person: number("P", 5), Members: []string{"died"}},
		},
		{
			"category", edit(5, `"vehicle_category_code":"A1"`, `"vehicle_category_code":"D"`),
			Finding{Kind: EntitlementDiffers, Person: number("P", 5), Right: "driving/LU", Members: []string{"privileges.A1", "privileges.D"}},
		},
		{
			"another right", edit(5, `"entitlements":[`, `"entitlements":[{"kind":"driving","territory":"FR","privileges":[{"vehicle_category_code":"B"}]},`),
			Finding{Kind: MissingEntitlement, Person: number("P", 5), Right: "driving/FR"},
		},
		{
			"right ended, and unknown", edit(5, `"entitlements":[`, `"entitlements":[{"kind":"driving","territory":"FR","privileges":[]},`),
			Finding{},
		},
		{
			"document", edit(5, `"number":"L-000000005","type":"mdl","issue_date":"2`, `"number":"L-000000005","type":"tachograph","issue_date":"2`),
			Finding{Kind: DocumentDiffers, Person: number("P", 5), Document: number("L", 5), Members: []string{"type"}},
		},
		{
			"document surrendered", edit(5, `"type":"pid",`, `"type":"pid","surrendered":{"at":"2026-01-01T00:00:00Z","reason":"SECRET"},`),
			Finding{Kind: DocumentDiffers, Person: number("P", 5), Document: number("I", 5), Members: []string{"surrendered"}},
		},
		{
			"line that cannot be read", func(*world) []byte { return append(bytes.Clone(base), "{\"person\":\"SECRET\"}\n"...) },
			Finding{Kind: LineRefused, Line: 25, Detail: "nothing is said about the person"},
		},
		{
			"measure's authority", edit(banned, `"authority":"`, `"authority":"SECRET`),
			Finding{Kind: MeasureDiffers, Person: number("P", banned), Measure: fmt.Sprint("M-", banned), Members: []string{"authority"}},
		},
		{
			"measure lifted", edit(banned, `"from":`, `"lifted":{"at":"2026-10-30T00:00:00Z"},"from":`),
			Finding{Kind: MeasureDiffers, Person: number("P", banned), Measure: fmt.Sprint("M-", banned), Members: []string{"lifted"}},
		},
		{
			"measure", edit(5, `"documents":[`, `"measures":[{"id":"X","kind":"court-ban","right":{"kind":"driving","territory":"LU"},"orders":{"authority":"A"},"from":"2027-01-01T00:00:00Z"}],"documents":[`),
			Finding{Kind: MissingMeasure, Person: number("P", 5), Measure: "X"},
		},
		{
			"measure that is over", edit(5, `"documents":[`, `"measures":[{"id":"X","kind":"court-ban","right":{"kind":"driving","territory":"LU"},"orders":{"authority":"A","until":"2026-02-01T00:00:00Z"},"from":"2026-01-01T00:00:00Z"}],"documents":[`),
			Finding{},
		},
	} {
		w, _, r := compared(t)
		result, found, text := w.run(r, test.dump(w))
		want := []Finding{test.want}
		if test.want.Kind == "" {
			want = nil
		}
		if fmt.Sprint(found) != fmt.Sprint(want) || result.Clean() != (want == nil) {
			t.Errorf("%s:\n%+v\n%+v", test.name, found, want)
		}
		if bytes.Contains(text, []byte("SECRET")) {
			t.Errorf("%s: tells a value: %s", test.name, text)
		}
	}
}

// What a dump lacks is unknown, unless it has ended.
func TestReconcileUnknown(t *testing.T) {
	base := generated(t, 24)
	w, _, r := compared(t)
	s := w.store.subjects["P-000000005"]
	extra := s.Documents[0]
	extra.Number, extra.Type = "EXTRA", "mdl"
	ended, expired := extra, extra
	ended.Number, ended.Surrendered = "ENDED", true
	expired.Number, expired.ExpiryDate = "EXPIRED", "2026-10-31"
	s.Documents = append(slices.Clone(s.Documents), extra, ended, expired)
	s.Entitlements = append(slices.Clone(s.Entitlements), document.Entitlement{Kind: "driving", Territory: "BE", Privileges: []document.Privilege{{Category: "B"}}},
		document.Entitlement{Kind: "driving", Territory: "FR"})
	m := document.Measure{ID: "M", Kind: document.Restriction, Right: document.Right{Kind: "driving", Territory: "LU"}, Revisions: []document.Revision{{From: now}}}
	void := m
	void.ID, void.Revisions = "VOID", []document.Revision{{From: now, Void: true}}
	s.Measures = []document.Measure{m, void}
	w.store.subjects[s.Number] = s
	_, found, _ := w.run(r, base)
	want := []Finding{
		{Kind: UnknownEntitlement, Person: s.Number, Right: "driving/BE"}, {Kind: UnknownDocument, Person: s.Number, Document: "EXTRA"},
		{Kind: UnknownMeasure, Person: s.Number, Measure: "M"},
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%+v", found)
	}
	// A source that has no say in these is not asked for them.
	r.Source.May = func(p document.Payload) bool {
		d, ok := p.(document.DocumentPut)
		_, identity := p.(document.PersonPut)
		return identity || ok && d.Type == "pid"
	}
	var lines []string
	for i := range 24 {
		s := w.store.subjects[fmt.Sprintf("P-%09d", i)]
		s.Entitlements, s.Measures = nil, nil
		s.Documents = slices.DeleteFunc(slices.Clone(s.Documents), func(d document.Document) bool { return d.Type != "pid" })
		line, err := AppendSubject(nil, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	if _, found, _ := w.run(r, file(lines...)); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

// Copies of what must not be valid are INVALID where everybody looks.
func TestReconcileCoverage(t *testing.T) {
	base := generated(t, 24)
	const holder, number = "P-000000005", "L-000000005"
	expires := now.AddDate(0, 0, 14)
	copyAt := func(index uint64) issuance.StatusIndex { return issuance.StatusIndex{List: listA, Index: index} }
	annul := func(w *world, d func(*document.Document)) {
		s := w.store.subjects[holder]
		s.Documents = slices.Clone(s.Documents)
		d(s.Document(number))
		w.store.subjects[holder] = s
	}
	annulled := func(d *document.Document) { d.Annulled, d.AnnulledAt = true, now.Add(-time.Hour) }
	for _, test := range []struct {
		name   string
		do     func(*document.Document)
		batch  Batch
		setup  func(*world, *lists)
		copies int
		want   []Kind
	}{
		{name: "nothing was said", batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires}},
		{name: "annulled and covered", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(1), copyAt(2)}, Expires: expires}, copies: 2},
		{name: "annulled and open", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(1), copyAt(9)}, Expires: expires}, copies: 2, want: []Kind{CopyNotCovered}},
		{name: "signed or not", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires, State: issuance.StateIntended}, copies: 1, want: []Kind{CopyNotCovered}},
		{name: "burned", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires, State: issuance.StateBurned}},
		{name: "expired", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: now}},
		{name: "about to expire", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: now.Add(20 * time.Hour)}, copies: 1, want: []Kind{CopyExpiring}},
		{name: "waiting", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires}, copies: 1, want: []Kind{CopyWaiting},
			setup: func(w *world, _ *lists) { w.store.lists[0].Waiting = 1 }},
		{name: "in a list that nobody has", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{{List: office + "/status/x", Index: 1}}, Expires: expires}, copies: 1, want: []Kind{CopyNotCovered}},
		{name: "surrendered", do: func(d *document.Document) { d.Surrendered, d.SurrenderedAt = true, now }, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires}, copies: 1, want: []Kind{CopyNotCovered}},
		{name: "to be annulled later", do: func(d *document.Document) { d.Annulled, d.AnnulledAt = true, now.Add(time.Hour) }, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires}},
		{name: "by an identifier", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{
			{List: listB, Index: 7, Identifier: status.Identifier([]byte("key of list b"), 7)}, {List: listB, Index: 8, Identifier: status.Identifier([]byte("key of list b"), 8)},
		}, Expires: expires}, copies: 2, want: []Kind{CopyNotCovered}},
		{name: "covered meanwhile", do: annulled, batch: Batch{Copies: []issuance.StatusIndex{copyAt(9)}, Expires: expires}, copies: 1,
			setup: func(w *world, l *lists) {
				l.onLook = func(look int) {
					if look == 3 { // the second look at list a
						l.published[listA] = StatusList(statusBits(t, 1, 2, 9), 4)
						l.recorded["a"], l.version = []uint32{1, 2, 9}, 4
						l.published[listB] = IdentifierList([][]byte{status.Identifier([]byte("key of list b"), 7)}, 4)
					}
				}
			}},
	} {
		w, l, r := compared(t)
		dump := base
		if test.do != nil {
			annul(w, test.do)
			d := w.store.subjects[holder]
			line, err := AppendSubject(nil, d, nil)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(base), "\n")
			lines[5] = string(line) + "\n"
			dump = []byte(strings.Join(lines, ""))
		}
		w.store.batches[number] = []Batch{test.batch}
		if test.setup != nil {
			test.setup(w, l)
		}
		result, found, _ := w.run(r, dump)
		var kinds []Kind
		for _, f := range found {
			kinds = append(kinds, f.Kind)
			if f.Document != number || f.Index == nil {
				t.Errorf("%s: %+v", test.name, f)
			}
		}
		if !slices.Equal(kinds, test.want) || result.Copies != test.copies || result.Clean() != !slices.Contains(test.want, CopyNotCovered) {
			t.Errorf("%s: %v, %+v", test.name, kinds, result)
		}
	}
}

// A measure that blocks and a death are reasons too.
func TestMustBeInvalid(t *testing.T) {
	s := document.Subject{
		Number: "P", Person: &document.Person{}, Documents: []document.Document{{Number: "L", Type: "mdl", IssueDate: "2020-01-01"}},
		Measures: []document.Measure{{ID: "M", Kind: document.CourtBan, Right: document.Right{Kind: "driving", Territory: "LU"}, Revisions: []document.Revision{{From: now}}}},
	}
	table := document.DefaultTable()
	if mustBeInvalid(table, s, s.Documents[0], now) {
		t.Error("the default reissues a licence without its categories")
	}
	table["mdl"][document.Fact(document.CourtBan)] = document.Rule{Effect: document.EffectRevokeAndBlock}
	if !mustBeInvalid(table, s, s.Documents[0], now) || mustBeInvalid(table, s, s.Documents[0], now.Add(-time.Second)) {
		t.Error("the ban holds from its begin on")
	}
	s.Measures = nil
	s.Person.Deceased, s.Person.DeceasedAt = true, now
	if !mustBeInvalid(table, s, s.Documents[0], now) || mustBeInvalid(table, s, s.Documents[0], now.Add(-time.Second)) {
		t.Error("death ends documents from its instant on")
	}
	s.MergedInto = "Q"
	if mustBeInvalid(table, s, s.Documents[0], now) {
		t.Error("a merged record has no documents")
	}
}

// Published and recorded are held against each other, both ways.
func TestReconcileLists(t *testing.T) {
	base := generated(t, 24)
	for _, test := range []struct {
		name  string
		setup func(*lists)
		want  []Finding
	}{
		{"lacking", func(l *lists) { l.recorded["a"] = []uint32{1, 2, 3, 4} }, []Finding{{Kind: ListLacks, List: listA, Count: 2}}},
		{"more than recorded", func(l *lists) { l.published[listA] = StatusList(statusBits(t, 1, 2, 700, 701, 702), 3) }, []Finding{{Kind: ListExceeds, List: listA, Count: 3}}},
		{"others than recorded", func(l *lists) { l.published[listA] = StatusList(statusBits(t, 1, 3), 3) }, []Finding{{Kind: ListLacks, List: listA, Count: 1}, {Kind: ListExceeds, List: listA, Count: 1}}},
		{"behind", func(l *lists) { l.published[listA] = StatusList(statusBits(t, 1), 1) }, []Finding{{Kind: ListBehind, List: listA, Count: 2}}},
		{"not there", func(l *lists) { delete(l.published, listB) }, []Finding{{Kind: ListNotPublished, List: listB}}},
		{"identifier missing", func(l *lists) { l.published[listB] = IdentifierList([][]byte{{1}}, 3) }, []Finding{{Kind: ListLacks, List: listB, Count: 1}, {Kind: ListExceeds, List: listB, Count: 1}}},
	} {
		w, l, r := compared(t)
		test.setup(l)
		result, found, _ := w.run(r, base)
		if fmt.Sprint(found) != fmt.Sprint(test.want) || result.Clean() {
			t.Errorf("%s: %+v", test.name, found)
		}
	}
}

func TestReconcileWrongFile(t *testing.T) {
	w, _, r := compared(t)
	base := generated(t, 24)
	r.Manifest, r.File, r.Findings = w.manifest(base, 20), bytes.NewReader(base[:len(base)-5]), new(bytes.Buffer)
	if _, err := r.Run(t.Context()); !errors.Is(err, ErrFile) {
		t.Errorf("%v", err)
	}
}
