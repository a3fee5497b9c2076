package issuer_test

import (
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/app/issuer"
)

// TestRestore is bad input T09: what could be used once before a backup cannot
// be used after its restore, and nobody is logged in.
func TestRestore(t *testing.T) {
	o := newOffice(t).serve().people()
	w := rawWallet{o, newKey(t)}
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl", "pid-mdoc"}})
	unused := o.offer(issuer.OfferWish{Person: "P-2", Configurations: []string{"mdl"}, Key: "kept"})
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	credential := o.cfg.PublicURL + "/credential"
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(credential, token)); status != 200 {
		t.Fatalf("before: %d %s", status, code)
	}
	nonce := w.nonce()
	desk, err := issuer.OpenDesk(&o.cfg)
	o.must(err)
	link, err := desk.Link(t.Context(), "anna")
	o.must(err)

	archive, secret := o.archived()
	published := o.cfg.Path(o.cfg.Status.Directory)
	// The lists are written by a goroutine of the office.
	o.soon("the lists are files", func() bool {
		files, err := filepath.Glob(filepath.Join(published, "status", "*.jwt"))
		return err == nil && len(files) == o.cfg.Status.OpenLists
	})
	o.must(o.stop())

	o.cfg.StateDir = filepath.Join(t.TempDir(), "restored")
	o.clock.Advance(time.Minute)
	report, err := issuer.Restore(t.Context(), o.cfg, issuer.RestoreOptions{
		Archive: archive, Identity: secret, Published: published, Now: o.clock.Now(), Rand: rand.Reader,
	})
	o.must(err)
	if !strings.HasPrefix(report, "8 lists closed, 0 of them without a published copy;") || strings.Contains(report, "missing:") {
		t.Error(report)
	}
	o.serve()
	if status, code, _ := w.credential("pid-mdoc", token, w.nonce(), w.proof(credential, token)); status != 401 || code != "invalid_token" {
		t.Errorf("a token of before: %d %s", status, code)
	}
	if status, _ := w.token(unused.URI, unused.TxCode, w.proof(o.cfg.PublicURL+"/token", "")); status != 400 {
		t.Errorf("an offer of before: %d", status)
	}
	offer = o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token = w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, nonce, w.proof(credential, token)); status != 400 || code != "invalid_nonce" {
		t.Errorf("a nonce of before: %d %s", status, code)
	}
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(credential, token)); status != 200 {
		t.Errorf("after: %d %s", status, code)
	}
	logIn := func(link string) int {
		status, _, _ := o.post(link[:strings.LastIndex(link, "/")], "application/x-www-form-urlencoded", url.Values{"link": {link}}.Encode())
		return status
	}
	if status := logIn(link.URL); status != 403 {
		t.Errorf("a login link of before: %d", status)
	}
	desk, err = issuer.OpenDesk(&o.cfg)
	o.must(err)
	link, err = desk.Link(t.Context(), "anna")
	o.must(err)
	if status := logIn(link.URL); status != 200 {
		t.Errorf("a login link: %d", status)
	}
}

// A restore that ended half way is done again by the same command, whatever it
// left; until then nothing serves, and the secrets of before count no more.
func TestRestoreAgain(t *testing.T) {
	o := newOffice(t).serve().people()
	published := o.cfg.Path(o.cfg.Status.Directory)
	offer := o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	w := rawWallet{o, newKey(t)}
	_, token := w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	credential := o.cfg.PublicURL + "/credential"
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(credential, token)); status != 200 {
		t.Fatalf("before: %d %s", status, code)
	}
	o.soon("the lists are files", func() bool {
		files, err := filepath.Glob(filepath.Join(published, "status", "*.jwt"))
		return err == nil && len(files) == o.cfg.Status.OpenLists
	})
	o.must(o.stop())
	db, old := o.cfg.Path("issuer.db"), filepath.Join(t.TempDir(), "old.db")
	o.must(os.Rename(db, old))
	secret := string(o.read(o.cfg.Path("secrets/service.key")))
	again := func() error {
		_, err := issuer.Restore(t.Context(), o.cfg, issuer.RestoreOptions{Database: old, Published: published, Now: o.clock.Now(), Rand: rand.Reader})
		return err
	}
	refused := func(what, why string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// One died while it worked on its copy.
	o.must(os.WriteFile(db+".restoring", []byte("half"), 0o600))
	_, err := o.new()
	refused("served from a copy", "issuer restore --database", err)
	// Another one is at work.
	lock, err := os.OpenFile(o.cfg.Path("state.lock"), os.O_CREATE|os.O_WRONLY, 0o600)
	o.must(err)
	o.must(syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	refused("two at once", "is locked", again())
	o.must(lock.Close())
	// An archive was half in place.
	mark := o.cfg.Path("restore-unfinished")
	o.must(os.WriteFile(mark, nil, 0o600))
	refused("over half an archive", "run that one again", again())
	o.must(os.Remove(mark))

	o.must(again())
	if string(o.read(o.cfg.Path("secrets/service.key"))) == secret {
		t.Error("the secret is that of before")
	}
	refused("over an office", "move it aside first", again())
	if left, err := filepath.Glob(db + ".*"); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	o.serve()
	offer = o.offer(issuer.OfferWish{Person: "P-1", Configurations: []string{"mdl"}})
	_, token = w.token(offer.URI, offer.TxCode, w.proof(o.cfg.PublicURL+"/token", ""))
	if status, code, _ := w.credential("mdl", token, w.nonce(), w.proof(credential, token)); status != 200 {
		t.Errorf("after: %d %s", status, code)
	}
}
