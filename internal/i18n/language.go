package i18n

import (
	"strconv"
	"strings"
)

// Language is one of those that we speak, as a tag of BCP 47.
type Language string

// The languages.
const (
	English       Language = "en"
	French        Language = "fr"
	German        Language = "de"
	Luxembourgish Language = "lb"
)

// Default is the language for those who ask for none of ours.
const Default = English

// Languages lists them in the order in which they are offered.
func Languages() []Language { return []Language{English, French, German, Luxembourgish} }

// Parse reads a tag of ours, exactly.
func Parse(tag string) (Language, bool) {
	for _, l := range Languages() {
		if string(l) == tag {
			return l, true
		}
	}
	return Default, false
}

// Name is the language's name in itself.
func (l Language) Name() string {
	switch l {
	case French:
		return "Français"
	case German:
		return "Deutsch"
	case Luxembourgish:
		return "Lëtzebuergesch"
	}
	return "English"
}

// Negotiate chooses for an Accept-Language header: the heaviest range that is
// one of ours or a region of it (fr-LU), the first of equals; Default when there
// is none, or the header is too long to be a browser's.
func Negotiate(header string) Language {
	if len(header) > maxAccept {
		return Default
	}
	best, weight := Default, 0.0
	for i, part := range strings.Split(header, ",") {
		if i == maxRanges {
			break
		}
		tag, q, ok := languageRange(part)
		if !ok || q <= weight {
			continue
		}
		base, _, _ := strings.Cut(tag, "-")
		if l, known := Parse(base); known {
			best, weight = l, q
		}
	}
	return best
}

// languageRange reads one range with its weight.
func languageRange(part string) (tag string, q float64, ok bool) {
	tag, params, weighted := strings.Cut(part, ";")
	tag, q = strings.ToLower(strings.TrimSpace(tag)), 1
	if weighted {
		name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			return "", 0, false
		}
		var err error
		if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil || !(q >= 0 && q <= 1) {
			return "", 0, false
		}
	}
	return tag, q, tag != ""
}
