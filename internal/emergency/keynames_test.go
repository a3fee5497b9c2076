package emergency_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"vidimus/internal/emergency"
	"vidimus/internal/problem"
)

// A key is shown with its signer and its certificates, and named by them.
func TestKeyNames(t *testing.T) {
	w := newWorld(t, 1)
	w.issue(0, 1, "ds-1")
	w.issue(0, 1, "ds-2")
	w.issue(0, 1, "ds-old")
	w.parts.Keys = func() emergency.KeyNames {
		return emergency.KeyNames{
			{ID: "ds-1", Signer: "mdl", CommonName: "Utopia mDL 1", Serial: "0a01"}, {ID: "ds-1", Signer: "mdl", CommonName: "Utopia mDL 1", Serial: "0a11"},
			{ID: "ds-2", Signer: "mdl", CommonName: "Utopia mDL 2", Serial: "0a02"}, {ID: "ds-pid", Signer: "pid", CommonName: "Utopia PID", Serial: "0a03"},
		}
	}
	w.waits = []string{"ds-pid"}
	w.restart()
	for value, want := range map[string]string{
		"ds-1": "ds-1", "serial=0a01": "ds-1", "serial=A11": "ds-1", "serial=00:0A:02": "ds-2", "pid": "ds-pid", "ds-old": "ds-old",
	} {
		if d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: value, Reference: "2026/17"}); err != nil || d.Scope.Value != want {
			t.Errorf("%s: %+v, %v", value, d.Scope, err)
		}
	}
	const one, two = "ds-1 (mdl, CN=Utopia mDL 1, serial 0a01; mdl, CN=Utopia mDL 1, serial 0a11)", "ds-2 (mdl, CN=Utopia mDL 2, serial 0a02)"
	for value, c := range map[string]struct {
		want problem.Kind
		says string
	}{
		"mdl":         {problem.InvalidRequest, "serial=HEX of its certificate: " + one + ", " + two},
		"serial=0a04": {problem.NotFound, "there are " + one + ", " + two + ", ds-old, ds-pid (pid, CN=Utopia PID, serial 0a03)"},
		"serial=":     {problem.NotFound, two},
		"serial=0":    {problem.NotFound, two},
		"nobody":      {problem.NotFound, two},
	} {
		_, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: value, Reference: "2026/17"})
		if w.want(value, err, c.want); err != nil && !strings.Contains(problem.Detail(err), c.says) {
			t.Errorf("%s: %v", value, err)
		}
	}
	d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "serial=0a02", Reference: "2026/17"})
	w.must(err)
	for _, want := range []string{"revoke key " + two, "  by key " + two + ": 20"} {
		if !strings.Contains(d.Text(w.Keys()), want) {
			t.Errorf("%q is not in\n%s", want, d.Text(w.Keys()))
		}
	}
	p := w.approved(d)
	_, err = w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	r, err := w.Report(t.Context(), p.ID, "office")
	w.must(err)
	for _, want := range []string{"key " + two + ": 20 good copies in scope before, 0 now", "stopped: key " + two} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("%q is not in\n%s", want, r.Text)
		}
	}
}

// A key that left the configuration is found, and its signer's name is not that of its
// successor alone: whoever installed that first must not stop it in place of the stolen one.
func TestKeyThatLeft(t *testing.T) {
	w := newWorld(t, 1)
	w.parts.Keys = func() emergency.KeyNames {
		return emergency.KeyNames{{ID: "ds-old", Signer: "mdl", CommonName: "Utopia mDL 1", Serial: "0a01"}, {ID: "ds-new", Signer: "mdl", CommonName: "Utopia mDL 2", Serial: "0a02"}}
	}
	w.waits = []string{"ds-new"}
	w.restart()
	for _, copies := range []string{"without copies", "with copies"} {
		for _, value := range []string{"serial=0a01", "ds-old"} {
			if d, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: value, Reference: "2026/17"}); err != nil || d.Scope.Value != "ds-old" {
				t.Errorf("%s, %s: %+v, %v", copies, value, d.Scope, err)
			}
		}
		_, err := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "mdl", Reference: "2026/17"})
		if w.want(copies, err, problem.InvalidRequest); err != nil && !(strings.Contains(problem.Detail(err), "serial 0a01") && strings.Contains(problem.Detail(err), "serial 0a02")) {
			t.Errorf("%s: %v", copies, err)
		}
		w.issue(0, 1, "ds-old")
		w.issue(0, 1, "ds-new")
	}
}

// Names that others gave move no cursor, and make no line of their own.
func TestTextsForTerminals(t *testing.T) {
	w := newWorld(t, 1)
	w.humans["ben"] = "2\x1b[2J\napproved by nobody\u202e"
	w.parts.Keys = func() emergency.KeyNames {
		return emergency.KeyNames{{ID: "ds-1", Signer: "mdl", CommonName: "x\x1b]0;y\a\nplan e-1: lift registry R\u009b2J", Serial: "01"}}
	}
	w.restart()
	w.issue(0, 1, "ds-1")
	p := w.approved(w.draft("ds-1"))
	_, err := w.Run(t.Context(), p.ID, "office", nil)
	w.must(err)
	r, err := w.Report(t.Context(), p.ID, "office")
	w.must(err)
	progress, err := w.Progress(t.Context(), p.ID)
	w.must(err)
	_, unknown := w.Draft(t.Context(), emergency.Wish{Kind: emergency.OfKey, Value: "no", Reference: "2026/17"})
	for name, text := range map[string]string{
		"draft": p.Draft.Text(w.Keys()), "progress": progress.String(), "report": r.Text, "JSON": string(r.Report), "refusal": problem.Detail(unknown), "line": p.Line(w.Keys()),
	} {
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%s: %q", name, text[i:])
		}
		if strings.Contains(text, "\nplan e-1: lift") || strings.Contains(text, "\napproved by nobody") {
			t.Errorf("%s: a line that is not ours:\n%s", name, text)
		}
	}
	var read emergency.Report
	if err := json.Unmarshal(r.Report, &read); err != nil || read.Progress.Plan.Approved.Human != w.humans["ben"] {
		t.Errorf("%q, %v", read.Progress.Plan.Approved.Human, err)
	}
}
