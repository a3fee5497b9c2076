//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
)

// TestConsoleKilled kills the office while it carries out what one officer
// proposed and another confirmed: the event is there once after the next start,
// and the proposal says so.
func TestConsoleKilled(t *testing.T) {
	o := worked(t, t.TempDir())
	person := o.load.sources[0].people[1].number // of the first one time changes the record
	console := o.cfg.PublicURL + "/console"
	for n, point := range []string{"officer.confirmed", "registry.applied", "officer.inboxed"} {
		p, err := o.start([]string{"VIDIMUS_FAULT=" + point + ":kill:1"})
		if err != nil {
			t.Fatal(err)
		}
		proposal, err := o.measureByOfficers(t.Context(), p, person)
		p.kill()
		if err != nil || p.cmd.ProcessState.Exited() {
			t.Fatalf("%s: %v, %s: %s", point, err, p.cmd.ProcessState, p.said())
		}
		if err := o.check(t.Context(), false); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		if err := o.carriesOut(t.Context(), proposal); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
		ev, err := o.paths().Evidence(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		events := 0
		for _, a := range ev.Histories[person] {
			if a.Source == console {
				events++
			}
		}
		if events != n+1 {
			t.Errorf("%s: %d events of the console, %d proposals were confirmed", point, events, n+1)
		}
		if err := o.check(t.Context(), false); err != nil {
			t.Fatalf("%s: %v", point, err)
		}
	}
}

// measureByOfficers lets one officer propose a measure and another confirm it,
// which is not answered any more. It gives the path of the proposal.
func (o *office) measureByOfficers(ctx context.Context, p *process, person string) (proposal string, err error) {
	if err := o.ready(p, false); err != nil {
		return "", err
	}
	anna, err := o.officer(ctx, "anna")
	if err != nil {
		return "", err
	}
	ben, err := o.officer(ctx, "ben")
	if err != nil {
		return "", err
	}
	record, _, err := anna.send(ctx, "/people", url.Values{"by": {"person"}, "number": {person}, "purpose": {audit.PurposeDecision}, "reference": {"2026/17"}})
	if err != nil {
		return "", err
	}
	_, form, err := anna.send(ctx, record+"/measure", nil)
	if err != nil {
		return "", err
	}
	version := formVersion.FindStringSubmatch(form)
	if version == nil {
		return "", fmt.Errorf("no version in the form: %s", form)
	}
	now := time.Now().UTC()
	if proposal, _, err = anna.send(ctx, record+"/measure", url.Values{
		"kind": {"court-ban"}, "territory": {"UT"}, "from_date": {now.Format(time.DateOnly)}, "from_time": {now.Format("15:04")},
		"authority": {"Court of Utopia"}, "legal_basis": {"Art. 13"}, "categories": {"B"}, "reference": {"2026/17"}, "version": version[1:],
	}); err != nil {
		return "", err
	}
	if _, _, err := ben.send(ctx, proposal+"/confirm", url.Values{}); !errors.Is(err, errGone) {
		return "", fmt.Errorf("the confirmation was answered: %w", err)
	}
	return proposal, nil
}

// carriesOut starts the office again and waits until a proposal is carried out.
func (o *office) carriesOut(ctx context.Context, proposal string) error {
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := o.ready(p, true); err != nil {
		return err
	}
	ben, err := o.officer(ctx, "ben")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		_, page, err := ben.send(ctx, proposal, nil)
		if err != nil {
			return fmt.Errorf("the proposal is not carried out: %w: %s", err, page)
		}
		if strings.Contains(page, "carried out") {
			return p.stop()
		}
		pause(ctx, 20*time.Millisecond)
	}
}

// browser is that of one officer, logged in.
type browser struct {
	http *http.Client
	base string
}

var (
	formVersion = regexp.MustCompile(`name="version" value="([0-9]+)"`)
	formToken   = regexp.MustCompile(`name="form_token" value="([^"]*)"`)
)

// officer logs in with a link that the operator makes.
func (o *office) officer(ctx context.Context, id string) (*browser, error) {
	desk, err := issuer.OpenDesk(&o.cfg)
	if err != nil {
		return nil, err
	}
	link, err := desk.Link(ctx, id)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	b := &browser{base: "http://" + o.cfg.Listen.Console, http: &http.Client{
		Jar: jar, Timeout: readyWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	_, _, err = b.do(ctx, "/login", url.Values{"link": {link.URL[strings.LastIndex(link.URL, "/")+1:]}})
	return b, err
}

// send gets a page, or posts a form with the token of the session. It gives
// where that leads, or the page.
func (b *browser) send(ctx context.Context, path string, form url.Values) (to, page string, err error) {
	if form == nil {
		return b.do(ctx, path, nil)
	}
	_, page, err = b.do(ctx, "/proposals", nil)
	if err != nil {
		return "", page, err
	}
	token := formToken.FindStringSubmatch(page)
	if token == nil {
		return "", page, errors.New("no form token")
	}
	form.Set("form_token", token[1])
	return b.do(ctx, path, form)
}

func (b *browser) do(ctx context.Context, path string, form url.Values) (to, page string, err error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.base)
	}
	res, err := b.http.Do(r)
	if err != nil {
		return "", "", errGone
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	switch {
	case err != nil:
		return "", "", errGone
	case form == nil && res.StatusCode != http.StatusOK, form != nil && res.StatusCode != http.StatusSeeOther:
		return "", string(text), fmt.Errorf("%s: %s", path, res.Status)
	}
	return res.Header.Get("Location"), string(text), nil
}
