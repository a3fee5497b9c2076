package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
)

var record = command.Command{
	Name: "audit", Args: "[write | verify [FILE] | prove SEQ|JTI | check PROOF | declare-restore]", Short: "the audit record: write it out, verify it, prove a line of it",
	Long: `write (or nothing) writes the record, one JSON line an event, each with the hash of
the line before it; the chain is verified on the way and its end printed to
standard error.

verify reads the record of the office, or FILE as write made it, and holds it
against the signed checkpoints that were written outside the database: a line that
was changed, dropped, inserted or moved, a tail that was cut off and a record that
was made anew are found and named.

prove prints a proof that line SEQ, or the last line about the registry event JTI
(with --source), is in the record, with the signed checkpoint that says so; check
verifies such a proof, without the office.

declare-restore is for an office that was restored while its checkpoint key was not
in place: it signs that the lines which came after the backup are lost.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var checkpoints command.Strings
		fs.Var(&checkpoints, "checkpoints", "`FILE` with checkpoints, instead of those of audit.checkpoints; repeatable")
		source := fs.String("source", "", "`NAME` of the registry of JTI")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if len(args) == 0 {
				args = []string{"write"}
			}
			switch args[0] + strconv.Itoa(len(args)) {
			case "declare-restore1":
				return issuer.DeclareRestore(ctx, cfg)
			case "check2":
				return checkProof(env, cfg, args[1])
			case "verify2":
				f, err := os.Open(args[1])
				if err != nil {
					return err
				}
				defer f.Close()
				return verifyRecord(env, cfg, f, checkpoints)
			case "write1", "verify1", "prove2":
			default:
				return command.Usagef("write, verify [FILE], prove SEQ|JTI or check PROOF is wanted")
			}
			desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
			if err != nil {
				return err
			}
			defer desk.Close()
			if args[0] == "prove" {
				return proveLine(ctx, env, desk, args[1], *source)
			}
			read, write := io.Pipe()
			go func() { write.CloseWithError(desk.Audit(ctx, write)) }()
			if args[0] == "verify" {
				return verifyRecord(env, cfg, read, checkpoints)
			}
			head, err := issuer.CopyRecord(env.Stdout, read)
			if err != nil {
				return err
			}
			fmt.Fprintln(env.Stderr, "verified:", head)
			return nil
		})
	},
}

func verifyRecord(env command.Env, cfg issuer.Config, in io.Reader, checkpoints []string) error {
	report, err := issuer.VerifyRecord(&cfg, in, checkpoints, clock.System{}.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(env.Stdout, report)
	return err
}

func checkProof(env command.Env, cfg issuer.Config, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := issuer.CheckProof(&cfg, data, clock.System{}.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(env.Stdout, text)
	return err
}

func proveLine(ctx context.Context, env command.Env, desk *issuer.Desk, which, source string) error {
	seq, err := strconv.ParseUint(which, 10, 63)
	event := ""
	if err != nil {
		seq, event = 0, which
	}
	var proof json.RawMessage
	if err := desk.Prove(ctx, seq, source, event, &proof); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "%s\n", proof)
	return err
}
