package issuerhttp

import (
	"context"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
)

// RecordHoldings reads what a person can be given from the registries' records.
type RecordHoldings struct {
	Records issuance.Records
	Catalog issuance.Catalog
	// Issuable says whether a copy of a document may be made at an instant;
	// document.Table.Issuable does.
	Issuable func(s document.Subject, number string, at time.Time) error
	Clock    clock.Clock
}

// Holdings implements the interface of that name. Of several documents of a type
// it takes the one that was issued last.
func (h RecordHoldings) Holdings(ctx context.Context, person string, configurations []string) ([]Holding, error) {
	s, err := h.Records.Subject(ctx, person)
	if err != nil {
		return nil, err
	}
	now := h.Clock.Now()
	var out []Holding
	for _, id := range configurations {
		cfg, known := h.Catalog.Configuration(id)
		if !known {
			continue
		}
		held := Holding{Configuration: id, Names: map[string]string{}}
		for _, d := range cfg.Display {
			held.Names[d.Locale] = d.Name
		}
		issued := ""
		for _, d := range s.Documents {
			if d.Type == cfg.DocumentType && (held.Document == "" || d.IssueDate > issued) && h.Issuable(s, d.Number, now) == nil {
				held.Document, held.Expires, issued = d.Number, d.ExpiryDate, d.IssueDate
			}
		}
		out = append(out, held)
	}
	return out, nil
}
