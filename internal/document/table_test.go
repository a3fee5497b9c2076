package document

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"vidimus/internal/problem"
)

// What the default promises in its comments and in docs.
func TestDefaultTable(t *testing.T) {
	table := DefaultTable()
	for _, docType := range []string{"mdl", "pid", "fishing"} {
		for _, fact := range Facts() {
			rule := table.Rule(docType, fact)
			if err := rule.check(fact); err != nil {
				t.Errorf("%s: %s: %v", docType, fact, err)
			}
			urgent := fact == Fact(ProvisionalWithdrawal) && docType != "pid" || fact == FactWalletLost || fact == FactWalletUnitRevoked || fact == FactDocumentAnnulled
			if rule.Urgent != urgent {
				t.Errorf("%s: %s: urgent %v", docType, fact, rule.Urgent)
			}
			if told := rule.Effect != EffectNone && fact != FactPersonDied; rule.Notice != told {
				t.Errorf("%s: %s: %s with notice %v", docType, fact, rule.Effect, rule.Notice)
			}
		}
	}
	for _, kind := range MeasureKinds() {
		want := EffectReissueReduced
		if kind == Restriction {
			want = EffectReissue
		}
		if got := table.Rule("mdl", Fact(kind)).Effect; got != want {
			t.Errorf("mdl: %s: %s", kind, got)
		}
		if got := table.Rule("pid", Fact(kind)).Effect; got != EffectNone {
			t.Errorf("pid: %s: %s", kind, got)
		}
	}
	table["mdl"][FactPersonDied] = Rule{Effect: EffectNone}
	if DefaultTable().Rule("mdl", FactPersonDied).Effect != EffectRevokeAndBlock || Table(nil).Rule("mdl", FactPersonDied).Effect != EffectRevokeAndBlock {
		t.Error("the default was written")
	}
}

func TestParseTable(t *testing.T) {
	data, err := yaml.Marshal(DefaultTable())
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseTable(data)
	if d := cmp.Diff(DefaultTable(), got); d != "" || err != nil {
		t.Fatal(err, d)
	}
	star := ""
	for _, fact := range Facts() {
		star += fmt.Sprintf("  %s: {effect: none}\n", fact)
	}
	star = "\"*\":\n" + star
	if _, err := ParseTable([]byte(star)); err != nil {
		t.Errorf("the least table: %v", err)
	}
	for name, c := range map[string]struct{ text, say string }{
		"empty":              {"", "effects"},
		"no YAML":            {"a: [", "effects"},
		"a list":             {"[]", "effects"},
		"unknown member":     {star + "mdl:\n  court-ban: {effect: none, loud: true}\n", "loud"},
		"unknown fact":       {star + "mdl:\n  court-bann: {effect: none}\n", "mdl: court-bann: no such fact"},
		"unknown effect":     {star + "mdl:\n  court-ban: {effect: burn}\n", "mdl: court-ban: effect: one of [none"},
		"no effect":          {star + "mdl:\n  court-ban: {urgent: true}\n", "effect"},
		"no cell":            {star + "mdl:\n  court-ban:\n", "effect"},
		"type":               {star + "The mDL: {}\n", "not a document type"},
		"twice":              {star + "mdl: {}\nmdl: {}\n", "already defined"},
		"not all":            {strings.Replace(star, "  court-ban: {effect: none}\n", "", 1), "does not say what court-ban does"},
		"no row for others":  {"mdl:\n  court-ban: {effect: none}\n", "\"*\""},
		"reduced, no right":  {star + "mdl:\n  person-died: {effect: reissue-reduced}\n", "belongs to measures"},
		"blocked, for never": {star + "mdl:\n  person-changed: {effect: revoke-and-block}\n", "needs a fact that lasts"},
		"urgent nothing":     {star + "mdl:\n  court-ban: {effect: none, urgent: true}\n", "nothing to publish"},
		"two documents":      {star + "---\n{}\n", "more than one"},
		"too large":          {star + strings.Repeat("#", MaxTable), "larger"},
	} {
		if got, err := ParseTable([]byte(c.text)); got != nil || err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want %q", name, err, c.say)
		}
	}
}

// A measure blocks where its rule says so, for its own type, while it holds.
func TestTableIssuable(t *testing.T) {
	table := DefaultTable()
	table["mdl"][Fact(CourtBan)] = Rule{Effect: EffectRevokeAndBlock}
	s := erika()
	s.Documents[0].ExpiryDate = ""
	s.Documents = append(s.Documents, Document{Number: "ID", Type: "pid", IssueDate: "2025-01-01"}, Document{Number: "F", Type: "fishing", IssueDate: "2025-01-01"})
	ban, fishing := hold("m1", CourtBan), hold("m2", CourtBan)
	ban.Revisions[0].Orders.Until = noon.AddDate(0, 0, 1)
	fishing.Right.Kind = "fishing"
	s.Measures = []Measure{ban}
	for _, c := range []struct {
		table   Table
		number  string
		days    int
		blocked bool
	}{{table, "UT-DL-1", 0, true}, {table, "UT-DL-1", -1, false}, {table, "UT-DL-1", 1, false}, {table, "ID", 0, false}, {table, "F", 0, false}, {nil, "UT-DL-1", 0, false}} {
		err := c.table.Issuable(s, c.number, noon.AddDate(0, 0, c.days))
		if (err != nil) != c.blocked || err != nil && (problem.KindOf(err) != problem.CredentialRequestDenied || problem.Detail(err) == "") {
			t.Errorf("%s after %d days: %v", c.number, c.days, err)
		}
	}
	s.Measures = []Measure{fishing}
	if table.Issuable(s, "F", noon) == nil || table.Issuable(s, "UT-DL-1", noon) != nil {
		t.Error("a ban on fishing concerns the licence to drive")
	}
	if problem.KindOf(table.Issuable(s, "X", noon)) != problem.NotFound {
		t.Error("unknown document")
	}
}
