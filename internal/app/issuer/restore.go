package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"vidimus/internal/backup"
	"vidimus/internal/clock"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/keys/soft"
	"vidimus/internal/outfile"
	"vidimus/internal/publication"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
)

// RestoreOptions say from what an office is made again.
type RestoreOptions struct {
	// Archive is a file that backup wrote, Identity one with the age secret
	// key; or Database is a bare old database in the place of an archive.
	Archive, Identity, Database string
	// Signer is a file with the certificate of the key that signed the archive,
	// kept elsewhere; "" does not ask who made it.
	Signer string
	// Published is the folder of the lists as published last, "" when there
	// are none left.
	Published string
	Now       time.Time
	Rand      io.Reader
}

// Restore makes an office again. Nothing of the state folder is touched before
// everything was verified.
func Restore(ctx context.Context, cfg Config, opts RestoreOptions) (string, error) {
	if err := cfg.Check(); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	unfinished, err := backup.Unfinished(cfg.StateDir)
	if err != nil {
		return "", err
	}
	if db := cfg.Path(databaseFile); exists(db) && !unfinished {
		return "", fmt.Errorf("%s is there: move it aside first, a restored office never takes its place by itself", db)
	}
	if opts.Database != "" && unfinished {
		return "", errors.New("a restore of an archive into this folder began and did not end: run that one again")
	}
	if err := ownFolder(cfg.StateDir); err != nil {
		return "", err
	}
	unlock, err := alone(cfg.Path(lockFile))
	if err != nil {
		return "", err
	}
	unlockLists, err := cfg.aloneWithLists(ctx, byRestore)
	if err != nil {
		unlock()
		return "", err
	}
	report, err := cfg.restore(ctx, opts)
	unlockLists()
	unlock()
	if err != nil {
		return "", err
	}
	return report + cfg.afterRestore(ctx, opts), nil
}

// restore is the part of Restore during which nobody else works on the folder.
func (c *Config) restore(ctx context.Context, opts RestoreOptions) (string, error) {
	if opts.Database != "" {
		return c.restoreDatabase(ctx, opts)
	}
	if err := backup.Sweep(c.StateDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.Open(opts.Identity)
	if err != nil {
		return "", err
	}
	identities, err := backup.ParseIdentities(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("--identity: %w", err)
	}
	expect := backup.Expect{Issuer: c.PublicURL, Schema: schemaNumber}
	if opts.Signer != "" {
		if expect.Keys, err = archiveKeys(opts.Signer); err != nil {
			return "", fmt.Errorf("--signer: %w", err)
		}
	}
	archive, err := os.Open(opts.Archive)
	if err != nil {
		return "", err
	}
	defer archive.Close()
	u, err := backup.Unpack(ctx, archive, identities, c.StateDir, expect)
	if err != nil {
		return "", fmt.Errorf("%s: %w", opts.Archive, err)
	}
	report, err := c.reopen(u.Path(databaseFile), u.Path("certs"), u.Path(auditKeysDir), opts)
	var revoked []shelvedCRL
	if err == nil {
		revoked, err = c.publishedRevocations(u.Path("certs"), opts)
	}
	if err != nil {
		return "", errors.Join(err, u.Discard())
	}
	aside, err := u.Install(func() error {
		if err := adoptAll(revoked); err != nil {
			return err
		}
		if err := c.newSecrets(opts.Rand); err != nil {
			return err
		}
		faults.Point("issuer.secrets-renewed")
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("putting the files in place: %w (run the same command again)", err)
	}
	if aside != "" {
		report += "what was there before is in " + aside + "\n"
	}
	return report, nil
}

// archiveKeys is the key of a certificate that backups may be signed by.
func archiveKeys(path string) (map[string]crypto.PublicKey, error) {
	certs, err := readChain(path)
	if err != nil {
		return nil, err
	}
	thumbprint, err := jose.Thumbprint(certs[0].PublicKey())
	return map[string]crypto.PublicKey{jose.EncodeBase64URL(thumbprint): certs[0].PublicKey()}, err
}

// restoreDatabase puts an old database in place as if it came from an archive.
func (c *Config) restoreDatabase(ctx context.Context, opts RestoreOptions) (string, error) {
	temporary := c.Path(databaseFile) + restoring
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err // of one that was interrupted
	}
	defer os.Remove(temporary)
	if err := copyFile(temporary, opts.Database); err != nil {
		return "", err
	}
	report, err := c.reopen(temporary, c.Path("certs"), c.Path(auditKeysDir), opts)
	if err != nil {
		return "", err
	}
	revoked, err := c.publishedRevocations(c.Path("certs"), opts)
	if err == nil {
		err = adoptAll(revoked)
	}
	if err != nil {
		return "", err
	}
	// Before the database, which is what an office starts from.
	if err := c.newSecrets(opts.Rand); err != nil {
		return "", err
	}
	if err := os.Link(temporary, c.Path(databaseFile)); err != nil {
		return "", err
	}
	return report, outfile.SyncFolder(c.StateDir)
}

// restoring is the ending of a database that is not fit to go on yet.
const restoring = ".restoring"

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// reopen makes a database fit to go on: see bolt.Restored.
func (c *Config) reopen(db, certs, auditKeys string, opts RestoreOptions) (string, error) {
	published, mixed := map[string]bolt.PublishedList{}, 0
	if opts.Published != "" {
		iacas, err := c.restoredIACAs(certs)
		if err != nil {
			return "", fmt.Errorf("the root under which the published lists are verified: %w", err)
		}
		lists, err := publication.Read(opts.Published, iacas)
		if err != nil {
			return "", fmt.Errorf("--published: %w", err)
		}
		if len(lists) == 0 {
			return "", fmt.Errorf("--published: %s holds no published list: is it the right folder? If none is left, say so with --without-published", opts.Published)
		}
		for uri, l := range lists {
			if l.Mixed {
				mixed++
			}
			published[uri] = bolt.PublishedList{Version: l.Version, Invalid: l.Invalid(), Identifiers: l.Identifiers}
		}
	}
	names, err := openPeriodKeys(auditKeys, opts.Rand)
	if err != nil {
		return "", err
	}
	schedule := status.NewSchedule(c.Status.Tick, c.Status.Mix, c.Status.Leave)
	report, err := bolt.Restored(db, bolt.RestoreOptions{
		Options: c.storeOptions(opts.Rand, schedule, names, nil), Published: published, Now: opts.Now,
	})
	if err != nil {
		return "", fmt.Errorf("making the database fit to go on: %w", err)
	}
	faults.Point("issuer.database-reopened")
	// What was deleted before the backup has no business in the new office.
	if _, _, err := bolt.Compact(db, c.storeOptions(opts.Rand, schedule, names, nil)); err != nil {
		return "", err
	}
	text := report.String() + "\n"
	if mixed > 0 {
		text += fmt.Sprintf("%d published lists were copied while they changed: signed, but not the files of the manifest; what was revoked in that moment may be missing until the registries have sent again\n", mixed)
	}
	return text, nil
}

// newSecrets makes what offers, nonces and transaction codes hang on anew: what
// was given out before is void.
func (c *Config) newSecrets(rand io.Reader) error {
	for _, name := range []string{secretFile} {
		if err := os.Remove(c.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range stateFolders {
		if err := ownFolder(c.Path(dir)); err != nil {
			return err
		}
	}
	m := &maker{cfg: *c, rand: rand}
	return m.secrets()
}

// DeclareRestore signs that lines of the audit record are lost since a backup
// was restored.
func DeclareRestore(ctx context.Context, cfg Config) error {
	a, err := open(ctx, cfg, Options{DeclareRestore: true})
	if err != nil {
		return err
	}
	return a.Close()
}

// afterRestore declares the restore where the keys for that are in place, and
// says what is left to do.
func (c *Config) afterRestore(ctx context.Context, opts RestoreOptions) string {
	text := c.revocationsNow(opts)
	a, err := open(ctx, *c, Options{DeclareRestore: true, Clock: clock.NewFake(opts.Now), Rand: opts.Rand})
	if err == nil {
		err = a.Close()
	}
	if err != nil {
		text += "once keys and certificates are in place run issuer audit declare-restore, which signs that later lines of the audit record are lost (now: " + err.Error() + ")\n"
	}
	text += "emergency stops since the backup are not known here: before issuer serve look at issuer emergency list, and hold it against the records of the emergency\n"
	text += "next: see that keys and certificates are in place (issuer doctor), start with issuer serve, let every registry send again what came after the backup, and run issuer registry reconcile\n"
	km := soft.New(c.StateDir)
	defer km.Close()
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		for _, g := range c.generations(name) {
			if !exists(c.Path(g.Chain)) {
				text += "missing: the certificate of " + g.label + " at " + c.Path(g.Chain) + "\n"
			}
			if _, err := km.Signer(ctx, g.Key); errors.Is(err, fs.ErrNotExist) {
				text += "missing: the key of " + g.label + ", " + g.Key + "\n"
			}
		}
	}
	return text
}
