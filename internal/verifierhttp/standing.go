package verifierhttp

import (
	"strings"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/webserver/pages"
)

// standing is the line that says what the reader knows, on every page on which
// something is decided.
type standing struct {
	Bundle  string // "" for none
	Anchors string // as of when; for a reader without a bundle
	Policy  string
	Name    string // "" asks without one
	// Age is a word of Freshness, Mark how bad it is: good, warn, bad.
	Age, Mark string
	Ended     bool
	Trouble   string // a word of Troubles
	Detail    string // in English
	Told      string // in the language of the page, where there is that
	Simulated bool
}

func (k *room) standing(v *pages.Visit, s Standing) standing {
	out := standing{Policy: k.policyName(v, s.Policy), Name: k.Clean(s.Name, maxName), Trouble: string(s.Trouble), Detail: k.Clean(strings.ReplaceAll(s.Detail, "\n", ". "), maxDetail), Simulated: s.Code != ""}
	if v.Lang != i18n.English {
		out.Told, _ = k.retold(v, out.Detail)
	}
	out.Age, out.Mark = word(string(s.Freshness)), mark(s.Freshness)
	if b := s.Bundle; b != nil {
		out.Bundle = v.Lang.Text("reader.bundle-is", b.Sequence, k.Clean(b.Publisher, maxName), k.asOf(v, b.Issued, s.At))
		if out.Ended = b.Ended; b.Ended {
			out.Mark = "bad"
		}
		return out
	}
	out.Anchors = k.asOf(v, s.AnchorsAsOf, s.At)
	return out
}

func mark(f policy.Freshness) string {
	switch f {
	case policy.WithinPolicy:
		return "good"
	case policy.PastUse:
		return "bad"
	}
	return "warn"
}

// asOf says how old a piece of knowledge is: "14:02, 3 h old", with the day when
// it is not of today.
func (k *room) asOf(v *pages.Visit, at, now time.Time) string {
	if at.IsZero() {
		return v.Lang.Text("reader.not-known")
	}
	local, today := at.In(k.Zone), now.In(k.Zone)
	text := local.Format("15:04")
	if local.Format(time.DateOnly) != today.Format(time.DateOnly) {
		text = v.Lang.DateTime(local)
	}
	return text + ", " + age(v, now.Sub(at))
}

// age is an age in one unit.
func age(v *pages.Visit, d time.Duration) string {
	switch {
	case d < -time.Minute:
		return v.Lang.Text("reader.age-future")
	case d < time.Minute:
		return v.Lang.Text("reader.age-new")
	case d < time.Hour:
		return v.Lang.Text("reader.age-minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return v.Lang.Text("reader.age-hours", int(d.Hours()))
	}
	return v.Lang.Count("reader.age-days", int(d.Hours()/24))
}
