package bulk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// LineError is the refusal of one line.
type LineError struct {
	Line int // of the file, from 1
	Err  error
}

func (e *LineError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.Err.Error() }
func (e *LineError) Unwrap() error { return e.Err }

// Detail says what is wrong, for the one who wrote the file: a member, never a
// value.
func (e *LineError) Detail() string { return problem.Detail(e.Err) }

// parser makes subjects of lines. It is safe for concurrent use.
type parser struct {
	table  document.Table
	may    Rights
	images Images
	id     document.EventID
	now    time.Time
}

// parsed is one line.
type parsed struct {
	subject document.Subject
	// left are the names of pictures that were given by digest and not read.
	left []string
	size int64 // of the pictures that were read
}

// fact is a payload and when it took effect.
type fact struct {
	payload document.Payload
	at      time.Time
}

// parse reads a line and gives the subject that it speaks of, at version 1.
func (p *parser) parse(line []byte) (parsed, error) {
	var out parsed
	if len(line) > MaxLine {
		return out, problem.New(problem.TooLarge, "more than %d octets", MaxLine)
	}
	members, err := jose.Members(line)
	if err != nil {
		return out, problem.Wrap(problem.InvalidRequest, err, "%s", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch name {
		case "person", "died", "attributes", "entitlements", "documents", "measures":
		default:
			return out, problem.New(problem.InvalidRequest, "a member is not person, died, attributes, entitlements, documents or measures")
		}
	}
	var person string
	if err := jose.DecodeJSON(members["person"], &person); err != nil || !visible(person) || len(person) > document.MaxNumber {
		return out, problem.New(problem.InvalidRequest, "person is not a string of 1 to %d visible ASCII characters", document.MaxNumber)
	}
	facts, err := p.facts(members, &out)
	if err != nil {
		return out, err
	}
	if len(facts) == 0 {
		return out, problem.New(problem.InvalidRequest, "nothing is said about the person")
	}
	out.subject = document.Subject{Number: person}
	for _, f := range facts {
		if !p.may(f.payload) {
			return out, problem.New(problem.AccessDenied, "%s: this source may not say this", f.payload.Name())
		}
		after, _, err := p.table.Apply([]document.Subject{out.subject}, document.Event{ID: p.id, Effective: f.at, Received: p.now, Payload: f.payload})
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.payload.Name(), err)
		}
		out.subject = after[0]
	}
	out.subject.Version = 1
	return out, nil
}

// facts reads the members in the order in which events would have come: what
// ends something comes after it, and death last.
func (p *parser) facts(members map[string]json.RawMessage, out *parsed) ([]fact, error) {
	var facts, ends []fact
	if raw, ok := members["attributes"]; ok {
		text, drawn, left, err := withImages(raw, p.images, &out.size)
		if err != nil {
			return nil, err
		}
		out.left = left
		payload, err := document.ParsePayload(document.NamePersonPut, object(map[string]json.RawMessage{"attributes": text}), p.now)
		if err != nil {
			return nil, err
		}
		put := payload.(document.PersonPut)
		put.Attributes = joined(put.Attributes, drawn)
		facts = append(facts, fact{put, p.now})
	}
	err := each(members, "entitlements", func(raw []byte) error {
		payload, err := document.ParsePayload(document.NameEntitlementPut, raw, p.now)
		facts = append(facts, fact{payload, p.now})
		return err
	})
	if err == nil {
		err = each(members, "documents", func(raw []byte) error {
			begun, ended, err := p.document(raw, out)
			facts, ends = append(facts, begun), append(ends, ended...)
			return err
		})
	}
	if err == nil {
		err = each(members, "measures", func(raw []byte) error {
			begun, ended, err := p.measure(raw)
			facts, ends = append(facts, begun), append(ends, ended...)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	facts = append(facts, ends...)
	if raw, ok := members["died"]; ok {
		at, err := instant("died", raw)
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact{document.PersonDied{}, at})
	}
	return facts, nil
}

// each calls do for the items of an array and puts the place before refusals.
func each(members map[string]json.RawMessage, name string, do func([]byte) error) error {
	raw, ok := members[name]
	if !ok {
		return nil
	}
	var items []json.RawMessage
	if err := jose.DecodeJSON(raw, &items); err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "%s: %s", name, err)
	}
	if len(items) > maxItems {
		return problem.New(problem.InvalidRequest, "%s has more than %d items", name, maxItems)
	}
	for i, item := range items {
		if err := do(item); err != nil {
			var told *problem.Error
			if errors.As(err, &told) {
				return problem.Wrap(problem.KindOf(err), err, "%s[%d]: %s", name, i, problem.Detail(err))
			}
			return err
		}
	}
	return nil
}

// ends are the members by which a line says that a document ended.
var ends = []struct{ member, event string }{
	{"surrendered", document.NameDocumentSurrendered}, {"annulled", document.NameDocumentAnnulled},
}

var endMembers = [][]byte{[]byte(`"surrendered"`), []byte(`"annulled"`)}

// document reads a document-put with annulled and surrendered, each
// {"at": instant, "reason": text}.
func (p *parser) document(raw []byte, out *parsed) (begun fact, ended []fact, err error) {
	// Most documents have none of what follows; one that spells its name with
	// escapes has a member that is unknown.
	if !bytes.Contains(raw, referenceMember) && !slices.ContainsFunc(endMembers, func(m []byte) bool { return bytes.Contains(raw, m) }) {
		payload, err := document.ParsePayload(document.NameDocumentPut, raw, p.now)
		return fact{payload, p.now}, nil, err
	}
	members, err := jose.Members(raw)
	if err != nil {
		return fact{}, nil, problem.Wrap(problem.InvalidRequest, err, "%s", err)
	}
	var drawn document.Attributes
	if attributes, ok := members["attributes"]; ok {
		var text []byte
		var left []string
		if text, drawn, left, err = withImages(attributes, p.images, &out.size); err != nil {
			return fact{}, nil, err
		}
		out.left = append(out.left, left...)
		if &text[0] != &attributes[0] {
			members["attributes"] = text
			raw = object(members)
		}
	}
	payload, err := document.ParsePayload(document.NameDocumentPut, raw, p.now, ends[0].member, ends[1].member)
	if err != nil {
		return fact{}, nil, err
	}
	put := payload.(document.DocumentPut)
	put.Attributes = joined(put.Attributes, drawn)
	number := put.Number
	for _, end := range ends {
		raw, ok := members[end.member]
		if !ok {
			continue
		}
		e, err := p.end(end.member, end.event, "number", number, raw)
		if err != nil {
			return fact{}, nil, err
		}
		ended = append(ended, e)
	}
	return fact{put, p.now}, ended, nil
}

// measure reads a measure-added with from, and lifted as in document.
func (p *parser) measure(raw []byte) (begun fact, ended []fact, err error) {
	payload, err := document.ParsePayload(document.NameMeasureAdded, raw, p.now, "from", "lifted")
	if err != nil {
		return fact{}, nil, err
	}
	var when struct {
		From   json.RawMessage `json:"from"`
		Lifted json.RawMessage `json:"lifted"`
	}
	if err := jose.DecodeJSON(raw, &when); err != nil {
		return fact{}, nil, problem.Wrap(problem.InvalidRequest, err, "%s", err)
	}
	begun.payload = payload
	if begun.at, err = instant("from", when.From); err != nil {
		return fact{}, nil, err
	}
	if when.Lifted == nil {
		return begun, nil, nil
	}
	e, err := p.end("lifted", document.NameMeasureLifted, "id", payload.(document.MeasureAdded).ID, when.Lifted)
	return begun, []fact{e}, err
}

// end makes the event that ends a thing of {"at": instant, "reason": text}.
func (p *parser) end(member, event, key, id string, raw []byte) (fact, error) {
	members, err := jose.Members(raw)
	if err != nil {
		return fact{}, problem.Wrap(problem.InvalidRequest, err, "%s: %s", member, err)
	}
	at, err := instant(member+".at", members["at"])
	if err != nil {
		return fact{}, err
	}
	delete(members, "at")
	if _, twice := members[key]; twice {
		return fact{}, problem.New(problem.InvalidRequest, "%s: unknown member", member)
	}
	quoted, err := json.Marshal(id)
	if err != nil {
		return fact{}, err
	}
	members[key] = quoted
	payload, err := document.ParsePayload(event, object(members), p.now)
	return fact{payload, at}, err
}

// instant reads an RFC 3339 instant within the years of documents.
func instant(member string, raw []byte) (time.Time, error) {
	var s string
	if jose.DecodeJSON(raw, &s) == nil && len(s) <= 40 {
		if t, err := time.Parse(time.RFC3339, s); err == nil && t.Year() >= document.MinYear && t.Year() <= document.MaxYear {
			return t.UTC(), nil
		}
	}
	return time.Time{}, problem.New(problem.InvalidRequest, "%s is not an instant of RFC 3339", member)
}
