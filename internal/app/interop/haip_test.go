//go:build interop

package interop

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/app/wallet"
)

// visitor is a person with a browser: it reads what our wallet prints, opens the
// address in it, logs in as P-1, agrees, and goes where it is sent.
type visitor struct {
	t    *testing.T
	said bytes.Buffer
	done chan struct{}
	stop context.CancelFunc
}

// accept lets our wallet take up an offer, with somebody at the browser.
func accept(t *testing.T, cfg wallet.AcceptConfig) (kept string, v *visitor, err error) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	v = &visitor{t: t, stop: stop}
	var out bytes.Buffer
	err = wallet.Accept(ctx, cfg, &out, v)
	if v.done != nil {
		<-v.done
	}
	return out.String(), v, err
}

func (v *visitor) Write(p []byte) (int, error) {
	v.said.Write(p)
	if _, address, ok := strings.Cut(string(p), "open in a browser: "); ok {
		v.done = make(chan struct{})
		go v.visit(strings.TrimSpace(address))
	}
	return len(p), nil
}

var (
	formTag  = regexp.MustCompile(`(?s)<form([^>]*)>.*?</form>`)
	action   = regexp.MustCompile(`action="([^"]*)"`)
	inputTag = regexp.MustCompile(`<(?:input|button)[^>]*>`)
	nameAttr = regexp.MustCompile(`name="([^"]*)"`)
	valAttr  = regexp.MustCompile(`value="([^"]*)"`)
)

// visit submits the first form of each page until no page has one.
func (v *visitor) visit(address string) {
	defer close(v.done)
	defer func() {
		if v.t.Failed() {
			v.stop() // nobody comes back
		}
	}()
	jar, err := cookiejar.New(nil)
	if err != nil {
		v.t.Error(err)
		return
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	resp, err := client.Get(address)
	for range 6 {
		if err != nil {
			v.t.Errorf("in the browser: %v", err)
			return
		}
		var page []byte
		page, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			v.t.Errorf("in the browser: %s %v: %.300s", resp.Status, err, page)
			return
		}
		form := formTag.FindSubmatch(page)
		if form == nil {
			return
		}
		values := url.Values{}
		for _, tag := range inputTag.FindAll(form[0], -1) {
			if name := nameAttr.FindSubmatch(tag); name != nil && !values.Has(string(name[1])) {
				value := valAttr.FindSubmatch(tag)
				if value == nil {
					value = [][]byte{nil, nil}
				}
				values.Set(string(name[1]), string(value[1]))
			}
		}
		if values.Has("person") {
			values.Set("person", "P-1")
		}
		target := resp.Request.URL
		if m := action.FindSubmatch(form[1]); m != nil {
			if target, err = target.Parse(strings.ReplaceAll(string(m[1]), "&amp;", "&")); err != nil {
				v.t.Error(err)
				return
			}
		}
		if bytes.Contains(form[1], []byte(`method="post"`)) {
			resp, err = client.PostForm(target.String(), values)
		} else {
			resp, err = client.Get(target.String() + "?" + values.Encode())
		}
	}
	v.t.Error("the pages do not end")
}

// haipOffice lets in only what HAIP asks for: attested wallets, and their proofs
// repeat its nonces and challenges.
func haipOffice(t *testing.T) (o *office, provider string) {
	t.Helper()
	provider = filepath.Join(t.TempDir(), "provider")
	var printed bytes.Buffer
	if err := wallet.MakeProvider(provider, time.Now(), &printed); err != nil {
		t.Fatal(err)
	}
	return openOffice(t, func(c *issuer.Config, _ string) {
		c.Wallets.Attesters = []string{strings.TrimSpace(printed.String())}
		c.Wallets.Challenges, c.Wallets.DPoPNonces = true, true
	}), provider
}

// Our own wallet as HAIP 1.0 has it: an offer for a login, a pushed request, PKCE,
// DPoP with nonces, wallet attestation with challenges, attested keys in batches,
// both ways encrypted; and the same with a pre-authorized code.
func TestWalletHAIP(t *testing.T) {
	t.Parallel()
	o, provider := haipOffice(t)
	anchors := t.TempDir()
	iaca, err := os.ReadFile(o.iaca())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(anchors, "iaca.pem"), iaca, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *wallet.AcceptConfig){
		"login": func(c *wallet.AcceptConfig) { c.Offer = o.invitation("mdl", "pid-mdoc", "pid-sd-jwt") },
		"login instead of the code": func(c *wallet.AcceptConfig) {
			c.Offer, c.Login = o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt").URI, true
		},
		"code": func(c *wallet.AcceptConfig) {
			offer := o.offer("P-1", "mdl", "pid-mdoc", "pid-sd-jwt")
			c.Offer, c.TxCode = offer.URI, offer.TxCode
		},
	} {
		t.Run(name, func(t *testing.T) {
			o.t = t
			cfg := wallet.AcceptConfig{
				Connection: wallet.Connection{Dir: filepath.Join(t.TempDir(), "wallet"), ProviderDir: provider, InsecureLoopback: true, TrustDir: anchors},
				Encrypt:    true, Copies: 20,
			}
			change(&cfg)
			kept, v, err := accept(t, cfg)
			if err != nil {
				t.Fatalf("%v\n%s", err, v.said.String())
			}
			if n := strings.Count(kept, "\t20 copies\t"); n != 3 {
				t.Errorf("kept %d batches of 20, want 3:\n%s%s", n, kept, v.said.String())
			}
			if said := v.said.String(); !strings.Contains(said, "attested by the wallet provider") || (v.done != nil) != (name != "code") {
				t.Errorf("the steps:\n%s", said)
			}
		})
	}
}

// Who is attested by a stranger gets nothing.
func TestWalletHAIPRefused(t *testing.T) {
	t.Parallel()
	o, _ := haipOffice(t)
	stranger := filepath.Join(t.TempDir(), "stranger")
	if err := wallet.MakeProvider(stranger, time.Now(), io.Discard); err != nil {
		t.Fatal(err)
	}
	kept, v, err := accept(t, wallet.AcceptConfig{
		Connection: wallet.Connection{Dir: filepath.Join(t.TempDir(), "wallet"), ProviderDir: stranger, InsecureLoopback: true}, Offer: o.invitation("mdl"),
	})
	if err == nil || !strings.Contains(err.Error(), "invalid_client") || kept != "" || v.done != nil {
		t.Errorf("attested by a stranger: %v %s", err, kept)
	}
}
