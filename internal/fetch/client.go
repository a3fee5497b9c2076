package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

var (
	// ErrTooLarge is for an answer beyond the limit of its caller.
	ErrTooLarge = errors.New("answer too large")
	// ErrAnswer is for an answer that is not the document asked for: another
	// status than 200, another media type.
	ErrAnswer = errors.New("unexpected answer")
)

// Options says how far a client goes. The zero value goes to public servers
// over https and waits DefaultTimeout.
type Options struct {
	// Timeout is for the whole of one request, redirects and body included.
	Timeout time.Duration
	// AllowInsecureLoopback also goes to this machine, there without TLS too:
	// for development and the demo.
	AllowInsecureLoopback bool
	// AllowPrivate also goes to private addresses: a state's own network.
	AllowPrivate bool
	// Roots are what web servers' certificates lead to; nil means those of the
	// machine.
	Roots *x509.CertPool
	// UserAgent is sent when it is not empty.
	UserAgent string
}

// Client fetches. Safe for concurrent use.
type Client struct {
	http             *http.Client
	insecureLoopback bool
	userAgent        string
}

// New makes a client.
func New(opt Options) *Client {
	c := &Client{insecureLoopback: opt.AllowInsecureLoopback, userAgent: opt.UserAgent}
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	secure := transport(opt, func(a netip.Addr) bool {
		plain := a.Unmap()
		return public(a) || opt.AllowPrivate && plain.IsPrivate() || opt.AllowInsecureLoopback && plain.IsLoopback()
	})
	// Without TLS nothing but the address says who answers.
	loopback := transport(opt, func(a netip.Addr) bool { return opt.AllowInsecureLoopback && a.Unmap().IsLoopback() })
	c.http = &http.Client{Transport: bySchemes{secure, loopback}, CheckRedirect: c.redirect, Timeout: opt.Timeout}
	return c
}

func transport(opt Options, allowed func(netip.Addr) bool) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, Control: control(allowed)}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: opt.Roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: tlsTimeout, IdleConnTimeout: idleTimeout, MaxIdleConnsPerHost: 4,
		MaxResponseHeaderBytes: maxHeader, ExpectContinueTimeout: time.Second,
	}
}

// bySchemes keeps connections with and without TLS apart, since they may go to
// different places.
type bySchemes struct{ https, http *http.Transport }

func (b bySchemes) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return b.https.RoundTrip(r)
	}
	return b.http.RoundTrip(r)
}

// CloseIdleConnections is called by http.Client.
func (b bySchemes) CloseIdleConnections() {
	b.https.CloseIdleConnections()
	b.http.CloseIdleConnections()
}

// redirect follows GET within one origin. A request with a body is never sent
// a second time: it may carry a code, a token or a proof for this URL alone.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case first.Method != http.MethodGet:
		return fmt.Errorf("%w: a redirect in answer to %s", ErrRefused, first.Method)
	case len(via) > maxRedirects:
		return fmt.Errorf("%w: more than %d redirects", ErrRefused, maxRedirects)
	case !sameOrigin(first.URL, next.URL):
		return fmt.Errorf("%w: a redirect from %s://%s to another origin, %s://%s", ErrRefused, first.URL.Scheme, first.URL.Host, next.URL.Scheme, next.URL.Host)
	}
	return c.check(next.URL)
}

// Do sends one request and reads at most limit bytes of the answer, of any
// status; the body of the response is closed and its bytes are returned beside
// it. An answer that is longer is an ErrTooLarge.
func (c *Client) Do(r *http.Request, limit int64) (*http.Response, []byte, error) {
	if err := c.check(r.URL); err != nil {
		return nil, nil, err
	}
	if c.userAgent != "" {
		r.Header.Set("User-Agent", c.userAgent)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, nil, err // names method and URL
	}
	defer resp.Body.Close()
	if resp.ContentLength > limit {
		return nil, nil, fmt.Errorf("%s %s: %w: %d bytes, at most %d", r.Method, r.URL, ErrTooLarge, resp.ContentLength, limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%s %s: reading the answer: %w", r.Method, r.URL, err)
	case int64(len(body)) > limit:
		return nil, nil, fmt.Errorf("%s %s: %w: more than %d bytes", r.Method, r.URL, ErrTooLarge, limit)
	}
	return resp, body, nil
}

// Get fetches one document of at most limit bytes and gives it with its media
// type, which is one of accept. Anything but 200 is an error without content.
func (c *Client) Get(ctx context.Context, url string, limit int64, accept ...string) (body []byte, contentType string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r.Header.Set("Accept", strings.Join(accept, ", "))
	resp, body, err := c.Do(r, limit)
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("GET %s: %w: status %d", url, ErrAnswer, resp.StatusCode)
	}
	contentType, _, err = mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || len(accept) > 0 && !slices.Contains(accept, contentType) {
		return nil, "", fmt.Errorf("GET %s: %w: content type %.80q, expected %s", url, ErrAnswer, resp.Header.Get("Content-Type"), strings.Join(accept, " or "))
	}
	return body, contentType, nil
}

// Media types of status list tokens (Token Status List draft -20, section 14.7;
// ISO/IEC 18013-5 second edition, 12.3.6.4 for identifier lists).
const (
	TypeStatusListJWT     = "application/statuslist+jwt"
	TypeStatusListCWT     = "application/statuslist+cwt"
	TypeIdentifierListCWT = "application/identifierlist+cwt"
)

// StatusList fetches the list that a credential names. types are the media
// types that will do, the preferred one first; none means a status list in
// either form.
func (c *Client) StatusList(ctx context.Context, uri string, types ...string) (token []byte, contentType string, err error) {
	if len(types) == 0 {
		types = []string{TypeStatusListCWT, TypeStatusListJWT}
	}
	return c.Get(ctx, uri, MaxStatusList, types...)
}

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }
