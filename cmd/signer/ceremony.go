package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"strings"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/signer"
	"vidimus/internal/legible"
)

var ceremonies = command.Command{
	Name: "ceremony", Args: "FILE | draw FILE | approve FILE | verify TRANSCRIPT...", Short: "acts over roots and their leaves, by people together",
	Long: `An act is one file: a root, a link, a signer, an authority, a revocation list, with
everything that is decided about it. docs/CEREMONY.md has the whole story and a
file for each act.

draw completes a file with what follows from others: a fresh serial number, the
SHA-256 of files that it names, public keys that it names by their file, the last
transcript of the audit record. It changes nothing that stands there. --dry-run shows what FILE would
sign, in words and to the octet, with what lint finds and the SHA-256 to compare,
and touches no key; --tbs writes the same bytes for openssl. approve makes the
approval of one operator, beside FILE unless --out says where; it counts for 30 days,
or for the approval_days of the act where those are fewer, and is removed before the
same operator approves anew. FILE alone does the
act: it wants the approval of every operator and asks every witness for the digits
that they compared, signs, verifies, and writes the transcript, a line of the audit
record, and what it made. Nothing is overwritten. A revocation list goes on from the
last one of its key in that record.

verify holds transcripts against themselves, each other in the order given, and with
--audit against an audit record. --signed-by names who may have signed them. With
--out it writes what the last one made.

A key in shares wants --identity for each custodian who is here, and --shares for
each folder with shares beside that of the key.`,
	Deeds: []command.Deed{
		{Args: "FILE", Short: "do an act that is approved; with --dry-run show what it would sign", Flags: []string{"dry-run", "tbs", "approval", "out", "identity", "shares"},
			Example: "signer ceremony --dry-run --tbs iaca-root.tbs iaca-root.yaml\nsigner ceremony --identity custodian-1.txt --identity custodian-3.txt iaca-root.yaml"},
		{Word: "draw", Args: "FILE", Short: "complete an act with what follows from other files", Example: "signer ceremony draw iaca-root.yaml"},
		{Word: "approve", Args: "FILE", Short: "make the approval of one operator", Flags: []string{"as", "key", "out", "identity", "shares"},
			Example: `signer ceremony approve --as "Ada Lovelace" --key soft:path=ada.key iaca-root.yaml`},
		{Word: "verify", Args: "TRANSCRIPT...", Short: "hold transcripts against themselves, each other and the audit record", Flags: []string{"signed-by", "audit", "out"},
			Example: "signer ceremony verify --signed-by recorder.pub --audit ceremony.log iaca-root.jws document-signer-mdl.jws"},
	},
	Setup: func(fs *flag.FlagSet) command.Run {
		var custody custody
		custody.flags(fs)
		var approvals, signedBy command.Strings
		dry := fs.Bool("dry-run", false, "show what would be signed, and sign nothing")
		tbs := fs.String("tbs", "", "`FILE` to write the TBS to, with --dry-run")
		as := fs.String("as", "", "`NAME` of the operator, for approve")
		key := fs.String("key", "", "`URI` of the operator's key, for approve")
		out := fs.String("out", "", "`PATH`: the folder for what an act writes, or the file for approve and verify")
		fs.Var(&approvals, "approval", "`FILE` with an approval (default: those that lie beside the act)")
		fs.Var(&signedBy, "signed-by", "`FILE` with the certificate or public key of who signs transcripts, for verify")
		record := fs.String("audit", "", "`FILE` with the audit record, for verify")
		return func(ctx context.Context, env command.Env, args []string) error {
			deed := ""
			if len(args) > 1 {
				deed, args = args[0], args[1:]
			}
			switch {
			case deed == "draw" && len(args) == 1:
				put, err := signer.Draw(args[0])
				if err != nil {
					return err
				}
				if len(put) == 0 {
					put = []string{"nothing was missing"}
				}
				_, err = fmt.Fprintln(env.Stdout, legible.Lines(strings.Join(put, "\n")))
				return err
			case deed == "approve" && len(args) == 1:
				if *as == "" || *key == "" {
					return command.Usagef("--as NAME and --key URI say who approves")
				}
				keys := custody.Custody()
				defer keys.Close()
				path, until, err := signer.Approve(ctx, args[0], *as, *key, *out, keys)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(env.Stdout, "%s approves: %s, good until %s\n", legible.Line(*as), path, until.UTC().Format(time.RFC3339))
				return err
			case deed == "verify":
				return verify(env, signer.Check{Transcripts: args, Keys: signedBy, Audit: *record, Out: *out})
			case deed != "" || len(args) != 1:
				return command.Usagef("FILE, draw FILE, approve FILE or verify TRANSCRIPT... is wanted")
			case *dry:
				return signer.DryRun(args[0], *tbs, env.Stdout)
			}
			keys := custody.Custody()
			defer keys.Close()
			done, err := signer.Perform(ctx, signer.Act{File: args[0], Approvals: approvals, Dir: *out, Custody: keys, In: env.Stdin, Out: env.Stderr})
			if err != nil {
				return err
			}
			t := done.Transcript
			_, err = fmt.Fprintf(env.Stdout, "%s, SHA-256 %x\n%s, SHA-256 %x\n", legible.Line(done.Output), t.ResultHash, legible.Line(done.TranscriptOutput), t.Hash)
			return err
		}
	},
}

func verify(env command.Env, c signer.Check) error {
	if len(c.Keys) == 0 {
		return command.Usagef("--signed-by FILE is wanted: a transcript that vouches for itself proves nothing")
	}
	checked, err := signer.Verify(c)
	if err != nil {
		return err
	}
	for _, t := range checked.Transcripts {
		what, names := "certificate", []string{}
		if t.List != nil {
			what = "list"
		}
		for _, a := range t.Approvals {
			names = append(names, a.Name)
		}
		fmt.Fprintf(env.Stdout, "%s of %s on %s, approved by %s, %s %x\n  transcript %x follows %s\n",
			t.Act.Act, t.Ended.Format("2006-01-02T15:04:05Z"), legible.Line(t.Host), legible.Line(strings.Join(names, ", ")), what, t.ResultHash, t.Hash, short(t.Previous))
		for _, w := range t.Witnesses {
			fmt.Fprintf(env.Stdout, "  witness %s\n", legible.Line(w.Name+": "+w.Line))
		}
	}
	if c.Audit != "" {
		fmt.Fprintf(env.Stdout, "all of them are in the audit record, which has %d others\n", checked.Others)
	}
	return nil
}

// short is a digest as it stands in a transcript, or the word none.
func short(previous string) string {
	if b, err := hex.DecodeString(strings.ReplaceAll(previous, ":", "")); err == nil && len(b) > 0 {
		return hex.EncodeToString(b)
	}
	return previous
}

// custody is the flags of whoever opens keys.
type custody struct{ identities, shares command.Strings }

func (c *custody) flags(fs *flag.FlagSet) {
	fs.Var(&c.identities, "identity", "`FILE` with the age identity of a custodian, for a key in shares")
	fs.Var(&c.shares, "shares", "`FOLDER` with shares, beside that of the key")
}

// Custody is what the flags say.
func (c *custody) Custody() *signer.Custody {
	return &signer.Custody{Identities: c.identities, Shares: c.shares}
}
