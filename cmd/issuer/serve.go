package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"runtime"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

var initialize = command.Command{
	Name: "init", Short: "create the state folder: keys, certificates, secrets, database",
	Long: `Creates what is not there yet, once; a folder that holds a database is refused.
Where the configuration names no key for a root, certificate requests are
written instead of certificates. With --add an office that exists gets the keys
and certificates that its configuration names and that are not there.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		add := fs.Bool("add", false, "complete an office that exists: nothing that is there is touched")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			create := issuer.Init
			if *add {
				create = issuer.Complete
			}
			made, err := create(ctx, cfg, clock.System{}.Now(), rand.Reader)
			if err != nil {
				return err
			}
			for _, p := range made.Paths {
				fmt.Fprintln(env.Stdout, "created", p)
			}
			for i, p := range made.Requests {
				fmt.Fprintf(env.Stdout, "to sign %s, the certificate goes to %s\n", p, made.Missing[len(made.Missing)-len(made.Requests)+i])
			}
			if len(made.Requests) == 0 {
				fmt.Fprintf(env.Stdout, "readers trust %s\n", cfg.Path(cfg.IACA.Certificate))
			}
			return nil
		})
	},
}

var serve = command.Command{
	Name: "serve", Short: "serve wallets, registries and the office until interrupted",
	Long: `Logs go to standard error as key=value lines. SIGINT and SIGTERM stop it: what
is under way may take ten more seconds, and nothing that was answered is lost.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			if cfg.Dev {
				fmt.Fprint(env.Stderr, issuer.Banner)
			}
			level, err := issuer.ParseLevel(cfg.LogLevel)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: level}))
			for _, w := range cfg.Warnings() {
				log.Warn("configuration", "warning", w)
			}
			app, err := issuer.New(ctx, cfg, issuer.Options{Logger: log})
			if err != nil {
				return err
			}
			if !cfg.Dev {
				runtime.MemProfileRate = 0 // nobody could read that profile
			}
			ballast := issuer.Ballast()
			defer runtime.KeepAlive(ballast)
			return app.Run(ctx)
		})
	},
}

var checkConfig = command.Command{
	Name: "check-config", Short: "say what a configuration means, and everything that is wrong with it",
	Long: `Prints the configuration as it would be used, then every mistake with its key
and what would be right. Where the state folder exists, keys, certificates,
catalogue and registries are checked too; where it does not, that there is what the
configuration names elsewhere.

exit codes: 0 fine, 1 mistakes`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var s setup
		s.flags(fs)
		defaults := fs.Bool("defaults", false, "print every key with its default and what it means, and nothing else")
		return func(ctx context.Context, env command.Env, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			if *defaults {
				_, err := fmt.Fprint(env.Stdout, issuer.DefaultsYAML)
				return err
			}
			cfg, err := s.read()
			if err != nil {
				return err
			}
			text, err := cfg.YAML()
			if err != nil {
				return err
			}
			fmt.Fprint(env.Stdout, text)
			err = cfg.Check()
			if err == nil {
				err = state(ctx, env, cfg)
			}
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings() {
				fmt.Fprintln(env.Stderr, "warning:", w)
			}
			fmt.Fprintln(env.Stderr, "the configuration is fine")
			return nil
		}
	},
}

// state checks what lies in the state folder, when there is one.
func state(ctx context.Context, env command.Env, cfg issuer.Config) error {
	if _, err := os.Stat(cfg.StateDir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(env.Stderr, "%s does not exist: issuer init creates it\n", cfg.StateDir)
		later, wrong := cfg.BeforeInit()
		for _, line := range later {
			fmt.Fprintln(env.Stderr, "not there yet:", line)
		}
		return wrong
	}
	return issuer.CheckState(ctx, cfg, clock.System{}.Now(), rand.Reader)
}
