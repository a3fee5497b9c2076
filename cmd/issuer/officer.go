package main

import (
	"context"
	"flag"
	"fmt"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
)

var officer = command.Command{
	Name: "officer", Args: "list | link ID", Short: "who works at the console, and a link to log one of them in",
	Long: `link makes a login link for one officer: it works once, for fifteen minutes. Give
it to that officer and to nobody else; officers themselves cannot make one.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			switch {
			case len(args) == 1 && args[0] == "list":
				for _, o := range cfg.Officers() {
					state := ""
					if o.Disabled {
						state = " disabled"
					}
					fmt.Fprintf(env.Stdout, "%s\t%s\thuman %s\t%v%s\n", o.ID, o.Name, o.Human, o.Roles, state)
				}
				return nil
			case len(args) == 2 && args[0] == "link":
				desk, err := issuer.OpenDesk(&cfg)
				if err != nil {
					return err
				}
				l, err := desk.Link(ctx, args[1])
				if err != nil {
					return err
				}
				fmt.Fprintln(env.Stdout, l.URL)
				fmt.Fprintf(env.Stderr, "for %s alone, once, until %s\n", args[1], l.Expires.Format("15:04:05 MST"))
				return nil
			}
			return command.Usagef("list, or link ID, is wanted")
		})
	},
}

var effects = command.Command{
	Name: "effects", Short: "print what each fact does to the copies of a document",
	Long: `The table that is in force, as the YAML that effects: of the configuration takes.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		builtIn := fs.Bool("defaults", false, "print the built-in table with its comments")
		return with(fs, func(_ context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			text, err := cfg.EffectsText(*builtIn)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(env.Stdout, text)
			return err
		})
	},
}
