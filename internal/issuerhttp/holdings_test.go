package issuerhttp_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/problem"
)

// one is a person with documents.
type one []document.Document

func (o one) Subject(_ context.Context, person string) (document.Subject, error) {
	if person != "P1" {
		return document.Subject{}, problem.New(problem.NotFound, "nobody")
	}
	return document.Subject{Person: &document.Person{}, Documents: o}, nil
}

func TestRecordHoldings(t *testing.T) {
	cat, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := issuerhttp.RecordHoldings{
		Records: one{
			{Number: "DL-2", Type: "mdl", IssueDate: "2026-01-01", ExpiryDate: "2036-01-01", Annulled: true},
			{Number: "DL-1", Type: "mdl", IssueDate: "2025-09-01", ExpiryDate: "2035-08-31"},
			{Number: "DL-0", Type: "mdl", IssueDate: "2020-09-01", ExpiryDate: "2030-08-31"},
		},
		Catalog: cat, Issuable: document.Subject.Issuable, Clock: clock.NewFake(pkitest.Now),
	}
	held, err := h.Holdings(t.Context(), "P1", []string{"mdl", "pid-mdoc", "made-up"})
	if err != nil {
		t.Fatal(err)
	}
	var got [][3]string
	for _, x := range held {
		got = append(got, [3]string{x.Configuration, x.Document, x.Expires})
	}
	if diff := cmp.Diff([][3]string{{"mdl", "DL-1", "2035-08-31"}, {"pid-mdoc", "", ""}}, got); diff != "" {
		t.Error(diff)
	}
	if held[0].Names["fr"] != "Permis de conduire" {
		t.Errorf("names %v", held[0].Names)
	}
	if _, err := h.Holdings(t.Context(), "P2", nil); problem.KindOf(err) != problem.NotFound {
		t.Errorf("somebody else: %v", err)
	}
}
