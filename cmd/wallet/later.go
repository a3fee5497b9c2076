package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/wallet"
)

// Exit codes of what speaks to issuers.
const (
	exitPartly  = 2
	exitWaiting = 4
	exitCodes   = `exit codes: 0 all kept, 1 nothing kept, 2 a part kept, 3 mistake in the command
line, 4 nothing was refused, but something comes later`
)

func exit(err error) error {
	switch {
	case errors.Is(err, wallet.ErrPartly):
		return &command.Exit{Code: exitPartly, Err: err}
	case errors.Is(err, wallet.ErrWaiting):
		return &command.Exit{Code: exitWaiting, Err: err}
	}
	return err
}

// defaultWait is how long a terminal is held up unless told otherwise.
const defaultWait = 30 * time.Second

func waitFlag(fs *flag.FlagSet, wait *time.Duration) {
	fs.DurationVar(wait, "wait", defaultWait, "`DURATION` for which an issuer that delivers later is asked again, at its pace; 0s asks once")
}

// maxWait is longer than an issuer keeps a request anywhere.
const maxWait = 90 * 24 * time.Hour

func mayWait(wait time.Duration) error {
	if wait < 0 || wait > maxWait {
		return command.Usagef("--wait: between 0s and %s, got %s", maxWait, wait)
	}
	return nil
}

// connectionFlags are those of every command that speaks to issuers.
func connectionFlags(fs *flag.FlagSet, c *wallet.Connection) {
	fs.StringVar(&c.Dir, "dir", "", "`FOLDER` of the wallet (default: "+wallet.DefaultDir+" in the home folder)")
	fs.StringVar(&c.ProviderDir, "provider", "", "`FOLDER` of a test wallet provider that attests this wallet and its keys (default: nobody does)")
	fs.StringVar(&c.TrustDir, "trust", "", "`FOLDER` of anchors that the issuer must lead to (default: any issuer)")
	fs.BoolVar(&c.InsecureLoopback, "insecure-loopback", false, "go to this machine too, without TLS: for development")
	fs.StringVar(&c.WebRoots, "web-roots", "", "PEM `FILE` of roots for https (default: those of the machine)")
}

var collect = command.Command{
	Name: "collect", Args: "[ID...]", Short: "ask again for what an issuer delivers later",
	Long: `ID is that of wallet list; without one all that waits is asked for. The request is
the one of accept or refresh, with its keys: an issuer is asked no sooner than it
said, and at its pace for as long as --wait says. An access token that has run out
is refreshed where the issuer allows that. What is refused for good is dropped.

` + exitCodes,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg wallet.CollectConfig
		connectionFlags(fs, &cfg.Connection)
		waitFlag(fs, &cfg.Wait)
		return func(ctx context.Context, env command.Env, args []string) error {
			if err := mayWait(cfg.Wait); err != nil {
				return err
			}
			cfg.IDs = args
			return exit(wallet.Collect(ctx, cfg, env.Stdout, env.Stderr))
		}
	},
}

var refresh = command.Command{
	Name: "refresh", Args: "[ID...]", Short: "fetch fresh copies in the place of those that are held",
	Long: `ID is that of wallet list; without one everything that came with a refresh token
is refreshed. Fresh copies have fresh keys. The old ones are deleted when the new
ones are kept, and not before.

While a document is withdrawn, the issuer keeps fresh copies back: the request
waits, as one of accept does, and wallet collect goes on. The old copies stay in
the folder, and readers with a status list refuse them. What the issuer refuses for
good (credential_request_denied) no repetition brings: ask the authority.

` + exitCodes,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg wallet.RefreshConfig
		connectionFlags(fs, &cfg.Connection)
		waitFlag(fs, &cfg.Wait)
		fs.IntVar(&cfg.Copies, "batch", 0, "`NUMBER` of copies of each (default: as many as are held)")
		return func(ctx context.Context, env command.Env, args []string) error {
			if err := mayWait(cfg.Wait); err != nil {
				return err
			}
			cfg.IDs = args
			return exit(wallet.Refresh(ctx, cfg, env.Stdout, env.Stderr))
		}
	},
}
