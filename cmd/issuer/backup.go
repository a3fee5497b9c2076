package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/outfile"
)

var backup = command.Command{
	Name: "backup", Short: "write an encrypted archive of the office, also while it serves",
	Long: `Database, certificates, public keys of the registries and the keys of the audit
record, as they were at one instant, encrypted for the age recipients (make a key
pair with age-keygen; the office never sees the secret half). With --keys the soft
keys and secrets too: without them a restored office needs its keys from elsewhere.
The configuration, and what it names outside of the state folder, are not in it.
Neither are the published lists: restoring wants them as they were published last,
not as they were at the backup.

The file appears under its name only when it is whole.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var recipients command.Strings
		fs.Var(&recipients, "recipient", "`AGE1...` public key that can read the archive; repeatable")
		keys := fs.Bool("keys", false, "put soft keys and secrets into the archive")
		output := fs.String("o", "", "`FILE` to write (needed)")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			if *output == "" || len(recipients) == 0 {
				return command.Usagef("-o FILE and at least one --recipient are needed")
			}
			desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
			if err != nil {
				return err
			}
			defer desk.Close()
			f, err := os.CreateTemp(filepath.Dir(*output), ".backup-")
			if err != nil {
				return err
			}
			defer os.Remove(f.Name())
			n, err := desk.Backup(ctx, issuerhttp.BackupRequest{Recipients: recipients, Keys: *keys}, f)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return err
			}
			if err := errors.Join(os.Rename(f.Name(), *output), outfile.SyncFolder(filepath.Dir(*output))); err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "%s: %d bytes for %d recipients\n", *output, n, len(recipients))
			return nil
		})
	},
}

var restore = command.Command{
	Name: "restore", Args: "ARCHIVE | --database FILE", Short: "make an office again from a backup",
	Long: `Unpacks and checks everything before it puts anything in place; the state folder
must hold no database. With --database an old copy of issuer.db takes the place of
an archive; everything else stays as it lies in the state folder. So that nothing is taken back and nothing given twice:
every list that was open is closed, the versions of the lists go on after those
that were published, what was published as revoked stays revoked, and all offers,
codes, nonces and tokens are void.

Whoever knows the recipient can make an archive. --signer tells who made this one.

Give the lists as they were published last with --published (the folder of
status.directory, or a copy of it from a web server). If there is none left, say
--without-published: versions then jump.

Events that came after the backup are missing: the registries find that by their
numbers and send them again; issuer registry reconcile proves that none lacks.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		identity := fs.String("identity", "", "`FILE` with the age secret key (needed with ARCHIVE)")
		database := fs.String("database", "", "`FILE`: an old issuer.db in the place of an archive")
		signer := fs.String("signer", "", "`CERTIFICATE` of the office's receipt key, kept elsewhere: take only an archive that it signed")
		published := fs.String("published", "", "`FOLDER` with the lists as published last")
		without := fs.Bool("without-published", false, "there are no published lists left")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			opts := issuer.RestoreOptions{
				Identity: *identity, Signer: *signer, Database: *database, Published: *published, Now: clock.System{}.Now(), Rand: rand.Reader,
			}
			switch {
			case len(args) == 1 && *identity != "" && *database == "":
				opts.Archive = args[0]
			case len(args) == 0 && *identity == "" && *signer == "" && *database != "":
			default:
				return command.Usagef("one ARCHIVE with --identity, or --database FILE, is needed")
			}
			if (*published == "") == !*without {
				return command.Usagef("either --published FOLDER or --without-published is needed")
			}
			report, err := issuer.Restore(ctx, cfg, opts)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(env.Stdout, report)
			return err
		})
	},
}
