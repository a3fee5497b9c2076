//go:build interop

package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
)

// webAuthority makes a private CA and a server certificate of it for this machine.
func webAuthority(t *testing.T) (caFile string, server tls.Certificate) {
	t.Helper()
	var certs [2]*x509.Certificate
	var keys [2]*ecdsa.PrivateKey
	for i := range certs {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: []string{"Private web CA", "gateway"}[i]},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: i == 0,
		}
		parent, signer := c, key
		if i == 0 {
			c.KeyUsage = x509.KeyUsageCertSign
		} else {
			c.ExtKeyUsage, c.IPAddresses = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []net.IP{net.IPv4(127, 0, 0, 1)}
			parent, signer = certs[0], keys[0]
		}
		raw, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		if certs[i], err = x509.ParseCertificate(raw); err != nil {
			t.Fatal(err)
		}
		keys[i] = key
	}
	caFile = filepath.Join(t.TempDir(), "web-ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs[0].Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return caFile, tls.Certificate{Certificate: [][]byte{certs[1].Raw}, PrivateKey: keys[1]}
}

// openGateway makes an office whose wallets come through a web server with TLS
// under a private CA, on which it has only the paths below prefix and its
// well-known ones: all others are another site's.
func openGateway(t *testing.T, prefix string, change ...func(c *issuer.Config, pki string)) *office {
	t.Helper()
	caFile, certificate := webAuthority(t)
	var backend *httputil.ReverseProxy
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := strings.HasPrefix(r.URL.Path, prefix+"/")
		for _, name := range []string{"openid-credential-issuer", "oauth-authorization-server"} {
			own = own || r.URL.Path == "/.well-known/"+name+prefix
		}
		if !own {
			http.Error(w, "another site", http.StatusNotFound)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	o := openOffice(t, append([]func(*issuer.Config, string){func(c *issuer.Config, _ string) {
		backend = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: c.Listen.Public})
		backend.ErrorLog = log.New(io.Discard, "", 0)
		c.PublicURL, c.TrustedProxies = "https://"+server.Listener.Addr().String()+prefix, []string{"127.0.0.1/32"}
	}}, change...)...)
	o.env = append(o.env, "NODE_EXTRA_CA_CERTS="+caFile)
	return o
}

// Foreign wallets come over https, with a CA that they were told of, to an office
// that has a whole host and to one that has a path on somebody else's.
func TestForeignWalletBehindProxy(t *testing.T) {
	t.Parallel()
	for name, prefix := range map[string]string{"a host": "", "a path": "/office/utopia"} {
		t.Run(name, func(t *testing.T) {
			o := openGateway(t, prefix, func(c *issuer.Config, pki string) { c.Wallets.Attesters = []string{filepath.Join(pki, "walletca.pem")} })
			for mode, args := range map[string][]string{
				"a login":            {"--batch", "2"},
				"a login, attested":  {"--attest", "--key-attestation", "--encrypt", "--encrypt-request"},
				"the library before": {"--lib", "0.4.6"},
			} {
				t.Run(mode, func(t *testing.T) {
					o.t = t
					o.fetches(append([]string{"--offer", o.invitation("mdl", "pid-mdoc", "pid-sd-jwt"), "--form", "person=P-1", "--status"}, args...)...)
				})
			}
			t.Run("a code", func(t *testing.T) {
				o.t = t
				offer, out := o.offer("P-2", "mdl", "pid-sd-jwt"), t.TempDir()
				o.fetches("--offer", offer.URI, "--tx-code", offer.TxCode, "--status", "--out", out)
				var c credential
				data, err := os.ReadFile(filepath.Join(out, "pid-sd-jwt-0.json"))
				if err == nil {
					err = json.Unmarshal(data, &c)
				}
				if err != nil {
					t.Fatal(err)
				}
				if payload := decodePayload(t, c.Credential); !strings.Contains(payload, `"iss":"`+o.cfg.PublicURL+`"`) {
					t.Errorf("the copy names another issuer than %s: %s", o.cfg.PublicURL, payload)
				}
			})
			t.Run("by reference", func(t *testing.T) {
				o.t = t
				offer := o.offer("P-3", "mdl")
				o.fetches("--offer", offer.Reference, "--tx-code", offer.TxCode)
			})
			t.Run("another CA", func(t *testing.T) {
				o.t = t
				stranger := *o
				stranger.env = nil
				if out, err := stranger.tryNode("node", "wallet.mjs", "--offer", o.invitation("mdl"), "--form", "person=P-1"); err == nil || !strings.Contains(out, "certificate") {
					t.Errorf("%v\n%s", err, tail(out))
				}
			})
		})
	}
}
