package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/ble"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/proximity"
	readertrust "vidimus/internal/trust"
)

var read = command.Command{
	Name: "read", Args: "[CODE]", Short: "read a phone in person, over Bluetooth, without a network",
	Long: `CODE is what the phone shows: a picture of its QR code (PNG, JPEG), the text of it
(mdoc:...), or "-" for either on standard input, such as what a scanner types. The
data come over Bluetooth (--ble), or from the reference wallet on this machine over
a model of Bluetooth (--simulate, which needs no CODE).

--profile says what is asked: right-to-drive (with --category, B by itself),
identity, personal-data, age-over-18, or one of a policy file. Its documents are
asked for one after the other until the phone shows one. With --state of a reader that was
enrolled (verifier enroll) the phone shows who asks; --state also gives the bundle.
Without one --bundle, or --trust, --status and --crl say what is known.

Steps go to standard error, the answer to standard output: the verdict, why, and how
old the knowledge is that it rests on. Nothing is stored: the portrait goes to the
file of --portrait, to the terminal with --draw, or nowhere, and values are wiped when
they have been shown. What stands in a terminal stays in what it lets you scroll back.

Examples:

  verifier read --ble --state ~/.vidimus-reader --profile right-to-drive photo.jpg
  verifier read --ble --state ~/.vidimus-reader --profile right-to-drive --category C -
  verifier read --simulate ~/.vidimus-wallet --trust anchors --profile identity

Exit codes: 0 green, 1 red, 2 cannot tell (also: the phone gave no answer), 3 the
command line or a file is wrong and nothing was asked.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		cfg := verifier.ReaderConfig{}
		c := &cfg.Check
		profile := fs.String("profile", "right-to-drive", "`PROFILE` to ask: right-to-drive, identity, personal-data, age-over-18, or one of the policy")
		category := fs.String("category", "", "vehicle `CATEGORY` that right-to-drive asks about (default: that of the profile, B)")
		how := phoneFlags(fs)
		portrait := fs.String("portrait", "", "`FILE` for the portrait, readable for you alone (default: nowhere)")
		draw := fs.Bool("draw", false, "draw the portrait in the terminal, in colours")
		readerFlags(fs, &cfg)
		asJSON := fs.Bool("json", false, "print the report as JSON, and the steps as lines of JSON")
		every := fs.Bool("all", false, "show passed checks too")
		colour := fs.String("color", "auto", "`WHEN` to use colours: auto, always, never")
		at := fs.String("at", "", "`TIME` (RFC 3339) at which it happens, for --simulate alone (default: now)")
		return func(ctx context.Context, env command.Env, args []string) error {
			switch {
			case how.radio == (how.simulate != ""):
				return command.Usagef("--ble or --simulate FOLDER: which?")
			case how.simulate != "" && len(args) > 0:
				return command.Usagef("--simulate makes the code itself, got %q besides", args[0])
			case how.radio && len(args) != 1:
				return command.Usagef("one CODE is wanted: a picture, the text mdoc:..., or - ; got %d", len(args))
			case how.readers != "" && how.simulate == "":
				return command.Usagef("--simulate-readers is for --simulate")
			case *at != "" && how.simulate == "":
				return command.Usagef("--at is for --simulate: a phone answers now")
			case how.adapter != "" && !how.radio:
				return command.Usagef("--adapter is for --ble")
			case cfg.Anonymous && cfg.Reader != "":
				return command.Usagef("--anonymous and --reader: which?")
			case cfg.Connect <= 0 || cfg.Answer <= 0:
				return command.Usagef("--connect and --answer: durations such as 45s are wanted")
			case *draw && *asJSON:
				return command.Usagef("--draw and --json: which?")
			case *colour != "auto" && *colour != "always" && *colour != "never":
				return command.Usagef("--color: %q is none of auto, always, never", *colour)
			}
			now, err := instant(*at)
			if err != nil {
				return err
			}
			c.At, c.Notes = now, env.Stderr
			var clk clock.Clock = clock.System{}
			if *at != "" {
				clk = clock.NewFake(now)
			}
			cfg.Clock = clk
			ready, err := verifier.Prepare(ctx, cfg, env.Stdin)
			if err != nil {
				return refused(err)
			}
			asked, err := ready.Profile(*profile, *category)
			if err != nil {
				return refused(err)
			}
			if c.Bundle.State == "" && c.Bundle.File == "" && c.TrustDir == "" {
				fmt.Fprintln(env.Stderr, "note: none of --state, --bundle and --trust: this reader knows no issuer, and nothing can be green")
			}
			r := reading{env: env, json: *asJSON}
			if how.simulate != "" {
				err = r.simulated(ctx, how.simulate, how.readers, clk, func(ctx context.Context, e *proximity.Engagement, link verifier.Link) (*verifier.Reading, error) {
					return ready.Read(ctx, e, link, asked, r.step)
				})
			} else {
				err = r.radio(ctx, args[0], how.adapter, func(e *proximity.Engagement, link verifier.Link) (*verifier.Reading, error) {
					return ready.Read(ctx, e, link, asked, r.step)
				})
			}
			if err != nil {
				return err
			}
			defer r.out.Wipe()
			return r.show(*portrait, *draw, *every, wantColour(*colour, env))
		}
	},
}

// reading is one run of read.
type reading struct {
	env  command.Env
	json bool
	out  *verifier.Reading
}

// step shows progress, a line each.
func (r *reading) step(s verifier.Step) {
	if r.json {
		_ = json.NewEncoder(r.env.Stderr).Encode(s)
		return
	}
	fmt.Fprintf(r.env.Stderr, "%s %s\n", s.At.Local().Format("15:04:05"), s.Text)
}

// noAnswer is a session that gave none: that is no verdict, and no mistake either.
func noAnswer(err error) error {
	return &command.Exit{Code: verifier.ExitCannotTell, Err: fmt.Errorf("cannot tell: %s", verifier.CleanLines(err.Error()))}
}

func (r *reading) radio(ctx context.Context, code, adapter string, do func(*proximity.Engagement, verifier.Link) (*verifier.Reading, error)) error {
	e, err := verifier.ReadEngagement(code, r.env.Stdin)
	if err != nil {
		return refused(err)
	}
	radio, err := ble.Open(ctx, ble.Options{Adapter: adapter, Warn: func(s string) { fmt.Fprintf(r.env.Stderr, "note: %s\n", verifier.Clean(s, 400)) }})
	if err != nil {
		return refused(err)
	}
	defer radio.Close()
	if r.out, err = do(e, verifier.Over(radio)); err != nil {
		return noAnswer(err)
	}
	return nil
}

func (r *reading) simulated(ctx context.Context, folder, readers string, clk clock.Clock, do func(context.Context, *proximity.Engagement, verifier.Link) (*verifier.Reading, error)) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	s := verifier.Simulation{Wallet: folder, Clock: clk}
	if readers != "" {
		if s.Readers, s.Revoked, err = readertrust.LoadReaders(readers); err != nil {
			cancel()
			return refused(err)
		}
	}
	if !r.json {
		s.Told = func(line string) { fmt.Fprintf(r.env.Stderr, "wallet: %s\n", verifier.Clean(line, 400)) }
	}
	e, link, err := s.Begin(ctx)
	if err != nil {
		cancel()
		return refused(err)
	}
	r.out, err = do(ctx, e, link)
	if ended := s.End(cancel); ended != nil {
		fmt.Fprintf(r.env.Stderr, "note: %s\n", verifier.CleanLines(ended.Error()))
	}
	if err != nil {
		return noAnswer(err)
	}
	return nil
}

// draw draws the portrait. One that cannot be drawn takes nothing from the verdict.
func (r *reading) draw(picture []byte, colours bool) error {
	note := func(text string) error {
		_, err := fmt.Fprintln(r.env.Stderr, "note:", text)
		return err
	}
	switch {
	case picture == nil:
		return note("no portrait was shown that counts, nothing is drawn")
	case !colours:
		return note("the portrait is not drawn without colours: --color always, or --portrait FILE")
	}
	depth := os.Getenv("COLORTERM")
	err := verifier.DrawPortrait(r.env.Stdout, picture, depth == "truecolor" || depth == "24bit")
	if errors.Is(err, elements.ErrPicture) {
		return note("the portrait is not drawn: " + err.Error() + "; --portrait FILE keeps it for another program")
	}
	return err
}

// show writes the answer. A verdict that nobody can read is none.
func (r *reading) show(portraitFile string, draw, every, colours bool) error {
	report := r.out.Report
	if draw {
		if err := r.draw(verifier.Portrait(report), colours); err != nil {
			return refused(err)
		}
	}
	var err error
	if r.json {
		verifier.WithoutPictures(report)
		err = verifier.WriteJSON(r.env.Stdout, report)
	} else if err = verifier.WriteText(r.env.Stdout, report, colours, every); err == nil {
		_, err = fmt.Fprintf(r.env.Stdout, "\n%s\nread in %s, %s of it the phone\n", verifier.AsOfLine(report, time.Local),
			r.out.Took.Round(time.Millisecond), r.out.Waited.Round(time.Millisecond))
	}
	if err != nil {
		return refused(err)
	}
	// After the verdict, which a disk that is full must not keep back.
	if portraitFile != "" {
		if picture := verifier.Portrait(report); picture == nil {
			fmt.Fprintln(r.env.Stderr, "note: no portrait was shown that counts, nothing is written")
		} else if err := verifier.WritePortrait(portraitFile, picture); err != nil {
			return refused(err)
		}
	}
	if code := verifier.ExitCode(report); code != 0 {
		return &command.Exit{Code: code}
	}
	return nil
}
