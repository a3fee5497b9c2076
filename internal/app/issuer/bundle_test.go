package issuer_test

import (
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/bundle"
	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// The office makes the bundle of its readers and serves it: what stands in a copy is
// found in it, until the next one says otherwise.
func TestBundle(t *testing.T) {
	o := newOffice(t).serve()
	get := func(etag string) (*http.Response, []byte) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, o.cfg.PublicURL+issuer.BundlePath, nil)
		o.must(err)
		r.Header.Set("If-None-Match", etag)
		r.Header.Set("Vidimus-Reader", "a stranger's words do no harm")
		res, err := http.DefaultClient.Do(r)
		o.must(err)
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, bundle.MaxBundle))
		o.must(err)
		return res, body
	}
	if res, _ := get(""); res.StatusCode != http.StatusNotFound {
		t.Errorf("before the first: %s", res.Status)
	}
	_, err := issuer.RevokeSigners(t.Context(), &o.cfg, "", nil, o.clock.Now(), rand.Reader)
	o.must(err)
	operations, err := os.ReadFile(o.cfg.Path("certs/operations-ca.pem"))
	o.must(err)
	pins, err := pki.ParsePEM(operations)
	o.must(err)
	var last uint64
	var etag string
	for range 2 {
		built, err := issuer.BuildBundle(t.Context(), &o.cfg, issuer.BundleWish{Days: 14}, o.clock.Now(), rand.Reader)
		o.must(err)
		res, body := get(etag)
		b, err := bundle.Open(body, pins, o.clock.Now())
		o.must(err)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != bundle.ContentType || b.Digest != built.Bundle.Digest || b.Sequence <= last || len(built.LeftOut) != 0 {
			t.Errorf("%s, %s, left out %q", res.Status, b.Source(), built.LeftOut)
		}
		for _, typ := range []string{"org.iso.18013.5.1.mDL", "eu.europa.ec.eudi.pid.1"} {
			if len(b.Trust().Anchors(trust.IssueMdoc, typ)) != 1 {
				t.Errorf("nobody for %s", typ)
			}
		}
		if len(b.Trust().Anchors(trust.IssueSDJWT, "urn:eudi:pid:1")) != 1 || len(b.CRLs().All()) != 1 || b.Publisher != o.cfg.PublicURL {
			t.Errorf("%+v", b)
		}
		for _, l := range b.Lists() {
			if l.Country != "UT" || l.Format != statuslist.FormatJWT && l.Format != statuslist.FormatCWT {
				t.Errorf("%+v", l)
			}
		}
		last, etag = b.Sequence, res.Header.Get("ETag")
		if again, body := get(etag); again.StatusCode != http.StatusNotModified || len(body) != 0 {
			t.Errorf("the same again: %s", again.Status)
		}
	}
	if _, err := issuer.BuildBundle(t.Context(), &o.cfg, issuer.BundleWish{Days: 14}, o.clock.Now().Add(500*24*time.Hour), rand.Reader); err == nil {
		t.Error("after the signer's certificate")
	}
}
