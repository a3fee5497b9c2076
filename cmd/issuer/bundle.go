package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

var bundles = command.Command{
	Name: "bundle", Args: "build", Short: "one signed file with all that offline readers need to know",
	Long: `build writes the bundle of the office's readers: its root with what the catalogue
issues, its status lists and identifier lists as they are served now, its revoked
signers, and what the flags add. It is signed by signers.bundle, below the
operations CA: readers pin certs/operations-ca.pem (verifier bundle import
--bundle-anchor).

Make one after every change that readers should hear of soon, and at least as
often as the policy calls a list fresh; publish it where readers fetch it, as
application/vidimus-bundle+cbor. Without -o it goes into the state folder, and the
office serves it at /readers/bundle below its public address, where enrolled
readers look for it. Its number rises by itself; an office
that lost count (bundle.sequence is damaged) refuses, until --after says the highest
number that any reader has. Without
status.directory the office is asked for its lists, and has to be able to write
to the folder for temporary files.

What was left out is told on standard error.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var w issuer.BundleWish
		fs.StringVar(&w.Output, "o", "", "`FILE` to write the bundle to (default: the one that the office serves)")
		fs.IntVar(&w.Days, "days", 14, "`NUMBER` of days that it lives: after that nothing is green by it")
		fs.Var((*command.Strings)(&w.Trust), "trust", "`FOLDER` of anchors of others, with trust.yaml; repeatable")
		fs.Var((*command.Strings)(&w.CRLs), "crl", "`FILE` with a revocation list of others, PEM or DER; repeatable")
		fs.Var((*command.Strings)(&w.Lists), "list", "`FILE` or folder with status lists of others, as published; repeatable")
		fs.StringVar(&w.Policy, "policy", "", "`FILE` with the policy of readers in YAML, laid over the built-in one")
		fs.Var((*command.Strings)(&w.Countries), "country", "`COUNTRY`, two upper-case letters, to which the bundle is narrowed; repeatable (default: all)")
		fs.Uint64Var(&w.MinReader, "min-reader", 0, "`NUMBER` of the reader version that it needs (default: this one)")
		fs.Uint64Var(&w.After, "after", 0, "`NUMBER`: the highest that any reader has, for an office that lost count")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if len(args) != 1 || args[0] != "build" {
				return command.Usagef("build is wanted")
			}
			built, err := issuer.BuildBundle(ctx, &cfg, w, clock.System{}.Now(), rand.Reader)
			if err != nil {
				return err
			}
			for _, line := range built.LeftOut {
				fmt.Fprintf(env.Stderr, "left out: %s\n", line)
			}
			b, to := built.Bundle, w.Output
			if to == "" {
				to = cfg.PublicURL + issuer.BundlePath
			}
			_, err = fmt.Fprintf(env.Stdout, "%s: %s, %d bytes, %d anchors, %d lists, %d revocation lists, until %s\n",
				to, b.Source(), b.Size, len(b.Trust().All()), len(b.Lists()), len(b.CRLs().All()), b.Expires.Format(time.RFC3339))
			return err
		})
	},
}
