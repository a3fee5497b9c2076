package document

import (
	"slices"

	"vidimus/internal/problem"
)

func parseEntitlementPut(raw []byte, envelope []string) (Payload, error) {
	var p EntitlementPut
	if err := decodeClosed(NameEntitlementPut, raw, &p, envelope...); err != nil {
		return nil, err
	}
	if err := checkWord("kind", p.Kind); err != nil {
		return nil, err
	}
	if err := checkTerritory("territory", p.Territory); err != nil {
		return nil, err
	}
	if p.Privileges == nil {
		return nil, problem.New(problem.InvalidRequest, "privileges is missing")
	}
	if len(p.Privileges) > MaxPrivileges {
		return nil, problem.New(problem.InvalidRequest, "privileges has more than %d items", MaxPrivileges)
	}
	for i := range p.Privileges {
		if err := p.Privileges[i].clean(); err != nil {
			return nil, err
		}
		category := p.Privileges[i].Category
		if slices.ContainsFunc(p.Privileges[:i], func(o Privilege) bool { return o.Category == category }) {
			return nil, problem.New(problem.InvalidRequest, "privileges names a category twice")
		}
	}
	p.Privileges = present(p.Privileges)
	return p, nil
}

// present gives the kept form of a list: an empty one is none.
func present[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (p *Privilege) clean() (err error) {
	if p.Category, err = cleanText("vehicle_category_code", p.Category, MaxWord); err != nil {
		return err
	}
	if err := checkSpan("privileges: ", p.IssueDate, p.ExpiryDate); err != nil {
		return err
	}
	p.Codes, err = cleanCodes(p.Codes)
	return err
}

// cleanCodes puts codes in their kept form, in place.
func cleanCodes(codes []Code) ([]Code, error) {
	if len(codes) > MaxCodes {
		return nil, problem.New(problem.InvalidRequest, "codes has more than %d items", MaxCodes)
	}
	for i := range codes {
		c := &codes[i]
		if err := cleanAll(MaxWord, text{"code", &c.Code, true}, text{"sign", &c.Sign, false}, text{"value", &c.Value, false}); err != nil {
			return nil, err
		}
	}
	return present(codes), nil
}

// checkRight checks the name of an entitlement; nil is a member that is
// missing.
func checkRight(field string, r *Right) error {
	if r == nil {
		return problem.New(problem.InvalidRequest, "%s is missing", field)
	}
	return firstError(checkWord(field+": kind", r.Kind), checkTerritory(field+": territory", r.Territory))
}
