// Command invariants says whether an office kept its word: it holds the
// database of an office that does not run against what its clients wrote down.
// It is a tool of the fault tests and of whoever investigates an incident; it
// changes nothing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"vidimus/internal/app/command"
	"vidimus/internal/app/invariants"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "invariants",
	Intro: `invariants holds the database, the audit record and the published lists of an
office that does not run against the journal of its clients, and says of each
invariant whether it holds.`,
	Commands: []command.Command{check},
}

var check = command.Command{
	Name: "check", Short: "check every invariant",
	Long: `Prints one line for every invariant: how many things were looked at, how many of
them violate it, and which.

exit codes: 0 all hold, 1 some do not`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var p invariants.Paths
		fs.StringVar(&p.Database, "database", "", "`FILE` of the office: issuer.db in its state folder")
		fs.StringVar(&p.PublicURL, "public-url", "", "`URL` of the office")
		fs.BoolVar(&p.Dev, "dev", false, "it is an office for development")
		fs.StringVar(&p.Journal, "journal", "", "`FILE` that its clients wrote, JSON lines")
		var checkpoints command.Strings
		fs.Var(&checkpoints, "checkpoints", "`FILE` with checkpoints of the audit record; repeatable")
		fs.StringVar(&p.Lists, "lists", "", "`FOLDER` of published lists")
		fs.StringVar(&p.Root, "root", "", "PEM `FILE` with the IACA certificate")
		fs.StringVar(&p.Operations, "operations-root", "", "PEM `FILE` with the root over receipts and checkpoints")
		fs.StringVar(&p.Checkpointer, "checkpoint-certificate", "", "PEM `FILE` with the certificate of the signer of checkpoints")
		fs.StringVar(&p.Memory, "memory", "", "`FILE` that remembers this check for the next one")
		settled := fs.Bool("settled", false, "the office ran undisturbed at the end: every withdrawal must be covered")
		partial := fs.Bool("partial", false, "events may be gone by retention, or persons imported without events")
		tries := fs.Int("tries", 0, "offers.tx_code_attempts of the office")
		return func(ctx context.Context, env command.Env, args []string) error {
			if len(args) > 0 || p.Database == "" || p.PublicURL == "" {
				return command.Usagef("--database and --public-url are wanted")
			}
			p.Checkpoints = checkpoints
			ev, err := invariants.Read(ctx, p)
			if err != nil {
				return err
			}
			ev.Settled, ev.Partial, ev.Tries = *settled, *partial, *tries
			results, memory := invariants.Check(ev)
			for _, r := range results {
				fmt.Fprintln(env.Stdout, r)
			}
			if bad := invariants.Violated(results); len(bad) > 0 {
				return fmt.Errorf("violated: %s", strings.Join(bad, " "))
			}
			if p.Memory == "" {
				return nil
			}
			text, err := memory.JSON()
			if err != nil {
				return err
			}
			return os.WriteFile(p.Memory, text, 0o600)
		}
	},
}
