package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"vidimus/internal/app/command"
	"vidimus/internal/app/signer"
)

var lists = command.Command{
	Name: "lists", Args: "take KEY FILE | none KEY SERIES", Short: "say which list a key signed last, where the signer does not know any more",
	Long: `The signer keeps the last revocation list, VICAL and list of trusted entities of each
key, and signs none that goes behind it: with a lower number or an earlier date, or
without somebody who was revoked. status and doctor show them.

take KEY FILE tells it by a list as it was published (DER, COSE, JWS), whose signature is
verified with the certificate of the key: after the folder of lists was lost, or where
the key comes from another machine. A list that goes behind one that is known is
refused.

none KEY SERIES says that there never was one of a series (crl, vical, pid-providers,
pub-eaa-providers) where the signer does not know: what was asked for was never
published. After it any list is signed: ask whoever may have one first.

No signer may run meanwhile. Each is a line of the audit record.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return configured(fs, func(_ context.Context, env command.Env, cfg signer.Config, args []string) error {
			if len(args) != 3 || args[0] != "take" && args[0] != "none" {
				return command.Usagef("take KEY FILE or none KEY SERIES is wanted")
			}
			if args[0] == "none" {
				if err := signer.NoList(cfg, args[1], args[2], signer.Options{}); err != nil {
					return err
				}
				_, err := fmt.Fprintf(env.Stdout, "%s has signed no list of %s\n", args[1], args[2])
				return err
			}
			data, err := os.ReadFile(args[2])
			if err != nil {
				return err
			}
			taken, note, err := signer.TakeList(cfg, args[1], data, signer.Options{})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "the last list of %s that %s signed is number %d; %s\n", taken.Series.Name, args[1], taken.Series.Number, note)
			return err
		})
	},
}
