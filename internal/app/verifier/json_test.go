package verifier

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// The names in a report are read by other programs: they are added to, never
// changed or taken away.
func TestJSONIsStable(t *testing.T) {
	at := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	verdict := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
	check := []verification.Check{{ID: "ia.sig", Axis: verification.Authenticity, Clause: "c", Result: verification.Pass, Detail: "<&>"}}
	r := &verification.Report{
		Format: verification.FormatDeviceResponse, At: at, Policy: "p", Verdict: verdict, Colour: policy.Green, Reasons: []string{"r"}, Checks: check,
		Errors: []verification.DocumentError{{Type: "t", Code: -1}},
		Documents: []verification.Document{{
			Type: "t", Verdict: verdict, Colour: policy.Green, Reasons: []string{"r"}, Checks: check,
			Trust:        verification.Trust{Anchor: "a", Signer: "s", Serial: "1f", Source: "f", AnchorAt: at},
			Validity:     verification.Validity{Signed: at, From: at, Until: at},
			Status:       verification.StatusAnswer{URI: "u", Index: 7, AsOf: at, Age: time.Second},
			IssuerSigned: []verification.Element{{NameSpace: "n", Name: "e", Value: "v", Bytes: []byte{1}}},
			DeviceSigned: []verification.Element{{Name: "e", Value: true}},
			Missing:      []string{"m"}, Dropped: []string{"d"}, Driving: []verification.Driving{{Category: "B", Answer: "yes", Conditions: "01", Until: "2030-01-01"}},
		}},
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	verdictNames := []string{"authenticity", "entitlement", "freshness", "status"}
	keys := func(v any, want ...string) map[string]any {
		t.Helper()
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		object, _ := v.(map[string]any)
		if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
			t.Errorf("names %v, want %v", got, want)
		}
		return object
	}
	top := keys(got, "at", "checks", "colour", "document_errors", "documents", "format", "knowledge", "policy", "reasons", "verdict")
	keys(top["verdict"], verdictNames...)
	keys(top["checks"], "axis", "clause", "detail", "id", "result")
	keys(top["document_errors"], "code", "type")
	d := keys(top["documents"], "checks", "colour", "device_signed", "driving", "dropped", "issuer_signed", "missing", "reasons", "revocation", "status", "trust", "type", "validity", "verdict")
	keys(d["verdict"], verdictNames...)
	keys(d["trust"], "anchor", "anchors_as_of", "serial", "signer", "source")
	keys(d["validity"], "from", "signed", "until")
	keys(d["status"], "age", "as_of", "index", "uri")
	keys(d["issuer_signed"], "name", "namespace", "value")
	keys(d["driving"], "answer", "category", "conditions", "reason", "until")
	if top["colour"] != "green" || top["at"] != "2026-06-15T10:00:00Z" || top["format"] != "mdoc DeviceResponse" || !bytes.Contains(b.Bytes(), []byte(`"<&>"`)) {
		t.Errorf("%s", b.String())
	}
}

// What a terminal obeys, and what turns or hides text, is escaped in JSON too: it is
// the same value for a program, and nothing for an eye.
func TestJSONPaintsNothing(t *testing.T) {
	for _, s := range append(hostile, "\u009b2J\u0085\x7f", "Žofie 李 <&> \" \\ \U0001f600") {
		s = strings.ToValidUTF8(s, "\ufffd")
		var b bytes.Buffer
		if err := WriteJSON(&b, report(s)); err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(b.String(), "\n") {
			if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q: line %d: %q", s, i, line)
			}
		}
		var back verification.Report
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back.Policy != s || back.Documents[1].IssuerSigned[0].Value != s {
			t.Errorf("%q became %q, %v", s, back.Policy, err)
		}
	}
}
