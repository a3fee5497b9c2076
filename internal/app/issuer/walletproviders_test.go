package issuer_test

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
	"vidimus/internal/statuslist"
)

// tries says whether a wallet gets as far as to log in.
func (u *walletUnit) tries(want int, why string) {
	u.t.Helper()
	u.clock.Advance(11 * time.Second) // a list that could not be read is left alone for a while
	u.challenge, u.mayWait = "", want == http.StatusServiceUnavailable
	if r := u.pushes(); r.status != want {
		u.t.Errorf("%s: %d %.200s, want %d", why, r.status, r.body, want)
	}
}

// A provider that is trusted speaks of its own attestations alone: neither does
// another sign what became of them, nor does it name the list of another.
func TestStatusOfAnotherProvider(t *testing.T) {
	t.Parallel()
	other := newAuthority(t, t.TempDir(), "other")
	o, ca := haip(t, func(c *issuer.Config) {
		c.Wallets.Attesters = append(c.Wallets.Attesters, filepath.Join(t.TempDir(), "other.pem"))
		write(t, c.Wallets.Attesters[1], "CERTIFICATE", other.cert.Raw)
	})
	o.serve().people()
	p := newWalletProvider(o, ca)
	u, others := o.phone(ca), o.phone(other)
	u.attest, others.attest = p.status(1), p.status(2)
	p.does(func() { p.signer = other })
	u.tries(http.StatusServiceUnavailable, "signed by another provider")
	others.tries(http.StatusCreated, "its own attestations")
	p.does(func() { p.signer = ca })
	u.tries(http.StatusCreated, "signed by its provider")
	p.clock.Advance(3 * time.Hour)
	others.tries(http.StatusServiceUnavailable, "names the list of another provider")
	// A list that the other had put in the place of this one keeps no newer out.
	p.does(func() { p.signer, p.issued = other, -30*time.Second })
	others.tries(http.StatusCreated, "dated ahead by as much as a clock may be")
	p.does(func() { p.signer, p.issued = ca, 0 })
	p.revokes(1)
	p.clock.Advance(6 * time.Minute)
	u.tries(http.StatusUnauthorized, "revoked")
}

// below is an authority of that name below this one.
func (a authority) below(name string) authority {
	a.t.Helper()
	key := newKey(a.t)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name),
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return authority{a.t, &tlsEntity{cert, key}}
}

// Two providers below one root are told apart by certificates of their own, named in
// the place of the root.
func TestProvidersBelowOneRoot(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, t.TempDir(), "root")
	first, second := root.below("first"), root.below("second")
	o, _ := haip(t, func(c *issuer.Config) {
		dir := t.TempDir()
		c.Wallets.Attesters = []string{filepath.Join(dir, "first.pem"), filepath.Join(dir, "second.pem")}
		write(t, c.Wallets.Attesters[0], "CERTIFICATE", first.cert.Raw)
		write(t, c.Wallets.Attesters[1], "CERTIFICATE", second.cert.Raw)
	})
	o.serve().people()
	p := newWalletProvider(o, first)
	u, stranger := o.phone(first), o.phone(root)
	u.attest = p.status(1)
	p.does(func() { p.signer = second })
	u.tries(http.StatusServiceUnavailable, "signed by the other one")
	p.does(func() { p.signer = first })
	u.tries(http.StatusCreated, "signed by its own")
	stranger.tries(http.StatusUnauthorized, "of the root, which is not named")
}

// The same where providers stand on a list: each has its own publisher.
func TestStatusOfAnotherEntity(t *testing.T) {
	t.Parallel()
	name := func(s string) authority { return newAuthority(t, t.TempDir(), s) }
	first, second := name("first"), name("second")
	list := newListOperator(t, first, second)
	list.revokers = []authority{name("first-publisher"), name("second-publisher")}
	file := filepath.Join(t.TempDir(), "list.jws")
	if err := os.WriteFile(file, []byte(list.list()), 0o600); err != nil {
		t.Fatal(err)
	}
	o, _ := haip(t, list.config(file))
	o.serve().people()
	p := newWalletProvider(o, first)
	u := o.phone(first)
	u.attest = p.status(1)
	for _, s := range []struct {
		signer authority
		want   int
	}{
		{list.revokers[1], http.StatusServiceUnavailable},
		{second, http.StatusServiceUnavailable},
		{first, http.StatusCreated},
		{list.revokers[0], http.StatusCreated},
	} {
		p.does(func() { p.signer = s.signer })
		p.clock.Advance(3 * time.Hour)
		u.tries(s.want, s.signer.cert.Subject.CommonName)
	}
	// A new key of the entity is of the same entity.
	list.does(func() {
		list.number, list.revokers[0] = 2, name("new-publisher")
		p.must(os.WriteFile(file, []byte(list.list()), 0o600))
	})
	o.app.RefreshTrustedLists(t.Context())
	p.does(func() { p.signer = list.revokers[0] })
	p.clock.Advance(3 * time.Hour)
	u.tries(http.StatusCreated, "by a new key of the entity")
}

// Neither list goes back, also when the office was started anew meanwhile.
func TestOlderListsAfterRestart(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "listed")
	list := newListOperator(t, ca)
	file := filepath.Join(t.TempDir(), "list.jws")
	put := func(number int) {
		list.does(func() { list.number = number })
		if err := os.WriteFile(file, []byte(list.list()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(5)
	o, _ := haip(t, list.config(file))
	o.serve().people()
	p := newWalletProvider(o, ca)
	u := o.phone(ca)
	u.attest = p.status(1)
	p.revokes(1)
	u.tries(http.StatusUnauthorized, "revoked")
	o.restart()
	p.does(func() { p.must(p.list.Set(1, statuslist.Valid)); p.issued = time.Hour }) // of before
	u.tries(http.StatusServiceUnavailable, "an older status list")
	p.does(func() { p.issued = 0 })
	u.tries(http.StatusCreated, "a newer one")
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	put(4)
	o.serve()
	if !strings.Contains(o.log.String(), "a trusted list is older than one that was read before") {
		t.Error("the log does not tell that the trusted list is an old one")
	}
	u.tries(http.StatusServiceUnavailable, "an older list of providers")
	put(6)
	o.app.RefreshTrustedLists(t.Context())
	u.tries(http.StatusCreated, "a newer list of providers")
}

// Below an authority many may have certificates: subjects say who of them signs a
// list.
func TestTrustedListSubjects(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, t.TempDir(), "listed")
	list := newListOperator(t, ca)
	list.named = "list signer"
	file := filepath.Join(t.TempDir(), "list.jws")
	put := func(number int, signer string) {
		t.Helper()
		list.does(func() { list.number, list.named = number, signer })
		if err := os.WriteFile(file, []byte(list.list()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(1, "list signer")
	o, _ := haip(t, list.config(file), func(c *issuer.Config) { c.Wallets.TrustedLists[0].Subjects = []string{"CN=list signer"} })
	o.serve().people()
	thief := newAuthority(t, t.TempDir(), "thief")
	u, other := o.phone(ca), o.phone(thief)
	u.tries(http.StatusCreated, "by the signer")
	if strings.Contains(o.log.String(), "whoever has a certificate") {
		t.Error("the log warns of an authority without subjects, and there are some")
	}
	list.does(func() { list.issuers = []authority{thief} })
	put(2, "web server")
	if again := o.app.RefreshTrustedLists(t.Context()); again > time.Hour {
		t.Errorf("again after %v", again)
	}
	if !strings.Contains(o.log.String(), "CN=web server") {
		t.Error("the log does not tell who signed the list")
	}
	u.tries(http.StatusCreated, "the list of before serves")
	other.tries(http.StatusUnauthorized, "on the list of another signer")
	list.does(func() { list.issuers = []authority{ca} })
	put(3, "list signer")
	o.app.RefreshTrustedLists(t.Context())
	u.tries(http.StatusCreated, "by the signer again")

	put(1, "web server")
	strict, _ := haip(t, list.config(file), func(c *issuer.Config) { c.Wallets.TrustedLists[0].Subjects = []string{"CN=list signer"} })
	if _, err := strict.new(); err == nil || !strings.Contains(err.Error(), "none of subjects") {
		t.Errorf("a file of another signer: %v", err)
	}
	loose, _ := haip(t, list.config(file))
	loose.serve()
	if !strings.Contains(loose.log.String(), "whoever has a certificate of the authority") {
		t.Error("the log does not warn of an authority without subjects")
	}
}
