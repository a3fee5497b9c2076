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
	case NamePersonDied:
		return refined(raw, envelope, PersonDied{}, nil)
	case NamePersonMerged:
		return refined(raw, envelope, PersonMerged{}, func(p *PersonMerged) error { return checkNumber("into", p.Into) })
	case NamePersonSplit:
		return parsePersonSplit(raw, now, envelope)
	case NameEntitlementPut:
		return parseEntitlementPut(raw, envelope)
	case NameMeasureAdded:
		return parseMeasureAdded(raw, envelope)
	case NameMeasureLifted:
		return refined(raw, envelope, MeasureLifted{}, func(p *MeasureLifted) error {
			return firstError(checkMeasureID("id", p.ID), cleanReason(&p.Reason))
		})
	case NameMeasureCorrected:
		return parseMeasureCorrected(raw, envelope)
	case NameDocumentPut:
		return parseDocumentPut(raw, now, envelope)
	case NameDocumentSurrendered:
		return refined(raw, envelope, DocumentSurrendered{}, func(p *DocumentSurrendered) error {
			return firstError(checkNumber("number", p.Number), cleanReason(&p.Reason))
		})
	case NameDocumentAnnulled:
		return refined(raw, envelope, DocumentAnnulled{}, func(p *DocumentAnnulled) error {
			return firstError(checkNumber("number", p.Number), cleanReason(&p.Reason))
		})
	case NameDocumentCarrierLost:
		return refined(raw, envelope, DocumentCarrierLost{}, func(p *DocumentCarrierLost) error {
			return firstError(checkNumber("number", p.Number), cleanReason(&p.Reason))
		})
	case NameWalletLost:
		return refined(raw, envelope, WalletLost{}, func(p *WalletLost) error {
			if p.Wallet == "" {
				return cleanReason(&p.Reason)
			}
			return firstError(checkWallet("wallet", p.Wallet), cleanReason(&p.Reason))
		})
	case NameWalletUnitRevoked:
		return refined(raw, envelope, WalletUnitRevoked{}, func(p *WalletUnitRevoked) error {
			return firstError(checkWallet("wallet", p.Wallet), cleanReason(&p.Reason))
		})
	case NameAppealUpheld:
		return refined(raw, envelope, AppealUpheld{}, func(p *AppealUpheld) error {
			return firstError(checkMeasureID("measure", p.Measure), cleanReason(&p.Reason))
		})
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

// decodeClosed decodes an object into the zero struct that v points to and
// refuses members that the struct, or one within it, does not have. What is
// good is read once; what is not is read again by explain, for its words.
func decodeClosed(where string, raw []byte, v any, envelope ...string) error {
	err := jose.DecodeClosed(raw, v, envelope...)
	if err == nil {
		return nil
	}
	if said := explain(where, raw, reflect.TypeOf(v).Elem(), envelope); said != nil {
		return said
	}
	return malformed(where, err)
}

// explain finds what is wrong with a text that is to be a closed struct: the
// innermost object first, in the order of the struct's members.
func explain(where string, raw []byte, t reflect.Type, envelope []string) error {
	members, err := jose.Members(raw)
	if err != nil {
		return malformed(where, err)
	}
	known := slices.Clone(envelope)
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return unknownMember(where, name)
		}
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner, list := f.Type, false
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			list = list || inner.Kind() == reflect.Slice
			inner = inner.Elem()
		}
		if inner.Kind() != reflect.Struct || members[name] == nil {
			continue
		}
		items := []json.RawMessage{members[name]}
		if list && jose.DecodeJSON(members[name], &items) != nil {
			continue // said below
		}
		for _, item := range items {
			if err := explain(name, item, inner, nil); err != nil {
				return err
			}
		}
	}
	if err := jose.DecodeJSON(raw, reflect.New(t).Interface()); err != nil {
		return malformed(where, err)
	}
	return nil
}

func malformed(where string, err error) error {
	return problem.Wrap(problem.InvalidRequest, err, "%s: %s", where, err)
}

// refined decodes a payload whose members are texts and lets check refuse it or
// put it in its kept form.
func refined[P Payload](raw []byte, envelope []string, p P, check func(*P) error) (Payload, error) {
	if err := decodeClosed(p.Name(), raw, &p, envelope...); err != nil {
		return nil, err
	}
	if check != nil {
		if err := check(&p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
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

func cleanReason(reason *string) error {
	return cleanAll(MaxText, text{"reason", reason, false})
}
