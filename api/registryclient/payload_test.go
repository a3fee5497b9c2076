package registryclient_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"vidimus/api/registryclient"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
)

// everything is one event of each name.
func everything() []registryclient.Event {
	prev := uint64(4)
	right := registryclient.Right{Kind: "driving", Territory: "UT"}
	person := map[string]any{
		"family_name": "M\u00fcller <&>", "given_name": "E", "birth_date": "1984-01-26", "sex": 2, "nationality": []string{"UT"}, "portrait": []byte{},
	}
	payloads := []registryclient.Payload{
		registryclient.PersonPut{Attributes: person},
		registryclient.PersonDied{},
		registryclient.PersonMerged{Into: "Q"},
		registryclient.PersonSplit{New: "Q", Attributes: person, Documents: []string{"N-1"}, Entitlements: []registryclient.Right{right}, Measures: []string{"M"}},
		registryclient.EntitlementPut{Kind: "driving", Territory: "UT", Privileges: []registryclient.Privilege{
			{Category: "B", IssueDate: "2017-02-23", ExpiryDate: "2030-10-20", Codes: []registryclient.Code{{Code: "01", Sign: "=", Value: "1"}}},
		}},
		registryclient.EntitlementPut{Kind: "driving", Territory: "UT"},
		registryclient.MeasureAdded{ID: "M", Kind: registryclient.ProvisionalWithdrawal, Right: right, Orders: registryclient.Orders{
			Authority: "Police", LegalBasis: "art. 13", Until: now.AddDate(0, 1, 0), ConfirmBy: now.AddDate(0, 0, 3), Categories: []string{"B"},
		}},
		registryclient.MeasureAdded{ID: "R", Kind: registryclient.Restriction, Right: right, Orders: registryclient.Orders{Authority: "A", Codes: []registryclient.Code{{Code: "01"}}}},
		registryclient.MeasureLifted{ID: "M", Reason: "error"},
		registryclient.MeasureCorrected{ID: "M", Orders: registryclient.Orders{Authority: "Ministry"}, From: now},
		registryclient.MeasureCorrected{ID: "M", Orders: registryclient.Orders{Authority: "Ministry"}},
		registryclient.AppealUpheld{Measure: "M", Reason: "unlawful"},
		registryclient.DocumentPut{Number: "N/1", Type: "mdl", IssueDate: "2025-09-01", IssuingAuthority: "A", IssuingCountry: "UT", Attributes: map[string]any{"class": []any{1, "x"}}},
		registryclient.DocumentSurrendered{Number: "N/1"},
		registryclient.DocumentAnnulled{Number: "N/1", Reason: "forged papers"},
		registryclient.DocumentCarrierLost{Number: "N/1", Reason: "stolen"},
		registryclient.WalletLost{},
		registryclient.WalletLost{Wallet: "unit-1"},
		registryclient.WalletUnitRevoked{Reason: "lost"},
	}
	events := make([]registryclient.Event, len(payloads))
	for i, p := range payloads {
		events[i] = registryclient.Event{Subject: "P", Seq: uint64(i + 1), Payload: p}
	}
	events[0].Prev, events[1].Decision, events[1].Effective = &prev, "act/7", now.AddDate(-1, 0, 0)
	return events
}

// Every event that an office knows can be said, and is understood.
func TestPayloads(t *testing.T) {
	c := newOffice().client()
	said := map[string]bool{}
	for _, e := range everything() {
		signed, err := jose.Parse(sign(t, c, e).Token)
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			TOE    int64                      `json:"toe"`
			TXN    string                     `json:"txn"`
			Sub    map[string]string          `json:"sub_id"`
			Events map[string]json.RawMessage `json:"events"`
		}
		if err := jose.DecodeJSON(signed.Payload, &claims); err != nil || len(claims.Events) != 1 || claims.Sub["id"] != e.Subject {
			t.Fatalf("%s: %v", signed.Payload, err)
		}
		if (claims.TOE != 0) != !e.Effective.IsZero() || claims.TXN != e.Decision {
			t.Errorf("%s", signed.Payload)
		}
		for uri, body := range claims.Events {
			name := strings.TrimSuffix(strings.TrimPrefix(uri, "urn:vidimus:event:"), ":1")
			said[name] = true
			p, err := document.ParsePayload(name, body, now, "seq", "prev")
			if err != nil || p.Name() != name {
				t.Errorf("%s: %v: %s", name, err, body)
				continue
			}
			switch p := p.(type) {
			case document.MeasureAdded:
				if p.Kind == document.ProvisionalWithdrawal && (!p.Orders.ConfirmBy.Equal(now.AddDate(0, 0, 3)) || !p.Orders.Until.After(now)) {
					t.Errorf("%+v", p)
				}
			case document.MeasureCorrected:
				if want := e.Payload.(registryclient.MeasureCorrected).From; !p.From.Equal(want) {
					t.Errorf("from %s", p.From)
				}
			case document.WalletUnitRevoked:
				if p.Wallet != e.Subject {
					t.Errorf("unit %q", p.Wallet)
				}
			}
		}
	}
	for _, name := range document.Names() {
		if !said[name] {
			t.Errorf("the client cannot say %s", name)
		}
	}
	kinds := []string{
		registryclient.Restriction, registryclient.ProvisionalWithdrawal, registryclient.PointsSuspension,
		registryclient.AdministrativeWithdrawal, registryclient.CourtBan, registryclient.ForeignDisqualification,
	}
	for _, kind := range document.MeasureKinds() {
		if !slices.Contains(kinds, string(kind)) {
			t.Errorf("no constant for %s", kind)
		}
	}
}

// The words are those of the office.
func TestWords(t *testing.T) {
	for ours, theirs := range map[string]string{
		registryclient.StateApplied: string(registry.StateApplied), registryclient.StateCovered: string(registry.StateCovered),
		registryclient.StateNoCopies: string(registry.StateNoCopies), registryclient.ReceiptType: "application/" + registry.ReceiptType,
	} {
		if ours != theirs {
			t.Errorf("%q, %q", ours, theirs)
		}
	}
}
