package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/elements"
)

// Every row of the tables is in the built-in configurations, mandatory where the
// table says so, with a name in four languages.
func TestBuiltInIsComplete(t *testing.T) {
	catalog := load(t)
	for id, set := range map[string]*elements.Set{"mdl": elements.MDL, "pid-mdoc": elements.PID, "pid-sd-jwt": elements.PID} {
		cfg, ok := catalog.Configuration(id)
		if !ok {
			t.Fatalf("no configuration %s", id)
		}
		have := map[string]element{}
		for _, e := range cfg.elements {
			have[e.Data] = e
			for _, language := range []string{"en", "fr", "de", "lb"} {
				if e.display[language] == "" {
					t.Errorf("%s: %s has no name in %s", id, e.label(), language)
				}
			}
		}
		for _, row := range set.Elements() {
			e, ok := have[row.Data]
			if !ok && !(cfg.Format == FormatMDoc && row.Identifier == "") {
				t.Errorf("%s: %s is missing", id, row.Data)
			}
			if row.Mandatory != e.mandatory {
				t.Errorf("%s: %s mandatory %v", id, row.Data, e.mandatory)
			}
		}
		if cfg.ValidityDays != 14 || cfg.BatchSize != 20 || cfg.Status != StatusList || cfg.Scope == "" {
			t.Errorf("%s: %+v", id, cfg)
		}
	}
	cfg, _ := catalog.Configuration("mdl")
	for _, nn := range elements.DefaultAges {
		found := false
		for _, e := range cfg.elements {
			found = found || e.Identifier == elements.AgeElement(nn) && e.Kind == elements.KindBool && e.ageOver == nn
		}
		if !found {
			t.Errorf("no statement for %d", nn)
		}
	}
}

func TestLoadReplacesAndAdds(t *testing.T) {
	dir := t.TempDir()
	data, err := builtin.ReadFile("builtin/mdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	short := "validity_days: 3\nage_over: [18]\nbatch_size: 50\n" + string(data)
	fishing, err := os.ReadFile("testdata/fishing.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.yaml": short, "b.yaml": string(fishing), "note.txt": "not a configuration"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	catalog := load(t, dir)
	mdl, _ := catalog.Configuration("mdl")
	if mdl.ValidityDays != 3 || len(mdl.AgeOver) != 1 || mdl.BatchSize != 50 || len(catalog.IDs()) != 5 {
		t.Errorf("%+v, %v", mdl, catalog.IDs())
	}
	if _, err := Load(dir, filepath.Join(dir, "b.yaml")); err == nil || !strings.Contains(err.Error(), "is also in") {
		t.Errorf("one id in two files: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "nothing.yaml")); err == nil {
		t.Error("a file that is not there was loaded")
	}
}

const minimal = `id: card
format: mso_mdoc
doctype: org.example.card.1
namespace: org.example.card.1
scope: card
document_type: card
signer: card
elements:
  - {name: number, source: document.number, type: text}
`

// Each error names the file and the line.
func TestLoadRefuses(t *testing.T) {
	edit := func(old, new string) string {
		if !strings.Contains(minimal, old) {
			t.Fatalf("no %q in the minimal configuration", old)
		}
		return strings.Replace(minimal, old, new, 1)
	}
	element := func(body string) string { return edit("{name: number, source: document.number, type: text}", body) }
	sd := strings.NewReplacer("mso_mdoc", "dc+sd-jwt", "doctype: org.example.card.1\nnamespace: org.example.card.1\n", "vct: urn:example:card:1\n").Replace(minimal)
	sdElement := func(body string) string {
		return strings.Replace(sd, "{name: number, source: document.number, type: text}", body, 1)
	}
	mdl, err := builtin.ReadFile("builtin/mdl.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":         {edit("scope: card", "scoop: card"), "line 5: field scoop not found"},
		"unknown element key": {element("{name: n, source: document.number, type: text, sdd: true}"), "line 9: field sdd not found"},
		"no YAML":             {"a: [", "line 1"},
		"empty":               {"", "no configuration"},
		"id":                  {edit("id: card", "id: a card"), ":1: configuration \"a card\": id"},
		"format":              {edit("mso_mdoc", "jwt_vc_json"), ":2: configuration \"card\": format"},
		"doctype missing":     {edit("doctype: org.example.card.1\n", ""), "doctype"},
		"vct in an mdoc":      {edit("scope", "vct: urn:x\nscope"), ":3: configuration \"card\": doctype"},
		"scope":               {edit("scope: card", "scope: ''"), ":5: configuration \"card\": scope"},
		"document type":       {edit("document_type: card\n", ""), "document_type"},
		"signer":              {edit("signer: card", "signer: /etc/key"), ":7: configuration \"card\": signer"},
		"curve":               {edit("signer: card", "signer: card\nsigning_curve: P-521"), ":8: configuration \"card\": signing_curve"},
		"validity":            {edit("signer: card", "signer: card\nvalidity_days: 399"), ":8: configuration \"card\": validity_days"},
		"validity negative":   {edit("signer: card", "signer: card\nvalidity_days: -1"), "validity_days"},
		"batch":               {edit("signer: card", "signer: card\nbatch_size: 51"), ":8: configuration \"card\": batch_size"},
		"age":                 {edit("signer: card", "signer: card\nage_over: [18, 100]"), ":8: configuration \"card\": age_over"},
		"age twice":           {edit("signer: card", "signer: card\nage_over: [18, 18]"), "age_over"},
		"status":              {edit("signer: card", "signer: card\nstatus: crl"), "line 8: status: true, false, status-list or identifier-list"},
		"status list":         {edit("signer: card", "signer: card\nstatus: [true]"), "line 8: status"},
		"display":             {edit("signer: card", "signer: card\ndisplay:\n  - {name: Card, locale: en}\n  - {name: Carte, locale: en}"), ":10: configuration \"card\": display[1]"},
		"display image":       {edit("signer: card", "signer: card\ndisplay:\n  - {name: Card, logo: {uri: 'http://x'}}"), ":9: configuration \"card\": display[0]"},
		"display locale":      {edit("signer: card", "signer: card\ndisplay:\n  - {name: Card, locale: EN}"), ":9: configuration \"card\": display[0]: locale"},
		"element locale":      {element("{name: n, source: document.number, type: text, display: {en_GB: N}}"), "elements[0]: display: a language tag"},
		"display name":        {edit("signer: card", "signer: card\ndisplay:\n  - {locale: en}"), "no name"},
		"no elements":         {minimal[:strings.Index(minimal, "  - ")] + "  []\n", "elements: none"},
		"no name":             {element("{source: document.number, type: text}"), ":9: configuration \"card\": elements[0]: either name or path"},
		"no source":           {element("{name: n, type: text}"), "source: missing"},
		"source":              {element("{name: n, source: registry.x, type: text}"), "source: person.X"},
		"source list":         {element("{name: n, source: [[x]], type: text}"), "line 9: source"},
		"source map":          {element("{name: n, source: {a: b}, type: text}"), "line 9: source"},
		"const":               {element("{name: n, source: const, type: text}"), "needs a value"},
		"value":               {element("{name: n, source: person.x, value: y, type: text}"), "value belongs"},
		"type":                {element("{name: n, source: person.x}"), "type: one of"},
		"unknown type":        {element("{name: n, source: person.x, type: float}"), "type: one of"},
		"choices missing":     {element("{name: n, source: person.x, type: choice}"), "choices"},
		"choices too many":    {element("{name: n, source: person.x, type: text, choices: [a]}"), "choices"},
		"transform":           {element("{name: n, source: person.x, type: text, transform: rot13}"), "transform"},
		"path in an mdoc":     {element("{path: [a, b], source: person.x, type: text}"), "path belongs"},
		"sd in an mdoc":       {element("{name: a, source: person.x, type: text, sd: true}"), "sd belongs"},
		"age name":            {element("{name: age_over_18, source: age_over, type: bool}"), "age_over_NN"},
		"age source":          {element("{name: age_over_NN, source: person.x}"), "source age_over"},
		"element twice":       {minimal + "  - {name: number, source: document.number, type: text}\n", ":10: configuration \"card\": elements[1]: number twice"},
		"no namespace":        {edit("namespace: org.example.card.1\n", ""), "no namespace"},
		"id twice":            {minimal + "---\n" + minimal, ":11: configuration \"card\" twice"},
		"claim in a claim":    {sdElement("{name: a, source: person.x, type: text}\n  - {path: [a, b], source: person.x, type: text}"), "inside another"},
		"namespace of claim":  {sdElement("{name: a, namespace: b, source: person.x, type: text}"), "namespace belongs"},
		"empty path":          {sdElement("{path: [a, ''], source: person.x, type: text}"), "empty part"},
		"reserved claim":      {sdElement("{name: cnf, source: person.x, type: text}"), "cnf"},
		"reserved digest":     {sdElement("{name: _sd, source: person.x, type: text}"), "_sd"},
		"identifiers":         {strings.Replace(sd, "signer: card", "signer: card\nstatus: identifier-list", 1), ":7: configuration \"card\": status: an identifier list is for mdocs"},
		"mDL as SD-JWT":       {strings.Replace(sd, "urn:example:card:1", "org.iso.18013.5.1.mDL", 1), "mdoc only"},
		"mDL without name":    {strings.Replace(string(mdl), "  - name: family_name\n", "  - name: name_of_family\n", 1), "is not an element"},
		"mDL not mandatory":   {strings.Replace(string(mdl), "mandatory: true", "mandatory: false", 1), "family_name is mandatory"},
		"mDL other type":      {strings.Replace(string(mdl), "    source: person.birth_date\n", "    source: person.birth_date\n    type: text\n", 1), "type full-date by its standard"},
		"scope of another":    {edit("scope: card", "scope: mdl"), "one scope"},
		"too large":           {strings.Repeat("#", MaxFile+1), "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "card.yaml")
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			catalog, err := Load(file)
			if err == nil || catalog != nil {
				t.Fatal("loaded")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if !strings.Contains(err.Error(), "card.yaml") && test.want != "one scope" {
				t.Errorf("error names no file: %v", err)
			}
		})
	}
	if _, err := parse("card.yaml", []byte(minimal)); err != nil {
		t.Errorf("the minimal configuration: %v", err)
	}
	if _, err := parse("card.yaml", []byte(sd)); err != nil {
		t.Errorf("the minimal SD-JWT VC: %v", err)
	}
	for written, want := range map[string]string{
		"": StatusList, "status: true\n": StatusList, "status: status-list\n": StatusList, "status: 'identifier-list'\n": StatusIdentifier, "status: false\n": StatusNone,
	} {
		all, err := parse("card.yaml", []byte(written+minimal))
		if err != nil || all[0].Status != want {
			t.Errorf("%q: %v, %v", written, all, err)
		}
	}
}
