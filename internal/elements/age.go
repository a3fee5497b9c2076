package elements

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultAges are the NN of the age statements that are issued unless a
// configuration says otherwise: enough for the nearest-statement rule of
// ISO/IEC 18013-5, 7.2.5 to answer the common questions.
var DefaultAges = []int{12, 14, 16, 18, 21, 25, 60, 65}

// AgeElement is the identifier of the statement "is NN or older", NN from 0 to 99.
func AgeElement(nn int) string { return fmt.Sprintf("age_over_%02d", nn) }

// AgeOfElement gives the NN of age_over_NN. Exactly two digits count.
func AgeOfElement(identifier string) (int, bool) {
	digits, ok := strings.CutPrefix(identifier, "age_over_")
	if !ok || len(digits) != 2 || !all(digits, isDigit) {
		return 0, false
	}
	return int(digits[0]-'0')*10 + int(digits[1]-'0'), true
}

// Birthday is the midnight (UTC) at which a person born on the given day turns
// nn. Who is born on 29 February turns it on 1 March of other years: no
// statement is ever true too early.
func Birthday(birth time.Time, nn int) time.Time {
	y, m, d := birth.UTC().Date()
	return time.Date(y+nn, m, d, 0, 0, 0, 0, time.UTC) // normalises 29 February to 1 March
}

// AgeOver says whether a person is nn or older at an instant.
func AgeOver(birth time.Time, nn int, at time.Time) bool {
	return !at.Before(Birthday(birth, nn))
}

// AgeInYears is the age in completed years at an instant, 0 before birth.
func AgeInYears(birth, at time.Time) int {
	years := at.UTC().Year() - birth.UTC().Year()
	if years > 0 && !AgeOver(birth, years, at) {
		years--
	}
	return max(years, 0)
}

// NextFlip gives the first instant after at when one of the statements changes,
// or, with inYears, when the age in years does. A copy must not outlive it, since
// every value has to hold while the copy does (ISO/IEC 18013-5, 7.2.5). The
// price is that the end of such a copy tells of a birthday: issuers that mind
// re-issue before it and leave the statement out meanwhile.
func NextFlip(birth time.Time, ages []int, inYears bool, at time.Time) (time.Time, bool) {
	if inYears {
		ages = append(slices.Clone(ages), AgeInYears(birth, at)+1)
	}
	var next time.Time
	for _, nn := range ages {
		if day := Birthday(birth, nn); day.After(at) && (next.IsZero() || day.Before(next)) {
			next = day
		}
	}
	return next, !next.IsZero()
}

// AgeAnswer answers "is the holder nn or older" from the statements returned, by
// the nearest-statement rule of ISO/IEC 18013-5, 7.2.5: true of nn or more is
// yes, false of nn or less is no, anything else proves nothing. Statements that
// contradict each other answer CannotTell with an ErrContradiction.
func AgeAnswer(statements map[int]bool, nn int) (Answer, error) {
	if err := agreeing(statements); err != nil {
		return CannotTell, err
	}
	for age, over := range statements {
		switch {
		case over && age >= nn:
			return Yes, nil
		case !over && age <= nn:
			return No, nil
		}
	}
	return CannotTell, nil
}

// NearestAge gives the statement that answers "is the holder nn or older" and is
// nearest to nn: the lowest true of nn or more, the highest false of nn or less
// (ISO/IEC 18013-5, 7.2.5). Others tell more of the age than was asked. Where
// both kinds are there, they contradict each other, and none is given.
func NearestAge(statements map[int]bool, nn int) (age int, ok bool) {
	yes, no := MaxAge+1, -1
	for at, over := range statements {
		switch {
		case over && at >= nn:
			yes = min(yes, at)
		case !over && at <= nn:
			no = max(no, at)
		}
	}
	switch {
	case yes <= MaxAge && no < 0:
		return yes, true
	case yes > MaxAge && no >= 0:
		return no, true
	}
	return 0, false
}

// agreeing refuses "over 21" beside "not over 18".
func agreeing(statements map[int]bool) error {
	lowestFalse, highestTrue := MaxAge+1, -1
	for age, over := range statements {
		if over {
			highestTrue = max(highestTrue, age)
		} else {
			lowestFalse = min(lowestFalse, age)
		}
	}
	if highestTrue < lowestFalse {
		return nil
	}
	for _, age := range sortedAges(statements) {
		for other, over := range statements {
			if statements[age] && !over && other <= age {
				return &Error{Element: AgeElement(age), Reason: "true while " + AgeElement(other) + " is false", Kind: ErrContradiction}
			}
		}
	}
	return nil
}

func sortedAges(statements map[int]bool) []int {
	ages := make([]int, 0, len(statements))
	for age := range statements {
		ages = append(ages, age)
	}
	slices.Sort(ages)
	return ages
}

// dateSlack forgives the difference between the issuer's midnight and UTC's.
const dateSlack = 24 * time.Hour

// CheckAges compares age statements with each other and with the date of birth.
// A statement holds for validFrom: false may have become true by now, true
// cannot have become false.
func CheckAges(statements map[int]bool, birth, validFrom, now time.Time) error {
	if err := agreeing(statements); err != nil {
		return err
	}
	for _, age := range sortedAges(statements) {
		over := statements[age]
		if over && !AgeOver(birth, age, now.Add(dateSlack)) || !over && AgeOver(birth, age, validFrom.Add(-dateSlack)) {
			return &Error{Element: AgeElement(age), Reason: "against the date of birth", Kind: ErrContradiction}
		}
	}
	return nil
}
