package verifierhttp

import (
	"slices"
	"strings"

	"vidimus/internal/policy"
)

// Looks are the answers that a verdict page can have, each with a word, a sign and
// an explanation of its own. What an axis knows to be wrong comes before what it
// cannot tell.
func Looks() []string {
	list := []string{"good", "nothing-shown", "cannot-tell-who"}
	for _, a := range policy.Authenticities() {
		if a != policy.Genuine {
			list = append(list, word(string(a)))
		}
	}
	for _, s := range policy.Statuses() {
		if s != policy.Valid {
			list = append(list, word(string(s)))
		}
	}
	for _, f := range policy.Freshnesses() {
		if f != policy.WithinPolicy {
			list = append(list, word(string(f)))
		}
	}
	return append(list, word(string(policy.No)), word(string(policy.UnderConditions)), word(string(policy.CannotTell)))
}

// word makes a key of a word of a closed list.
func word(s string) string { return strings.ReplaceAll(s, " ", "-") }

// look says what stands largest for a verdict.
func look(v policy.Verdict, shown bool, profile policy.Profile) string {
	reasons := v.Reasons()
	switch {
	case len(reasons) == 0:
		return "good"
	case !shown:
		return "nothing-shown"
	case reasons[0].Value == string(policy.CannotTell) && profile.Question.Identity:
		return "cannot-tell-who"
	case !slices.Contains(Looks(), word(reasons[0].Value)):
		return word(string(policy.CannotTell)) // an axis that nobody filled
	}
	return word(reasons[0].Value)
}

// axis is one of the four, as a page shows it.
type axis struct {
	Name string // authenticity, status, freshness, entitlement
	Word string
	Key  string // of the word in the catalogue
	Mark string // good, warn, bad, none
}

func axes(v policy.Verdict) []axis {
	marks := map[string]string{}
	for _, r := range v.Reasons() {
		marks[r.Axis] = "warn"
		if r.Colour == policy.Red {
			marks[r.Axis] = "bad"
		}
	}
	list := make([]axis, 0, 4)
	for _, a := range []struct{ name, group, value string }{
		{"authenticity", "axis-authenticity.", string(v.Authenticity)}, {"status", "axis-status.", string(v.Status)},
		{"freshness", "axis-freshness.", string(v.Freshness)}, {"entitlement", "axis-entitlement.", string(v.Entitlement)},
	} {
		one := axis{Name: a.name, Word: word(a.value), Mark: marks[a.name]}
		switch {
		case a.value == string(policy.NotAsked):
			one.Mark = "none"
		case one.Mark == "":
			one.Mark = "good"
		}
		if a.value == "" {
			one.Word = "not-known"
		}
		one.Key = a.group + one.Word
		list = append(list, one)
	}
	return list
}
