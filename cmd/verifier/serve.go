package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/ble"
	readertrust "vidimus/internal/trust"
)

var serve = command.Command{
	Name: "serve", Short: "read phones at a terminal: a page for the browser of this machine",
	Long: `Serves a page for the browser of this machine alone: a fixed terminal, or the laptop
of a vehicle. The code of a phone comes from a USB scanner that types it, from a
camera, or from a picture in a file; the data over Bluetooth (--ble), or from the
reference wallet over a model of it (--simulate, whose code the page shows). The page
says what was found in one look, why on a tap, and how old the knowledge is that it
rests on, in English, French, German and Luxembourgish.

Nothing is stored. What was read is in the memory of this program for one browser,
and is wiped when its page is left, and after 60 seconds at the latest; a few seconds
later nothing of it is left in memory. There is one reading at a time, and thirty codes
a minute are taken, twenty at once. Everybody who may use this machine can reach the page; only the
browser that began a reading sees its verdict.

--state, --bundle, --trust, --status, --crl and --policy are those of verifier read.
A bundle that was imported meanwhile is used within a minute. A reader whose clock is
wrong, or whose bundle is older than one that it had, says so on the page and reads
nothing.

Examples:

  verifier serve --ble --state ~/.vidimus-reader
  verifier serve --simulate ~/.vidimus-wallet --trust anchors --listen 127.0.0.1:9000

Exit codes: 0 stopped (Ctrl-C), 3 the command line or a file is wrong.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		cfg := verifier.TerminalConfig{}
		c := &cfg.Reader.Check
		listen := fs.String("listen", "127.0.0.1:8770", "loopback `ADDRESS` with a port; port 0 takes a free one")
		how := phoneFlags(fs)
		readerFlags(fs, &cfg.Reader)
		return func(ctx context.Context, env command.Env, args []string) error {
			switch {
			case len(args) != 0:
				return command.Usagef("no argument is wanted, got %q: codes come by the page", args[0])
			case how.radio == (how.simulate != ""):
				return command.Usagef("--ble or --simulate FOLDER: which?")
			case how.readers != "" && how.simulate == "":
				return command.Usagef("--simulate-readers is for --simulate")
			case how.adapter != "" && !how.radio:
				return command.Usagef("--adapter is for --ble")
			case cfg.Reader.Anonymous && cfg.Reader.Reader != "":
				return command.Usagef("--anonymous and --reader: which?")
			case cfg.Reader.Connect <= 0 || cfg.Reader.Answer <= 0:
				return command.Usagef("--connect and --answer: durations such as 45s are wanted")
			}
			c.Notes = env.Stderr
			// Requests of one's own browser are no news.
			cfg.Log = slog.New(slog.NewTextHandler(env.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
			if how.radio {
				cfg.Link = verifier.OverEach(func(ctx context.Context) (verifier.Radio, error) {
					return ble.Open(ctx, ble.Options{Adapter: how.adapter, Warn: func(s string) { fmt.Fprintf(env.Stderr, "note: %s\n", verifier.Clean(s, 400)) }})
				})
			} else {
				cfg.Simulation = &verifier.Simulation{Wallet: how.simulate}
				if how.readers != "" {
					var err error
					if cfg.Simulation.Readers, cfg.Simulation.Revoked, err = readertrust.LoadReaders(how.readers); err != nil {
						return refused(err)
					}
				}
			}
			t, err := verifier.NewTerminal(cfg)
			if err != nil {
				return refused(err)
			}
			if s := t.Standing(ctx); s.Trouble != "" {
				fmt.Fprintf(env.Stderr, "note: %s\n", verifier.CleanLines(s.Detail))
			}
			err = t.Serve(ctx, *listen, func(url string) { fmt.Fprintf(env.Stdout, "the reader is at %s\n", url) })
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			return refused(err)
		}
	},
}
