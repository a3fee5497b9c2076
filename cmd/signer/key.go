package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"vidimus/internal/app/command"
	"vidimus/internal/app/signer"
	"vidimus/internal/outfile"
)

var key = command.Command{
	Name: "key", Args: "create URI | show URI | split | identity FILE", Short: "make a key, show its public half, make one that custodians have together",
	Long: `create makes a key in a file (soft:path=FILE) or a token (pkcs11:token=T;object=O;
module-path=FILE;pin-source=FILE). show prints the public half of a key, also of one
in shares (shares:folder=DIR); with --identity it opens the shares, which is how one
makes sure once a year that they are good. Both print the SHA-256 of the public key
and the key as PEM, to --public FILE if that is given: a new one.

split makes a key that nobody has: --threshold of the custodians together do. Each
--recipient gets a share, encrypted to them as a file of age; --out is one folder for
all, or is given once for each share, such as one medium for each custodian. The key
itself is never on a disk.

identity makes the two halves of a custodian in FILE, as age-keygen does, and prints
the recipient.`,
	Deeds: []command.Deed{
		{Word: "create", Args: "URI", Short: "make a key in a file or a token", Flags: []string{"curve", "public"}, Example: "signer key create --public ada.pub soft:path=ada.key"},
		{Word: "show", Args: "URI", Short: "print the public half of a key; with --identity open its shares", Flags: []string{"public", "identity", "shares"},
			Example: "signer key show soft:path=ada.key\nsigner key show --identity custodian-1.txt --identity custodian-3.txt shares:folder=iaca"},
		{Word: "split", Short: "make a key that custodians have together", Flags: []string{"curve", "public", "threshold", "recipient", "out"},
			Example: "signer key split --threshold 2 --recipient age1one --recipient age1two --recipient age1three --out iaca --public iaca-root.pub"},
		{Word: "identity", Args: "FILE", Short: "make the two halves of a custodian", Flags: []string{"post-quantum"}, Example: "signer key identity custodian-1.txt"},
	},
	Setup: func(fs *flag.FlagSet) command.Run {
		var custody custody
		custody.flags(fs)
		var recipients, out command.Strings
		curve := fs.String("curve", "P-256", "`CURVE` of a key that is made, P-256 or P-384; split makes P-384 unless told otherwise")
		file := fs.String("public", "", "`FILE` to write the public key to")
		threshold := fs.Int("threshold", 0, "`NUMBER` of custodians who together have the key, for split")
		fs.Var(&recipients, "recipient", "`RECIPIENT` of a custodian, age1..., for split")
		fs.Var(&out, "out", "`FOLDER` for shares, for split")
		quantum := fs.Bool("post-quantum", false, "make an identity that quantum computers do not open, for identity")
		return func(ctx context.Context, env command.Env, args []string) error {
			deed := ""
			if len(args) > 0 {
				deed = args[0]
			}
			if *file != "" { // before a key is made
				if _, err := os.Lstat(*file); err == nil {
					return fmt.Errorf("--public: %s is there already: name a new file", *file)
				}
			}
			show := func(k signer.PublicKey, err error) error {
				if err != nil {
					return err
				}
				fmt.Fprintf(env.Stdout, "%s, SHA-256 of the public key %x\n", k.Curve, k.SHA256)
				if *file != "" {
					if err := outfile.New(*file, k.PEM, 0o644); err != nil {
						return fmt.Errorf("--public: %w", err)
					}
					return nil
				}
				_, err = env.Stdout.Write(k.PEM)
				return err
			}
			switch {
			case deed == "create" && len(args) == 2:
				return show(signer.CreateKey(ctx, args[1], *curve))
			case deed == "show" && len(args) == 2:
				keys := custody.Custody()
				defer keys.Close()
				return show(signer.ShowKey(ctx, args[1], keys))
			case deed == "identity" && len(args) == 2:
				recipient, err := signer.NewIdentity(args[1], *quantum)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(env.Stdout, recipient)
				return err
			case deed == "split" && len(args) == 1:
				if *threshold == 0 || len(recipients) == 0 || len(out) == 0 {
					return command.Usagef("split wants --threshold, --recipient for each custodian, and --out")
				}
				on := "P-384"
				fs.Visit(func(f *flag.Flag) {
					if f.Name == "curve" {
						on = *curve
					}
				})
				k, set, err := signer.SplitKey(out, on, *threshold, recipients)
				if err != nil {
					return err
				}
				fmt.Fprintf(env.Stdout, "set %s: %d of %d shares open the key\n", set.ID, set.Threshold, set.Shares)
				return show(k, nil)
			}
			return command.Usagef("create URI, show URI, split or identity FILE is wanted")
		}
	},
}
