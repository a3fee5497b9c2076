package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
)

var person = lookUpCommand("person", "person number")

var document = lookUpCommand("document", "document number")

// lookUpCommand is `person` or `document`: what the office knows.
func lookUpCommand(by, what string) command.Command {
	return command.Command{
		Name: by, Args: "show|history NUMBER", Short: "what the office knows of a person, found by " + what,
		Long: `show prints identity facts, rights, measures, documents, copies on phones and
notices; history the registries' events, newest first. Every look-up is written
into the audit record with its purpose before anything is shown: one of
` + issuer.PurposesText() + `.`,
		Setup: func(fs *flag.FlagSet) command.Run {
			purpose := fs.String("purpose", "", "`WORD`: why you look (needed)")
			reference := fs.String("reference", "", "`REFERENCE` of the case, such as a file number")
			raw := fs.Bool("json", false, "print JSON")
			return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
				if len(args) != 2 || args[0] != "show" && args[0] != "history" {
					return command.Usagef("show NUMBER or history NUMBER is wanted")
				}
				if *purpose == "" {
					return command.Usagef("--purpose is needed: one of %s", issuer.PurposesText())
				}
				desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
				if err != nil {
					return err
				}
				defer desk.Close()
				query := url.Values{by: {args[1]}, "purpose": {*purpose}, "reference": {*reference}}
				path, view := issuerhttp.RecordsPath, any(&issuer.RecordView{})
				if args[0] == "history" {
					path, view = issuerhttp.HistoryPath, any(&issuer.HistoryView{})
				}
				if err := desk.Read(ctx, path, query, view); err != nil {
					return err
				}
				if *raw {
					enc := json.NewEncoder(env.Stdout)
					enc.SetIndent("", "  ")
					enc.SetEscapeHTML(false)
					return enc.Encode(view)
				}
				_, err = fmt.Fprint(env.Stdout, view)
				return err
			})
		},
	}
}
