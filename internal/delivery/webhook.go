package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// WebhookOptions says how far a webhook sender goes. The zero value goes to
// public servers over https and waits DefaultTimeout.
type WebhookOptions struct {
	Timeout time.Duration
	// AllowInsecureLoopback also goes to this machine, there without TLS too:
	// for development.
	AllowInsecureLoopback bool
	// AllowPrivate also goes to private addresses: a state's own network.
	AllowPrivate bool
	// Roots are what the servers' certificates lead to; nil means those of the
	// machine.
	Roots *x509.CertPool
	// Certificate is ours, for servers that ask; nil shows none.
	Certificate *tls.Certificate
}

// Webhook posts bodies. Safe for concurrent use.
type Webhook struct {
	http     *http.Client
	insecure bool
}

// NewWebhook makes a sender.
func NewWebhook(opt WebhookOptions) *Webhook {
	if opt.Timeout <= 0 {
		opt.Timeout = DefaultTimeout
	}
	config := &tls.Config{RootCAs: opt.Roots, MinVersion: tls.VersionTLS12}
	if opt.Certificate != nil {
		config.Certificates = []tls.Certificate{*opt.Certificate}
	}
	transport := func(allowed func(netip.Addr) bool) *http.Transport {
		dialer := &net.Dialer{Timeout: dialTimeout, Control: guard(allowed)}
		return &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: config, TLSHandshakeTimeout: tlsTimeout, IdleConnTimeout: idleTimeout,
			MaxIdleConnsPerHost: 2, MaxResponseHeaderBytes: maxHeader,
		}
	}
	return &Webhook{insecure: opt.AllowInsecureLoopback, http: &http.Client{
		Timeout: opt.Timeout,
		Transport: bySchemes{
			https: transport(func(a netip.Addr) bool {
				return public(a) || opt.AllowPrivate && a.IsPrivate() || opt.AllowInsecureLoopback && a.IsLoopback()
			}),
			// Without TLS nothing but the address says who takes it.
			http: transport(netip.Addr.IsLoopback),
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
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

// Send posts one body. Nil means that the other side answered 2xx; the error is
// a *Failure.
func (w *Webhook) Send(ctx context.Context, url, contentType string, body []byte) error {
	if err := CheckURL(url, w.insecure); err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return never(Address, "not a URL")
	}
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("User-Agent", "vidimus")
	resp, err := w.http.Do(r)
	if err != nil {
		var certificate *tls.CertificateVerificationError
		var alert tls.AlertError
		var record tls.RecordHeaderError
		if errors.As(err, &certificate) || errors.As(err, &alert) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) {
			return fail(Insecure, err)
		}
		return fail(Unreachable, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // 2xx was said already
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusGone:
		return never(Refused, "status %d", resp.StatusCode)
	}
	return fail(Refused, fmt.Errorf("status %d", resp.StatusCode))
}

// Close lets go of idle connections.
func (w *Webhook) Close() { w.http.CloseIdleConnections() }
