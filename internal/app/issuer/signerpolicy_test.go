package issuer_test

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/audit"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// An office finds out in which two files it and its signer differ, before it asks for a
// signature.
func TestSignerHeldToSomethingElse(t *testing.T) {
	o := newOffice(t)
	good := map[string]signer.Office{
		"receipt": {Issuer: o.cfg.PublicURL}, "access": {Issuer: o.cfg.PublicURL},
		"pid": {Issuer: o.cfg.PublicURL, DocTypes: []string{"eu.europa.ec.eudi.pid.1"}, VCTs: []string{"urn:eudi:pid:1"}},
	}
	far := o.cfg
	far.Signers = map[string]issuer.Signer{}
	for name, s := range o.cfg.Signers {
		if _, ok := good[name]; ok {
			s.Key = signer.URI(name)
		}
		far.Signers[name] = s
	}
	for name, tt := range map[string]struct {
		change func(name string, o *signer.Office)
		want   []string // "" of it for none
	}{
		"alike": {func(string, *signer.Office) {}, nil},
		"public_url": {func(_ string, o *signer.Office) { o.Issuer = "https://other.example" },
			[]string{"public_url is " + o.cfg.PublicURL + " in this configuration and https://other.example in that of the signer, /etc/signer.yaml"}},
		"status_prefix":        {func(_ string, o *signer.Office) { o.StatusPrefix = "https://lists.example/" }, []string{"status_prefix is https://lists.example/"}},
		"authorization_server": {func(_ string, o *signer.Office) { o.AuthorizationServer = "https://login.example" }, []string{`authorization_server is "https://login.example"`}},
		"vcts": {func(name string, o *signer.Office) {
			if name == "pid" {
				o.VCTs = []string{"urn:other"}
			}
		}, []string{"keys.pid.vcts does not name it in that of the signer, /etc/signer.yaml: add it there"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := far
			cfg.SignerSocket = o.signerOf(t, good, tt.change)
			err := issuer.CheckState(t.Context(), cfg, o.clock.Now(), rand.Reader)
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("check-config: %v", err)
			}
			found := issuer.DiagnoseClosed(t.Context(), cfg, issuer.Options{Clock: o.clock}, context.Canceled).String()
			for _, want := range tt.want {
				if n := strings.Count(err.Error(), want); n != 1 {
					t.Errorf("check-config says it %d times: %v", n, err)
				}
				if !strings.Contains(found, want) {
					t.Errorf("doctor: %s", found)
				}
			}
			if tt.want == nil && strings.Contains(found, "differ") {
				t.Errorf("doctor: %s", found)
			}
		})
	}
}

// signerOf serves keys of the office by other policies, and gives the socket.
func (o *office) signerOf(t *testing.T, offices map[string]signer.Office, change func(string, *signer.Office)) string {
	t.Helper()
	var held []signer.Key
	for name, office := range offices {
		change(name, &office)
		profile := map[string]pki.Profile{"receipt": pki.ProfileReceiptSigner, "access": pki.ProfileAccess, "pid": pki.ProfileDocumentSignerPID}[name]
		policy, err := signer.PolicyFor(profile, office)
		o.must(err)
		key, err := soft.New(o.cfg.StateDir).Signer(t.Context(), o.cfg.Signers[name].Key)
		o.must(err)
		certs, err := pki.ParsePEM(o.read(o.cfg.Path(o.cfg.Signers[name].Chain)))
		o.must(err)
		k := signer.Key{Name: name, Signer: key, Policy: policy}
		for _, c := range certs {
			k.Chain = append(k.Chain, c.Raw)
		}
		held = append(held, k)
	}
	s, err := signer.New(signer.Config{Keys: held, Audit: new(audit.Memory), Clock: o.clock, Rand: rand.Reader})
	o.must(err)
	server, err := socket.NewServer(socket.Config{Service: s, UIDs: []uint32{uint32(os.Getuid())}, Configuration: "/etc/signer.yaml"})
	o.must(err)
	dir, err := os.MkdirTemp("", "s") // short: a socket lies in it
	o.must(err)
	path := filepath.Join(dir, "s")
	l, err := socket.Listen(path, -1)
	o.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done; os.RemoveAll(dir) })
	return path
}

// Who has keys at the signer process is sent to the token and the ceremony: issuer init
// makes no key there.
func TestRemediesOfKeysAtTheSigner(t *testing.T) {
	c := issuer.Config{Signers: map[string]issuer.Signer{"mdl": {Key: "signer:key=mdl"}, "pid": {Key: "soft:path=keys/pid.key"}}}
	for _, text := range c.Remedies("mdl") {
		if strings.Contains(text, "issuer init") || !strings.Contains(text, "signer key create") || !strings.Contains(text, "docs/KEYS.md") {
			t.Errorf("at the signer: %s", text)
		}
	}
	for _, text := range c.Remedies("pid") {
		if !strings.Contains(text, "issuer init --add") {
			t.Errorf("in a file: %s", text)
		}
	}
}
