package registry

import (
	"encoding/json"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// subjectID reads sub_id (RFC 9493, 3.2.5: format opaque).
func subjectID(raw json.RawMessage) (string, error) {
	if len(raw) == 0 {
		return "", problem.New(problem.InvalidRequest, "sub_id is missing")
	}
	members, err := jose.Members(raw)
	var sub struct {
		Format string `json:"format"`
		ID     string `json:"id"`
	}
	if err == nil {
		err = jose.DecodeJSON(raw, &sub)
	}
	if err != nil {
		return "", problem.Wrap(problem.InvalidRequest, err, "sub_id: %s", err)
	}
	if sub.Format != "opaque" || len(members) != 2 || !validID(sub.ID) || len(sub.ID) > document.MaxNumber {
		return "", problem.New(problem.InvalidRequest, "sub_id is not of format opaque with an id of at most %d visible ASCII characters", document.MaxNumber)
	}
	return sub.ID, nil
}

// place says whom the event is about: the person whose number sub_id is, or,
// for what happens to a document, the holder of the document whose number it
// is, or the wallet unit.
func (s *statement) place(subject string) error {
	r := &s.record
	r.Person = subject
	switch p := s.payload.(type) {
	case document.DocumentPut:
		r.of(p.Number)
	case document.DocumentSurrendered:
		r.of(p.Number)
	case document.DocumentAnnulled:
		r.of(p.Number)
	case document.DocumentCarrierLost:
		r.of(p.Number)
	case document.PersonMerged:
		r.Other = p.Into
	case document.PersonSplit:
		r.Other = p.New
	case document.WalletUnitRevoked:
		if p.Wallet == "" {
			p.Wallet = subject
			s.payload = p
		}
		if p.Wallet != subject {
			return problem.New(problem.InvalidRequest, "sub_id is not the wallet unit that the event names")
		}
		r.Person, r.Wallet = "", subject
	}
	if r.Other == subject {
		return problem.New(problem.InvalidRequest, "the other person is the subject itself")
	}
	return nil
}

// of names the document, and lets its holder be found by it when sub_id is its
// number and not a person's.
func (r *EventRecord) of(number string) {
	r.Document = number
	if r.Person == number {
		r.Person = ""
	}
}
