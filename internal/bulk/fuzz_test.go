package bulk

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"vidimus/internal/document"
	"vidimus/internal/problem"
)

// FuzzLine: a line is refused by name, or what is written of its subject reads
// as the same subject.
func FuzzLine(f *testing.F) {
	for line := range bytes.Lines(generated(f, 30)) {
		f.Add(bytes.TrimSpace(line))
	}
	f.Add([]byte(`{"person":"P",` + person + `,"died":"2026-05-01T00:00:00Z","entitlements":[` + driving + `],"documents":[` +
		strings.Replace(licence, "}", `,"annulled":{"at":"2026-01-01T00:00:00Z"},"surrendered":{"at":"2026-01-01T00:00:00Z"}}`, 1) + `],` +
		fmt.Sprintf(measured, `,"lifted":{"at":"2026-10-20T00:00:00Z"}`) + `}`))
	f.Add([]byte(`{"person":"P","attributes":{"portrait":{"sha-256":"` + strings.Repeat("ab", 32) + `"}}}`))
	p := &parser{
		table: document.DefaultTable(), may: func(document.Payload) bool { return true }, images: noImages{}, now: now,
		id: document.EventID{Source: registry, JTI: "i"},
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		got, err := p.parse(line)
		if err != nil {
			if problem.KindOf(err) == problem.Internal {
				t.Fatalf("refused without a name: %v", err)
			}
			return
		}
		written, err := AppendSubject(nil, got.subject, nil)
		if err != nil {
			t.Fatal(err)
		}
		again, err := p.parse(written)
		if err != nil {
			t.Fatalf("%s\n%s: %v", line, written, err)
		}
		if !reflect.DeepEqual(again.subject, got.subject) {
			t.Fatalf("%s\n%+v\n%+v", written, got.subject, again.subject)
		}
	})
}
