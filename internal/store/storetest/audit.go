package storetest

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/audit"
)

var auditTests = []test{{"Append", appendAudit}, {"ConcurrentAppend", concurrentAppend}}

func appendAudit(t *testing.T, s Store) {
	if n := len(auditLines(t, s)); n != 0 {
		t.Errorf("%d audit lines in an empty store", n)
	}
	if err := s.Append(t.Context(), AuditEvent("one")); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), audit.Event{}); !errors.Is(err, audit.ErrEvent) {
		t.Errorf("an empty event: %v", err)
	}
	events := auditLines(t, s)
	if len(events) != 1 || events[0].Subject != "one" || !events[0].Time.Equal(Now) {
		t.Errorf("%+v", events)
	}
}

func concurrentAppend(t *testing.T, s Store) {
	together(16, func(i int) {
		for n := range 10 {
			if err := s.Append(t.Context(), AuditEvent(fmt.Sprint(i, "-", n))); err != nil {
				t.Error(err)
			}
		}
	})
	seen := map[string]bool{}
	for _, e := range auditLines(t, s) {
		seen[e.Subject] = true
	}
	if len(seen) != 160 {
		t.Errorf("%d of 160 audit events", len(seen))
	}
}
