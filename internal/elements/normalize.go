package elements

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
)

// normalize checks value against e and gives its neutral form. For a soft flaw
// the caller of a verifier keeps the value that it has read.
func normalize(e *Element, value any) (any, *flaw) {
	switch e.Kind {
	case KindBytes, KindImage, KindJPEG, KindBiometric:
		b, ok := value.([]byte)
		if !ok {
			return nil, wrong("not bytes")
		}
		return value, checkBytes(e, b)
	case KindUint, KindSex, KindSexPID:
		n, ok := unsigned(value)
		if !ok {
			return nil, wrong("not an unsigned integer")
		}
		neutral, f := number(e.Kind, n)
		if value == any(neutral) {
			return value, f
		}
		return neutral, f
	case KindBool:
		if _, ok := value.(bool); !ok {
			return nil, wrong("not true or false")
		}
		return value, nil
	case KindTexts, KindCountries:
		return textList(e.Kind, value)
	case KindPlace:
		return place(value)
	case KindPrivileges:
		list, ok := value.([]Privilege)
		if !ok {
			return nil, wrong("not a list of driving privileges")
		}
		return checkPrivileges(list)
	case KindDate, KindDateTime, KindDateOrTime:
		s, f := moment(e.Kind, value)
		return unchanged(value, s), f
	}
	s, ok := value.(string)
	if !ok {
		return nil, wrong("not text")
	}
	s, f := word(e, s)
	return unchanged(value, s), f
}

// unchanged gives value itself where its neutral form is the same text: most are,
// and need no memory of their own.
func unchanged(value any, neutral string) any {
	if s, ok := value.(string); ok && s == neutral {
		return value
	}
	return neutral
}

// word is every kind of text.
func word(e *Element, s string) (string, *flaw) {
	if e.Kind == KindLatin1 {
		return latin1(s, e.EmptyAllowed)
	}
	s, f := text(s, e.EmptyAllowed)
	if f != nil {
		return s, f
	}
	switch e.Kind {
	case KindCountry:
		return country(s)
	case KindSubdivision:
		return subdivision(s)
	case KindSign:
		return sign(s)
	case KindURL:
		return webAddress(s)
	case KindEmail:
		return email(s)
	case KindPhone:
		return phone(s)
	case KindChoice:
		if !slices.Contains(e.Choices, s) {
			return "", soft("not one of the words allowed")
		}
	}
	return s, nil
}

func checkBytes(e *Element, b []byte) *flaw {
	if len(b) == 0 {
		if e.EmptyAllowed {
			return nil
		}
		return soft("empty")
	}
	switch e.Kind {
	case KindImage, KindJPEG:
		picture, err := InspectPicture(b)
		if err != nil {
			return broken(err.Error())
		}
		switch {
		case e.Kind == KindJPEG && picture.Format != FormatJPEG:
			return soft("not a JPEG")
		case picture.Trailing > 0:
			return soft("bytes after the end of the picture")
		}
	case KindBiometric:
		switch {
		case len(b) > MaxBiometric:
			return broken("too many bytes")
		case len(b) < 3 || b[0] != 0x7f || b[1] != 0x61:
			return soft("does not start with tag 7F61") // ISO/IEC 18013-5, 7.2.6
		}
	default:
		if len(b) > MaxBytes {
			return broken("too many bytes")
		}
	}
	return nil
}

// unsigned takes the integer forms that decoders give.
func unsigned(value any) (uint64, bool) {
	switch v := value.(type) {
	case uint64:
		return v, true
	case int:
		return uint64(v), v >= 0
	case int64:
		return uint64(v), v >= 0
	case uint:
		return uint64(v), true
	case float64:
		// encoding/json without UseNumber. 2^53 is exact.
		return uint64(v), v >= 0 && v <= 1<<53 && v == math.Trunc(v)
	case json.Number:
		n, err := strconv.ParseUint(string(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func number(kind Kind, n uint64) (uint64, *flaw) {
	switch kind {
	case KindSex:
		// The mDL knows only ISO/IEC 5218: what the PID distinguishes further (3
		// other, 4 inter, 5 diverse, 6 open) is there "not specified", 9.
		if n >= 3 && n <= 6 {
			return 9, nil
		}
		if n > 2 && n != 9 {
			return n, soft("not a code of ISO/IEC 5218")
		}
	case KindSexPID:
		if n > 6 && n != 9 {
			return n, soft("not a code of the PID Rulebook")
		}
	}
	return n, nil
}

func textList(kind Kind, value any) ([]string, *flaw) {
	items, ok := stringSlice(value)
	if !ok {
		return nil, wrong("not a list of texts")
	}
	switch {
	case len(items) > MaxList:
		return nil, broken("too many items")
	case len(items) == 0:
		return nil, soft("empty list")
	}
	neutral := make([]string, len(items))
	for i, s := range items {
		s, f := text(s, false)
		if f == nil && kind == KindCountries {
			s, f = country(s)
		}
		if f != nil {
			return nil, f
		}
		if slices.Contains(neutral[:i], s) {
			return nil, soft("the same item twice")
		}
		neutral[i] = s
	}
	return neutral, nil
}

func stringSlice(value any) ([]string, bool) {
	switch v := value.(type) {
	case []string:
		return v, true
	case []any:
		items := make([]string, len(v))
		for i := range v {
			s, ok := v[i].(string)
			if !ok {
				return nil, false
			}
			items[i] = s
		}
		return items, true
	}
	return nil, false
}

// placeMembers are the members of a place, in the order in which people write
// them.
var placeMembers = []string{"locality", "region", "country"}

// place has at least one of country, region and locality (PID Rulebook, 3.1.1).
func place(value any) (map[string]string, *flaw) {
	neutral := map[string]string{}
	switch v := value.(type) {
	case map[string]string:
		for k, s := range v {
			neutral[k] = s
		}
	case map[string]any:
		for k, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, wrong("member of a place that is not text")
			}
			neutral[k] = s
		}
	default:
		return nil, wrong("not a place")
	}
	if len(neutral) == 0 {
		return nil, soft("place without country, region and locality")
	}
	for k, s := range neutral {
		if !slices.Contains(placeMembers, k) {
			return nil, soft("unknown member of a place")
		}
		s, f := text(s, false)
		if f == nil && k == "country" {
			s, f = country(s)
		}
		if f != nil {
			return nil, f
		}
		neutral[k] = s
	}
	return neutral, nil
}

// moment is every kind of date. Text is taken as a date or as an instant
// according to its form, a time.Time as an instant.
func moment(kind Kind, value any) (string, *flaw) {
	if t, ok := value.(time.Time); ok {
		value = t.UTC().Truncate(time.Second).Format(instantLayout)
	}
	s, ok := value.(string)
	if !ok {
		return "", wrong("not a date")
	}
	isDate := len(s) == len(time.DateOnly)
	switch {
	case isDate && kind == KindDateTime:
		return "", wrong("a date where date and time are due")
	case !isDate && kind == KindDate:
		return "", wrong("not a date of the form YYYY-MM-DD")
	case isDate:
		_, f := day(s)
		return s, f
	}
	return instant(s)
}
