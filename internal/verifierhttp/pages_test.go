package verifierhttp_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"vidimus/internal/i18n"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
	"vidimus/internal/verifierhttp"
)

// From the code to the verdict and away: what one page shows, and that nothing is
// there afterwards.
func TestReading(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	start := b.get("/", 200)
	wantText(t, start, "Bundle 12 of https://readers.example, as of 09:02, 3 h old", "new enough", "Policy: bundle 12", "Asks as Reader 7")
	if csp := start.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy %s", csp)
	}
	b.read()
	page := b.get("/reading", 200)
	wantText(t, page, "In order", "Petra Canarius", "Right to drive B: yes", "Status as of 09:02, 3 h old", "Revoked signers as of not known", "C no", "9 January 2034")
	if !strings.Contains(page.body, "data:image/jpeg;base64,/9j/4CBwb3J0cmFpdA==") || page.Header.Get("Cache-Control") != "no-store" {
		t.Error("no portrait, or it may be kept")
	}
	if r := page.Header.Get("Refresh"); !strings.HasSuffix(r, "; url=/") {
		t.Errorf("Refresh %q", r)
	}
	if w := s.wishes[0]; w.Code != goodCode || w.Category != "B" {
		t.Errorf("%+v", w)
	}
	b.get("/reading", 200) // looked at twice
	if s.count() != 0 {
		t.Fatal("wiped too early")
	}
	if a := b.do("POST", "/close", "application/x-www-form-urlencoded", nil); a.StatusCode != http.StatusSeeOther || s.count() != 1 {
		t.Errorf("%d, %d wiped", a.StatusCode, s.count())
	}
	if a := b.get("/reading", 303); a.Header.Get("Location") != "/" {
		t.Error("the verdict is there after it was closed")
	}
	if strings.Contains(s.log.String(), "Canarius") || strings.Contains(s.log.String(), goodCode) || !strings.Contains(s.log.String(), "route=/reading") {
		t.Errorf("log: %s", s.log.String())
	}
}

// What was read goes: by time without anybody looking, by time when the timer is
// late, by the start page, by the beacon of the page that is left, by the next
// reading, and when the program ends.
func TestWipes(t *testing.T) {
	for name, do := range map[string]func(*terminal, *browser){
		"timer": func(s *terminal, _ *browser) { s.timers[0]() },
		"late timer": func(s *terminal, b *browser) {
			s.clock.Advance(verifierhttp.Shown + 24*time.Hour) // waiting for the verdict has moved it on
			b.get("/reading", 303)
		},
		"start page": func(_ *terminal, b *browser) { b.get("/", 200) },
		"beacon": func(s *terminal, b *browser) {
			_, rest, _ := strings.Cut(b.get("/reading", 200).body, `data-reading="`)
			ref, _, _ := strings.Cut(rest, `"`)
			form := func(ref string) []byte { return []byte(url.Values{"reading": {ref}}.Encode()) }
			b.do("POST", "/close", "application/x-www-form-urlencoded;charset=UTF-8", form("0123456789abcdef"))
			if s.count() != 0 {
				t.Error("the beacon of another reading wipes this one")
			}
			b.do("POST", "/close", "application/x-www-form-urlencoded;charset=UTF-8", form(ref))
		},
		"next reading":    func(_ *terminal, b *browser) { b.read() },
		"another browser": func(s *terminal, _ *browser) { s.browser().read() },
		"end":             func(s *terminal, _ *browser) { s.close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTerminal(t)
			b := s.browser()
			b.read()
			s.clock.Set(now)
			if do(s, b); s.count() != 1 {
				t.Errorf("%d wiped", s.count())
			}
			if name != "next reading" {
				if a := b.get("/reading", 303); strings.Contains(a.body, "Canarius") {
					t.Error("it is there")
				}
			}
		})
	}
}

// A reading that is given up at once asks what was wished, or nothing.
func TestGivenUpAtOnce(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	for range 300 {
		if a := b.ask("profile", "right-to-drive", "code", goodCode); a.StatusCode != http.StatusSeeOther {
			t.Fatal(a.text())
		}
		b.do("POST", "/close", "application/x-www-form-urlencoded", nil)
		<-s.ended
		s.clock.Advance(time.Minute) // the limits
	}
	for _, w := range s.wishes {
		if w.Code != goodCode {
			t.Fatalf("asked %+v", w)
		}
	}
}

// A timer that comes late wipes its own reading alone.
func TestLateTimerOfAnEarlierReading(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	b.read()
	b.read()
	s.timers[0]()
	if s.count() != 1 {
		t.Fatalf("%d wiped", s.count())
	}
	wantText(t, b.get("/reading", 200), "Petra Canarius")
}

func TestAnotherBrowser(t *testing.T) {
	s := newTerminal(t)
	s.hold = make(chan struct{})
	b, stranger := s.browser(), s.browser()
	if a := b.ask("profile", "right-to-drive", "code", goodCode); a.StatusCode != 303 {
		t.Fatal(a.text())
	}
	wantText(t, b.get("/reading", 200), "The holder decides on the phone what is shown.")
	if a := b.get("/reading", 200); !strings.Contains(a.body, `<noscript><meta http-equiv="refresh" content="2"></noscript>`) {
		t.Error("the page does not follow without a script")
	}
	stranger.cookies["vidimus-reading"] = strings.Repeat("0", 64)
	a := stranger.ask("profile", "right-to-drive", "code", goodCode)
	if a.StatusCode != http.StatusConflict {
		t.Errorf("%d", a.StatusCode)
	}
	wantText(t, a, "A reading is under way in another window")
	stranger.do("POST", "/close", "application/x-www-form-urlencoded", nil)
	close(s.hold)
	<-s.ended
	b.settled()
	stranger.cookies["vidimus-reading"] = b.cookies["vidimus-reading"][:63] + "x"
	stranger.get("/reading", 303)
	if a := stranger.get("/progress", 200); a.body != `{"running":false,"steps":[]}`+"\n" {
		t.Errorf("a stranger learns %s", a.body)
	}
	stranger.get("/", 200)
	wantText(t, b.get("/reading", 200), "Petra Canarius")
}

// A reading that is cancelled ends, and what it gives all the same is wiped.
func TestCancel(t *testing.T) {
	s := newTerminal(t)
	s.hold = make(chan struct{})
	b := s.browser()
	b.ask("profile", "right-to-drive", "code", goodCode)
	b.get("/reading", 200)
	b.do("POST", "/close", "application/x-www-form-urlencoded", nil)
	<-s.ended // its context has ended
	b.get("/reading", 303)

	b.ask("profile", "right-to-drive", "code", goodCode)
	done := make(chan struct{})
	s.answer = func() (*verifierhttp.Answer, error) {
		b.do("POST", "/close", "application/x-www-form-urlencoded", nil)
		a := s.licence()
		wipe := a.Wipe
		a.Wipe = func() { wipe(); close(done) }
		return a, nil
	}
	close(s.hold)
	<-done
	b.get("/reading", 303)
}

func TestNoVerdict(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	s.answer = func() (*verifierhttp.Answer, error) {
		return nil, errors.New("the phone was not reached within 45s <b>")
	}
	b.read()
	page := b.get("/reading", 200)
	wantText(t, page, "Nothing was read", "cannot tell", "the phone was not reached within 45s <b>", "The code was read")
	s.answer = func() (*verifierhttp.Answer, error) { panic("Canarius") }
	b.read()
	page = b.get("/reading", 200)
	wantText(t, page, "a mistake of this program (string)")
	if strings.Contains(page.body+s.log.String(), "Canarius") {
		t.Error("a panic says what was read")
	}
}

// What a terminal says of itself before anybody asks.
func TestStanding(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	s.standing.Bundle.Ended = true
	s.standing.Freshness = policy.TooOld
	wantText(t, b.get("/", 200), "too old", "The bundle is too old: it has ended.")
	for trouble, words := range map[verifierhttp.Trouble]string{
		verifierhttp.TroubleClock: "The clock of this device is wrong.", verifierhttp.TroubleBundle: "The bundle cannot be used", verifierhttp.TroubleReader: "This reader cannot read now.",
	} {
		s.standing.Trouble, s.standing.Detail = trouble, "since <yesterday>"
		a := b.get("/", 200)
		if wantText(t, a, words, "since <yesterday>"); strings.Contains(a.body, `action="/read"`) {
			t.Error("it can be asked all the same")
		}
	}
	s.standing = verifierhttp.Standing{At: now, Freshness: policy.NotKnown, Policy: "built-in"}
	wantText(t, b.get("/", 200), "No bundle; anchors as of not known", "age not known", "Asks without a name")
	s.standing.AnchorsAsOf = now.AddDate(0, 0, -40)
	wantText(t, b.get("/", 200), "anchors as of 22 April 2026, 12:02 UTC, 40 days old")
}

// Hostile words of a document are words on the page, and bounded.
func TestHostileDocument(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	evil := `<script>alert(1)</script>"><img src=x onerror=y>`
	s.answer = func() (*verifierhttp.Answer, error) {
		a := s.licence()
		d := &a.Report.Documents[0]
		d.Type, d.Warnings, d.Reasons, d.Dropped, d.Missing = evil, []string{evil}, []string{evil}, []string{evil}, []string{"a " + evil}
		d.Trust.Signer, d.Trust.Anchor = evil, evil
		d.Checks = []verification.Check{{ID: evil, Result: verification.Fail, Detail: evil, Clause: evil}}
		d.Driving = []verification.Driving{{Category: evil, Answer: "under conditions", Conditions: evil, Until: evil}}
		d.DeviceSigned = []verification.Element{{NameSpace: evil, Name: evil, Value: map[string]any{evil: []any{evil}}}}
		d.IssuerSigned[0].Value, d.IssuerSigned[2].Bytes = evil, []byte("<svg onload=x>")
		for range 5000 {
			d.DeviceSigned = append(d.DeviceSigned, verification.Element{Name: "n", Value: strings.Repeat("x", 500)})
			d.Checks = append(d.Checks, verification.Check{ID: "x", Result: verification.Fail, Detail: strings.Repeat("y", 5000)})
		}
		a.Report.Errors = []verification.DocumentError{{Type: evil, Code: 1}}
		return a, nil
	}
	b.read()
	page := b.get("/reading", 200)
	if strings.Contains(page.body, "<script>") || strings.Contains(page.body, "<img src=x") || strings.Contains(page.body, "onload") || len(page.body) > 1<<20 {
		t.Errorf("%d bytes", len(page.body))
	}
	wantText(t, page, "alert(1)", "in a form that cannot be shown here", "The issuer does not vouch for this.")
}

// Every answer has a word and a sign of its own, in every language.
func TestLooks(t *testing.T) {
	for _, lang := range i18n.Languages() {
		words, seen := map[string]string{}, 0
		for _, l := range verifierhttp.Looks() {
			if !i18n.Has("look." + l) {
				t.Errorf("no word for %s", l)
			}
			text := lang.Text("look." + l)
			if other, twice := words[text]; twice {
				t.Errorf("%s: %s and %s are both %q", lang, l, other, text)
			}
			words[text] = l
			seen++
		}
		if seen < 15 {
			t.Errorf("%d looks", seen)
		}
	}
	has := func(group string, words ...string) {
		for _, w := range words {
			if !i18n.Has(group + strings.ReplaceAll(w, " ", "-")) {
				t.Errorf("no message %s%s", group, w)
			}
		}
	}
	for _, w := range policy.Authenticities() {
		has("axis-authenticity.", string(w))
	}
	for _, w := range policy.Statuses() {
		has("axis-status.", string(w))
	}
	for _, w := range policy.Freshnesses() {
		has("axis-freshness.", string(w))
	}
	for _, w := range policy.Entitlements() {
		has("axis-entitlement.", string(w))
	}
	for _, w := range verifierhttp.Looks() {
		if w != "good" && w != "nothing-shown" && w != "cannot-tell-who" {
			has("why.", w)
		}
	}
	has("reader-deed.", "green", "amber", "red", "conditions", "faceless")
	has("reader-step.", verifierhttp.Steps()...)
	for _, w := range verifierhttp.Troubles() {
		has("reader-trouble.", string(w))
	}
}

// The four answers that must never be taken for each other, and their kin.
func TestVerdicts(t *testing.T) {
	good := policy.Verdict{Authenticity: policy.Genuine, Status: policy.Valid, Freshness: policy.WithinPolicy, Entitlement: policy.Yes}
	identity, _ := policy.Default().Profile("identity")
	s := newTerminal(t)
	b := s.browser()
	seen := map[string]string{}
	for _, tt := range []struct {
		name   string
		change func(*verifierhttp.Answer, *policy.Verdict)
		colour policy.Colour
		says   []string
	}{
		{"forged", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Authenticity = policy.Forged }, policy.Red, []string{"Forged Do not accept.", "Claims to be"}},
		{"expired", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Status = policy.Expired }, policy.Red, []string{"Expired Do not accept."}},
		{"revoked", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Status = policy.Revoked }, policy.Red, []string{"Revoked Do not accept."}},
		{"unknown", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Status = policy.Unknown }, policy.Amber, []string{"Status unknown Cannot tell."}},
		{"not checked", func(_ *verifierhttp.Answer, v *policy.Verdict) {
			v.Status, v.Freshness = policy.NotChecked, policy.NotKnown
		}, policy.Amber, []string{"Status not checked Cannot tell.", "There was nothing at hand"}},
		{"no", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Entitlement = policy.No }, policy.Red, []string{"No Do not accept.", "Right to drive B: no"}},
		{"conditions", func(_ *verifierhttp.Answer, v *policy.Verdict) { v.Entitlement = policy.UnderConditions }, policy.Amber, []string{"Under conditions Accept only if the conditions are kept.", "Right to drive B: under conditions"}},
		{"unknown and revoked", func(_ *verifierhttp.Answer, v *policy.Verdict) {
			v.Authenticity, v.Status = policy.UnknownIssuer, policy.Expired
		}, policy.Red, []string{"Expired Do not accept.", "issuer not known"}},
		{"nothing", func(a *verifierhttp.Answer, v *policy.Verdict) { *v = policy.Verdict{}; a.Report.Documents = nil }, policy.Amber, []string{"Nothing was shown", "showed no document"}},
		{"faceless", func(a *verifierhttp.Answer, _ *policy.Verdict) {
			a.Report.Documents[0].IssuerSigned = a.Report.Documents[0].IssuerSigned[:2]
		}, policy.Green, []string{"In order Checked and in order. There is no portrait to compare."}},
		{"who", func(a *verifierhttp.Answer, v *policy.Verdict) {
			a.Profile, v.Entitlement = identity, policy.CannotTell
			a.Report.Documents[0].IssuerSigned = a.Report.Documents[0].IssuerSigned[:2]
		}, policy.Amber, []string{"Cannot tell who Cannot tell.", "No portrait"}},
	} {
		s.answer = func() (*verifierhttp.Answer, error) {
			a, v := s.licence(), good
			tt.change(a, &v)
			a.Report.Verdict, a.Report.Colour = v, v.Colour()
			for i := range a.Report.Documents {
				a.Report.Documents[i].Verdict, a.Report.Documents[i].Colour = v, v.Colour()
			}
			return a, nil
		}
		s.clock.Advance(time.Minute)
		b.read()
		page := b.get("/reading", 200)
		wantText(t, page, tt.says...)
		if !strings.Contains(page.body, `class="verdict `+string(tt.colour)+`"`) {
			t.Errorf("%s is not %s", tt.name, tt.colour)
		}
		_, rest, _ := strings.Cut(page.body, `<svg class="sign"`)
		sign, _, _ := strings.Cut(rest, "</svg>")
		if other, twice := seen[sign]; twice && tt.name != "unknown and revoked" {
			t.Errorf("%s and %s have one sign", tt.name, other)
		}
		seen[sign] = tt.name
	}
}
