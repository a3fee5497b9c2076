// Command demo tells the whole story of a driving licence in one run: registry,
// office, wallet, reader, verdict, revocation. Run `demo -h` for its flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"vidimus/internal/app/command"
	"vidimus/internal/app/demo"
)

const usage = `demo tells a story with the real programs: a registry states a person, the
office makes an offer, a wallet fetches a driving licence and an identity
credential, a reader asks over an encrypted session and gets a verdict; then the
licence is annulled and the verdict turns. Everything is made up in every run.

usage: demo [flags]

exit codes: 0 every verdict as told, 1 not, 3 mistake in the command line, 130
interrupted in the middle

flags:
`

// exitInterrupted is what a shell gives for SIGINT.
const exitInterrupted = 130

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env := command.Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	o, err := parse(env, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(env.Stderr, "demo: %v; see demo -h\n", err)
		return command.ExitUsage
	}
	switch err := demo.Run(ctx, o); {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		fmt.Fprintf(env.Stderr, "demo: stopped: %v\n", err)
		return exitInterrupted
	default:
		fmt.Fprintf(env.Stderr, "demo: %v\n", err)
		return 1
	}
}

func parse(env command.Env, args []string) (demo.Options, error) {
	o := demo.Options{Out: env.Stdout, Log: env.Stderr}
	fs := flag.NewFlagSet("demo", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.BoolVar(&o.Keep, "keep", false, "leave the office up, with a page to try by hand, until Ctrl-C")
	fs.StringVar(&o.Dir, "dir", "", "new or empty `FOLDER` for all that is made; it stays")
	fs.BoolVar(&o.NoQR, "no-qr", false, "draw no QR codes")
	fs.BoolVar(&o.Verbose, "verbose", false, "show every check, the wallet's steps and the office's log")
	when := fs.String("color", "auto", "`WHEN` to use colours: auto, always, never")
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(env.Stdout, usage)
		fs.VisitAll(func(f *flag.Flag) {
			kind, text := flag.UnquoteUsage(f)
			fmt.Fprintf(env.Stdout, "  --%s %s\n        %s", f.Name, kind, text)
			if f.DefValue != "" && f.DefValue != "false" {
				fmt.Fprintf(env.Stdout, " (default %s)", f.DefValue)
			}
			fmt.Fprintln(env.Stdout)
		})
		return o, err
	case err != nil:
		return o, err
	case fs.NArg() > 0:
		return o, fmt.Errorf("no argument is wanted, got %q", fs.Arg(0))
	}
	switch *when {
	case "always":
		o.Colours = true
	case "never":
	case "auto":
		o.Colours = os.Getenv("NO_COLOR") == "" && terminal(env.Stdout)
	default:
		return o, fmt.Errorf("--color %q: auto, always or never is wanted", *when)
	}
	return o, nil
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
