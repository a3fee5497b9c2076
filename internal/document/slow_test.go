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

// What stands here reads payloads object by object, each with a scan for its
// members, one for its values and one for its attributes. It is slow and plain;
// ParsePayload must take the same texts and read the same in them.

func slowPayload(name string, raw []byte, now time.Time, envelope ...string) (Payload, error) {
	switch name {
	case NamePersonPut:
		return slowPersonPut(raw, now, envelope)
	case NamePersonSplit:
		return slowPersonSplit(raw, now, envelope)
	case NameEntitlementPut:
		return slowEntitlementPut(raw, envelope)
	case NameMeasureAdded:
		return slowMeasureAdded(raw, envelope)
	case NameMeasureCorrected:
		return slowMeasureCorrected(raw, envelope)
	case NameDocumentPut:
		return slowDocumentPut(raw, now, envelope)
	}
	var p reflect.Value
	for _, of := range []Payload{
		PersonDied{}, PersonMerged{}, MeasureLifted{}, DocumentSurrendered{}, DocumentAnnulled{}, DocumentCarrierLost{}, WalletLost{},
		WalletUnitRevoked{}, AppealUpheld{},
	} {
		if of.Name() == name {
			p = reflect.New(reflect.TypeOf(of))
		}
	}
	if !p.IsValid() {
		return nil, problem.New(problem.InvalidRequest, "no such event")
	}
	if err := slowClosed(name, raw, p.Interface(), envelope...); err != nil {
		return nil, err
	}
	// Its texts are checked by the one way that there is.
	return ParsePayload(name, raw, now, envelope...)
}

func slowClosed(where string, raw []byte, v any, envelope ...string) error {
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

func slowPersonPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var p PersonPut
	if err := slowClosed(NamePersonPut, raw, &p, envelope...); err != nil {
		return nil, err
	}
	clean, err := slowCleanPerson(p.Attributes, now)
	if err != nil {
		return nil, err
	}
	return PersonPut{Attributes: clean}, nil
}

func slowPersonSplit(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var wire struct {
		New          string            `json:"new"`
		Attributes   Attributes        `json:"attributes"`
		Documents    []string          `json:"documents"`
		Entitlements []json.RawMessage `json:"entitlements"`
		Measures     []string          `json:"measures"`
	}
	if err := slowClosed(NamePersonSplit, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	if err := checkNumber("new", wire.New); err != nil {
		return nil, err
	}
	clean, err := slowCleanPerson(wire.Attributes, now)
	if err != nil {
		return nil, err
	}
	p := PersonSplit{New: wire.New, Attributes: clean, Documents: wire.Documents, Measures: wire.Measures}
	if len(wire.Entitlements) > MaxEntitlements {
		return nil, problem.New(problem.InvalidRequest, "entitlements has more than %d items", MaxEntitlements)
	}
	for _, item := range wire.Entitlements {
		right, err := slowRight("entitlements", item)
		if err != nil {
			return nil, err
		}
		p.Entitlements = append(p.Entitlements, right)
	}
	err = firstError(
		checkList("documents", p.Documents, MaxDocuments, checkNumber),
		checkList("measures", p.Measures, MaxMeasures, checkMeasureID),
		checkList("entitlements", p.Entitlements, MaxEntitlements, func(string, Right) error { return nil }))
	if err != nil {
		return nil, err
	}
	return p, nil
}

func slowEntitlementPut(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		Kind       string            `json:"kind"`
		Territory  string            `json:"territory"`
		Privileges []json.RawMessage `json:"privileges"`
	}
	if err := slowClosed(NameEntitlementPut, raw, &wire, envelope...); err != nil {
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
		privilege, err := slowPrivilege(item)
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

func slowPrivilege(raw []byte) (Privilege, error) {
	var wire struct {
		Category   string            `json:"vehicle_category_code"`
		IssueDate  string            `json:"issue_date"`
		ExpiryDate string            `json:"expiry_date"`
		Codes      []json.RawMessage `json:"codes"`
	}
	if err := slowClosed("privileges", raw, &wire); err != nil {
		return Privilege{}, err
	}
	category, err := cleanText("vehicle_category_code", wire.Category, MaxWord)
	if err != nil {
		return Privilege{}, err
	}
	if err := checkSpan("privileges: ", wire.IssueDate, wire.ExpiryDate); err != nil {
		return Privilege{}, err
	}
	codes, err := slowCodes(wire.Codes)
	if err != nil {
		return Privilege{}, err
	}
	return Privilege{Category: category, IssueDate: wire.IssueDate, ExpiryDate: wire.ExpiryDate, Codes: codes}, nil
}

func slowCodes(raw []json.RawMessage) ([]Code, error) {
	if len(raw) > MaxCodes {
		return nil, problem.New(problem.InvalidRequest, "codes has more than %d items", MaxCodes)
	}
	var codes []Code
	for _, item := range raw {
		var c Code
		if err := slowClosed("codes", item, &c); err != nil {
			return nil, err
		}
		if err := cleanAll(MaxWord, text{"code", &c.Code, true}, text{"sign", &c.Sign, false}, text{"value", &c.Value, false}); err != nil {
			return nil, err
		}
		codes = append(codes, c)
	}
	return codes, nil
}

func slowRight(field string, raw json.RawMessage) (Right, error) {
	if raw == nil {
		return Right{}, problem.New(problem.InvalidRequest, "%s is missing", field)
	}
	var r Right
	if err := slowClosed(field, raw, &r); err != nil {
		return Right{}, err
	}
	return r, firstError(checkWord(field+": kind", r.Kind), checkTerritory(field+": territory", r.Territory))
}

func slowMeasureAdded(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		ID     string          `json:"id"`
		Kind   MeasureKind     `json:"kind"`
		Right  json.RawMessage `json:"right"`
		Orders json.RawMessage `json:"orders"`
	}
	if err := slowClosed(NameMeasureAdded, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	// Longer ids are made by merges alone.
	if err := checkNumber("id", wire.ID); err != nil {
		return nil, err
	}
	if !slices.Contains(MeasureKinds(), wire.Kind) {
		return nil, problem.New(problem.InvalidRequest, "kind is not one of %v", MeasureKinds())
	}
	right, err := slowRight("right", wire.Right)
	if err != nil {
		return nil, err
	}
	orders, err := slowOrders(wire.Orders)
	if err != nil {
		return nil, err
	}
	if (wire.Kind == Restriction) != (len(orders.Codes) > 0) {
		return nil, problem.New(problem.InvalidRequest, "codes belong to a restriction, which has some")
	}
	return MeasureAdded{ID: wire.ID, Kind: wire.Kind, Right: right, Orders: orders}, nil
}

func slowMeasureCorrected(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		ID     string          `json:"id"`
		Orders json.RawMessage `json:"orders"`
		From   *string         `json:"from"`
	}
	if err := slowClosed(NameMeasureCorrected, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	if err := checkMeasureID("id", wire.ID); err != nil {
		return nil, err
	}
	from, err := parseInstant("from", wire.From)
	if err != nil {
		return nil, err
	}
	orders, err := slowOrders(wire.Orders)
	if err != nil {
		return nil, err
	}
	return MeasureCorrected{ID: wire.ID, Orders: orders, From: from}, nil
}

func slowOrders(raw json.RawMessage) (Orders, error) {
	if raw == nil {
		return Orders{}, problem.New(problem.InvalidRequest, "orders is missing")
	}
	var wire struct {
		Authority  string            `json:"authority"`
		LegalBasis string            `json:"legal_basis"`
		Until      *string           `json:"until"`
		ConfirmBy  *string           `json:"confirm_by"`
		Categories []string          `json:"categories"`
		Codes      []json.RawMessage `json:"codes"`
	}
	if err := slowClosed("orders", raw, &wire); err != nil {
		return Orders{}, err
	}
	o := Orders{Authority: wire.Authority, LegalBasis: wire.LegalBasis}
	if err := cleanAll(MaxText, text{"authority", &o.Authority, true}, text{"legal_basis", &o.LegalBasis, false}); err != nil {
		return Orders{}, err
	}
	var err error
	if o.Until, err = parseInstant("until", wire.Until); err != nil {
		return Orders{}, err
	}
	if o.ConfirmBy, err = parseInstant("confirm_by", wire.ConfirmBy); err != nil {
		return Orders{}, err
	}
	if len(wire.Categories) > MaxPrivileges {
		return Orders{}, problem.New(problem.InvalidRequest, "categories has more than %d items", MaxPrivileges)
	}
	for _, s := range wire.Categories {
		category, err := cleanText("categories", s, MaxWord)
		if err != nil {
			return Orders{}, err
		}
		if slices.Contains(o.Categories, category) {
			return Orders{}, problem.New(problem.InvalidRequest, "categories names a category twice")
		}
		o.Categories = append(o.Categories, category)
	}
	o.Codes, err = slowCodes(wire.Codes)
	return o, err
}

func slowDocumentPut(raw []byte, now time.Time, envelope []string) (Payload, error) {
	var p DocumentPut
	if err := slowClosed(NameDocumentPut, raw, &p, envelope...); err != nil {
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
	if p.Attributes, err = slowCleanDocument(p.Attributes, now); err != nil {
		return nil, err
	}
	return p, nil
}

func slowCleanPerson(a Attributes, now time.Time) (Attributes, error) {
	for _, name := range needed {
		if _, ok := a[name]; !ok {
			return nil, problem.New(problem.InvalidRequest, "attributes: %s is missing", name)
		}
	}
	return slowCleanAttributes(a, now, nil)
}

func slowCleanDocument(a Attributes, now time.Time) (Attributes, error) {
	if len(a) == 0 {
		return nil, nil
	}
	return slowCleanAttributes(a, now, freeRule)
}

func slowCleanAttributes(a Attributes, now time.Time, other rule) (Attributes, error) {
	if len(a) > MaxAttributes {
		return nil, problem.New(problem.InvalidRequest, "attributes: more than %d", MaxAttributes)
	}
	clean := make(Attributes, len(a))
	for _, name := range slices.Sorted(maps.Keys(a)) {
		check := rules[name].check
		if check == nil {
			check = other
		}
		if check == nil {
			return nil, unknownMember("attributes", name)
		}
		if err := checkWord("the name of an attribute", name); err != nil {
			return nil, err
		}
		v, err := check("attributes: "+name, a[name], now)
		if err != nil {
			return nil, err
		}
		clean[name] = v
	}
	return clean, nil
}
