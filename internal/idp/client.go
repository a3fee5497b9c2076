package idp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// newClient makes the client for all that is asked of the provider: bounded in
// time and size, over TLS, and never redirected. Metadata and keys stand where
// the issuer says, and a code or an assertion is for one address alone.
func newClient(roots *x509.CertPool, loopback bool) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: bounded{loopback: loopback, next: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4,
			MaxResponseHeaderBytes: maxHeader, ForceAttemptHTTP2: true,
		}},
		CheckRedirect: func(next *http.Request, _ []*http.Request) error {
			return fmt.Errorf("the provider sends us on to %.80s: %w", next.URL.Host, errRedirect)
		},
	}
}

var (
	errRedirect = errors.New("a redirect is not followed")
	errTooLarge = fmt.Errorf("an answer of more than %d bytes", maxAnswer)
)

// bounded caps every answer.
type bounded struct {
	next     http.RoundTripper
	loopback bool
}

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL, b.loopback); err != nil {
		return nil, err
	}
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

// cappedBody fails where the cap is passed, so that nobody reads the beginning
// for the whole.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// checkURL wants https, or http on a loopback address where that is allowed.
func checkURL(u *url.URL, loopback bool) error {
	switch {
	case u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "":
		return errors.New("not a URL of a host")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%.20s to %.80s: https is needed", u.Scheme, u.Host)
}

func checkText(raw string, loopback bool) error {
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("malformed")
	}
	if u.Fragment != "" || strings.Contains(raw, "#") {
		return errors.New("a fragment")
	}
	return checkURL(u, loopback)
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// request is one exchange of ours with the provider: method, address, body, and
// the answer whole.
func (p *Upstream) request(ctx context.Context, r *http.Request) (int, []byte, error) {
	resp, err := p.http.Do(r.WithContext(ctx))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}
