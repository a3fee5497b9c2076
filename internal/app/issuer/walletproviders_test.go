package issuer_test

import (
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
