package issuer_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"vidimus/internal/app/issuer"
	"vidimus/internal/backup"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/statuslist"
)

// archived writes a backup with keys, and gives its file and that of the secret key.
func (o *office) archived() (archive, secret string) {
	o.t.Helper()
	id, err := backup.NewIdentity()
	o.must(err)
	dir := o.t.TempDir()
	archive, secret = filepath.Join(dir, "office.age"), filepath.Join(dir, "secret")
	o.must(os.WriteFile(secret, []byte(id.Secret()+"\n"), 0o600))
	f, err := os.Create(archive)
	o.must(err)
	_, err = o.desk().Backup(o.t.Context(), issuerhttp.BackupRequest{Recipients: []string{id.Recipient().String()}, Keys: true}, f)
	o.must(err)
	o.must(f.Close())
	return archive, secret
}

// While the root changes, lists that were published below the old one count for a
// restore: what was revoked after the backup stays revoked.
func TestRestoreDuringRollover(t *testing.T) {
	t.Parallel()
	o := newOffice(t).serve().people()
	d := o.licence()
	o.must(o.stop())
	o.rollOver() // the signer of status lists stays below the old root
	o.serve()
	o.soon("what the start writes is there", func() bool {
		for _, name := range []string{"iaca", "iaca-2", "readers"} {
			if _, err := os.Stat(o.cfg.Path("published/crl/" + name + ".crl")); err != nil {
				return false
			}
		}
		return true
	})
	archive, secret := o.archived()
	sent := o.push(issuer.Annulment("DL-1"))
	_, err := o.feed(issuer.FeedConfig{}).Settled(t.Context(), sent[0])
	o.must(err)
	o.must(o.stop())
	outside := filepath.Join(t.TempDir(), "published")
	o.must(os.CopyFS(outside, os.DirFS(o.cfg.Path(o.cfg.Status.Directory))))

	o.cfg.StateDir = filepath.Join(t.TempDir(), "restored")
	_, err = issuer.Restore(t.Context(), o.cfg, issuer.RestoreOptions{
		Archive: archive, Identity: secret, Published: outside, Now: o.clock.Now(), Rand: rand.Reader,
	})
	o.must(err)
	o.serve()
	o.must(o.app.Tick(t.Context()))
	i, err := issuer.NewInspector(&o.cfg, o.clock.Now)
	o.must(err)
	list, err := i.Fetch(t.Context(), d.list, "cwt")
	o.must(err)
	if s, err := list.Lookup(statuslist.Reference{URI: d.list, Index: d.index}, o.clock.Now()); err != nil || s != statuslist.Invalid {
		t.Errorf("%s, %v", s, err)
	}
}
