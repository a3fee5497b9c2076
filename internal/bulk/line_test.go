package bulk

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/portrait"
	"vidimus/internal/problem"
)

func (w *world) parser() *parser {
	return &parser{table: document.DefaultTable(), may: w.source.May, images: w.images, now: now, id: document.EventID{Source: registry, JTI: "import-1"}}
}

const (
	person   = `"attributes":{"family_name":"Weber","given_name":"Marie","birth_date":"1984-01-26"}`
	licence  = `{"number":"L-1","type":"mdl","issue_date":"2020-01-01","issuing_authority":"SNCA","issuing_country":"LU"}`
	driving  = `{"kind":"driving","territory":"LU","privileges":[{"vehicle_category_code":"B"}]}`
	measured = `"measures":[{"id":"M","kind":"court-ban","right":{"kind":"driving","territory":"LU"},"orders":{"authority":"Tribunal"},"from":"2026-10-01T00:00:00Z"%s}]`
)

// A line gives the subject that the same events would have given.
func TestLine(t *testing.T) {
	w := newWorld(t)
	face, err := portrait.Draw(1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := w.images.Put(face)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf(`{"person":"P","attributes":{"family_name":"We\u0300ber","given_name":"M","birth_date":"1984-01-26","portrait":{"sha-256":"%x"}},`+
		`"entitlements":[%s],"documents":[%s,{"number":"L-0","type":"mdl","issue_date":"2010-01-01","issuing_authority":"SNCA","issuing_country":"LU",`+
		`"surrendered":{"at":"2020-01-01T00:00:00Z","reason":"renewed"},"annulled":{"at":"2021-01-01T00:00:00Z"}}],`+measured+`}`,
		digest, driving, licence, `,"lifted":{"at":"2026-10-20T00:00:00Z","reason":"appeal"}`)
	got, err := w.parser().parse([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	s := got.subject
	old, m := s.Document("L-0"), s.Measures[0]
	switch {
	case s.Number != "P", s.Version != 1, len(s.Documents) != 2, len(s.Entitlements) != 1, len(s.Measures) != 1:
		t.Errorf("%+v", s)
	case s.Person.Attributes.Text("family_name") != "W\u00e8ber":
		t.Errorf("name %q is not in NFC", s.Person.Attributes.Text("family_name"))
	case len(s.Person.Attributes.Bytes("portrait")) == 0:
		t.Error("no portrait")
	case !old.Annulled || !old.Surrendered || old.SurrenderedReason != "renewed" || old.AnnulledAt.Year() != 2021:
		t.Errorf("old licence: %+v", old)
	case m.Latest().Event != document.EventID{Source: registry, JTI: "import-1"} || m.Latest().From.Month() != 10 || m.Latest().Lifted.Day() != 20:
		t.Errorf("measure: %+v", m)
	case m.Holds(now) || !m.Holds(time.Date(2026, 10, 2, 0, 0, 0, 0, time.UTC)):
		t.Error("the measure holds at the wrong times")
	}

	// What is written of a subject reads as the same subject.
	again, err := AppendSubject(nil, s, w.images.Put)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.parser().parse(again)
	if err != nil {
		t.Fatalf("%s: %v", again, err)
	}
	if !reflect.DeepEqual(second.subject, s) {
		t.Errorf("written and read:\n%+v\n%+v", s, second.subject)
	}
	inline, err := AppendSubject(nil, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := w.parser()
	p.images = noImages{}
	if second, err = p.parse(inline); err != nil || !reflect.DeepEqual(second.subject, s) {
		t.Errorf("with its portrait within: %v", err)
	}
}

func TestLineOfTheDead(t *testing.T) {
	got, err := newWorld(t).parser().parse([]byte(`{"person":"P",` + person + `,"died":"2026-05-01T00:00:00+02:00","documents":[` + licence + `]}`))
	if err != nil || !got.subject.Person.Deceased || got.subject.Issuable("L-1", now) == nil {
		t.Errorf("%+v, %v", got.subject, err)
	}
}

// Every refusal names the member, and no value.
func TestLineRefused(t *testing.T) {
	w := newWorld(t)
	bad := []byte("not a picture at all: SECRET")
	digest := sha256.Sum256(bad)
	if _, err := w.images.Put(bad); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, line, want string }{
		{"no JSON", `SECRET`, "JSON"},
		{"null", `null`, "object"},
		{"twice", `{"person":"P","person":"P",` + person + `}`, "twice"},
		{"no person", `{` + person + `}`, "person"},
		{"person of another type", `{"person":17,` + person + `}`, "person"},
		{"person with a space", `{"person":"SECRET SECRET",` + person + `}`, "person"},
		{"unknown member", `{"person":"P","SECRET":1,` + person + `}`, "a member is not"},
		{"case of a member", `{"person":"P","Attributes":{}}`, "a member is not"},
		{"nothing said", `{"person":"P"}`, "nothing is said"},
		{"attribute", `{"person":"P","attributes":{"family_name":"","given_name":"M","birth_date":"1984-01-26"}}`, "family_name is empty"},
		{"unknown attribute", `{"person":"P","attributes":{"family_name":"SECRET","given_name":"M","birth_date":"1984-01-26","religion":"SECRET"}}`, "religion"},
		{"birth date", `{"person":"P","attributes":{"family_name":"SECRET","given_name":"M","birth_date":"1984-02-30"}}`, "birth_date"},
		{"second entitlement", `{"person":"P","entitlements":[` + driving + `,{"kind":"SECRET","territory":"LU","privileges":[]}]}`, "entitlements[1]: kind"},
		{"entitlements no array", `{"person":"P","entitlements":{}}`, "entitlements"},
		{"document", `{"person":"P","documents":[{"number":"L","type":"mdl","issue_date":"SECRET","issuing_authority":"A","issuing_country":"LU"}]}`, "documents[0]: issue_date"},
		{"documents of one number", `{"person":"P","documents":[` + strings.Replace(licence, "}", `,"annulled":true}`, 1) + `]}`, "documents[0]: annulled"},
		{"annulled without at", `{"person":"P","documents":[` + strings.Replace(licence, "}", `,"annulled":{"reason":"SECRET"}}`, 1) + `]}`, "annulled.at"},
		{"annulled with a number", `{"person":"P","documents":[` + strings.Replace(licence, "}", `,"annulled":{"at":"2026-01-01T00:00:00Z","number":"SECRET"}}`, 1) + `]}`, "annulled"},
		{"annulled in escapes", `{"person":"P","documents":[` + strings.Replace(licence, "}", `,"\u0061nnulled":{"at":"2026-01-01T00:00:00Z"}}`, 1) + `]}`, "unknown member annulled"},
		{"measure without from", `{"person":"P",` + fmt.Sprintf(strings.Replace(measured, `"from"`, `"lifted"`, 1), "") + `}`, "measures[0]: from"},
		{"measure lifted at no instant", `{"person":"P",` + fmt.Sprintf(measured, `,"lifted":{"at":"SECRET"}`) + `}`, "measures[0]: lifted.at"},
		{"died at no instant", `{"person":"P",` + person + `,"died":"SECRET"}`, "died"},
		{"reference too short", `{"person":"P","attributes":{"family_name":"A","given_name":"M","birth_date":"1984-01-26","portrait":{"sha-256":"SECRET"}}}`, "portrait: sha-256"},
		{"reference in capitals", `{"person":"P","attributes":{"portrait":{"sha-256":"` + strings.Repeat("AB", 32) + `"}}}`, "portrait: sha-256"},
		{"reference with more", `{"person":"P","attributes":{"portrait":{"sha-256":"` + strings.Repeat("ab", 32) + `","x":1}}}`, "portrait: sha-256"},
		{"no such picture", `{"person":"P","attributes":{"portrait":{"sha-256":"` + strings.Repeat("ab", 32) + `"}}}`, "not in the folder"},
		{"no JPEG", fmt.Sprintf(`{"person":"P","attributes":{"family_name":"A","given_name":"M","birth_date":"1984-01-26","portrait":{"sha-256":"%x"}}}`, digest), "portrait is not a JPEG"},
		{"too long", `{"person":"` + strings.Repeat(" ", MaxLine) + `"}`, "octets"},
	} {
		got, err := w.parser().parse([]byte(test.line))
		if err == nil {
			t.Errorf("%s: taken: %+v", test.name, got.subject)
			continue
		}
		line := &LineError{Line: 17, Err: err}
		if k := problem.KindOf(err); k == problem.Internal || !strings.Contains(line.Detail(), test.want) {
			t.Errorf("%s: %s: %q lacks %q", test.name, k, line.Detail(), test.want)
		}
		if strings.Contains(line.Error(), "SECRET") {
			t.Errorf("%s: quotes a value: %s", test.name, line)
		}
	}
}

// The matrix holds for lines as it does for events.
func TestLineRights(t *testing.T) {
	w := newWorld(t)
	full := `{"person":"P",` + person + `,"died":"2026-05-01T00:00:00Z","entitlements":[` + driving + `],"documents":[` +
		strings.Replace(licence, "}", `,"annulled":{"at":"2026-01-01T00:00:00Z"},"surrendered":{"at":"2026-01-01T00:00:00Z"}}`, 1) + `],` +
		fmt.Sprintf(measured, `,"lifted":{"at":"2026-10-20T00:00:00Z"}`) + `}`
	asked := map[string]bool{}
	p := w.parser()
	p.may = func(p document.Payload) bool { asked[p.Name()] = true; return true }
	if _, err := p.parse([]byte(full)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		document.NamePersonPut, document.NamePersonDied, document.NameEntitlementPut, document.NameDocumentPut,
		document.NameDocumentAnnulled, document.NameDocumentSurrendered, document.NameMeasureAdded, document.NameMeasureLifted,
	} {
		if !asked[name] {
			t.Errorf("%s was not asked about", name)
		}
		p.may = func(p document.Payload) bool { return p.Name() != name }
		if _, err := p.parse([]byte(full)); problem.KindOf(err) != problem.AccessDenied {
			t.Errorf("without the right to %s: %v", name, err)
		}
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	f, err := OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(path string, b []byte) [32]byte {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(b)
	}
	name := func(b []byte) string { return fmt.Sprintf("%x.jpg", sha256.Sum256(b)) }
	one, two := []byte("one"), []byte("two")
	a, b := put(name(one), one), put(name(two)[:2]+"/"+name(two), two)
	for range 2 {
		for _, d := range [][32]byte{a, b} {
			if got, err := f.Image(d); err != nil || sha256.Sum256(got) != d {
				t.Errorf("%q, %v", got, err)
			}
		}
	}
	put(name([]byte("three")), []byte("something else"))
	if _, err := f.Image(sha256.Sum256([]byte("three"))); err == nil {
		t.Error("a file with another digest than its name")
	}
	large := make([]byte, document.MaxImage+1)
	if _, err := f.Image(put(name(large), large)); err == nil {
		t.Error("a file of any size")
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, name([]byte("four")))); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Image(sha256.Sum256([]byte("four"))); err == nil {
		t.Error("a link led out of the folder")
	}
}
