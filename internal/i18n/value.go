package i18n

import (
	"strconv"
	"strings"
	"time"
)

var months = map[Language][12]string{
	English:       {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	French:        {"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"},
	German:        {"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
	Luxembourgish: {"Januar", "Februar", "Mäerz", "Abrëll", "Mee", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"},
}

// noBreak keeps the parts of a value on one line.
const noBreak = "\u00a0"

// Date writes a calendar day: 2 June 2026, 2 juin 2026, 2. Juni 2026.
func (l Language) Date(t time.Time) string {
	day, month := strconv.Itoa(t.Day()), ""
	if names, ok := months[l]; ok {
		month = names[t.Month()-1]
	}
	switch l {
	case French:
		if t.Day() == 1 {
			day = "1er"
		}
	case German, Luxembourgish:
		day += "."
	}
	return day + noBreak + month + noBreak + strconv.Itoa(t.Year())
}

// DateTime writes an instant to the minute, in the zone of t, which it names.
func (l Language) DateTime(t time.Time) string {
	separator := ", "
	if l == French {
		separator = " à "
	}
	return l.Date(t) + separator + t.Format("15:04") + noBreak + t.Format("MST")
}

// Day writes a date that stands as YYYY-MM-DD in a record; what is no date stays
// as it is.
func (l Language) Day(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return date
	}
	return l.Date(t)
}

// Number groups the digits of a whole number in threes.
func (l Language) Number(n int64) string {
	digits, sign := strconv.FormatInt(n, 10), ""
	if strings.HasPrefix(digits, "-") {
		digits, sign = digits[1:], "-"
	}
	separator := "."
	switch l {
	case English:
		separator = ","
	case French:
		separator = "\u202f"
	}
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteString(separator)
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Decimal writes a number with so many digits behind the mark of the language.
func (l Language) Decimal(x float64, digits int) string {
	text := strconv.FormatFloat(x, 'f', digits, 64)
	if l == English {
		return text
	}
	return strings.Replace(text, ".", ",", 1)
}
