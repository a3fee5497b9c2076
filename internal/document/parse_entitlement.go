package document

import (
	"encoding/json"
	"slices"

	"vidimus/internal/problem"
)

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
	codes, err := parseCodes(wire.Codes)
	if err != nil {
		return Privilege{}, err
	}
	return Privilege{Category: category, IssueDate: wire.IssueDate, ExpiryDate: wire.ExpiryDate, Codes: codes}, nil
}

func parseCodes(raw []json.RawMessage) ([]Code, error) {
	if len(raw) > MaxCodes {
		return nil, problem.New(problem.InvalidRequest, "codes has more than %d items", MaxCodes)
	}
	var codes []Code
	for _, item := range raw {
		var c Code
		if err := decodeClosed("codes", item, &c); err != nil {
			return nil, err
		}
		if err := cleanAll(MaxWord, text{"code", &c.Code, true}, text{"sign", &c.Sign, false}, text{"value", &c.Value, false}); err != nil {
			return nil, err
		}
		codes = append(codes, c)
	}
	return codes, nil
}

// parseRight reads the name of an entitlement.
func parseRight(field string, raw json.RawMessage) (Right, error) {
	if raw == nil {
		return Right{}, problem.New(problem.InvalidRequest, "%s is missing", field)
	}
	var r Right
	if err := decodeClosed(field, raw, &r); err != nil {
		return Right{}, err
	}
	return r, firstError(checkWord(field+": kind", r.Kind), checkTerritory(field+": territory", r.Territory))
}
