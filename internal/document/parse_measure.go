package document

import (
	"slices"
	"strings"
	"time"

	"vidimus/internal/problem"
)

// wireOrders are orders with instants as they came.
type wireOrders struct {
	Authority  string   `json:"authority"`
	LegalBasis string   `json:"legal_basis"`
	Until      *string  `json:"until"`
	ConfirmBy  *string  `json:"confirm_by"`
	Categories []string `json:"categories"`
	Codes      []Code   `json:"codes"`
}

func parseMeasureAdded(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		ID     string      `json:"id"`
		Kind   MeasureKind `json:"kind"`
		Right  *Right      `json:"right"`
		Orders *wireOrders `json:"orders"`
	}
	if err := decodeClosed(NameMeasureAdded, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	// Longer ids are made by merges alone.
	if err := checkNumber("id", wire.ID); err != nil {
		return nil, err
	}
	if !slices.Contains(MeasureKinds(), wire.Kind) {
		return nil, problem.New(problem.InvalidRequest, "kind is not one of %v", MeasureKinds())
	}
	if err := checkRight("right", wire.Right); err != nil {
		return nil, err
	}
	orders, err := wire.Orders.clean()
	if err != nil {
		return nil, err
	}
	if (wire.Kind == Restriction) != (len(orders.Codes) > 0) {
		return nil, problem.New(problem.InvalidRequest, "codes belong to a restriction, which has some")
	}
	return MeasureAdded{ID: wire.ID, Kind: wire.Kind, Right: *wire.Right, Orders: orders}, nil
}

func parseMeasureCorrected(raw []byte, envelope []string) (Payload, error) {
	var wire struct {
		ID     string      `json:"id"`
		Orders *wireOrders `json:"orders"`
		From   *string     `json:"from"`
	}
	if err := decodeClosed(NameMeasureCorrected, raw, &wire, envelope...); err != nil {
		return nil, err
	}
	if err := checkMeasureID("id", wire.ID); err != nil {
		return nil, err
	}
	from, err := parseInstant("from", wire.From)
	if err != nil {
		return nil, err
	}
	orders, err := wire.Orders.clean()
	if err != nil {
		return nil, err
	}
	return MeasureCorrected{ID: wire.ID, Orders: orders, From: from}, nil
}

// clean gives the kept form; nil is a member that is missing.
func (wire *wireOrders) clean() (Orders, error) {
	if wire == nil {
		return Orders{}, problem.New(problem.InvalidRequest, "orders is missing")
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
	o.Codes, err = cleanCodes(wire.Codes)
	return o, err
}

// parseInstant reads an RFC 3339 date-time, in the years of every date; absent
// is the zero time.
func parseInstant(field string, s *string) (time.Time, error) {
	if s == nil {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, *s)
	// time.Parse also takes one digit of an hour, and a comma before a fraction.
	if err != nil || (*s)[13] != ':' || strings.Contains(*s, ",") {
		return time.Time{}, problem.New(problem.InvalidRequest, "%s is not an RFC 3339 date and time", field)
	}
	if t = t.UTC(); t.Year() < MinYear || t.Year() > MaxYear {
		return time.Time{}, problem.New(problem.InvalidRequest, "%s lies outside the years %d to %d", field, MinYear, MaxYear)
	}
	return t, nil
}
