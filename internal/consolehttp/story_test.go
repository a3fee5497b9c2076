package consolehttp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/consoletest"
	"vidimus/internal/document"
	"vidimus/internal/jose"
)

// An officer finds a person, proposes; another confirms; the copies are revoked
// and the receipt says so; the measure is lifted the same way.
func TestStory(t *testing.T) {
	s := newSite(t, nil)
	anna, ben := s.login("anna"), s.login("ben")
	wantPage(t, "start", anna.get("/"), http.StatusOK, "Find a person", "Anna Muller", "Roadside check")
	record := anna.find(consoletest.Person)
	if strings.Contains(record, consoletest.Person) {
		t.Errorf("the address %q shows the person", record)
	}
	wantPage(t, "record", anna.get(record), http.StatusOK, "Marie Louise Weber", "1 April 1990", "female", "Driving licence DL-1",
		"May drive now: B, A", "3 copies on phones", "valid", "wallet-unit-1", "Suspension for loss of points", "not yet", "Art. 2bis", "01.06")

	proposal := anna.propose()
	wantPage(t, "own proposal", anna.get(proposal), http.StatusOK, "waits for a second officer", "Provisional withdrawal", "Police of Utopia",
		"Every copy of document DL-1 is revoked; the lists say so at once.", "The holder is told", "B, A before, A after", "Another officer")
	wantPage(t, "confirmed by the proposer", anna.post(proposal+"/confirm", url.Values{}), http.StatusForbidden, "You may not do this")
	list := ben.get("/proposals")
	wantPage(t, "list", list, http.StatusOK, "1 waiting", "Measure added", "2026/17", "Anna Muller")
	if strings.Contains(list.Body, "Weber") || strings.Contains(list.Body, consoletest.Person) {
		t.Error("the list of proposals names the person")
	}
	wantPage(t, "proposal", ben.get(proposal), http.StatusOK, "Marie Louise Weber", "Confirm")
	if p := ben.post(proposal+"/confirm", url.Values{}); p.StatusCode != http.StatusSeeOther {
		t.Fatalf("confirming: %s: %s", p.Status, p.text())
	}
	done := ben.get(proposal)
	wantPage(t, "done", done, http.StatusOK, "carried out", "Ben Hoffmann")
	receipt := regexp.MustCompile(`href="(/events/[^"]+)" id="receipt"`).FindStringSubmatch(done.Body)
	if receipt == nil {
		t.Fatal("no way to the receipt")
	}
	wantPage(t, "not published", ben.get(receipt[1]), http.StatusOK, "applied", "not all published yet", "Copies concerned")
	wantPage(t, "record before it", anna.get(anna.find(consoletest.Person)), http.StatusOK, "revoked, not yet published")
	if err := s.Publisher.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "published", ben.get(receipt[1]), http.StatusOK, "published", "Every copy concerned is published as revoked", consoletest.OfficeURL+"/status/")
	token := ben.get(receipt[1] + "/receipt")
	signed, err := jose.Parse(token.Body)
	var claims struct{ State, Event string }
	if err == nil {
		err = json.Unmarshal(signed.Payload, &claims)
	}
	if err != nil || claims.State != "covered" || token.Header.Get("Content-Type") != "application/jwt" {
		t.Errorf("receipt %+v, %v", claims, err)
	}
	s.Clock.Advance(time.Minute)
	record = anna.find(consoletest.Person)
	page := anna.get(record)
	wantPage(t, "record after it", page, http.StatusOK, "holds", "revoked", "May drive now: A", "not yet")
	wantPage(t, "history", anna.get(record+"/history"), http.StatusOK, "Measure added", "Personal data stated", "published", "https://office.example/console", "2026/17")

	lift := regexp.MustCompile(`href="(/people/[^"]+/lift\?measure=console-[^"]+)"`).FindStringSubmatch(page.Body)
	if lift == nil {
		t.Fatal("no way to lift the measure")
	}
	form := ben.liftForm(t, lift[1])
	if form != nil {
		t.Error("the look-up of one officer opens for another")
	}
	form = anna.liftForm(t, lift[1])
	p := anna.post(record+"/lift", form)
	if p.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %s", p.Status, p.text())
	}
	wantPage(t, "lift", ben.get(p.Header.Get("Location")), http.StatusOK, "Measure lifted", "decision was quashed", "Provisional withdrawal", "A before, B, A after")
	if p := ben.post(p.Header.Get("Location")+"/confirm", url.Values{}); p.StatusCode != http.StatusSeeOther {
		t.Fatalf("%s: %s", p.Status, p.text())
	}
	s.Clock.Advance(2 * time.Minute)
	wantPage(t, "lifted", anna.get(anna.find(consoletest.Person)), http.StatusOK, "ended", "May drive now: B, A")
}

func (b *browser) liftForm(t *testing.T, path string) url.Values {
	t.Helper()
	p := b.get(path)
	version := regexp.MustCompile(`name="version" value="([0-9]+)"`).FindStringSubmatch(p.Body)
	measure := regexp.MustCompile(`name="measure" value="([^"]+)"`).FindStringSubmatch(p.Body)
	if version == nil || measure == nil {
		return nil
	}
	now := b.s.Clock.Now()
	return url.Values{
		"version": {version[1]}, "measure": {measure[1]}, "from_date": {now.Format(time.DateOnly)}, "from_time": {now.Add(time.Minute).Format("15:04")},
		"reason": {"decision was quashed"}, "reference": {"2026/18"},
	}
}

// Errors stand beside the fields, in the language of the officer, and what was
// typed stays.
func TestFormErrors(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	for lang, words := range map[string][]string{
		"en": {"Please check what you entered", "Enter the authority that decided.", "The end must lie after the beginning."},
		"fr": {"Veuillez vérifier votre saisie", "Saisissez l’autorité qui a décidé.", "La fin doit être postérieure au début."},
		"de": {"Bitte prüfen Sie Ihre Eingaben", "Geben Sie die Behörde ein, die entschieden hat.", "Das Ende muss nach dem Beginn liegen."},
		"lb": {"Préift w.e.g. dat, wat Dir aginn hutt", "Gitt d’Autoritéit an, déi decidéiert huet.", "D’Enn muss nom Ufank leien."},
	} {
		if p := anna.post("/language", url.Values{"language": {lang}, "back": {"/"}}); p.StatusCode != http.StatusSeeOther {
			t.Fatal(p.Status)
		}
		path := anna.find(consoletest.Person)
		form := anna.measure(path)
		form.Set("authority", " ")
		form.Set("until_date", "2001-02-03")
		form.Set("legal_basis", `Art. "13" <b>`)
		p := anna.post(path+"/measure", form)
		wantPage(t, lang, p, http.StatusBadRequest, words...)
		for _, markup := range []string{
			`<html lang="` + lang + `">`, `aria-invalid="true"`, `id="authority-error"`, `href="#until_date"`, `role="alert"`,
			`value="Art. &#34;13&#34; &lt;b&gt;"`, `value="2001-02-03"`, `value="provisional-withdrawal" selected`, `value="B" checked`,
		} {
			if !strings.Contains(p.Body, markup) {
				t.Errorf("%s: no %s on the page", lang, markup)
			}
		}
	}
	if list, err := s.Store.Proposals(t.Context(), "", false, s.Clock.Now(), 10); err != nil || len(list) != 0 {
		t.Errorf("%d proposals, %v", len(list), err)
	}
}

// Dates that do not exist, and other nonsense, propose nothing.
func TestDates(t *testing.T) {
	s := newSite(t, nil)
	anna := s.login("anna")
	path := anna.find(consoletest.Person)
	for field, values := range map[string][]string{
		"from_date":  {"2026-02-30", "26-1-1", "0000-00-00", "+2026-01-01", "2026-01-01T00:00", "1800-01-01", "2300-01-01"},
		"from_time":  {"24:00", "7:00", "noon", "12:00:00", "12:60"},
		"until_date": {"never", "2026-13-01"},
		"until_time": {"12:00"},
	} {
		for _, v := range values {
			form := anna.measure(path)
			form.Set(field, v)
			if p := anna.post(path+"/measure", form); p.StatusCode != http.StatusBadRequest || !strings.Contains(p.Body, `class="errors"`) {
				t.Errorf("%s %q: %s", field, v, p.Status)
			}
		}
	}
}

// The record changed while the officer read it: nothing is proposed, and what
// was proposed before cannot be confirmed.
func TestRecordChanges(t *testing.T) {
	s := newSite(t, nil)
	anna, ben := s.login("anna"), s.login("ben")
	proposal := anna.propose()
	path := anna.find(consoletest.Person)
	form := anna.measure(path)
	if err := s.Push(t.Context(), registryclient.Event{Subject: consoletest.Person, Payload: registryclient.MeasureLifted{ID: "m-later", Reason: "mistake"}}); err != nil {
		t.Fatal(err)
	}
	wantPage(t, "proposing", anna.post(path+"/measure", form), http.StatusConflict, "The record has changed")
	p := ben.get(proposal)
	wantPage(t, "proposal", p, http.StatusOK, "can no longer be confirmed")
	if strings.Contains(p.Body, `id="confirm"`) {
		t.Error("a button to confirm")
	}
	wantPage(t, "confirming", ben.post(proposal+"/confirm", url.Values{}), http.StatusConflict)
	if p := anna.post(proposal+"/withdraw", url.Values{}); p.StatusCode != http.StatusSeeOther {
		t.Errorf("withdrawing: %s", p.Status)
	}
	wantPage(t, "withdrawn", anna.get("/proposals"), http.StatusOK, "withdrawn", "Nothing waits.")
}

// A long history comes in pages.
func TestHistoryPages(t *testing.T) {
	s := newSite(t, nil)
	for i := range 30 {
		if err := s.Push(t.Context(), registryclient.Event{Subject: consoletest.Hostile, Payload: registryclient.EntitlementPut{
			Kind: document.KindDriving, Territory: "UT", Privileges: []registryclient.Privilege{{Category: "B", IssueDate: "2020-01-" + string(rune('0'+i/10)) + string(rune('1'+i%9))}},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	anna := s.login("anna")
	path := anna.find(consoletest.Hostile)
	first := anna.get(path + "/history")
	older := regexp.MustCompile(`href="([^"]+)" id="older"`).FindStringSubmatch(first.Body)
	if older == nil || strings.Count(first.Body, `<li class="card">`) != 25 {
		t.Fatalf("%d events on the first page, older %v", strings.Count(first.Body, `<li class="card">`), older)
	}
	second := anna.get(strings.ReplaceAll(older[1], "&amp;", "&"))
	if n := strings.Count(second.Body, `<li class="card">`); n != 6 || strings.Contains(second.Body, `id="older"`) || !strings.Contains(second.Body, "Newest entries") {
		t.Errorf("%d events on the second page", n)
	}
	other := anna.find(consoletest.Person)
	if p := anna.get(other + "/history" + older[1][strings.Index(older[1], "?"):]); p.StatusCode != http.StatusNotFound {
		t.Errorf("an event of another person is a place in the history: %s", p.Status)
	}
}

// Every page speaks the four languages; none shows the name of a key.
func TestLanguages(t *testing.T) {
	s := newSite(t, nil)
	anna, otto := s.login("anna"), s.login("otto")
	proposal := anna.propose()
	if err := s.Ask(t.Context(), "language"); err != nil {
		t.Fatal(err)
	}
	request := requestLink.FindStringSubmatch(anna.get("/requests").Body)[1]
	key := regexp.MustCompile(`\b(app|nav|person|measure|proposal|receipt|history|form|search|record|stage|event|fact|purpose|error|refusal|document|copy|request|requests|invitation|wallet-said)[a-z-]*\.[a-z]`)
	for _, lang := range []string{"en", "fr", "de", "lb"} {
		for _, b := range []*browser{anna, otto} {
			form := url.Values{"language": {lang}, "back": {"/"}, "form_token": {b.anyToken(t)}}
			if p := b.do(http.MethodPost, "/language", form, nil); p.StatusCode != http.StatusSeeOther {
				t.Fatal(p.Status, p.text())
			}
		}
		path := anna.find(consoletest.Person)
		event := regexp.MustCompile(`href="(/events/[^"]+)"`).FindStringSubmatch(anna.get(path + "/history").Body)
		for _, at := range []struct {
			b    *browser
			path string
		}{
			{anna, "/"}, {anna, path}, {anna, path + "/history"}, {anna, path + "/measure"}, {anna, path + "/lift?measure=m-later"},
			{anna, event[1]}, {anna, "/proposals"}, {anna, proposal}, {anna, "/requests"}, {anna, request}, {anna, path + "/offer?document=DL-1"}, {otto, "/record"}, {anna, "/people/x"},
		} {
			p := at.b.get(at.path)
			if !strings.Contains(p.Body, `<html lang="`+lang+`">`) || p.Header.Get("Content-Language") != lang {
				t.Errorf("%s in %s: %s", at.path, lang, p.Body[:min(200, len(p.Body))])
			}
			if m := key.FindString(strings.ReplaceAll(p.text(), "purpose.", "")); m != "" && !strings.Contains(m, "example") {
				t.Errorf("%s in %s shows the key %q", at.path, lang, m)
			}
		}
	}
}

func (b *browser) anyToken(t *testing.T) string {
	t.Helper()
	p := b.get("/")
	if p.StatusCode == http.StatusSeeOther {
		p = b.get(p.Header.Get("Location"))
	}
	m := formToken.FindStringSubmatch(p.Body)
	if m == nil {
		t.Fatal("no form token")
	}
	return m[1]
}

// An officer never sees JSON: what the engine refuses by itself is a page too.
func TestUnknownPathIsAPage(t *testing.T) {
	b := newSite(t, nil).browser()
	b.Lang = "de"
	for _, p := range []page{b.get("/nowhere"), b.do(http.MethodDelete, "/login", nil, nil), b.get("/login?a=1&a=2")} {
		if p.StatusCode < 400 || p.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(p.Body, `lang="de"`) || p.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%d %s\n%s", p.StatusCode, p.Header, p.Body)
		}
	}
}
