package notice

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
)

// Message is what a holder is told, before it is put into words.
type Message struct {
	// ID is the same at every attempt and tells nothing.
	ID           string
	Fact         document.Fact
	Effect       document.Effect
	Document     string // number, or ""
	DocumentType string // of Document, or ""
	Measure      string // id, or ""
	Since        time.Time
	// Authority ordered the measure or issued the document; LegalBasis is that
	// of the measure. Both may be "".
	Authority  string
	LegalBasis string
	// Anew is where a holder whose wallet does not fetch by itself gets new copies:
	// after a measure that ended, when there is such a place. Else "".
	Anew string
}

// compose joins the record with what is known of the person.
func compose(issuer string, r Record, s document.Subject) Message {
	n := r.Notice
	m := Message{ID: id(issuer, r), Fact: n.Fact, Effect: n.Effect, Document: n.Document, Measure: n.Measure, Since: n.Since}
	if d := s.Document(n.Document); d != nil {
		m.DocumentType, m.Authority = d.Type, d.IssuingAuthority
	}
	for i := range s.Measures {
		if n.Measure != "" && s.Measures[i].ID == n.Measure {
			orders := s.Measures[i].Latest().Orders
			m.Authority, m.LegalBasis = orders.Authority, orders.LegalBasis
		}
	}
	return m
}

// id names a notice for all time: also another one that a restored office
// writes under the same number.
func id(issuer string, r Record) string {
	n := r.Notice
	h := sha256.New()
	for _, part := range []string{
		"vidimus notice", issuer, strconv.FormatUint(r.Number, 10), r.Person, n.Cause.Source, n.Cause.JTI, string(n.Fact), n.Document, n.Measure,
		r.Created.UTC().Format(time.RFC3339Nano),
	} {
		fmt.Fprintf(h, "%d:%s,", len(part), part)
	}
	return jose.EncodeBase64URL(h.Sum(nil)[:16])
}
