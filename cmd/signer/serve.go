package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"

	"vidimus/internal/app/command"
	"vidimus/internal/app/signer"
	"vidimus/internal/keys/pkcs11"
)

// configured declares the common flag, and runs with a checked configuration.
func configured(fs *flag.FlagSet, run func(context.Context, command.Env, signer.Config, []string) error) command.Run {
	path := fs.String("config", "", "`FILE` with the configuration; its keys are those of check-config --defaults")
	return func(ctx context.Context, env command.Env, args []string) error {
		cfg, err := signer.LoadConfig(*path)
		if err == nil {
			err = cfg.Check()
		}
		if err != nil && *path == "" {
			err = fmt.Errorf("give --config FILE: %w", err)
		}
		if err != nil {
			return err
		}
		return run(ctx, env, cfg, args)
	}
}

func none(args []string) error {
	if len(args) > 0 {
		return command.Usagef("no argument is wanted, %q was given", args[0])
	}
	return nil
}

var initialize = command.Command{
	Name: "init", Short: "create the state folder and begin the audit record",
	Long: `Once. A record that is there is never touched, and one that is gone is never begun
anew by itself: what was signed would be hidden.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return configured(fs, func(_ context.Context, env command.Env, cfg signer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			made, err := signer.Begin(cfg)
			for _, path := range made {
				fmt.Fprintln(env.Stdout, "created", path)
			}
			return err
		})
	},
}

var serve = command.Command{
	Name: "serve", Short: "sign for the peers of the configuration until interrupted",
	Long: `Opens and proves every key, continues the audit record and answers at the socket.
Logs go to standard error as key=value lines. SIGINT and SIGTERM stop it: what is
under way is finished. When the record cannot be written any more it ends with 1, for
whoever started it to start it again. When the PIN of a token is refused, or its file
is, it ends with 4: that is not to be tried again, or the token locks itself. Under
systemd it says when it is ready (Type=notify).

exit codes: 0 stopped, 1 failed, 4 a PIN was refused`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return configured(fs, func(ctx context.Context, env command.Env, cfg signer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			level, err := signer.ParseLevel(cfg.LogLevel)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: level}))
			// Before any key is in it.
			if err := command.LockMemory(); err != nil {
				log.Warn("swap", "error", err)
			}
			app, err := signer.New(ctx, cfg, signer.Options{Logger: log})
			if err != nil {
				return started(err)
			}
			return app.Run(ctx)
		})
	},
}

// exitPIN is the exit code after which serve is not started again by itself: each start
// would try a wrong PIN twice. The unit of systemd names it too.
const exitPIN = 4

// started gives the error of a start the exit code that it has.
func started(err error) error {
	if errors.Is(err, pkcs11.ErrPIN) {
		return &command.Exit{Code: exitPIN, Err: err}
	}
	return err
}

var checkConfig = command.Command{
	Name: "check-config", Short: "say what a configuration means, and everything that is wrong with it",
	Long: `Prints the configuration as it would be used, then every mistake with its key and
what would be right. Where the state folder exists, keys and certificates are checked
too: each key signs once, to prove that it is that of its certificate.

exit codes: 0 fine, 1 mistakes`,
	Setup: func(fs *flag.FlagSet) command.Run {
		path := fs.String("config", "", "`FILE` with the configuration")
		defaults := fs.Bool("defaults", false, "print every key with its default and what it means, and nothing else")
		return func(ctx context.Context, env command.Env, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			if *defaults {
				_, err := fmt.Fprint(env.Stdout, signer.DefaultsYAML)
				return err
			}
			cfg, err := signer.LoadConfig(*path)
			if err != nil {
				return err
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			fmt.Fprint(env.Stdout, text)
			if err := cfg.Check(); err != nil {
				return err
			}
			if !signer.HasState(cfg) {
				fmt.Fprintf(env.Stderr, "note: %s does not exist yet: keys and certificates were not looked at\n", cfg.StateDir)
				return nil
			}
			return signer.CheckFiles(ctx, cfg, signer.Options{})
		}
	},
}

var doctor = command.Command{
	Name: "doctor", Short: "look at socket, record, keys and certificates, and explain what is wrong",
	Long: `Asks the signer that runs, or opens the keys when none does. Each line says what was
looked at, how it is, and what remedies it. Certificates are to be looked at 30 days
before they end, and wrong 7 days before. Run it as the user of the signer.

exit codes: 0 all is well, 1 something must be done, 2 something should be looked at`,
	Setup: func(fs *flag.FlagSet) command.Run {
		full := fs.Bool("full", false, "read the whole audit record, however long: about two seconds for a million lines")
		raw := fs.Bool("json", false, "print JSON")
		return configured(fs, func(ctx context.Context, env command.Env, cfg signer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			d := signer.Diagnose(ctx, cfg, signer.Options{}, *full)
			if err := print(env, *raw, d, d.String()); err != nil {
				return err
			}
			if code := d.ExitCode(); code != 0 {
				return &command.Exit{Code: code}
			}
			return nil
		})
	},
}

var status = command.Command{
	Name: "status", Short: "ask the signer that runs what its keys have signed and refused",
	Long: `By key: requests and messages that were signed, refusals by their reason, failures,
how long the last requests took, the record included; how the tokens are. Only who may
ask for signatures may ask for this.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		raw := fs.Bool("json", false, "print JSON")
		return configured(fs, func(ctx context.Context, env command.Env, cfg signer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			st, err := signer.AskStatus(ctx, cfg)
			if err != nil {
				return err
			}
			return print(env, *raw, st, signer.StatusText(st))
		})
	},
}

// print writes a value as JSON or as text.
func print(env command.Env, raw bool, v any, text string) error {
	if !raw {
		_, err := fmt.Fprint(env.Stdout, text)
		return err
	}
	enc := json.NewEncoder(env.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

var record = command.Command{
	Name: "audit", Args: "verify | mark | cut FILE", Short: "the audit record: verify it, put it away",
	Long: `verify reads the whole record and holds it against the mark beside it: a line that was
changed, dropped, inserted or moved, and an end that is missing, are found and named;
so is a last list of a key (signer lists) that is missing or older than the record's.

mark verifies it too, and makes the mark anew where that is lost. No signer may run
meanwhile.

cut verifies it, puts it away as FILE on the same disk, and begins the next one, whose
first line names the end of it. No signer may run meanwhile. Where a crash comes between
the two, FILE is there and the signer does not start: when the first line of the record
is record.continued, remove the mark and run mark; else remove FILE and cut again.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return configured(fs, func(_ context.Context, env command.Env, cfg signer.Config, args []string) error {
			look := signer.VerifyRecord
			switch {
			case len(args) == 2 && args[0] == "cut":
				head, err := signer.CutRecord(cfg, args[1], signer.Options{})
				if err == nil {
					fmt.Fprintf(env.Stdout, "%d lines in %s; the end is %s\n", head.Seq, args[1], head)
				}
				return err
			case len(args) == 1 && args[0] == "mark":
				look = signer.MarkRecord
			case len(args) != 1 || args[0] != "verify":
				return command.Usagef("verify, mark or cut FILE is wanted")
			}
			head, err := look(cfg)
			if err == nil {
				err = signer.CheckLists(cfg)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.Stdout, "%d lines, whole; the end is %s\n", head.Seq, head)
			return nil
		})
	},
}
