package main

import (
	"context"
	"flag"
	"fmt"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

var credential = command.Command{
	Name: "credential", Args: "awaiting | approve ID... | refuse ID...", Short: "requests of wallets that a person must approve",
	Long: `Where the catalogue says approval: true, a wallet that asks for a credential waits
until a person has decided. awaiting lists what waits, the oldest first: id,
person, document, credential configuration, and when the wallet asked. approve and
refuse decide; the wallet learns it when it asks next. What is decided stands in
the audit record, with --officer in that name (as office:ID: nobody has logged in);
officers who log in decide at the console. It works with the office running, and
without.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		officer := fs.String("officer", "", "`ID` of the officer of console.officers who decides, an editor")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			decision := map[string]string{"approve": issuerhttp.DecisionApprove, "refuse": issuerhttp.DecisionRefuse}
			listing := len(args) == 1 && args[0] == "awaiting"
			if !listing && (len(args) < 2 || decision[args[0]] == "") {
				return command.Usagef("awaiting, approve ID or refuse ID is wanted")
			}
			desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
			if err != nil {
				return err
			}
			defer desk.Close()
			desk.As(*officer)
			if listing {
				all, err := desk.Awaiting(ctx)
				if err == nil && len(all) == 0 {
					fmt.Fprintln(env.Stderr, "nobody waits")
				}
				for _, w := range all {
					fmt.Fprintf(env.Stdout, "%s\t%s\t%s\t%s\t%s\n", w.ID, w.Person, w.Document, w.Configuration, w.Since.UTC().Format("2006-01-02 15:04:05Z"))
				}
				return err
			}
			for _, id := range args[1:] {
				if err := desk.Decide(ctx, id, decision[args[0]]); err != nil {
					return fmt.Errorf("%s: %w (`issuer credential awaiting` lists what waits)", id, err)
				}
				fmt.Fprintf(env.Stderr, "%s: decided; the wallet learns it when it asks next\n", id)
			}
			return nil
		})
	},
}
