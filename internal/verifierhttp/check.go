package verifierhttp

import (
	"strings"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/webserver/pages"
)

// checkView is a check as a page shows it, with the sign of its result.
type checkView struct {
	ID, Mark, Clause string
	Text             string // name and result
	Detail           string
}

// checks names each check, its result and what it tells in the language of the
// page; more says that some tell what is there in English alone.
func (k *room) checks(v *pages.Visit, list []verification.Check) (out []checkView, more bool) {
	out = make([]checkView, 0, min(len(list), maxChecks))
	for _, c := range list[:min(len(list), maxChecks)] {
		m := "none"
		switch c.Result {
		case verification.Pass:
			m = "good"
		case verification.Fail:
			m = "bad"
		case verification.Warn:
			m = "warn"
		}
		detail, whole := k.told(v, c.Detail)
		more = more || !whole
		out = append(out, checkView{ID: c.ID, Mark: m, Clause: c.Clause, Detail: detail,
			Text: v.Lang.Text("app.pair", k.checkName(v, c.ID), v.Lang.Text("result."+word(string(c.Result))))})
	}
	return out, more
}

func (k *room) checkName(v *pages.Visit, id string) string {
	if i18n.Has("check." + id) {
		return v.Lang.Text("check." + id)
	}
	return k.Clean(id, maxName)
}

// odd are the warnings of a document for the page. A list whose issuer would like it
// to be fetched anew is every list of a reader without a network: while policy
// calls it fresh, that stands among the checks alone.
func odd(d *verification.Document) (list []string) {
	for _, s := range d.Warnings {
		if d.Verdict.Freshness != policy.WithinPolicy || !strings.HasPrefix(s, "st.ttl: ") {
			list = append(list, s)
		}
	}
	return list
}

// warnings tells the lines of a report, each the id of a check and what it tells.
func (k *room) warnings(v *pages.Visit, list []string) (out []string, more bool) {
	for _, s := range list[:min(len(list), maxValues)] {
		id, detail, found := strings.Cut(s, ": ")
		if !found || !i18n.Has("check."+id) {
			out = append(out, k.Clean(s, maxDetail))
			continue
		}
		line := k.checkName(v, id)
		told, whole := k.told(v, detail)
		if more = more || !whole; told != "" {
			line = v.Lang.Text("app.pair", line, told)
		}
		out = append(out, line)
	}
	return out, more
}

// told is what a check tells, in the language of the page. What a parser says of
// its bytes is there in English alone: elsewhere it is left out, and whole is
// false; name and result of the check say enough for who does not look for the
// mistake.
func (k *room) told(v *pages.Visit, english string) (text string, whole bool) {
	english = k.Clean(english, maxDetail) // what is put in afterwards is ours
	if text, whole = k.retold(v, english); whole {
		return text, true
	}
	var parts []string
	whole = true
	for _, part := range strings.Split(english, "; ") {
		text, ok := k.retold(v, part)
		if whole = whole && ok; ok {
			parts = append(parts, text)
		}
	}
	if !whole && v.Lang == i18n.English {
		return english, true
	}
	return strings.Join(parts, " · "), whole
}

func (k *room) retold(v *pages.Visit, english string) (string, bool) {
	if english == "" {
		return "", true
	}
	return v.Lang.Retell("detail.", english, func(s string) string { return k.argument(v, s) })
}

// argument writes a part of what a check tells as a person reads it: an instant, a
// day, a word of an axis, elements.
func (k *room) argument(v *pages.Visit, s string) string {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return v.Lang.DateTime(at.In(k.Zone))
	}
	for _, f := range policy.Freshnesses() {
		if s == string(f) {
			return v.Lang.Text("axis-freshness." + word(s))
		}
	}
	var names []string
	for _, part := range strings.Split(s, ", ") {
		// Namespace and element, or an element; not the name of a certificate.
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 || strings.Contains(part, "=") {
			return s
		}
		names = append(names, k.element(v, words[len(words)-1]))
	}
	if len(names) == 1 && !strings.Contains(s, " ") {
		return v.Lang.Day(names[0])
	}
	return strings.Join(names, ", ")
}
