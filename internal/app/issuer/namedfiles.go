package issuer

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vidimus/internal/pki"
)

// namedFile is a file that a configuration names and the office reads.
type namedFile struct {
	key, path string
	made      bool   // by issuer init
	remedy    string // for one that is not there; "" has none but to put it there
}

// certificateFiles are those of the roots and signers.
func (c *Config) certificateFiles() []namedFile {
	var out []namedFile
	for _, r := range []struct {
		key  string
		root Root
	}{{"iaca", c.IACA}, {"operations_ca", c.OperationsCA}, {"access_ca", c.AccessCA}} {
		f := namedFile{key: r.key + ".certificate", path: r.root.Certificate, made: r.root.Key != "", remedy: "run `issuer init` (in an office that exists `issuer init --add`)"}
		if !f.made {
			f.remedy = "this root is kept elsewhere (" + r.key + ".key is empty): put its certificate there"
		}
		out = append(out, f)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		key, root := "iaca", c.IACA
		switch p := c.profile(name); {
		case internal(p):
			key, root = "operations_ca", c.OperationsCA
		case p == pki.ProfileAccess:
			key, root = "access_ca", c.AccessCA
		}
		for _, g := range c.generations(name) {
			f := namedFile{key: g.label + ".chain", path: g.Chain, made: root.Key != "", remedy: "run `issuer init` (in an office that exists `issuer init --add`)"}
			switch request := c.Path(g.Chain) + ".csr"; {
			case f.made:
			case exists(request):
				f.remedy = "have " + request + " signed by the root of " + key + ", and put the certificate there"
			default:
				f.remedy = "`issuer init` (in an office that exists `issuer init --add`) makes a request for the root of " + key + " beside it; put the certificate there"
			}
			out = append(out, f)
		}
	}
	return out
}

// otherFiles are those that nobody but the operator brings.
func (c *Config) otherFiles() []namedFile {
	var out []namedFile
	add := func(key, path string) { out = append(out, namedFile{key: key, path: path}) }
	each := func(key string, paths []string) {
		for i, p := range paths {
			add(fmt.Sprintf("%s[%d]", key, i), p)
		}
	}
	if !c.Dev {
		c.RegistryTLS.files("registry_tls", add)
	}
	if c.hasConsole() {
		c.Console.TLS.files("console.tls", add)
	}
	for i, s := range c.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		each(key+".keys", s.Keys)
		add(key+".webhook_roots", s.WebhookRoots)
	}
	each("catalog", c.Catalog)
	add("effects", c.Effects)
	for i, root := range c.Rollover.Also {
		add(fmt.Sprintf("rollover.also[%d]", i), root.Certificate)
	}
	each("rollover.links", c.Rollover.Links)
	each("wallets.attesters", c.Wallets.Attesters)
	for i, l := range c.Wallets.TrustedLists {
		key := fmt.Sprintf("wallets.trusted_lists[%d]", i)
		if !l.remote() {
			add(key+".source", l.Source)
		}
		each(key+".signers", l.Signers)
	}
	add("wallets.roots", c.Wallets.Roots)
	add("authorization_server.roots", c.AuthorizationServer.Roots)
	add("login.secret_file", c.Login.SecretFile)
	add("login.roots", c.Login.Roots)
	add("metadata.logo", c.Metadata.Logo)
	for _, id := range slices.Sorted(maps.Keys(c.Metadata.Logos)) {
		add("metadata.logos."+id, c.Metadata.Logos[id])
	}
	each("metadata.registration_certificates", c.Metadata.RegistrationCertificates)
	add("notices.webhook_roots", c.Notices.Roots)
	add("notices.mail.password_file", c.Notices.Mail.PasswordFile)
	add("notices.mail.roots", c.Notices.Mail.Roots)
	each("audit.earlier", c.Audit.Earlier)
	return out
}

func (t TLS) files(key string, add func(key, path string)) {
	add(key+".certificate", t.Certificate)
	add(key+".key", t.Key)
	add(key+".client_ca", t.ClientCA)
	add(key+".crl", t.CRL)
}

// missing names every file that is not there, joined: key, path and remedy.
func (c *Config) missing(files []namedFile) error {
	var errs []error
	for _, f := range files {
		if f.path == "" {
			continue
		}
		path := c.Path(f.path)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			continue // whatever else is wrong, who opens it says so
		}
		if f.remedy == "" {
			f.remedy = "put it there, or correct the path"
		}
		errs = append(errs, fmt.Errorf("%s: %s: %w: %s", f.key, path, fs.ErrNotExist, f.remedy))
	}
	return errors.Join(errs...)
}

// BeforeInit says of an office whose state folder is not there yet which files
// the operator still has to bring: wrong are those elsewhere, later names, a line
// each, those that go into the folder once issuer init has made it.
func (c *Config) BeforeInit() (later []string, wrong error) {
	var elsewhere []namedFile
	for _, f := range append(c.certificateFiles(), c.otherFiles()...) {
		path := c.Path(f.path)
		in, err := filepath.Rel(c.StateDir, path)
		switch {
		case f.path == "" || f.made:
		case err == nil && filepath.IsLocal(in):
			line := f.key + ": " + path
			if f.remedy != "" {
				line += ": " + f.remedy
			}
			later = append(later, line)
		default:
			elsewhere = append(elsewhere, f)
		}
	}
	return later, c.missing(elsewhere)
}
