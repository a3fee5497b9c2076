package issuer_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
)

// What a registry's connection lacks is said by the flag that brings it; what no
// repetition mends is not to be tried again.
func TestFeedAdvice(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *issuer.Config) { *c = production(t, *c) }).serve()
	dir := filepath.Dir(o.cfg.RegistryTLS.ClientCA)
	stranger := t.TempDir()
	newAuthority(t, stranger, "ca")
	free, err := net.Listen("tcp", "127.0.0.1:0")
	o.must(err)
	nobody := free.Addr().String()
	o.must(free.Close())
	own := issuer.FeedConfig{Endpoint: "https://" + o.app.Addresses().Registry, TLSRoots: o.cfg.RegistryTLS.ClientCA}
	for name, c := range map[string]struct {
		change func(*issuer.FeedConfig)
		want   string
		again  bool
	}{
		"no client certificate": {func(*issuer.FeedConfig) {}, "--tls-certificate and --tls-key", false},
		"of another CA": {func(f *issuer.FeedConfig) {
			f.TLSCertificate, f.TLSKey = filepath.Join(stranger, "ca.pem"), filepath.Join(stranger, "ca.key")
		}, "signed by registry_tls.client_ca", false},
		"no roots":         {func(f *issuer.FeedConfig) { f.TLSRoots = "" }, "--tls-roots", false},
		"nobody listens":   {func(f *issuer.FeedConfig) { f.Endpoint = "https://" + nobody }, "is `issuer serve` running, and is that its listen.registry?", true},
		"not the registry": {func(f *issuer.FeedConfig) { f.Endpoint = "https://" + o.app.Addresses().Public }, "try again", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := own
			f.Source, f.Key = source, filepath.Join(t.TempDir(), "2026-1.key")
			if err := os.WriteFile(f.Key, o.read(filepath.Join(dir, "2026-1.key")), 0o600); err != nil {
				t.Fatal(err)
			}
			c.change(&f)
			feed, err := issuer.OpenFeed(t.Context(), &o.cfg, f, o.clock.Now)
			if err != nil {
				t.Fatal(err)
			}
			feed.Pause, feed.Tries = time.Millisecond, 2
			err = feed.Send(t.Context(), []issuer.FileEvent{issuer.Annulment("DL-1")}, false, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "goes first next time") {
				t.Errorf("%v, want %q", err, c.want)
			}
			// Which of two errors of a closed connection comes first is not ours to say.
			if closed := err != nil && strings.Contains(err.Error(), "connection was closed"); !closed && errors.Is(err, registryclient.ErrTryAgain) != c.again {
				t.Errorf("to be tried again: %v", err)
			}
		})
	}
}

// An address that is none of a list is told from one of no list.
func TestUnknownList(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve()
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	for uri, want := range map[string]string{
		o.cfg.PublicURL + "/status/nothing": "the office has no such list; `issuer status show` names all",
		"AbCd":                              `"AbCd" is no address of a list: ` + "`issuer status show` names all there are, such as " + o.cfg.PublicURL + "/status/ID",
		"http://127.0.0.1:1/status/x":       "is `issuer serve` running? Its address is that of public_url",
	} {
		if _, err := i.Raw(t.Context(), uri, "jwt"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
