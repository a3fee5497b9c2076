package citizenhttp_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/citizenhttp"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/problem"
)

// records is one person's, and the copies of the documents.
type records struct {
	subject document.Subject
	copies  map[string][]issuance.Copy
}

func (r records) Subject(_ context.Context, person string) (document.Subject, error) {
	if person != "P1" {
		return document.Subject{}, problem.New(problem.NotFound, "nobody")
	}
	return r.subject, nil
}

func (r records) Copies(_ context.Context, number string) ([]issuance.Copy, error) {
	return r.copies[number], nil
}

func (r records) Notices(context.Context, string, int) ([]notice.Record, error) { return nil, nil }

func TestFromStore(t *testing.T) {
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	kept := func(batch, unit string, issued, expires int, change func(*issuance.Copy)) issuance.Copy {
		c := issuance.Copy{
			Batch: batch, Person: "P1", Document: "DL-1", Configuration: "mdl", Wallet: unit, Issued: day(issued), Expires: day(expires), State: issuance.StateSigned,
		}
		if change != nil {
			change(&c)
		}
		return c
	}
	r := records{
		subject: document.Subject{Person: &document.Person{}, Documents: []document.Document{
			{Number: "DL-1", Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2030-08-31", IssuingAuthority: "DMV"},
			{Number: "DL-0", Type: "mdl", IssueDate: "2015-09-01", ExpiryDate: "2025-08-31"},
			{Number: "ID-1", Type: "pid", IssueDate: "2025-09-01", Annulled: true, AnnulledAt: day(-1)},
			{Number: "ID-2", Type: "pid", IssueDate: "2025-09-01", CarrierLostAt: day(-1)},
			{Number: "ID-3", Type: "pid", IssueDate: "2025-09-01", Surrendered: true, SurrenderedAt: day(-1)},
		}},
		copies: map[string][]issuance.Copy{"DL-1": {
			kept("a", "one", -20, 10, nil), kept("a", "one", -20, 10, func(c *issuance.Copy) { c.Invalid = true }), kept("b", "one", -10, 10, nil),
			kept("c", "two", -5, 10, nil), kept("d", "three", -90, -1, nil), kept("e", "four", -1, 10, func(c *issuance.Copy) { c.State = issuance.StateBurned }),
			kept("f", "five", -1, 10, func(c *issuance.Copy) { c.Person = "P2" }),
		}},
	}
	office := citizenhttp.FromStore(r, r, document.Subject.Issuable, clock.NewFake(now))
	documents, err := office.Documents(t.Context(), "P1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]citizenhttp.Document{
		{Number: "DL-1", Type: "mdl", State: "valid", Issued: "2025-09-01", Expires: "2030-08-31", Authority: "DMV", Issuable: true, Copies: 3},
		{Number: "DL-0", Type: "mdl", State: "not-valid", Issued: "2015-09-01", Expires: "2025-08-31"},
		{Number: "ID-1", Type: "pid", State: "annulled", Issued: "2025-09-01"},
		{Number: "ID-2", Type: "pid", State: "card-lost", Issued: "2025-09-01", Issuable: true},
		{Number: "ID-3", Type: "pid", State: "surrendered", Issued: "2025-09-01"},
	}, documents); diff != "" {
		t.Error(diff)
	}
	wallets, err := office.Wallets(t.Context(), "P1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]citizenhttp.Wallet{
		{Unit: "two", Since: day(-5), Last: day(-5), Copies: 1, Documents: []string{"DL-1"}},
		{Unit: "one", Since: day(-20), Last: day(-10), Copies: 2, Documents: []string{"DL-1"}},
	}, wallets); diff != "" {
		t.Error(diff)
	}
	issued, err := office.Issued(t.Context(), "P1", 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]citizenhttp.Issue{
		{Day: day(-5), Document: "DL-1", Configuration: "mdl", Unit: "two", Copies: 1, Valid: 1},
		{Day: day(-10), Document: "DL-1", Configuration: "mdl", Unit: "one", Copies: 1, Valid: 1},
		{Day: day(-20), Document: "DL-1", Configuration: "mdl", Unit: "one", Copies: 2, Valid: 1},
	}, issued); diff != "" {
		t.Error(diff)
	}
	if _, err := office.Wallets(t.Context(), "P2"); problem.KindOf(err) != problem.NotFound {
		t.Errorf("somebody else: %v", err)
	}
}
