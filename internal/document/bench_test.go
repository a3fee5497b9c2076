package document

import (
	"bytes"
	"testing"
)

// A person as registries know them, with a portrait, two documents and a
// measure that was lifted.
func known() Subject {
	s := erika()
	s.Person.Attributes["portrait"] = bytes.Repeat([]byte{1}, 20<<10)
	s.Documents = append(s.Documents, Document{Number: "ID", Type: "pid", IssueDate: "2025-01-01"})
	s.Measures, s.Evaluated = []Measure{hold("m0", PointsSuspension)}, noon
	return s
}

// BenchmarkApply is the floor under every event: what the model costs, without
// parsing, signatures and the store.
func BenchmarkApply(b *testing.B) {
	table := DefaultTable()
	moved := known().Person.Attributes
	moved["resident_city"] = "Esch"
	for name, p := range map[string]Payload{
		"person-put":       PersonPut{moved},
		"person-put-again": PersonPut{known().Person.Attributes},
		"measure-added":    MeasureAdded{"m1", ProvisionalWithdrawal, driving, Orders{Authority: "Police", ConfirmBy: noon.AddDate(0, 0, 3)}},
	} {
		b.Run(name, func(b *testing.B) {
			subjects, ev := []Subject{known()}, event(p)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := table.Apply(subjects, ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParsePayload(b *testing.B) {
	for name, raw := range map[string]string{NamePersonPut: goodPerson, NameMeasureAdded: goodMeasure} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParsePayload(name, []byte(raw), noon, "seq", "prev"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
