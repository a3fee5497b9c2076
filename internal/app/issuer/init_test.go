package issuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/store/bolt"
)

func TestInit(t *testing.T) {
	o := newOffice(t)
	var secret int
	err := filepath.WalkDir(o.cfg.StateDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		switch {
		case d.IsDir():
			want = 0o700
		case filepath.Ext(path) == ".pem":
			want = 0o644 // certificates and public keys, in folders of mode 0700
		case strings.HasSuffix(path, ".new"):
			t.Errorf("%s was left behind", path)
		default:
			secret++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if secret != 16 { // 4 roots, 8 signers, the sample registry, 2 secrets, the database
		t.Errorf("%d secret files", secret)
	}
	before := snapshot(t, o.cfg.StateDir)
	if _, err := issuer.Init(t.Context(), o.cfg, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "created once") {
		t.Errorf("a second init: %v", err)
	}
	if !slices.Equal(before, snapshot(t, o.cfg.StateDir)) {
		t.Error("a second init has changed the state folder")
	}
}

// snapshot is every file with its content.
func snapshot(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out = append(out, path+"="+string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What failed half-way is finished by the next run, with what is there.
func TestInitAgainAfterFailure(t *testing.T) {
	o := newOffice(t)
	if err := os.Remove(o.cfg.Path("issuer.db")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(o.cfg.Path("certs/ds-pid.pem")); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, o.cfg.StateDir)
	made, err := issuer.Init(t.Context(), o.cfg, start, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{o.cfg.Path("certs/ds-pid.pem"), o.cfg.Path("issuer.db")}; !slices.Equal(made.Paths, want) {
		t.Errorf("made %v", made.Paths)
	}
	after := snapshot(t, o.cfg.StateDir)
	for _, f := range before {
		if !slices.Contains(after, f) {
			t.Errorf("init has changed %s", strings.SplitN(f, "=", 2)[0])
		}
	}
	o.serve()
}

// A signer that was added, or renewed under another name, is made for an
// office that exists; nothing else is touched.
func TestComplete(t *testing.T) {
	o := newOffice(t)
	before := snapshot(t, o.cfg.StateDir)
	o.add("fishing.yaml", fishing)
	o.cfg.Signers["angler"] = issuer.Signer{Key: "soft:path=keys/angler.key", Chain: "certs/angler.pem"}
	o.cfg.Signers["mdl"] = issuer.Signer{Key: "soft:path=keys/ds-mdl-2.key", Chain: "certs/ds-mdl-2.pem"}
	made, err := issuer.Complete(t.Context(), o.cfg, start, rand.Reader)
	o.must(err)
	if len(made.Paths) != 4 {
		t.Errorf("made %v", made.Paths)
	}
	after := snapshot(t, o.cfg.StateDir)
	for _, f := range before {
		if !slices.Contains(after, f) {
			t.Errorf("it has changed %s", strings.SplitN(f, "=", 2)[0])
		}
	}
	o.serve()
	o.cfg.StateDir = filepath.Join(t.TempDir(), "none")
	if _, err := issuer.Complete(t.Context(), o.cfg, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "no office to complete") {
		t.Errorf("without an office: %v", err)
	}
}

func TestInitRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	cfg, err := issuer.DevOnFreePorts(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := issuer.Init(t.Context(), cfg, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("an open folder: %v", err)
	}
	cfg.Authority.Country = "Utopia"
	if _, err := issuer.Init(t.Context(), cfg, start, rand.Reader); err == nil || !strings.Contains(err.Error(), "authority.country") {
		t.Errorf("a bad configuration: %v", err)
	}
}

// An office whose roots live elsewhere gets requests, and serves once the
// certificates are in place.
func TestInitWithoutRootKeys(t *testing.T) {
	o := newOffice(t, func(c *issuer.Config) { c.IACA.Key, c.OperationsCA.Key = "", "" })
	if _, err := o.new(); err == nil || !strings.Contains(err.Error(), "iaca.pem") {
		t.Errorf("without certificates it starts: %v", err)
	}
	// The state signs the requests on another machine: here, with the world's
	// own roots in another folder.
	elsewhere := soft.New(filepath.Join(t.TempDir(), "elsewhere"))
	for _, r := range []struct {
		root    issuer.Root
		profile pki.Profile
		signers []string
	}{
		{o.cfg.IACA, pki.ProfileIACA, []string{"mdl", "pid", "status"}},
		{o.cfg.OperationsCA, pki.ProfileOperationsCA, []string{"receipt", "checkpoint", "console", "bundle"}},
	} {
		key, err := elsewhere.Create(t.Context(), "soft:path="+string(r.profile)+".key", elliptic.P384())
		o.must(err)
		subject := pki.Name{Country: "UT", Organization: "State of Utopia", CommonName: "Utopia " + string(r.profile)}
		root, err := pki.Build(pki.Template{
			Profile: r.profile, Subject: subject, NotBefore: start.AddDate(0, -1, 0), NotAfter: start.AddDate(8, 0, 0),
			IssuerAltName: "https://utopia.example", CRLDistributionPoint: "https://utopia.example/crl",
		}, nil, key, rand.Reader)
		o.must(err)
		o.must(os.WriteFile(o.cfg.Path(r.root.Certificate), pki.EncodePEM(root), 0o644))
		for _, name := range r.signers {
			chain := o.cfg.Path(o.cfg.Signers[name].Chain)
			block, _ := pem.Decode(o.read(chain + ".csr"))
			csr, err := x509.ParseCertificateRequest(block.Bytes)
			o.must(err)
			o.must(csr.CheckSignature())
			tpl := pki.Template{
				Profile: map[string]pki.Profile{"mdl": pki.ProfileDocumentSignerMDL, "pid": pki.ProfileDocumentSignerPID, "status": pki.ProfileStatusSigner, "receipt": pki.ProfileReceiptSigner, "checkpoint": pki.ProfileCheckpointSigner, "console": pki.ProfileRegistrySource, "bundle": pki.ProfileBundleSigner}[name],
				Subject: pki.Name{Country: csr.Subject.Country[0], Organization: csr.Subject.Organization[0], CommonName: csr.Subject.CommonName},
				Public:  csr.PublicKey, NotBefore: start.AddDate(0, 0, -1), NotAfter: start.AddDate(0, 6, 0), DNSNames: csr.DNSNames,
				IssuerAltName: "https://utopia.example", CRLDistributionPoint: "https://utopia.example/crl",
			}
			for _, u := range csr.URIs {
				tpl.URIs = append(tpl.URIs, u.String())
			}
			cert, err := pki.Build(tpl, root, key, rand.Reader)
			o.must(err)
			o.must(os.WriteFile(chain, pki.EncodePEM(cert), 0o644))
		}
	}
	o.serve().people()
}

// TestStartRefused spoils one thing of a good office at a time.
func TestStartRefused(t *testing.T) {
	replace := func(from, to string) func(*office) {
		return func(o *office) { o.must(os.WriteFile(o.cfg.Path(to), o.read(o.cfg.Path(from)), 0o600)) }
	}
	tests := []struct {
		name  string
		spoil func(*office)
		want  []string
	}{
		{"no state", func(o *office) { o.must(os.RemoveAll(o.cfg.StateDir)) }, []string{"does not exist", "issuer init"}},
		{"no database", func(o *office) { o.must(os.Remove(o.cfg.Path("issuer.db"))) }, []string{"issuer.db does not exist", "issuer init"}},
		{"no key", func(o *office) { o.must(os.Remove(o.cfg.Path("keys/ds-mdl.key"))) }, []string{"signers.mdl", "ds-mdl.key"}},
		{"key of another", replace("keys/ds-pid.key", "keys/ds-mdl.key"), []string{"signers.mdl", "key does not sign for its certificate"}},
		{"key for all to read", func(o *office) { o.must(os.Chmod(o.cfg.Path("keys/status.key"), 0o644)) }, []string{"signers.status", "chmod 600"}},
		{"no certificate", func(o *office) { o.must(os.Remove(o.cfg.Path("certs/status.pem"))) }, []string{"signers.status", "status.pem"}},
		{"certificate of another purpose", replace("certs/status.pem", "certs/ds-mdl.pem"), []string{"signers.mdl", "does not conform to document-signer-mdl", "1.0.18013.5.1.2"}},
		{"root in the chain", func(o *office) {
			o.must(os.WriteFile(o.cfg.Path("certs/ds-pid.pem"), append(o.read(o.cfg.Path("certs/ds-pid.pem")), o.read(o.cfg.Path("certs/iaca.pem"))...), 0o644))
		}, []string{"signers.pid", "anchors never travel"}},
		{"root of another", replace("certs/operations-ca.pem", "certs/iaca.pem"), []string{"iaca", "does not conform to iaca"}},
		{"expired", func(o *office) { o.clock.Advance(451 * 24 * time.Hour) }, []string{"signers.receipt", "signers.status", "expired"}},
		{"not yet valid", func(o *office) { o.clock.Advance(-48 * time.Hour) }, []string{"signers.receipt", "signers.status", "not-yet-valid"}},
		{"no secret", func(o *office) { o.must(os.Remove(o.cfg.Path("secrets/service.key"))) }, []string{"service.key", "issuer init"}},
		{"secret for all to read", func(o *office) { o.must(os.Chmod(o.cfg.Path("secrets/office.token"), 0o640)) }, []string{"office.token", "chmod 600"}},
		{"short secret", func(o *office) { o.must(os.WriteFile(o.cfg.Path("secrets/service.key"), []byte("abcd\n"), 0o600)) }, []string{"service.key", "32 bytes"}},
		{"another public URL", func(o *office) { o.cfg.PublicURL = "https://other.example" }, []string{"pid-sd-jwt", "public_url"}},
		{"unknown signer", func(o *office) { o.add("fishing.yaml", fishing) }, []string{"configuration fishing", `"angler"`, "signers.angler", "init --add"}},
		{"curve of another", func(o *office) {
			o.add("mdl.yaml", strings.Replace(fishing, "signer: angler", "signer: mdl\nsigning_curve: P-384", 1))
		}, []string{"configuration fishing", "P-384"}},
		{"catalogue that is none", func(o *office) { o.add("x.yaml", "colour: blue\n") }, []string{"x.yaml"}},
		{"source without key", func(o *office) {
			o.cfg.Sources = []issuer.Source{{Issuer: "https://r.example", Keys: []string{"sources/none.pem"}, Events: []string{"person-put"}}}
		}, []string{"source https://r.example", "none.pem"}},
		{"source with a private key", func(o *office) {
			o.cfg.Sources = []issuer.Source{{Issuer: "https://r.example", Keys: []string{"sources/dev-registry.key"}, Events: []string{"person-put"}}}
		}, []string{"source https://r.example", "PRIVATE KEY"}},
		{"port taken", func(o *office) { o.cfg.Listen.Metrics = o.cfg.Listen.Office; o.cfg.Listen.Office = "127.0.0.1:0" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			tt.spoil(o)
			app, err := o.new()
			if tt.want == nil { // the control: a change that does no harm
				if err != nil {
					t.Fatal(err)
				}
				o.must(app.Close())
				o.must(app.Close())
				return
			}
			if err == nil {
				app.Close()
				t.Fatal("it starts")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// fishing is a credential type of the state's own.
const fishing = `
id: fishing
format: mso_mdoc
doctype: org.example.fishing.1
namespace: org.example.fishing.1
scope: fishing
document_type: fishing
signer: angler
display:
  - {locale: en, name: Fishing licence}
elements:
  - {name: family_name, source: person.family_name, type: text, mandatory: true}
  - {name: licence_number, source: document.number, type: text, mandatory: true}
`

func (o *office) add(name, text string) {
	o.t.Helper()
	o.must(os.WriteFile(o.cfg.Path(name), []byte(text), 0o600))
	o.cfg.Catalog = append(o.cfg.Catalog, name)
}

// A development database opens in development alone, and the reverse.
func TestDevAndProductionApart(t *testing.T) {
	t.Parallel()
	dev := newOffice(t)
	dev.cfg = production(t, dev.cfg)
	if _, err := dev.new(); !errors.Is(err, bolt.ErrDev) || !strings.Contains(err.Error(), "with --dev") {
		t.Errorf("a development database without --dev: %v", err)
	}
	prod := newOffice(t, func(c *issuer.Config) { *c = production(t, *c) })
	prod.cfg.Dev = true
	if _, err := issuer.New(t.Context(), prod.cfg, issuer.Options{Clock: prod.clock}); !errors.Is(err, bolt.ErrDev) {
		t.Errorf("an office's database with --dev: %v", err)
	}
}

// Only one process has a state folder.
func TestLocked(t *testing.T) {
	o := newOffice(t).serve()
	second := *o
	free, err := issuer.DevOnFreePorts(o.cfg.StateDir)
	o.must(err)
	second.cfg.Listen = free.Listen
	if _, err := second.new(); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("a second process: %v", err)
	}
}

// A listener that cannot be bound ends the start, and lets go of the state.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	taken, err := o.new()
	o.must(err)
	other := newOffice(t, func(c *issuer.Config) { c.Listen.Metrics = o.cfg.Listen.Metrics })
	if _, err := other.new(); err == nil || !strings.Contains(err.Error(), "perhaps another office: end it, or name another port in listen.metrics") {
		t.Errorf("a taken port: %v", err)
	}
	o.must(taken.Close())
	other.serve()
}

func TestRunEndsByContext(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	app, err := o.new()
	o.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := app.Run(ctx); err != nil {
		t.Errorf("a clean end: %v", err)
	}
	o.serve() // port and lock are free again
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
