package wallet

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/http"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json refuses an answer that does not call itself JSON.
func (a *answer) json() error {
	kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil || kind != typeJSON {
		return fmt.Errorf("content type %.80q, expected %s", a.header.Get("Content-Type"), typeJSON)
	}
	return nil
}

// call sends one request.
func (w *Wallet) call(ctx context.Context, method, url string, header map[string]string, body []byte, limit int64) (*answer, error) {
	if w.cfg.Web == nil {
		return nil, fmt.Errorf("%s %s: this wallet has no web", method, url)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	r.Header.Set("Accept", typeJSON)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, content, err := w.cfg.Web.Do(r, limit)
	if err != nil {
		return nil, err
	}
	return &answer{resp.StatusCode, resp.Header, content}, nil
}

// document fetches one JSON document.
func (w *Wallet) document(ctx context.Context, what, url string, limit int64) ([]byte, error) {
	a, err := w.call(ctx, http.MethodGet, url, nil, nil, limit)
	if err != nil {
		return nil, fmt.Errorf("fetching the %s: %w", what, err)
	}
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("fetching the %s: GET %s: status %d", what, url, a.status)
	}
	if err := a.json(); err != nil {
		return nil, fmt.Errorf("fetching the %s: GET %s: %w", what, url, err)
	}
	return a.body, nil
}
