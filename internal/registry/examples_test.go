package registry_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
)

// blocks are the JSON examples of docs/REGISTRY.md.
func blocks(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/REGISTRY.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	return list
}

// TestExamples sends every event of docs/REGISTRY.md in the order of the page
// to one office, and holds the other examples against what the office says.
func TestExamples(t *testing.T) {
	w := newWorld(t)
	cfg := w.config()
	cfg.Issuer, cfg.Sources = "https://id.utopia.example", nil
	for _, name := range []string{"https://identity.utopia.example", "https://driving.utopia.example", "https://wallet.utopia.example"} {
		w.keys[name] = newKey(t)
		cfg.Sources = append(cfg.Sources, full(name, w.keys[name].Public()))
	}
	inbox, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.inbox = inbox
	sent := map[string]int{}
	others := map[string]string{}
	for _, block := range blocks(t) {
		members, err := jose.Members([]byte(block))
		if err != nil {
			t.Fatalf("%v: %s", err, block)
		}
		if members["events"] == nil {
			others[slices.Sorted(maps.Keys(members))[0]] = block
			continue
		}
		var c struct {
			Issuer string                     `json:"iss"`
			At     int64                      `json:"iat"`
			Events map[string]json.RawMessage `json:"events"`
		}
		if err := jose.DecodeJSON([]byte(block), &c); err != nil {
			t.Fatal(err)
		}
		w.clock.Set(time.Unix(c.At, 0))
		o := w.accept(c.Issuer, w.raw(c.Issuer, block, nil))
		if c.Events["urn:vidimus:event:"+o.Event+":1"] == nil {
			t.Errorf("%+v of %s", o, block)
		}
		if o.Event == document.NameDocumentPut {
			w.store.copies["DL-77001"] = 2
		}
		if o.Event == document.NameMeasureAdded {
			w.store.covered(time.Unix(1790000300, 0))
			sameReceipt(t, w, c.Issuer, o)
		}
		sent[o.Event]++
	}
	for _, name := range document.Names() {
		if sent[name] != 1 {
			t.Errorf("%d examples of %s", sent[name], name)
		}
	}
	if sets, err := registry.ParseBatch([]byte(others["sets"])); err != nil || len(sets) != 2 {
		t.Errorf("the batch: %v, %v", sets, err)
	}
	var page registry.Page
	if err := jose.DecodeJSON([]byte(others["more"]), &page); err != nil || page.Next != page.Receipts[0].Number {
		t.Errorf("the feed: %+v, %v", page, err)
	}
	if len(others) != 5 { // batch, its answer, receipt, page, refusal
		t.Errorf("other examples: %v", slices.Sorted(maps.Keys(others)))
	}
}

// sameReceipt holds the example of a receipt against the one of this event.
func sameReceipt(t *testing.T, w *world, source string, o registry.Outcome) {
	t.Helper()
	token, err := w.inbox.Receipt(t.Context(), source, o.JTI)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range blocks(t) {
		want, err := jose.Members([]byte(block))
		if err != nil || want["state"] == nil {
			continue
		}
		got, err := jose.Members([]byte(payloadOf(t, token)))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(a, b) {
			t.Errorf("claims %v, in the example %v", a, b)
		}
		for _, name := range []string{"iss", "aud", "event", "accepted_at", "state", "version", "copies", "covered_at"} {
			if string(got[name]) != string(want[name]) {
				t.Errorf("%s is %s, in the example %s", name, got[name], want[name])
			}
		}
		return
	}
	t.Error("no example of a receipt")
}

// TestRefusalTable: docs/REGISTRY.md answers for each row of group R, with codes
// of RFC 8935 alone.
func TestRefusalTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/REGISTRY.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../../testdata/badinputs/badinputs.tsv")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	rows := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (R\d\d|) \| [^|]+ \| [^|]* \| (?:`+"`([a-z_]+)`"+`)? ?\| [^|]+ \|$`).FindAllStringSubmatch(string(text), -1) {
		rows[m[1]], codes[m[2]] = true, true
	}
	for line := range strings.Lines(string(list)) {
		if id, _, _ := strings.Cut(line, "\t"); regexp.MustCompile(`^R\d\d$`).MatchString(id) && !rows[id] {
			t.Errorf("%s is not in the table", id)
		}
	}
	delete(codes, "")
	want := []string{"access_denied", "authentication_failed", "invalid_audience", "invalid_issuer", "invalid_key", "invalid_request"}
	if got := slices.Sorted(maps.Keys(codes)); !slices.Equal(got, want) {
		t.Errorf("codes %v", got)
	}
}
