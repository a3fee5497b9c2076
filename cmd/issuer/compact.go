package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
)

var compact = command.Command{
	Name: "compact", Short: "write the database anew, without what is left of deleted values",
	Long: `For an office that does not run. What is deleted stays in free pages of issuer.db
until they are used again; after compact nothing of it is in the file, and the file
is as small as it can be. It needs as much room on the disk again.

Backups that were made before hold what they hold.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return with(fs, func(_ context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			text, err := issuer.Compact(cfg, rand.Reader)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(env.Stdout, text)
			return err
		})
	},
}
