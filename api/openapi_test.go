package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"vidimus/api"
	"vidimus/internal/document"
	"vidimus/internal/issuerhttp"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// examples are the JSON blocks of docs/REGISTRY.md, by a member that tells
// what they are; those of events by the event's name.
func examples(t *testing.T) (events map[string]any, others map[string]any) {
	t.Helper()
	text, err := os.ReadFile("../docs/REGISTRY.md")
	if err != nil {
		t.Fatal(err)
	}
	events, others = map[string]any{}, map[string]any{}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		var v map[string]any
		if err := json.Unmarshal([]byte(m[1]), &v); err != nil {
			t.Fatal(err)
		}
		if one, ok := v["events"].(map[string]any); ok {
			for uri := range one {
				events[strings.TrimSuffix(strings.TrimPrefix(uri, "urn:vidimus:event:"), ":1")] = v
			}
			continue
		}
		for _, name := range []string{"sets", "ack", "state", "more", "err"} {
			if v[name] != nil {
				others[name] = v
			}
		}
	}
	return events, others
}

func schema(t *testing.T, doc *openapi3.T, name string) func(any) error {
	t.Helper()
	s := doc.Components.Schemas[name]
	if s == nil {
		t.Fatalf("no schema %s", name)
	}
	return func(v any) error {
		return doc.ValidateSchemaJSON(s.Value, v, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())
	}
}

func TestDescriptionIsValid(t *testing.T) {
	doc := load(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
	for _, path := range []string{issuerhttp.EventsPath, issuerhttp.EventsPath + "/batch", issuerhttp.EventsPath + "/{jti}", issuerhttp.ReceiptsPath} {
		if doc.Paths.Value(path) == nil {
			t.Errorf("%s is not described", path)
		}
	}
	if n := doc.Paths.Len(); n != 4 {
		t.Errorf("%d paths", n)
	}
}

// The examples of the description are those of docs/REGISTRY.md, and all of
// these are valid.
func TestExamples(t *testing.T) {
	doc := load(t)
	events, others := examples(t)
	if len(events) != len(document.Names()) || len(others) != 5 {
		t.Fatalf("%d events, %d others", len(events), len(others))
	}
	claims := schema(t, doc, "EventClaims")
	for name, v := range events {
		if err := claims(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.ContainsFunc(doc.Components.Schemas["EventClaims"].Value.Examples, func(e any) bool { return same(t, e, v) }) {
			t.Errorf("%s: the description has another example", name)
		}
	}
	if n := len(doc.Components.Schemas["EventClaims"].Value.Examples); n != len(events) {
		t.Errorf("%d examples", n)
	}
	for name, s := range map[string]string{"sets": "Batch", "ack": "BatchAnswer", "state": "ReceiptClaims", "more": "Page", "err": "Refusal"} {
		if err := schema(t, doc, s)(others[name]); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if e := doc.Components.Schemas["ReceiptClaims"].Value.Examples; len(e) != 1 || !same(t, e[0], others["state"]) {
		t.Error("the description has another receipt")
	}
}

func same(t *testing.T, a, b any) bool {
	t.Helper()
	var plain [2]any
	for i, v := range []any{a, b} {
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &plain[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(plain[0], plain[1])
}

// TestSchemaIsWhatIsRead changes every member of every example in several ways:
// what the schema takes the office reads, and what it refuses the office does.
func TestSchemaIsWhatIsRead(t *testing.T) {
	doc := load(t)
	events, _ := examples(t)
	now := time.Date(2026, 9, 22, 0, 0, 0, 0, time.UTC)
	tried, refused := 0, 0
	for name, v := range events {
		check := schema(t, doc, camel(name))
		body := v.(map[string]any)["events"].(map[string]any)["urn:vidimus:event:"+name+":1"]
		for what, changed := range variants(body) {
			text, err := json.Marshal(changed)
			if err != nil {
				t.Fatal(err)
			}
			var plain any
			decoder := json.NewDecoder(bytes.NewReader(text))
			if err := decoder.Decode(&plain); err != nil {
				t.Fatal(err)
			}
			_, readErr := document.ParsePayload(name, text, now, "seq", "prev")
			schemaErr := check(plain)
			tried++
			if readErr != nil {
				refused++
			}
			if (readErr == nil) != (schemaErr == nil) {
				t.Errorf("%s, %s: the office says %v, the schema %v", name, what, readErr, schemaErr)
			}
		}
	}
	if tried < 300 || refused < 150 || refused == tried {
		t.Errorf("%d tried, %d refused", tried, refused)
	}
}

// variants are a value with one thing changed at a time, seq and prev left
// alone: those are read by the inbox.
func variants(v any) map[string]any {
	out := map[string]any{"as it is": v}
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name == "seq" || name == "prev" {
				continue
			}
			without := maps.Clone(v)
			delete(without, name)
			out["without "+name] = without
			for what, value := range map[string]any{"null": nil, "a boolean": true, "a number": 7.5, "an empty array": []any{}} {
				with := maps.Clone(v)
				with[name] = value
				out[name+" as "+what] = with
			}
			for what, inner := range variants(v[name]) {
				with := maps.Clone(v)
				with[name] = inner
				out[name+": "+what] = with
			}
		}
		with := maps.Clone(v)
		with["colour"] = "red"
		out["with another member"] = with
	case []any:
		for what, inner := range variants(v[0]) {
			out["first: "+what] = append([]any{inner}, v[1:]...)
		}
	case string:
		out["long"] = strings.Repeat("x", 200)
		out["with a direction mark"] = v + " \u202e"
	}
	return out
}

func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}
