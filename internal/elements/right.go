package elements

import (
	"slices"
	"time"
)

// Answer is what the values of a document say to a question.
type Answer string

const (
	Yes             Answer = "yes"
	No              Answer = "no"
	UnderConditions Answer = "under conditions"
	CannotTell      Answer = "cannot tell"
)

// Right is the answer to "may the holder drive this category now".
type Right struct {
	Answer Answer
	// Category is the category of the licence on which the answer rests: the one
	// asked for, or one that includes it. Empty when there is none.
	Category string
	// Since and Until are the privilege's first and last day (YYYY-MM-DD), empty
	// when it names none.
	Since, Until string
	// Codes are the conditions that an officer has to compare with what he sees,
	// Notes the codes that restrict nothing.
	Codes, Notes []Code
	// Domestic says that the category is none of the Vienna Convention and of
	// Directive 2006/126/EC: it counts where the licence was issued.
	Domestic bool
	// Reason says in one line why, for the report. Never an attribute value but
	// the category.
	Reason string
}

// notes are the codes of Directive 2006/126/EC, Annex I, that restrict nothing:
// 70 exchange, 71 duplicate, 95 driver qualification, 96 heavier trailer.
var notes = []string{"70", "71", "95", "96"}

// harmonised are the categories that other states know: Directive 2006/126/EC,
// article 4, which holds those of the Vienna Convention, Annex 6.
var harmonised = []string{"AM", "A1", "A2", "A", "B1", "B", "BE", "C1", "C1E", "C", "CE", "D1", "D1E", "D", "DE"}

// In judges a right by the country in which the vehicle is, where it was issued
// by a state: a domestic category grants nothing abroad (Directive 2006/126/EC,
// article 4(1); Vienna Convention, article 41(2)). Where one of the two is not
// known, empty, it depends on that. National codes, of three digits, stay
// conditions everywhere.
func (r Right) In(territory, issuer string) Right {
	switch {
	case !r.Domestic || rank(r.Answer) < rank(UnderConditions):
	case territory == "" || issuer == "":
		r.Answer, r.Reason = UnderConditions, "category "+r.Category+" counts in the issuing state alone"
	case territory != issuer:
		r.Answer, r.Reason = No, "category "+r.Category+" counts in "+issuer+" alone"
	}
	return r
}

// including lists for a category the others that include it, strongest claim
// first (Directive 2006/126/EC, article 6(2)).
var including = map[string][]string{
	"A1":  {"A2", "A"},
	"A2":  {"A"},
	"B1":  {"B"},
	"C1":  {"C"},
	"D1":  {"D"},
	"BE":  {"C1E", "CE", "D1E", "DE"}, // (a)
	"C1E": {"CE"},                     // (c)
	"D1E": {"DE"},                     // (c)
	"AM":  {"A1", "A2", "A"},          // (d)
}

// MayDrive answers for one category at one instant from the driving privileges
// of a licence. A privilege counts from its issue date to the end of its expiry
// date, both in UTC; a code that is not a mere note makes the answer
// UnderConditions, since only a human can compare glasses or an automatic
// gearbox with the road. Not in the list means No: the whole list is one element
// (ISO/IEC 18013-5, 7.2.4), so that the holder cannot have withheld a part.
//
// Categories that include others count as in Directive 2006/126/EC, article
// 6(2), which agrees with the subcategories of the Vienna Convention, Annex 6.
// AM by a category of four wheels may be limited nationally: UnderConditions.
func MayDrive(list []Privilege, asked string, at time.Time) Right {
	best := direct(list, asked, at)
	for _, other := range including[asked] {
		best = better(best, direct(list, other, at))
	}
	if asked == "DE" {
		best = better(best, withTrailer(list, at))
	}
	if asked == "AM" && (best.Answer == No || best.Answer == "") {
		for _, p := range list {
			if r := direct(list, p.Category, at); r.Answer == Yes || r.Answer == UnderConditions {
				r.Answer, r.Reason = UnderConditions, "AM by category "+p.Category+", which a state may limit"
				best = better(best, r)
			}
		}
	}
	if best.Answer == "" {
		return Right{Answer: No, Reason: "category not in the licence"}
	}
	return best
}

// withTrailer is article 6(2)(b): CE includes DE for who may drive D.
func withTrailer(list []Privilege, at time.Time) Right {
	trailer, bus := direct(list, "CE", at), direct(list, "D", at)
	if rank(trailer.Answer) < rank(UnderConditions) || rank(bus.Answer) < rank(UnderConditions) {
		return Right{}
	}
	if rank(bus.Answer) < rank(trailer.Answer) {
		trailer.Answer = bus.Answer
	}
	trailer.Codes = append(slices.Clone(trailer.Codes), bus.Codes...)
	trailer.Notes = append(slices.Clone(trailer.Notes), bus.Notes...)
	trailer.Since = max(trailer.Since, bus.Since)
	if bus.Until != "" && (trailer.Until == "" || bus.Until < trailer.Until) {
		trailer.Until = bus.Until
	}
	return trailer
}

// direct judges the entries of one category; a licence may name it twice with
// different codes.
func direct(list []Privilege, asked string, at time.Time) Right {
	today := at.UTC().Format(time.DateOnly)
	var best Right
	for _, p := range list {
		if p.Category != asked {
			continue
		}
		r := Right{Category: p.Category, Since: p.IssueDate, Until: p.ExpiryDate, Domestic: !slices.Contains(harmonised, p.Category)}
		switch {
		case p.IssueDate != "" && today < p.IssueDate:
			r.Answer, r.Reason = No, "category "+asked+" not valid yet"
		case p.ExpiryDate != "" && today > p.ExpiryDate:
			r.Answer, r.Reason = No, "category "+asked+" expired"
		default:
			r.Answer, r.Reason = Yes, "category "+asked
			for _, c := range p.Codes {
				if slices.Contains(notes, c.Code) {
					r.Notes = append(r.Notes, c)
					continue
				}
				r.Codes = append(r.Codes, c)
				r.Answer, r.Reason = UnderConditions, "category "+asked+" with conditions"
			}
		}
		best = better(best, r)
	}
	return best
}

// better keeps the more favourable of two rights, the first one when equal.
func better(a, b Right) Right {
	if rank(b.Answer) > rank(a.Answer) {
		return b
	}
	return a
}

func rank(a Answer) int {
	return slices.Index([]Answer{"", No, UnderConditions, Yes}, a)
}
