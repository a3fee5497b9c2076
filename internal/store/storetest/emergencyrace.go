package storetest

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
)

// twoRuns: two runs of one plan race each other, wallets that are issued copies
// under the lost key and under another, and a publisher. In the end every copy
// under the lost key is INVALID and no other; the plan counts each once.
func twoRuns(t *testing.T, s Store) {
	const people, before = 8, 3
	for i := range people {
		person(t, s, fmt.Sprint("P", i), fmt.Sprint("N", i))
	}
	lost := make([][]spot, people)
	for i := range people {
		for n := range before {
			lost[i] = append(lost[i], signedBy(t, s, "ds-1", fmt.Sprintf("B%d-%d", i, n), fmt.Sprint("P", i), fmt.Sprint("N", i))...)
		}
	}
	p := planOf("e", emergency.Revoke, ofKey("ds-1"), 1000)
	putPlan(t, s, p)
	if _, err := s.ApprovePlan(t.Context(), "e", p.Hash, second("ben", "2"), p.Expires, Now, AuditEvent("x")); err != nil {
		t.Fatal(err)
	}
	runner := func() {
		p, err := s.BeginPlan(t.Context(), "e", Now, AuditEvent("begin"))
		for err == nil && p.Done.IsZero() {
			p, err = s.StepPlan(t.Context(), "e", p.Steps, 2, Now, stepped)
		}
		if err != nil {
			t.Error(err)
		}
	}
	together(people+3, func(w int) {
		switch {
		case w >= people+1:
			runner()
		case w == people:
			for range 20 {
				if _, err := s.Release(t.Context(), Now); err != nil {
					t.Error(err)
				}
			}
		default:
			for n := range 10 {
				in := Intent(fmt.Sprintf("C%d-%d", w, n), fmt.Sprint("P", w), fmt.Sprint("N", w), 2, 2)
				if n%2 == 1 {
					in.SignerKeyID = "ds-2"
				}
				given, err := s.RecordIntent(t.Context(), in, AuditEvent(in.Batch))
				switch {
				case errors.Is(err, issuance.ErrStopped) && n%2 == 0:
				case err != nil:
					t.Error(err)
				case n%2 == 0:
					lost[w] = append(lost[w], spots(given)...)
				}
			}
		}
	})
	got, err := s.Plan(t.Context(), "e")
	total := 0
	for _, l := range lost {
		total += len(l)
	}
	if err != nil || got.Revoked != total || got.ByKey["ds-1"] != total || got.Documents != people {
		t.Errorf("%d copies revoked of %d, %d documents, %v", got.Revoked, total, got.Documents, err)
	}
	steps := 0
	for _, e := range auditLines(t, s) {
		if len(e.Subject) > 5 && e.Subject[:5] == "step " {
			steps++
		}
	}
	if steps != got.Steps {
		t.Errorf("%d lines for %d steps", steps, got.Steps)
	}
	wantRevoked(t, s, lost...)
}
