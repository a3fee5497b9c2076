// Command verifier checks mobile driving licences and identity credentials
// without a network. Run `verifier help` for what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
)

func main() { os.Exit(start()) }

// start runs the program: those of its commands that see what phones show in a
// process that forgets.
func start() int {
	verifier.PaceCollector()
	if len(os.Args) > 1 && (os.Args[1] == serve.Name || os.Args[1] == read.Name) {
		if err := verifier.Forgetful(); err != nil {
			fmt.Fprintf(os.Stderr, "note: %v\n", err)
		}
	}
	return program.Main()
}

var program = command.Program{
	Name: "verifier", Secret: true,
	Intro: `verifier says whether a mobile driving licence or identity credential is
genuine, valid, fresh and enough for what was asked, and why. It uses no network
but to fetch what it is told to.`,
	Commands: []command.Command{check, read, serve, inspect, trust, bundles, enroll},
}

var check = command.Command{
	Name: "check", Args: "FILE", Short: "verify a presentation or a credential and say why",
	Long: `FILE holds a DeviceResponse or IssuerSigned of ISO/IEC 18013-5 (binary,
hexadecimal or base64) or an SD-JWT VC with or without key binding. One of the
files may be "-", standard input.

The answer has four parts, which stay apart: authenticity (whose document, and
is it the holder's), status (valid, expired, revoked), freshness (how old the
knowledge of the status is) and entitlement (what the profile asks). Its colour:

  green  every part was checked and is as it should be
  red    one part is known to be wrong: forged, expired, revoked, not yet valid,
         or the answer to what was asked is no
  amber  cannot tell; the reasons say what is missing

What it takes to be green:

  --bundle      with --bundle-anchor, or --state alone: all that an offline reader
                knows, in one signed file (see verifier help bundle); or
  --trust       somebody above the issuer is trusted (see verifier help trust)
  --status      a list says that the copy was not revoked: a CWT for an mdoc, a
                JWT for an SD-JWT
  --crl         a list of the authority says that the signer was not revoked
  --transcript  an mdoc was shown in this session, and by its holder; or
  --nonce       with --aud: an SD-JWT was; with --response-uri too: an mdoc that
                came over OpenID4VP. Add --reader-key when the response was
                encrypted, or when the holder proved itself with a MAC

Examples:

  verifier check --trust anchors --status list.cwt --transcript session.cbor \
      --profile right-to-drive response.cbor
  verifier check --trust anchors --status list.jwt --nonce N --aud CLIENT_ID pid.txt
  verifier check --json --trust anchors issued.cbor

Exit codes: 0 green, 1 red, 2 cannot tell, 3 the command line or a file is wrong
and nothing was checked.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg verifier.CheckConfig
		fs.StringVar(&cfg.VICAL, "vical", "", "`FILE` with a list of issuing authorities (VICAL), beside or instead of --trust; needs --roots")
		fs.StringVar(&cfg.Roots, "roots", "", "`FILE` in PEM with the roots of VICAL signers")
		fs.StringVar(&cfg.TrustDir, "trust", "", "`FOLDER` of trust anchors; its trust.yaml says what each may sign")
		fs.Var((*command.Strings)(&cfg.DocTypes), "trust-doctype", "`DOCTYPE` that anchors may sign which trust.yaml does not name; repeatable (default: mDL and PID where there is no trust.yaml)")
		fs.Var((*command.Strings)(&cfg.VCTs), "trust-vct", "`VCT` that anchors may sign which trust.yaml does not name; repeatable (default: PID where there is no trust.yaml)")
		fs.Var((*command.Strings)(&cfg.Lists), "status", "`FILE` with a status list or identifier list token; repeatable")
		fs.Var((*command.Strings)(&cfg.CRLs), "crl", "`FILE` with a certificate revocation list of an authority, PEM or DER; repeatable")
		fs.StringVar(&cfg.TranscriptFile, "transcript", "", "`FILE` with the SessionTranscript of the session")
		fs.StringVar(&cfg.ReaderKeyFile, "reader-key", "", "`FILE` with the reader's private JWK: the key of the session, or the one that the response was encrypted to")
		fs.StringVar(&cfg.Nonce, "nonce", "", "`NONCE` of the transaction")
		fs.StringVar(&cfg.Audience, "aud", "", "`AUDIENCE`, our client_id in the transaction, with its prefix")
		fs.StringVar(&cfg.ResponseURI, "response-uri", "", "`URI` that an OpenID4VP response was sent to; with --nonce and --aud it makes the transcript")
		fs.StringVar(&cfg.ProfileID, "profile", "", "`PROFILE` that was asked: right-to-drive, identity, personal-data, age-over-18, or one of the policy (default: nothing in particular, and everything is shown)")
		fs.StringVar(&cfg.PolicyFile, "policy", "", "`FILE` with a policy in YAML, laid over the built-in one")
		at := fs.String("at", "", "`TIME` (RFC 3339) to verify at (default: now)")
		fs.StringVar(&cfg.Bundle.File, "bundle", "", "`FILE` with a signed bundle: anchors, lists, revoked certificates and policy (default: the one of --state)")
		fs.StringVar(&cfg.Bundle.Anchor, "bundle-anchor", "", "`FILE` in PEM: who signs bundles, or the authority over them (default: whom --state has pinned)")
		fs.StringVar(&cfg.Bundle.State, "state", "", "`FOLDER` of this reader, as verifier bundle import makes it: with it no older bundle passes, and no clock that was put back")
		asJSON := fs.Bool("json", false, "print the report as JSON")
		every := fs.Bool("all", false, "show passed checks too")
		colour := fs.String("color", "auto", "`WHEN` to use colours: auto, always, never")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FILE is wanted, got %d", len(args))
			}
			switch {
			case cfg.Bundle.Anchor != "" && !cfg.Bundle.Given():
				return command.Usagef("--bundle-anchor is for --bundle, or for the one of --state")
			case (cfg.VICAL == "") != (cfg.Roots == ""):
				return command.Usagef("--vical and --roots go together")
			case cfg.ResponseURI != "" && (cfg.Nonce == "" || cfg.Audience == ""):
				return command.Usagef("--response-uri needs --nonce and --aud")
			case cfg.ResponseURI != "" && cfg.TranscriptFile != "":
				return command.Usagef("--transcript and --response-uri both give the session: which?")
			case *colour != "auto" && *colour != "always" && *colour != "never":
				return command.Usagef("--color: %q is none of auto, always, never", *colour)
			}
			var err error
			if cfg.At, err = instant(*at); err != nil {
				return err
			}
			cfg.File, cfg.Notes = args[0], env.Stderr
			report, err := verifier.Check(cfg, env.Stdin)
			if err != nil {
				return refused(err)
			}
			if *asJSON {
				err = verifier.WriteJSON(env.Stdout, report)
			} else {
				if err = verifier.WriteText(env.Stdout, report, wantColour(*colour, env), *every); err == nil {
					_, err = fmt.Fprintf(env.Stdout, "\n%s\n", verifier.AsOfLine(report, time.Local))
				}
			}
			if err != nil {
				// A verdict that nobody can read is none.
				return refused(err)
			}
			for _, hint := range cfg.Hints(report) {
				fmt.Fprintf(env.Stderr, "note: %s\n", hint)
			}
			if code := verifier.ExitCode(report); code != 0 {
				return &command.Exit{Code: code}
			}
			return nil
		}
	},
}

var inspect = command.Command{
	Name: "inspect", Args: "FILE", Short: "decode without trusting",
	Long: `Shows what a file holds: mdoc structures and any CBOR in diagnostic notation,
SD-JWTs with their disclosures, JWTs, status lists, QR engagements (mdoc:...).
"-" is standard input. Nothing is verified, and the output says so.

Exit codes: 0 decoded, 3 not.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FILE is wanted, got %d", len(args))
			}
			return refused(verifier.Inspect(env.Stdout, args[0], env.Stdin))
		}
	},
}

var trust = command.Command{
	Name: "trust", Args: "list FOLDER | vical FILE | follow FOLDER", Short: "show what is trusted for what; follow an authority to its new root",
	Long: `list FOLDER shows the anchors of a folder, as check --trust reads it, and what
each may sign. vical FILE verifies a list of issuing authorities (ISO/IEC
18013-5, Annex C) under the roots given with --roots and shows its entries. follow
FOLDER takes a new root (--root) into a folder of anchors, for what an old one there
counts for, when the old one's key has signed a link certificate for it (--link).

A folder of anchors holds certificates of authorities, PEM in .pem and .crt, DER
in .der and .cer, also in folders below it. Its file trust.yaml says what each
may sign; patterns such as "pid/*.pem" are allowed:

  as_of: 2026-06-01T00:00:00Z       # when somebody last made sure of it
  anchors:
    iaca-ut.pem:
      purposes: [issue-mdoc]
      doctypes: [org.iso.18013.5.1.mDL]
    "pid/*.pem":
      purposes: [issue-mdoc, issue-sd-jwt]
      doctypes: [eu.europa.ec.eudi.pid.1]
      vcts: ["urn:eudi:pid:1"]

purposes that check looks at: issue-mdoc (with doctypes), issue-sd-jwt (with
vcts). Others are for other programs: status-list, reader, access, vical,
bundle. A status list needs none: it is signed below the authority that signed
the document's signer. Every certificate has to be named; in a folder without
trust.yaml all count for the mDL and the PID, or for what --trust-doctype and
--trust-vct of check say.

Exit codes: 0 shown, or followed; 3 not.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		link := fs.String("link", "", "`FILE` with the link certificate, for follow")
		root := fs.String("root", "", "`FILE` with the new root, for follow")
		roots := fs.String("roots", "", "`FILE` in PEM with the roots of VICAL signers")
		at := fs.String("at", "", "`TIME` (RFC 3339) to judge at (default: now)")
		var docTypes, vcts command.Strings
		fs.Var(&docTypes, "trust-doctype", "`DOCTYPE` as for check; repeatable")
		fs.Var(&vcts, "trust-vct", "`VCT` as for check; repeatable")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 2 {
				return command.Usagef("list FOLDER, vical FILE or follow FOLDER is wanted")
			}
			now, err := instant(*at)
			if err != nil {
				return err
			}
			switch args[0] {
			case "list":
				store, err := verifier.LoadTrust(args[1], docTypes, vcts)
				if err != nil {
					return refused(err)
				}
				verifier.ShowAnchors(env.Stdout, store, now)
				return nil
			case "vical":
				if *roots == "" {
					return command.Usagef("vical needs --roots")
				}
				return refused(verifier.ShowVICAL(env.Stdout, args[1], *roots, env.Stdin, now))
			case "follow":
				if *link == "" || *root == "" {
					return command.Usagef("follow needs --link and --root")
				}
				return refused(verifier.FollowLink(env.Stdout, args[1], *link, *root, docTypes, vcts, now))
			}
			return command.Usagef("unknown: trust %s", args[0])
		}
	},
}

// refused is an error that stopped a command, which is no verdict: its exit code
// is that of a mistake. It may quote what stands in a file.
func refused(err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	if errors.Is(err, fetch.ErrRefused) {
		hint = "\nOnly https to public addresses is asked. For an office on this machine add --insecure-loopback, for one in a private network --private-network"
	}
	return &command.Exit{Code: command.ExitUsage, Err: errors.New(verifier.CleanLines(err.Error() + hint))}
}

func instant(s string) (time.Time, error) {
	if s == "" {
		return clock.System{}.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, command.Usagef("--at: %q is no RFC 3339 time such as 2026-06-15T10:00:00Z", s)
	}
	return t.UTC(), nil
}

// wantColour follows --color, NO_COLOR and whether the output is a terminal.
func wantColour(when string, env command.Env) bool {
	if when != "auto" {
		return when == "always"
	}
	f, ok := env.Stdout.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
