package document

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// ParsePayload reads the JSON object of one registry event and checks every
// value of it. envelope names the members of the object that belong to the
// inbox (seq, prev). now bounds birth dates. The result has text in NFC and
// images without metadata. Refusals are of kind invalid_request and name the
// member.
func ParsePayload(name string, raw []byte, now time.Time, envelope ...string) (Payload, error) {
	switch name {
	case NamePersonPut:
		return parsePersonPut(raw, now, envelope)
	case NameEntitlementPut:
		return parseEntitlementPut(raw, envelope)
	case NameDocumentPut:
		return parseDocumentPut(raw, now, envelope)
	case NameDocumentAnnulled:
		return parseDocumentAnnulled(raw, envelope)
	}
	return nil, problem.New(problem.InvalidRequest, "no such event")
}

func unknownMember(where, name string) error {
	return problem.New(problem.InvalidRequest, "%s: unknown member %s", where, safeName(name))
}

// safeName is a member's name as it may stand in a refusal and a log.
func safeName(name string) string {
	if !asciiWithin(name, MaxWord, func(c byte) bool {
		return c >= 'a' && c <= 'z' || upper(c) || c >= '0' && c <= '9' || c == '-' || c == '_'
	}) {
		return "with an odd name"
	}
	return name
}

// decodeClosed decodes an object into the struct that v points to and refuses
// members that the struct does not have.
func decodeClosed(where string, raw []byte, v any, envelope ...string) error {
	members, err := jose.Members(raw)
	if err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "%s: %s", where, err)
	}
	known := slices.Clone(envelope)
	for f := range reflect.TypeOf(v).Elem().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return unknownMember(where, name)
		}
	}
	if err := jose.DecodeJSON(raw, v); err != nil {
		return problem.Wrap(problem.InvalidRequest, err, "%s: %s", where, err)
	}
	return nil
}

func parsePersonPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var p PersonPut
	if err := decodeClosed(NamePersonPut, raw, &p, envelope...); err != nil {
		return nil, err
	}
	clean, err := cleanPerson(p.Attributes, now)
	if err != nil {
		return nil, err
	}
	return PersonPut{Attributes: clean}, nil
}

func parseEntitlementPut(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		Kind       string            `json:"kind"`
		Territory  string            `json:"territory"`
		Privileges []json.RawMessage `json:"privileges"`
	}
	if err := decodeClosed(NameEntitlementPut, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	if err := checkWord("kind", wire.Kind); err != nil {
		return nil, err
	}
	if err := checkTerritory("territory", wire.Territory); err != nil {
		return nil, err
	}
	if wire.Privileges == nil {
		return nil, problem.New(problem.InvalidRequest, "privileges is missing")
	}
	if len(wire.Privileges) > MaxPrivileges {
		return nil, problem.New(problem.InvalidRequest, "privileges has more than %d items", MaxPrivileges)
	}
	p := EntitlementPut{Kind: wire.Kind, Territory: wire.Territory}
	for _, item := range wire.Privileges {
		privilege, err := parsePrivilege(item)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(p.Privileges, func(o Privilege) bool { return o.Category == privilege.Category }) {
			return nil, problem.New(problem.InvalidRequest, "privileges names a category twice")
		}
		p.Privileges = append(p.Privileges, privilege)
	}
	return p, nil
}

func parsePrivilege(raw []byte) (Privilege, error) {
	var wire struct {
		Category   string            `json:"vehicle_category_code"`
		IssueDate  string            `json:"issue_date"`
		ExpiryDate string            `json:"expiry_date"`
		Codes      []json.RawMessage `json:"codes"`
	}
	if err := decodeClosed("privileges", raw, &wire); err != nil {
		return Privilege{}, err
	}
	category, err := cleanText("vehicle_category_code", wire.Category, MaxWord)
	if err != nil {
		return Privilege{}, err
	}
	if err := checkSpan("privileges: ", wire.IssueDate, wire.ExpiryDate); err != nil {
		return Privilege{}, err
	}
	if len(wire.Codes) > MaxCodes {
		return Privilege{}, problem.New(problem.InvalidRequest, "codes has more than %d items", MaxCodes)
	}
	p := Privilege{Category: category, IssueDate: wire.IssueDate, ExpiryDate: wire.ExpiryDate}
	for _, item := range wire.Codes {
		var c Code
		if err := decodeClosed("codes", item, &c); err != nil {
			return Privilege{}, err
		}
		if err := cleanAll(MaxWord, text{"code", &c.Code, true}, text{"sign", &c.Sign, false}, text{"value", &c.Value, false}); err != nil {
			return Privilege{}, err
		}
		p.Codes = append(p.Codes, c)
	}
	return p, nil
}

func parseDocumentPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var p DocumentPut
	if err := decodeClosed(NameDocumentPut, raw, &p, envelope...); err != nil {
		return nil, err
	}
	if err := checkNumber("number", p.Number); err != nil {
		return nil, err
	}
	if err := checkWord("type", p.Type); err != nil {
		return nil, err
	}
	if _, err := parseDate("issue_date", p.IssueDate); err != nil {
		return nil, err
	}
	if err := checkSpan("", p.IssueDate, p.ExpiryDate); err != nil {
		return nil, err
	}
	if err := checkCountry("issuing_country", p.IssuingCountry); err != nil {
		return nil, err
	}
	if p.IssuingJurisdiction != "" {
		err := checkTerritory("issuing_jurisdiction", p.IssuingJurisdiction)
		if err == nil && (len(p.IssuingJurisdiction) == 2 || p.IssuingJurisdiction[:2] != p.IssuingCountry) {
			err = problem.New(problem.InvalidRequest, "issuing_jurisdiction is not within issuing_country")
		}
		if err != nil {
			return nil, err
		}
	}
	err := cleanAll(MaxText, text{"issuing_authority", &p.IssuingAuthority, true},
		text{"un_distinguishing_sign", &p.UNDistinguishingSign, false})
	if err != nil {
		return nil, err
	}
	if p.Attributes, err = cleanDocument(p.Attributes, now); err != nil {
		return nil, err
	}
	return p, nil
}

func parseDocumentAnnulled(raw []byte, envelope []string) (Payload, error) {
	var p DocumentAnnulled
	if err := decodeClosed(NameDocumentAnnulled, raw, &p, envelope...); err != nil {
		return nil, err
	}
	if err := checkNumber("number", p.Number); err != nil {
		return nil, err
	}
	if err := cleanAll(MaxText, text{"reason", &p.Reason, false}); err != nil {
		return nil, err
	}
	return p, nil
}

// text is a member to be cleaned in place.
type text struct {
	field  string
	value  *string
	needed bool
}

func cleanAll(limit int, list ...text) error {
	for _, t := range list {
		if *t.value == "" && !t.needed {
			continue
		}
		clean, err := cleanText(t.field, *t.value, limit)
		if err != nil {
			return err
		}
		*t.value = clean
	}
	return nil
}

// checkSpan checks two dates, either of which may be "".
func checkSpan(prefix, issue, expiry string) error {
	var from, until time.Time
	var err error
	if issue != "" {
		if from, err = parseDate(prefix+"issue_date", issue); err != nil {
			return err
		}
	}
	if expiry != "" {
		if until, err = parseDate(prefix+"expiry_date", expiry); err != nil {
			return err
		}
		if until.Before(from) {
			return problem.New(problem.InvalidRequest, "%sexpiry_date lies before issue_date", prefix)
		}
	}
	return nil
}
