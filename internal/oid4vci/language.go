package oid4vci

import (
	"slices"
	"strconv"
	"strings"
)

// Languages lists the locales that a document has display objects for, sorted.
func (m *IssuerMetadata) Languages() []string {
	var all []string
	add := func(locale string) {
		if i, known := slices.BinarySearch(all, locale); !known && locale != "" {
			all = slices.Insert(all, i, locale)
		}
	}
	for _, d := range m.Display {
		add(d.Locale)
	}
	for _, c := range m.Configurations {
		if c.Metadata == nil {
			continue
		}
		for _, d := range c.Metadata.Display {
			add(d.Locale)
		}
		for _, claim := range c.Metadata.Claims {
			for _, d := range claim.Display {
				add(d.Locale)
			}
		}
	}
	return all
}

// MatchLanguage chooses among locales by an Accept-Language header (RFC 9110
// section 12.5.4, by lookup of RFC 4647 section 3.4). "" means that all are to
// be sent: nothing was asked, nothing is there, or the header is not to be
// understood.
func MatchLanguage(header string, locales []string) string {
	best, quality := "", 0.0
	ranges := strings.SplitN(header, ",", maxLanguages+1)
	for _, r := range ranges[:min(len(ranges), maxLanguages)] {
		tag, parameters, _ := strings.Cut(r, ";")
		tag = strings.TrimSpace(tag)
		q, ok := weight(parameters)
		if !ok || q <= quality || tag == "" || len(tag) > maxLanguage {
			continue
		}
		if tag == "*" {
			best, quality = "", q
		} else if locale := lookup(tag, locales); locale != "" {
			best, quality = locale, q
		}
	}
	return best
}

// weight reads ";q=0.8"; 1 without.
func weight(parameters string) (float64, bool) {
	parameters = strings.TrimSpace(parameters)
	if parameters == "" {
		return 1, true
	}
	name, value, _ := strings.Cut(parameters, "=")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(strings.TrimSpace(name), "q") || len(value) > 5 || strings.Trim(value, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(value, 64)
	return q, err == nil && q >= 0 && q <= 1
}

// lookup cuts the range from its end until there is a locale of that name.
func lookup(tag string, locales []string) string {
	for tag != "" {
		if i := slices.IndexFunc(locales, func(l string) bool { return strings.EqualFold(l, tag) }); i >= 0 {
			return locales[i]
		}
		end := max(strings.LastIndexByte(tag, '-'), 0)
		if end >= 2 && tag[end-2] == '-' { // a single letter goes with what it announces
			end -= 2
		}
		tag = tag[:end]
	}
	return ""
}

// InLanguage gives the document with the display objects of one locale
// (section 12.2.2), and those that have none. What has no object of that
// language keeps all: a name in another language is better than none. "" gives
// the document as it is. Nothing of m is changed.
func (m *IssuerMetadata) InLanguage(locale string) *IssuerMetadata {
	out := *m
	if locale == "" {
		return &out
	}
	out.Display = inLanguage(m.Display, func(d IssuerDisplay) string { return d.Locale }, locale)
	out.Configurations = make(map[string]Configuration, len(m.Configurations))
	for id, c := range m.Configurations {
		if c.Metadata != nil {
			meta := *c.Metadata
			meta.Display = inLanguage(meta.Display, func(d CredentialDisplay) string { return d.Locale }, locale)
			meta.Claims = slices.Clone(meta.Claims)
			for i := range meta.Claims {
				meta.Claims[i].Display = inLanguage(meta.Claims[i].Display, func(d ClaimDisplay) string { return d.Locale }, locale)
			}
			c.Metadata = &meta
		}
		out.Configurations[id] = c
	}
	return &out
}

func inLanguage[D any](all []D, of func(D) string, locale string) []D {
	if !slices.ContainsFunc(all, func(d D) bool { return of(d) == locale }) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(d D) bool { return of(d) != "" && of(d) != locale })
}
