package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vidimus/internal/backup"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/problem"
	"vidimus/internal/store/bolt"
)

// schemaNumber is the layout of the database that goes into an archive.
var schemaNumber = func() uint64 {
	n, err := strconv.ParseUint(bolt.Schema, 10, 64)
	if err != nil {
		panic("the schema of the database is no number: " + err.Error())
	}
	return n
}()

// Backup implements issuerhttp.Operator. The database comes first: everything
// beside it may be newer, never older.
func (a *App) Backup(ctx context.Context, r issuerhttp.BackupRequest, w io.Writer) error {
	plan := backup.Plan{Signer: a.receipt.key, Rand: a.opts.Rand}
	for _, text := range r.Recipients {
		to, err := backup.ParseRecipient(text)
		if err != nil {
			return problem.Wrap(problem.InvalidRequest, err, "a recipient is not an age X25519 public key (age1...)")
		}
		plan.Recipients = append(plan.Recipients, to)
	}
	if len(plan.Recipients) == 0 {
		return problem.New(problem.InvalidRequest, "no recipient: nobody could read the archive")
	}
	_, head, err := a.store.AuditSize(ctx)
	if err != nil {
		return problem.Wrap(problem.Unavailable, err, "the database cannot be read now")
	}
	plan.Manifest = backup.Manifest{Issuer: a.cfg.PublicURL, Created: a.opts.Clock.Now(), Schema: schemaNumber, Audit: head}
	plan.Parts = append(plan.Parts, backup.Part{Name: databaseFile, Write: func(w io.Writer) (int64, error) { return a.store.WriteBackup(ctx, w) }})
	files, err := a.cfg.backupFiles(r.Keys)
	if err != nil {
		return problem.Wrap(problem.Internal, err, "")
	}
	for _, name := range files {
		plan.Parts = append(plan.Parts, backup.FilePart(name, a.cfg.Path(name)))
	}
	ev := a.event("issuer.backup")
	ev.Detail = map[string]string{"count": fmt.Sprint(len(plan.Recipients)), "seq": fmt.Sprint(head.Seq)}
	if err := a.store.Append(ctx, ev); err != nil {
		return problem.Wrap(problem.Unavailable, err, "the backup cannot be recorded")
	}
	_, err = backup.Write(ctx, w, plan)
	return err
}

// backupFiles lists what of the state folder goes into an archive beside the
// database.
func (c *Config) backupFiles(keys bool) ([]string, error) {
	folders := []string{"certs", "sources", auditKeysDir}
	if keys {
		folders = append(folders, "keys", "secrets")
	}
	var names []string
	for _, dir := range folders {
		err := filepath.WalkDir(c.Path(dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !d.Type().IsRegular() || !keys && strings.HasSuffix(path, ".key") && dir != auditKeysDir {
				return err
			}
			name, err := filepath.Rel(c.StateDir, path)
			if err == nil {
				names = append(names, filepath.ToSlash(name))
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	return names, nil
}
