package invariants

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
)

// registers is the model of the registries' statements: as simple as can be, to be
// compared with what the office made of them. It believes that every event was
// rightly accepted, and asks only what must be there then.
type registers struct {
	people map[string]*modelPerson
	holder map[string]string // document number -> person
}

func newRegisters() *registers {
	return &registers{people: map[string]*modelPerson{}, holder: map[string]string{}}
}

type modelPerson struct {
	version   uint64
	facts     map[string]any
	died      bool
	rights    map[string]string // kind \0 territory -> privileges
	documents map[string]*modelDocument
	measures  map[string]*modelMeasure
	into      string
	// loose: time may have made versions, or a merge or split what only the
	// whole rule book says; then less is compared.
	loose bool
}

type modelDocument struct {
	Type       string `json:"type"`
	IssueDate  string `json:"issue_date"`
	ExpiryDate string `json:"expiry_date"`

	said                        string // the whole payload
	annulled, surrendered, lost bool
}

type modelMeasure struct {
	ID     string      `json:"id"`
	Kind   string      `json:"kind"`
	Orders modelOrders `json:"orders"`
	From   time.Time   `json:"from"`
	said   string
	lifted bool
	void   bool
}

type modelOrders struct {
	Authority string    `json:"authority"`
	Until     time.Time `json:"until"`
	ConfirmBy time.Time `json:"confirm_by"`
}

// modelPayload has the members of all events that the model knows.
type modelPayload struct {
	Attributes map[string]any       `json:"attributes"`
	Into       string               `json:"into"`
	New        string               `json:"new"`
	Documents  []string             `json:"documents"`
	Measures   []string             `json:"measures"`
	Kind       string               `json:"kind"`
	Territory  string               `json:"territory"`
	Privileges []document.Privilege `json:"privileges"`
	ID         string               `json:"id"`
	Measure    string               `json:"measure"`
	Number     string               `json:"number"`
	Reason     string               `json:"reason"`
}

// maxEvent bounds an event's payload: a portrait of 256 KiB in base64.
const maxEvent = 1 << 20

func (w *registers) person(number string) *modelPerson {
	p := w.people[number]
	if p == nil {
		p = &modelPerson{rights: map[string]string{}, documents: map[string]*modelDocument{}, measures: map[string]*modelMeasure{}}
		w.people[number] = p
	}
	return p
}

// apply reads the token as the source signed it.
func (w *registers) apply(rec registry.EventRecord) error {
	parts := strings.Split(rec.Token, ".")
	if len(parts) != 3 {
		return errors.New("the token is not a compact JWS")
	}
	claims, err := jose.DecodeBase64URL(parts[1])
	if err != nil {
		return err
	}
	var set struct {
		Subject struct {
			ID string `json:"id"`
		} `json:"sub_id"`
		Effective int64                      `json:"toe"`
		Events    map[string]json.RawMessage `json:"events"`
	}
	if err := jose.DecodeJSONLimit(claims, &set, maxEvent); err != nil {
		return err
	}
	for name, payload := range set.Events {
		name = strings.TrimSuffix(strings.TrimPrefix(name, "urn:vidimus:event:"), ":1")
		var in modelPayload
		if err := jose.DecodeJSONLimit(payload, &in, maxEvent); err != nil && name != document.NameMeasureAdded && name != document.NameMeasureCorrected && name != document.NamePersonSplit {
			return err
		}
		subject := set.Subject.ID
		if number := w.holder[subject]; number != "" && w.people[subject] == nil {
			subject = number // named by its document
		}
		p := w.person(subject)
		effective := rec.Accepted
		if set.Effective != 0 {
			effective = time.Unix(set.Effective, 0)
		}
		changed, err := w.event(p, name, in, payload, effective, rec.Accepted, subject)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if changed {
			p.version++
		}
	}
	return nil
}

// event changes the person, and tells whether it did.
func (w *registers) event(p *modelPerson, name string, in modelPayload, raw []byte, effective, now time.Time, subject string) (changed bool, err error) {
	switch name {
	case document.NamePersonPut:
		changed = p.facts == nil || canonical(p.facts) != canonical(in.Attributes)
		p.facts = in.Attributes
	case document.NamePersonDied:
		changed, p.died = !p.died, true
		p.loose = p.loose || effective.After(now)
	case document.NameEntitlementPut:
		key, now := in.Kind+"\x00"+in.Territory, canonical(in.Privileges)
		was, there := p.rights[key]
		changed = was != now && (there || now != noPrivileges)
		p.rights[key] = now
	case document.NameDocumentPut:
		d := p.documents[in.Number]
		if d == nil {
			d = &modelDocument{}
			p.documents[in.Number], w.holder[in.Number], changed = d, subject, true
		}
		if said := withoutNumbering(raw); d.said != said {
			d.said, changed = said, true
		}
		err = jose.DecodeJSONLimit(raw, d, maxEvent)
	case document.NameDocumentAnnulled, document.NameDocumentSurrendered, document.NameDocumentCarrierLost:
		d := p.documents[in.Number]
		if d == nil {
			return false, fmt.Errorf("of document %s, which nobody has", in.Number)
		}
		flag := map[string]*bool{document.NameDocumentAnnulled: &d.annulled, document.NameDocumentSurrendered: &d.surrendered, document.NameDocumentCarrierLost: &d.lost}[name]
		changed = !*flag
		p.loose = p.loose || *flag || effective.After(now) // whether a repeat with another reason counts is not ours to say
		*flag = true
	case document.NameMeasureAdded, document.NameMeasureCorrected:
		var m modelMeasure
		if err := jose.DecodeJSONLimit(raw, &m, maxEvent); err != nil {
			return false, err
		}
		was := p.measures[m.ID]
		if was != nil {
			m.Kind, m.lifted, m.void = was.Kind, was.lifted, was.void
		}
		m.said = withoutNumbering(raw)
		changed = was == nil || was.said != m.said
		p.measures[m.ID] = &m
		p.loose = p.loose || was != nil || effective.After(now) || !m.Orders.Until.IsZero() || !m.Orders.ConfirmBy.IsZero() || !m.From.IsZero()
	case document.NameMeasureLifted:
		m := p.measures[in.ID]
		if m == nil {
			return false, fmt.Errorf("of measure %s, which nobody has", in.ID)
		}
		changed, m.lifted = !m.lifted, true
		p.loose = p.loose || effective.After(now) || !changed
	case document.NameAppealUpheld:
		m := p.measures[in.Measure]
		if m == nil {
			return false, fmt.Errorf("of measure %s, which nobody has", in.Measure)
		}
		changed, m.void = !m.void, true
	case document.NamePersonMerged:
		other := w.person(in.Into)
		p.into, p.loose, other.loose, changed = in.Into, true, true, true
		maps.Copy(other.documents, p.documents)
		maps.Copy(other.measures, p.measures)
		for number := range p.documents {
			w.holder[number] = in.Into
		}
	case document.NamePersonSplit:
		other := w.person(in.New)
		other.facts, p.loose, other.loose, changed = in.Attributes, true, true, true
		for _, number := range in.Documents {
			other.documents[number], w.holder[number] = p.documents[number], in.New
			delete(p.documents, number)
		}
		for _, id := range in.Measures {
			other.measures[id] = p.measures[id]
			delete(p.measures, id)
		}
	case document.NameWalletLost, document.NameWalletUnitRevoked:
		p.loose = true // says nothing of the person; whether a version counts it is not ours to say
	default:
		return false, errors.New("an event that the model does not know")
	}
	return changed, err
}

// withoutNumbering is a payload in one spelling, without what numbers the event.
func withoutNumbering(raw []byte) string {
	var m map[string]any
	if jose.DecodeJSONLimit(raw, &m, maxEvent) != nil {
		return string(raw)
	}
	delete(m, "seq")
	delete(m, "prev")
	return canonical(m)
}

// noPrivileges is the canonical form of a right that ended.
var noPrivileges = canonical([]document.Privilege{})

// canonical is one spelling of a value: JSON with sorted names, text in form
// NFC, no list that is null.
func canonical(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if string(text) == "null" {
		text = []byte("[]")
	}
	return norm.NFC.String(string(text))
}

// stored gives attributes as they came: pictures in base64, which encoding
// does by itself.
func stored(a document.Attributes) map[string]any {
	out := map[string]any{}
	maps.Copy(out, a)
	return out
}
