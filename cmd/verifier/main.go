// Command verifier checks mobile driving licences and identity credentials
// without a network. Run `verifier help` for what it can do.
package main

import (
	"context"
	"flag"
	"os"
	"strings"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "verifier",
	Intro: `verifier says whether a mobile driving licence or identity credential is
genuine, valid, fresh and enough for what was asked, and why. It uses no network.`,
	Commands: []command.Command{check, inspect, trust},
}

var check = command.Command{
	Name: "check", Args: "FILE", Short: "verify a presentation or a credential and say why",
	Long: `FILE holds a DeviceResponse or IssuerSigned of ISO/IEC 18013-5 (binary,
hexadecimal or base64url) or an SD-JWT VC with or without key binding; "-" is
standard input.

Without --transcript (mdoc) or --nonce and --aud (SD-JWT) the holder cannot be
proven: the answer is then at best "cannot tell".

exit codes: 0 green, 1 red (forged, expired, revoked), 2 cannot tell, 3 mistake
in the command line`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg verifier.CheckConfig
		var lists, docTypes, vcts command.Strings
		fs.StringVar(&cfg.TrustDir, "trust", "", "`FOLDER` of trust anchors; its trust.yaml says what each may sign")
		fs.Var(&docTypes, "trust-doctype", "`DOCTYPE` for anchors that trust.yaml does not name; repeatable (default: mDL and PID)")
		fs.Var(&vcts, "trust-vct", "`VCT` for anchors that trust.yaml does not name; repeatable (default: PID)")
		fs.Var(&lists, "status", "`FILE` with a status list or identifier list token; repeatable")
		fs.StringVar(&cfg.TranscriptFile, "transcript", "", "`FILE` with the SessionTranscript of the session")
		fs.StringVar(&cfg.ReaderKeyFile, "reader-key", "", "`FILE` with the reader's private JWK, to check a deviceMac")
		fs.StringVar(&cfg.Nonce, "nonce", "", "`NONCE` of the transaction")
		fs.StringVar(&cfg.Audience, "aud", "", "`AUDIENCE`: our client_id in the transaction")
		fs.StringVar(&cfg.ResponseURI, "response-uri", "", "`URI` of an OpenID4VP response; with --nonce and --aud it makes the transcript")
		fs.StringVar(&cfg.ProfileID, "profile", "", "`PROFILE` that was asked: right-to-drive, identity, age-over-18, or of the policy")
		fs.StringVar(&cfg.PolicyFile, "policy", "", "`FILE` with a policy over the built-in one")
		at := fs.String("at", "", "`TIME` (RFC 3339) to verify at instead of now")
		bundle := fs.String("bundle", "", "`FILE`: signed bundles come with the offline reader; use --trust and --status")
		asJSON := fs.Bool("json", false, "print the report as JSON")
		every := fs.Bool("all", false, "show passed checks too")
		colour := fs.String("color", "auto", "`WHEN` to use colours: auto, always, never")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FILE is wanted, got %d", len(args))
			}
			if *bundle != "" {
				return command.Usagef("--bundle: signed bundles are not read by this version; give anchors with --trust and lists with --status")
			}
			if cfg.ResponseURI != "" && (cfg.Nonce == "" || cfg.Audience == "") {
				return command.Usagef("--response-uri needs --nonce and --aud")
			}
			var err error
			if cfg.At, err = instant(*at); err != nil {
				return err
			}
			cfg.File, cfg.Lists, cfg.DocTypes, cfg.VCTs = args[0], lists, docTypes, vcts
			if len(docTypes) == 0 && len(vcts) == 0 {
				cfg.DocTypes, cfg.VCTs = []string{elements.MDLDocType, elements.PIDDocType}, []string{elements.PIDVCT}
			}
			report, err := verifier.Check(cfg, env.Stdin)
			if err != nil {
				return &command.Exit{Code: command.ExitUsage, Err: err}
			}
			if *asJSON {
				if err := verifier.WriteJSON(env.Stdout, report); err != nil {
					return err
				}
			} else {
				verifier.WriteText(env.Stdout, report, wantColour(*colour, env), *every)
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
SD-JWTs with their disclosures, JWTs, QR engagements (mdoc:...). Nothing is
verified, and the output says so.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FILE is wanted, got %d", len(args))
			}
			data, err := verifier.ReadFile(args[0], env.Stdin)
			if err != nil {
				return err
			}
			return verifier.Inspect(env.Stdout, args[0], data)
		}
	},
}

var trust = command.Command{
	Name: "trust", Args: "list FOLDER | vical FILE", Short: "show what is trusted for what",
	Long: `list FOLDER shows the anchors of a folder and what each may sign.
vical FILE verifies a list of issuing authorities (ISO/IEC 18013-5, Annex C)
under the roots given with --roots and shows its entries.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		roots := fs.String("roots", "", "PEM `FILE` with the roots of VICAL signers")
		at := fs.String("at", "", "`TIME` (RFC 3339) to judge at instead of now")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 2 {
				return command.Usagef("list FOLDER or vical FILE is wanted")
			}
			now, err := instant(*at)
			if err != nil {
				return err
			}
			switch args[0] {
			case "list":
				store, err := verifier.LoadTrust(args[1], []string{elements.MDLDocType, elements.PIDDocType}, []string{elements.PIDVCT})
				if err != nil {
					return err
				}
				verifier.ShowAnchors(env.Stdout, store, now)
				return nil
			case "vical":
				if *roots == "" {
					return command.Usagef("vical needs --roots")
				}
				return verifier.ShowVICAL(env.Stdout, args[1], *roots, now)
			}
			return command.Usagef("unknown: trust %s", args[0])
		}
	},
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
	switch strings.ToLower(when) {
	case "always":
		return true
	case "never":
		return false
	}
	f, ok := env.Stdout.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
