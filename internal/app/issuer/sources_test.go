package issuer

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"vidimus/internal/problem"
)

func TestPeers(t *testing.T) {
	c := Config{Sources: []Source{
		{Issuer: "https://driving.example/registry"},
		{Issuer: "urn:example:identity", ClientNames: []string{"identity.example", "spiffe://utopia/identity"}},
	}}
	p, err := c.peers()
	if err != nil {
		t.Fatal(err)
	}
	spiffe, _ := url.Parse("spiffe://utopia/identity")
	itself, _ := url.Parse("https://driving.example/registry")
	for name, tt := range map[string]struct {
		cert *x509.Certificate
		want string
	}{
		"host":           {&x509.Certificate{DNSNames: []string{"driving.example"}}, "https://driving.example/registry"},
		"issuer":         {&x509.Certificate{URIs: []*url.URL{itself}}, "https://driving.example/registry"},
		"client name":    {&x509.Certificate{URIs: []*url.URL{spiffe}}, "urn:example:identity"},
		"both its names": {&x509.Certificate{DNSNames: []string{"identity.example", "www.example"}, URIs: []*url.URL{spiffe}}, "urn:example:identity"},
		"nobody":         {&x509.Certificate{DNSNames: []string{"example"}}, ""},
		"no name":        {&x509.Certificate{}, ""},
		"two sources":    {&x509.Certificate{DNSNames: []string{"driving.example", "identity.example"}}, ""},
		"no certificate": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := &http.Request{TLS: &tls.ConnectionState{}}
			if tt.cert != nil {
				r.TLS.PeerCertificates = []*x509.Certificate{tt.cert}
			}
			got, err := p.of(r)
			if got != tt.want || (err == nil) != (tt.want != "") || err != nil && problem.KindOf(err) != problem.AccessDenied {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	if _, err := p.of(&http.Request{}); err == nil {
		t.Error("a connection without TLS has a source")
	}
	c.Sources = append(c.Sources, Source{Issuer: "https://driving.example/other"})
	if _, err := c.peers(); err == nil || !strings.Contains(err.Error(), "client_names") {
		t.Errorf("one host for two sources: %v", err)
	}
}

// A commit whose outcome is unknown ends the process.
func TestFatal(t *testing.T) {
	var log bytes.Buffer
	var got error
	a := &App{log: slog.New(slog.NewTextHandler(&log, nil)), opts: Options{Fatal: func(err error) { got = err }}}
	disk := errors.New("no space left")
	a.fatal(disk)
	if got != disk || !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "no space left") {
		t.Errorf("%v, log %s", got, log.String())
	}
}
