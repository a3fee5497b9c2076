//go:build interop

package interop

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/idp"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

const loginCallback = "https://issuer.example/login/callback"

// openProvider starts a real OpenID provider and gives its issuer.
func openProvider(t *testing.T, options map[string]any) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "testdata", "interop", "oidc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("%s has no node_modules: run ./t.sh interop, which installs them", dir)
	}
	options["redirect"] = loginCallback
	arg, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "node", "provider.mjs", string(arg))
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	issuer, ended := make(chan string, 1), make(chan struct{})
	var said []string // read when the program has ended
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		if lines.Scan() {
			issuer <- lines.Text()
		}
		close(issuer)
		for lines.Scan() {
			said = append(said, lines.Text())
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the provider said:\n%s", strings.Join(said, "\n"))
		}
	})
	at, ok := <-issuer
	if !ok || !strings.HasPrefix(at, "http://127.0.0.1:") {
		t.Fatalf("the provider did not start: %q", at)
	}
	return at
}

// browse goes where a browser would, until it comes back to us.
func browse(t *testing.T, at string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for range 12 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		next, err := resp.Location()
		if err != nil {
			t.Fatalf("%s answers %s", at, resp.Status)
		}
		if strings.HasPrefix(next.String(), loginCallback+"?") {
			return next.Query()
		}
		at = next.String()
	}
	t.Fatal("the provider sends the browser round in a circle")
	return nil
}

// logIn goes through a whole login.
func logIn(t *testing.T, issuer string, change func(*idp.Config)) (idp.Login, error) {
	t.Helper()
	cfg := idp.Config{
		Issuer: issuer, ClientID: "office", Secret: officeSecret, RedirectURL: loginCallback, ACRs: []string{"urn:example:loa:high"},
		PersonClaim: "person_number", AllowLoopback: true, Clock: clock.System{}, Rand: rand.Reader,
	}
	if change != nil {
		change(&cfg)
	}
	u, err := idp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	redirect, state, err := u.Begin(t.Context(), idp.Start{Return: "/", Locales: []string{"lb"}})
	if err != nil {
		t.Fatal(err)
	}
	return u.Finish(t.Context(), browse(t, redirect), state)
}

const officeSecret = "a secret of the office"

// The login of a state, played by a provider that others wrote.
func TestLogin(t *testing.T) {
	t.Parallel()
	for name, claims := range map[string]bool{"with the claims parameter": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			login, err := logIn(t, openProvider(t, map[string]any{"secret": officeSecret, "claims": claims}), nil)
			if err != nil {
				t.Fatal(err)
			}
			if login.Person != "P1" || login.Name != "Erika Dvorak" || login.ACR != "urn:example:loa:high" || time.Since(login.At).Abs() > time.Hour {
				t.Errorf("%+v", login)
			}
		})
	}
	t.Run("with a key", func(t *testing.T) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		jwk, err := jose.MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		login, err := logIn(t, openProvider(t, map[string]any{"jwk": json.RawMessage(jwk)}), func(c *idp.Config) { c.Secret, c.Key = "", key })
		if err != nil || login.Person != "P1" {
			t.Errorf("%+v, %v", login, err)
		}
	})
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options map[string]any
		change  func(*idp.Config)
		kind    problem.Kind
	}{
		"cancelled":                 {map[string]any{"cancel": true}, nil, problem.AccessDenied},
		"level too low, and said":   {map[string]any{"acr": "urn:example:loa:low"}, nil, problem.AccessDenied},
		"level too low, and silent": {map[string]any{"acr": "urn:example:loa:low", "claims": false}, nil, problem.AccessDenied},
		"nobody of the registry":    {map[string]any{"person": "", "claims": false}, nil, problem.AccessDenied},
		"another secret":            {map[string]any{}, func(c *idp.Config) { c.Secret = "guessed" }, problem.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			c.options["secret"] = officeSecret
			_, err := logIn(t, openProvider(t, c.options), c.change)
			if err == nil || problem.KindOf(err) != c.kind {
				t.Errorf("%v, want %s", err, c.kind)
			}
			if errors.Is(err, idp.ErrCancelled) != (name == "cancelled") {
				t.Errorf("%v: cancelled or not?", err)
			}
		})
	}
}
