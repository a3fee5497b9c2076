// Command issuer is the credential office: it takes signed events from state
// registries and gives wallets driving licences and identity credentials. Run
// `issuer help` for what it can do, `issuer check-config --defaults` for its
// configuration.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	_ "time/tzdata" // console.time_zone, also where the machine knows no zones

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "issuer", Secret: true,
	Intro: `issuer is a credential office: signed events of state registries in, mobile
driving licences and identity credentials for wallets out, and the public lists
that say which of them are revoked.

a first try: issuer init --dev; issuer serve --dev (and then, beside it)
issuer sample --dev -o people.json; issuer registry send --dev people.json;
issuer offer --dev P-1 --qr terminal`,
	Commands: []command.Command{
		initialize, serve, offer, credential, registry, person, document, status, bundles, record, officer, reader, signers, trustLists, effects, doctor, emergency, backup, restore, compact, checkConfig, sample,
	},
}

// setup is the flags that every command has.
type setup struct {
	config, stateDir string
	dev              bool
}

func (s *setup) flags(fs *flag.FlagSet) {
	fs.StringVar(&s.config, "config", "", "`FILE` with the configuration; its keys are those of check-config --defaults")
	fs.StringVar(&s.stateDir, "state-dir", "", "`FOLDER` of database, keys and certificates, instead of state_dir")
	fs.BoolVar(&s.dev, "dev", false, "development: soft keys, a sample registry, anonymous wallets, loopback only. NOT SAFE FOR PRODUCTION USE")
}

// read gives the configuration, not checked yet.
func (s *setup) read() (issuer.Config, error) {
	cfg, err := issuer.LoadConfig(s.config, s.dev)
	if err != nil {
		return issuer.Config{}, err
	}
	if s.stateDir != "" {
		cfg.StateDir = s.stateDir
	}
	return cfg, nil
}

// load gives a configuration without mistakes.
func (s *setup) load() (issuer.Config, error) {
	cfg, err := s.read()
	if err == nil {
		err = cfg.Check()
	}
	if err != nil && s.config == "" && !s.dev {
		err = fmt.Errorf("give --config FILE, or --dev for a first try on this machine: %w", err)
	}
	return cfg, err
}

// with declares the common flags, and runs with a checked configuration.
func with(fs *flag.FlagSet, run func(context.Context, command.Env, issuer.Config, []string) error) command.Run {
	var s setup
	s.flags(fs)
	return func(ctx context.Context, env command.Env, args []string) error {
		cfg, err := s.load()
		if err != nil {
			return err
		}
		return run(ctx, env, cfg, args)
	}
}

// none refuses arguments.
func none(args []string) error {
	if len(args) > 0 {
		return command.Usagef("no argument is wanted, got %q", args[0])
	}
	return nil
}
