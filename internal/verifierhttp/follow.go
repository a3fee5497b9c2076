package verifierhttp

import (
	"net/http"
	"strconv"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/pages"
)

// stepView is a step as a person reads it.
type stepView struct {
	Time string `json:"time"`
	Text string `json:"text"`
}

func (k *room) steps(v *pages.Visit, r *reading) []stepView {
	list := make([]stepView, 0, len(r.steps))
	for _, m := range r.steps {
		list = append(list, stepView{m.At.In(k.Zone).Format("15:04:05"), v.Lang.Text("reader-step." + m.Step)})
	}
	return list
}

// showReading is the reading of this browser: under way, over without a verdict,
// or with one. Whose browser has none goes back to the start.
func (k *room) showReading(v *pages.Visit) error {
	var show func() error
	if !k.slot.see(v.Cookie(readingCookie), func(r *reading) {
		switch r.phase {
		case running:
			show = k.following(v, r)
		case failed:
			show = k.failure(v, r)
		default:
			show = k.verdict(v, r)
		}
	}) {
		v.SetCookie(readingCookie, "", 0)
		v.SeeOther(k.site.Path("/"))
		return nil
	}
	return show()
}

func (k *room) following(v *pages.Visit, r *reading) func() error {
	view := struct {
		*pages.Frame
		Ref   string
		Steps []stepView
	}{v.Frame("reader.reading", k.site.Path("/reading")), r.ref(), k.steps(v, r)}
	view.Style, view.Script, view.Reload = "terminal.css", "follow.js", 2
	return func() error {
		return v.ShowWith(http.StatusOK, "follow.html", view, pages.Options{Scripts: true})
	}
}

// failure says that there is no verdict, which is not a bad one.
func (k *room) failure(v *pages.Visit, r *reading) func() error {
	view := struct {
		*pages.Frame
		Standing standing
		Ref      string
		Told     string // the reason in the language of the page, where there is one
		Reason   string // as it is, in English
		Steps    []stepView
		Profile  string
		Category string
	}{Frame: v.Frame("reader.nothing-read", k.site.Path("/reading")), Ref: r.ref(), Reason: k.Clean(r.reason, maxDetail), Steps: k.steps(v, r),
		Profile: r.wish.Profile, Category: r.wish.Category}
	if v.Lang != i18n.English {
		view.Told, _ = k.retold(v, k.Clean(r.reason, maxDetail))
	}
	view.Style, view.Script = "terminal.css", "follow.js"
	left := k.left(r)
	return func() error {
		// What the reader knows may have to be read anew: not while the slot is held.
		view.Standing = k.standing(v, k.Reader.Standing(v.C.Request.Context()))
		k.leaveAfter(v, left)
		return v.ShowWith(http.StatusOK, "failed.html", view, pages.Options{Scripts: true})
	}
}

// left is how long a reading stays.
func (k *room) left(r *reading) time.Duration { return max(r.ends.Sub(k.Clock.Now()), 0) }

// leaveAfter lets the browser put the start page into the place of this one, with
// scripts or without.
func (k *room) leaveAfter(v *pages.Visit, left time.Duration) {
	v.C.Header("Refresh", strconv.Itoa(int((left+time.Second-1)/time.Second))+"; url="+k.site.Path("/"))
}

// progress is what the script asks for while a reading runs.
func (k *room) progress(v *pages.Visit) error {
	out := struct {
		Running bool       `json:"running"`
		Steps   []stepView `json:"steps"`
	}{Steps: []stepView{}}
	k.slot.see(v.Cookie(readingCookie), func(r *reading) {
		out.Running, out.Steps = r.phase == running, k.steps(v, r)
	})
	webserver.JSON(v.C, http.StatusOK, out)
	return nil
}
