//go:build e2e

package readertest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"vidimus/internal/browsertest"
	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/qr"
	"vidimus/internal/verification"
	"vidimus/internal/verifierhttp"
)

// A scanner types the code and presses Enter; the next person follows, and the way
// back leads nowhere.
func TestScanner(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t)
	b := browser.Tab(t, browsertest.AsServed)
	b.Open(s.URL + "/")
	b.Want(".standing", "anchors as of")
	if focus := browsertest.Ask(b, chromedp.Evaluate[string](`document.activeElement.id`)); focus != "code" {
		t.Errorf("the focus is at %q", focus)
	}
	b.Type("#code", s.code(t)+"\r")
	b.Comes(".verdict")
	b.Want(".verdict", "In order Checked and in order.")
	b.Want(".person", "Right to drive B: yes")
	if wide := browsertest.Ask(b, chromedp.Evaluate[int64](`document.querySelector("img.face").naturalWidth`)); wide < 20 {
		t.Errorf("a portrait of %d pixels", wide)
	}
	name := b.Text(".name")
	b.Click("#next")
	b.Want("h1", "Read a phone")
	b.Do("going back", chromedp.NavigateBack())
	b.Comes("#code")
	if text := b.Text("main"); strings.Contains(text, name) {
		t.Errorf("the verdict is there after it was left: %s", text)
	}
	if strings.Contains(s.log.String(), strings.Fields(name)[0]) {
		t.Error("the log holds a name")
	}
}

// Another address typed over the verdict, or the window closed: the page tells the
// terminal, and the data go.
func TestLeaving(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t)
	b := browser.Tab(t, browsertest.AsServed)
	wiped := make(chan struct{}, 1)
	s.as(func(a *verifierhttp.Answer) {
		wipe := a.Wipe
		a.Wipe = func() { wipe(); wiped <- struct{}{} }
	})
	b.Open(s.URL + "/")
	b.Click("#simulate")
	b.Comes(".verdict")
	b.Click(`a[hreflang="de"]`) // the same page in another language stays
	b.Want(".verdict", "In Ordnung")
	select {
	case <-wiped:
		t.Fatal("another language wipes")
	default:
	}
	b.Open("about:blank")
	select {
	case <-wiped:
	case <-time.After(30 * time.Second): // half of what the timer would take
		t.Error("the data outlive their page")
	}
}

// Without any script: the form, the page that follows by itself, the verdict.
func TestWithoutScripts(t *testing.T) {
	s, browser := newSite(t), browsertest.Chromium(t)
	b := browser.Tab(t, browsertest.WithoutScripts)
	b.Open(s.URL + "/")
	b.Type("#code", s.code(t))
	b.Click("#read")
	b.Comes(".verdict")
	b.Want(".person", "Right to drive B: yes")
	b.Click("#close")
	file := filepath.Join(t.TempDir(), "photo.png")
	if err := os.WriteFile(file, picture(t, s.code(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Do("choosing a picture", chromedp.SetUploadFiles(chromedp.CSS("#picture"), []string{file}))
	b.Do("choosing the question", chromedp.Click(chromedp.CSS("#profile-identity")))
	b.Click("#read")
	b.Comes(".verdict")
	b.Want(".person", "Identity: yes")
}

func picture(t *testing.T, text string) []byte {
	t.Helper()
	code, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := code.PNG(420)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// film is what a camera sees: a code on a grey table, as MJPEG.
func film(t *testing.T, text string) string {
	t.Helper()
	code, err := png.Decode(bytes.NewReader(picture(t, text)))
	if err != nil {
		t.Fatal(err)
	}
	frame := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(frame, frame.Bounds(), image.NewUniform(color.Gray{Y: 170}), image.Point{}, draw.Src)
	draw.Draw(frame, code.Bounds().Add(image.Pt(110, 30)), code, image.Point{}, draw.Src)
	var one, all bytes.Buffer
	if err := jpeg.Encode(&one, frame, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		all.Write(one.Bytes())
	}
	file := filepath.Join(t.TempDir(), "camera.mjpeg")
	if err := os.WriteFile(file, all.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func withCamera(t *testing.T, s *site) []chromedp.ExecAllocatorOption {
	t.Helper()
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", film(t, s.code(t))),
	}
}

// The camera sees the code of the phone, and the reading begins by itself.
func TestCamera(t *testing.T) {
	s := newSite(t)
	b := browsertest.Chromium(t, withCamera(t, s)...).Tab(t, browsertest.AsServed)
	b.Open(s.URL + "/")
	b.Comes("#look")
	b.Do("looking", chromedp.Click(chromedp.CSS("#look")))
	b.Comes(".verdict")
	b.Want(".verdict", "In order")
}

// look is a verdict that a test makes of a real one.
type look struct {
	name string
	bend func(*verifierhttp.Answer)
	word string
}

func verdictOf(change func(*policy.Verdict, *verification.Document)) func(*verifierhttp.Answer) {
	return func(a *verifierhttp.Answer) {
		r := a.Report
		for i := range r.Documents {
			d := &r.Documents[i]
			change(&d.Verdict, d)
			d.Colour = d.Verdict.Colour()
			r.Verdict, r.Colour = d.Verdict, d.Colour
			d.Reasons = append(d.Reasons, "made for a picture")
		}
	}
}

func looks() []look {
	return []look{
		{"good", nil, "good"},
		{"forged", verdictOf(func(v *policy.Verdict, d *verification.Document) {
			v.Authenticity, v.Status, v.Freshness, v.Entitlement = policy.Forged, policy.NotChecked, policy.NotKnown, policy.CannotTell
			d.IssuerSigned, d.Driving = nil, nil
			d.Checks[0].Result, d.Checks[0].Detail = verification.Fail, "the digest of family_name is another"
		}), "forged"},
		{"revoked", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Status = policy.Revoked }), "revoked"},
		{"expired", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Status = policy.Expired }), "expired"},
		{"not-yet-valid", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Status = policy.NotYetValid }), "not-yet-valid"},
		{"unknown", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Status = policy.Unknown }), "unknown"},
		{"not-checked", verdictOf(func(v *policy.Verdict, _ *verification.Document) {
			v.Status, v.Freshness = policy.NotChecked, policy.NotKnown
		}), "not-checked"},
		{"unknown-issuer", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Authenticity = policy.UnknownIssuer }), "unknown-issuer"},
		{"holder", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Authenticity = policy.HolderNotProven }), "holder-not-proven"},
		{"old", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Freshness = policy.TooOld }), "too-old"},
		{"past-use", verdictOf(func(v *policy.Verdict, _ *verification.Document) { v.Freshness = policy.PastUse }), "past-use"},
		{"no", verdictOf(func(v *policy.Verdict, d *verification.Document) {
			v.Entitlement = policy.No
			d.Driving[0].Answer = "no"
		}), "no"},
		{"conditions", verdictOf(func(v *policy.Verdict, d *verification.Document) {
			v.Entitlement = policy.UnderConditions
			d.Driving[0].Answer, d.Driving[0].Conditions = "under conditions", "01.06, 78"
			d.Warnings = []string{"the portrait is older than ten years"}
			d.DeviceSigned = []verification.Element{{NameSpace: "org.example.wallet", Name: "seen_at", Value: "kerbside"}}
			d.Dropped = []string{"org.iso.18013.5.1 birth_date"}
		}), "under-conditions"},
		{"who", func(a *verifierhttp.Answer) {
			a.Profile = policy.Profile{ID: "identity", Title: map[string]string{"en": "Identity", "fr": "Identité", "de": "Identität", "lb": "Identitéit"}, Question: policy.Question{Identity: true}}
			verdictOf(func(v *policy.Verdict, d *verification.Document) {
				v.Entitlement, d.Driving, d.Missing = policy.CannotTell, nil, []string{"org.iso.18013.5.1 portrait"}
				kept := d.IssuerSigned[:0]
				for _, e := range d.IssuerSigned {
					if e.Name != "portrait" && e.Name != "driving_privileges" {
						kept = append(kept, e)
					}
				}
				d.IssuerSigned = kept
			})(a)
		}, "cannot-tell-who"},
		{"nothing", func(a *verifierhttp.Answer) {
			a.Report.Documents, a.Report.Verdict, a.Report.Colour = nil, policy.Verdict{}, policy.Amber
		}, "nothing-shown"},
	}
}

// Every page, in every language, light and dark, wide and narrow: no violation of
// WCAG 2.1, levels A and AA, that a program can find.
func TestAxe(t *testing.T) {
	s := newSite(t)
	browser := browsertest.Chromium(t)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		t.Run(lang, func(t *testing.T) {
			b := browser.Tab(t, browsertest.ForAxe)
			check := func(name string) { t.Helper(); b.Check(lang+"-reader-"+name, browsertest.Every...) }
			s.saying(nil)
			b.Open(s.URL + "/?lang=" + lang)
			if got := browsertest.Ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)); got != lang {
				t.Errorf("the page is in %q", got)
			}
			check("start")
			b.Type("#code", "https://example.com/menu\r")
			b.Comes("#errors")
			check("wrong")
			s.saying(func(s *verifierhttp.Standing) {
				s.Bundle = &verifierhttp.Bundle{Publisher: "https://readers.example", Sequence: 1204, Issued: s.At.Add(-40 * 24 * time.Hour), Expires: s.At.Add(-time.Hour), Ended: true}
				s.Freshness, s.Name = policy.TooOld, "Patrol 7"
			})
			b.Open(s.URL + "/")
			check("old-bundle")
			s.saying(func(s *verifierhttp.Standing) {
				s.Trouble, s.Detail = verifierhttp.TroubleClock, "wrong clock: it says 2020-01-01T00:00:00Z, and a bundle was made at 2026-06-01T00:00:00Z"
			})
			b.Open(s.URL + "/")
			check("clock")
			s.saying(nil)
			for _, l := range looks() {
				if lang != "en" && l.name != "good" && l.name != "forged" && l.name != "conditions" {
					continue // they differ in words alone
				}
				s.as(l.bend)
				b.Open(s.URL + "/")
				b.Click("#simulate")
				b.Comes(".verdict")
				if lang == "en" {
					b.Want("#word", wordOf(l.word))
				}
				if l.name == "good" || l.name == "forged" {
					browsertest.Ask(b, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = true); true`))
					check("verdict-" + l.name + "-reasons")
					browsertest.Ask(b, chromedp.Evaluate[bool](`document.querySelectorAll("details").forEach(d => d.open = false); true`))
				}
				if l.name == "good" || l.name == "forged" || l.name == "conditions" {
					check("verdict-" + l.name)
				} else {
					b.Check(lang+"-reader-verdict-"+l.name, browsertest.Two...)
				}
			}
			s.as(nil)
			b.Open(s.URL + "/")
			s.Terminal.Close() // the phone goes away: its code is nobody's
			b.Click("#simulate")
			b.Comes("#reason")
			check("failed")
		})
	}
}

func wordOf(look string) string { return i18n.English.Text("look." + look) }
