//go:build interop && more

package interop

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
)

// behindTLS is an office behind a proxy with TLS, which these libraries insist
// on, and the PEM file of the proxy's certificate.
func behindTLS(t *testing.T) (o *office, ca string) {
	t.Helper()
	var target url.URL
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&target)
		r.SetXForwarded()
	}})
	t.Cleanup(proxy.Close)
	ca = filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	o = openOffice(t, func(c *issuer.Config, _ string) {
		target = url.URL{Scheme: "http", Host: c.Listen.Public}
		c.PublicURL = proxy.URL
		c.TrustedProxies = []string{"127.0.0.1/32"}
	})
	return o, ca
}

// peer runs a program that `./t.sh interop-more` built into bin, or that the
// machine has, and gives what it printed.
func (o *office) peer(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(o.t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(out), err
}

func top(t *testing.T, parts ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "..", ".."}, parts...)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s is missing: run ./t.sh interop-more, which makes it", path)
	}
	return path
}

var everything = []string{"mdl", "pid-mdoc", "pid-sd-jwt"}

func wantOK(t *testing.T, printed string, err error, lines ...string) {
	t.Helper()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(printed), "RESULT ok") {
		t.Fatalf("%v, not RESULT ok:\n%s", err, tail(printed))
	}
	for _, want := range lines {
		if !strings.Contains(printed, want) {
			t.Errorf("no %q in\n%s", want, tail(printed))
		}
	}
}

// A wallet of libraries from PyPI fetches everything and checks it.
func TestPython(t *testing.T) {
	o, ca := behindTLS(t)
	python, program := top(t, "bin", "python", "bin", "python"), top(t, "testdata", "interop", "python", "wallet.py")
	offer := o.offer("P-1", everything...)
	args := []string{program, "--offer", offer.URI, "--tx-code", offer.TxCode, "--ca", ca, "--trust", o.iaca(), "--batch", "5"}
	printed, err := o.peer(python, args...)
	wantOK(t, printed, err, "credential mdl ", "credential pid-mdoc ", "credential pid-sd-jwt ")
	if printed, err := o.peer(python, args...); err == nil || !strings.Contains(printed, "invalid_grant") {
		t.Errorf("the same offer again: %v\n%s", err, tail(printed))
	}
}

// The wallet library of the EU reference implementation fetches batches of
// everything; what it got is checked by the verifier of the npm libraries.
func TestJVM(t *testing.T) {
	o, ca := behindTLS(t)
	jars := top(t, "bin", "jvm")
	path := filepath.Join(jars, "jvm-peer-1.jar") + ":" + filepath.Join(jars, "lib", "*")
	offer, out := o.offer("P-1", everything...), t.TempDir()
	args := []string{"-cp", path, "WalletKt", offer.URI, offer.TxCode, ca, "5", out}
	printed, err := o.peer("java", args...)
	wantOK(t, printed, err, "token dpop true", "credential mdl 5", "credential pid-mdoc 5", "credential pid-sd-jwt 5")
	for name, docType := range map[string]string{"mdl-0": "org.iso.18013.5.1.mDL", "pid-mdoc-4": "eu.europa.ec.eudi.pid.1"} {
		o.node("node", "verify.mjs", "--issuer-signed", filepath.Join(out, name), "--doctype", docType, "--trust", o.iaca())
	}
	o.node("node", "verify.mjs", "--sd-jwt", filepath.Join(out, "pid-sd-jwt-2"), "--trust", o.iaca())
	if printed, err := o.peer("java", args...); err == nil || !strings.Contains(printed, "invalid_grant") {
		t.Errorf("the same offer again: %v\n%s", err, tail(printed))
	}
}

// isomdl reads and verifies the mdocs.
func TestRust(t *testing.T) {
	o := openOffice(t)
	peer := top(t, "bin", "rust", "debug", "rust-peer")
	for configuration, docType := range map[string]string{"mdl": "org.iso.18013.5.1.mDL", "pid-mdoc": "eu.europa.ec.eudi.pid.1"} {
		file := filepath.Join(t.TempDir(), configuration)
		if err := os.WriteFile(file, []byte(o.fetchForeign("P-1", configuration).Credential), 0o600); err != nil {
			t.Fatal(err)
		}
		printed, err := o.peer(peer, o.iaca(), docType, file)
		wantOK(t, printed, err, "mdoc "+docType)
		if printed, err := o.peer(peer, filepath.Join(o.pki, "iaca.pem"), docType, file); docType == "org.iso.18013.5.1.mDL" && err == nil {
			t.Errorf("under the root of another state: %s", tail(printed))
		}
	}
}
