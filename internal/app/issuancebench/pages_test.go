package issuancebench

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// browser is that of the person: it logs in with the page of development, on
// which a person is picked, and agrees.
type browser struct {
	base    string
	cookies map[string]string
}

func (b *browser) do(status int, method, target string, form url.Values, into any) (*http.Response, error) {
	header := http.Header{}
	for name, value := range b.cookies {
		header.Add("Cookie", name+"="+value)
	}
	header["Cookie"] = []string{strings.Join(header["Cookie"], "; ")}
	body := ""
	if form != nil {
		body = form.Encode()
		header.Set("Content-Type", formHeader)
		header.Set("Origin", b.base)
	}
	res, err := ask(status, method, target, header, body, into)
	if err != nil {
		return nil, err
	}
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return res, nil
}

// follow opens an address and goes where its answer sends the browser.
func (b *browser) follow(target string, into *string) error {
	res, err := b.do(http.StatusSeeOther, http.MethodGet, target, nil, nil)
	if err != nil {
		return err
	}
	next, err := redirectedTo(res, b.base)
	if err == nil {
		_, err = b.do(http.StatusOK, http.MethodGet, next, nil, into)
	}
	return err
}

var (
	stateInput  = regexp.MustCompile(`name="state" value="([^"]*)"`)
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// agree goes from the address that the wallet opened to the code.
func (b *browser) agree(requestURI string) (code string, err error) {
	var page string
	start := b.base + "/authorize?" + url.Values{"client_id": {walletID}, "request_uri": {requestURI}}.Encode()
	if err := b.follow(start, &page); err != nil {
		return "", fmt.Errorf("to the login: %w", err)
	}
	state := stateInput.FindStringSubmatch(page)
	if state == nil {
		return "", errors.New("the login has no state")
	}
	back := b.base + "/login/callback?" + url.Values{"state": {html.UnescapeString(state[1])}, "person": {person}}.Encode()
	if err := b.follow(back, &page); err != nil {
		return "", fmt.Errorf("from the login: %w", err)
	}
	_, rest, found := strings.Cut(page, `/approve"`)
	inputs, _, _ := strings.Cut(rest, "</form>")
	if !found {
		return "", errors.New("the page has no form to agree with")
	}
	form := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(inputs, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	res, err := b.do(http.StatusSeeOther, http.MethodPost, b.base+"/authorize/approve", form, nil)
	if err != nil {
		return "", fmt.Errorf("agreeing: %w", err)
	}
	to, err := redirectedTo(res, walletBack)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	if code = u.Query().Get("code"); code == "" {
		err = fmt.Errorf("no code in %s", to)
	}
	return code, err
}
