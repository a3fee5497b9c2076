package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	incident "vidimus/internal/emergency"
	"vidimus/internal/keys/soft"
	"vidimus/internal/legible"
	"vidimus/internal/outfile"
)

var emergency = command.Command{
	Name: "emergency", Args: "[propose | approve ID | dismiss ID | run ID | status ID | list | pause ID | resume ID | holders ID | report ID]",
	Short: "take copies back in the mass: a stolen key, a broken wallet provider, a registry in other hands",
	Long: `Names what was lost by --key, --wallet-provider, --registry or --all. A key is named
by its id, by serial=HEX of its certificate, or by the name of a signer with one key.
Without a word before it that is a dry run: it counts what would be revoked, by key and
configuration, and how long it would take, and changes nothing (--dry-run says the same).

It takes two humans. propose counts and signs the plan as one officer, approve ID
shows it and, with the --hash that the first reads out, signs it as another: --officer is the id of console.officers,
--officer-key the key whose pin stands there. Each word is good for an hour, one officer
may have ten plans that wait, and dismiss ID takes one of theirs back.
--reference is the number of the case: plan, report and audit record hold no other
reason, and whoever asks in a year why copies were revoked finds the file by it.
run ID then stops the key, provider or registry, revokes step by step, publishes,
and tells holders in waves (--pace). It goes on where it was when it is run again,
and by itself when the office starts anew. status ID says how far it came, and
who has good copies again; holders ID lists whom it concerns, as lines of JSON;
report ID -o NAME writes NAME.json and NAME.txt, whose digest stands in the audit
record. propose --lift ends the stop of a wallet provider or registry: it names the
plan that stopped it, and ends no later stop.

With --rehearse FOLDER --archive FILE --identity FILE it restores a backup into a
new folder and does all of it there, with nobody told and nothing published.`,
	Deeds: emergencyDeeds,
	Setup: func(fs *flag.FlagSet) command.Run {
		var w incident.Wish
		key := fs.String("key", "", "`ID` of a signing key: the thumbprint that copies are kept with, serial=HEX of its certificate, or the name of a signer with one key")
		provider := fs.String("wallet-provider", "", "`NAME` of a wallet provider, as the record of wallets has it")
		registry := fs.String("registry", "", "`ISSUER` of a source")
		dry := fs.Bool("dry-run", false, "count and change nothing, as without a word before it")
		all := fs.Bool("all", false, "every key that signed until now")
		lift := fs.Bool("lift", false, "propose the end of a stop, of a wallet provider or registry")
		fs.IntVar(&w.Pace, "pace", incident.DefaultPace, "documents whose holders are told in an hour")
		fs.StringVar(&w.Reference, "reference", "", "`NUMBER` of the case, such as 2026/17, without which nothing is proposed: it stands in plan, report and audit record as the reason")
		officer := fs.String("officer", "", "`ID` of the officer who signs: id of console.officers")
		officerKey := fs.String("officer-key", "", "`FILE` with that officer's key, PKCS#8 in PEM")
		expect := fs.String("hash", "", "`HASH` that the plan must have, for approve: as the other officer read it to you; without it approve only shows the plan")
		output := fs.String("o", "", "`NAME` of the files of report")
		asJSON := fs.Bool("json", false, "print JSON")
		rehearse := fs.String("rehearse", "", "`FOLDER`, new: rehearse there on a backup")
		archive := fs.String("archive", "", "`FILE` with the backup to rehearse on")
		identity := fs.String("identity", "", "`FILE` with the age secret key of that backup")
		reissue := fs.Float64("reissue-rate", incident.DefaultReissueRate, "copies a second that the office signs anew, for the estimate of --rehearse, which does not measure that")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			scoped := 0
			for kind, value := range map[incident.Kind]string{incident.OfKey: *key, incident.OfWalletProvider: *provider, incident.OfRegistry: *registry} {
				if value != "" {
					w.Kind, w.Value = kind, value
					scoped++
				}
			}
			if *all {
				w.Kind = incident.OfAll
				scoped++
			}
			if *lift {
				w.Act = incident.Lift
			}
			c := crisis{env: env, json: *asJSON}
			if *reissue <= 0 {
				return command.Usagef("--reissue-rate is above 0")
			}
			if *rehearse != "" {
				if *dry {
					return command.Usagef("--rehearse does all of it on a backup, --dry-run nothing: give one of them")
				}
				if scoped != 1 || len(args) > 0 || *archive == "" || *identity == "" || *lift {
					return command.Usagef("--rehearse FOLDER wants --archive, --identity and one of --key, --wallet-provider, --registry and --all")
				}
				return c.rehearse(ctx, cfg, issuer.RehearsalOptions{Wish: w, Archive: *archive, Identity: *identity, Folder: *rehearse, Clock: clock.System{}, Rand: rand.Reader, Rates: incident.Rates{Reissue: *reissue}})
			}
			word := ""
			if len(args) > 0 {
				word = args[0]
			}
			scopes := word == "" || word == "propose"
			known := []string{"approve", "dismiss", "run", "status", "pause", "resume", "holders", "report"}
			switch {
			case scopes && scoped == 1 && len(args) <= 1, word == "list" && len(args) == 1 && scoped == 0:
			case slices.Contains(known, word) && len(args) == 2 && scoped == 0:
			case scopes:
				return command.Usagef("one of --key, --wallet-provider, --registry and --all is wanted")
			default:
				return command.Usagef("propose, list, or one of approve, dismiss, run, status, pause, resume, holders and report with the ID of a plan is wanted")
			}
			if *lift && word != "propose" {
				return command.Usagef("--lift goes with propose")
			}
			if word == "report" && *output == "" {
				return command.Usagef("report wants -o NAME")
			}
			if word == "propose" && w.Reference == "" {
				return command.Usagef("--reference NUMBER is missing: the number of the case, by which whoever asks later why copies were revoked finds the file; it is signed with the plan, and stands in the report and the audit record. Give it as your office counts its cases, such as --reference 2026/17 (letters, digits and . / : _ -)")
			}
			var by issuer.OfficerKey
			speaks := word == "propose" || word == "dismiss" || word == "approve" && *expect != ""
			if speaks {
				var err error
				if by, err = readOfficer(ctx, *officer, *officerKey); err != nil {
					return err
				}
			}
			desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
			if err != nil {
				return err
			}
			defer desk.Close()
			c.desk = desk
			switch word {
			case "":
				return c.dryRun(ctx, w)
			case "propose":
				return c.propose(ctx, w, by)
			case "approve":
				return c.approve(ctx, args[1], *expect, by)
			case "dismiss":
				return c.dismiss(ctx, args[1], by)
			case "run":
				return c.run(ctx, args[1])
			case "pause", "resume":
				p, err := desk.PauseEmergency(ctx, args[1], word == "pause")
				if err != nil {
					return err
				}
				return c.show(p, "plan %s: %s\n", p.ID, p.Stage(time.Now()))
			case "status":
				p, err := desk.Emergency(ctx, args[1])
				if err != nil {
					return err
				}
				return c.show(p, "%s", p)
			case "list":
				return c.list(ctx)
			case "holders":
				return desk.EmergencyHolders(ctx, args[1], func(line []byte) error {
					_, err := fmt.Fprintf(env.Stdout, "%s\n", legible.JSON(line))
					return err
				})
			}
			return c.report(ctx, args[1], *output)
		})
	},
}

// readOfficer opens the key of an officer.
func readOfficer(ctx context.Context, id, file string) (issuer.OfficerKey, error) {
	if id == "" || file == "" {
		return issuer.OfficerKey{}, command.Usagef("--officer ID and --officer-key FILE are wanted: the word is signed with the officer's own key")
	}
	km := soft.New(filepath.Dir(file))
	key, err := km.Signer(ctx, "soft:path="+filepath.Base(file))
	if err != nil {
		return issuer.OfficerKey{}, fmt.Errorf("--officer-key: %w", err)
	}
	return issuer.OfficerKey{Officer: id, Key: key}, nil
}

// crisis is one command.
type crisis struct {
	env  command.Env
	desk *issuer.Desk
	json bool
}

func (c crisis) show(v any, text string, args ...any) error {
	if c.json {
		out, err := json.Marshal(v)
		if err == nil {
			_, err = fmt.Fprintf(c.env.Stdout, "%s\n", legible.JSON(out))
		}
		return err
	}
	_, err := fmt.Fprint(c.env.Stdout, legible.Lines(fmt.Sprintf(text, args...)))
	return err
}

func (c crisis) dryRun(ctx context.Context, w incident.Wish) error {
	d, err := c.desk.DraftEmergency(ctx, w)
	if err != nil {
		return err
	}
	if err := c.already(ctx, d.Draft); err != nil {
		return err
	}
	return c.show(d, "%sdry run: nothing was changed\n", asked(d.Draft, d.Keys, d.Estimate))
}

// asked is what two humans decide on: of a lift, which revokes nothing, no estimate.
func asked(d incident.Draft, keys incident.KeyNames, e incident.Estimate) string {
	if d.Act == incident.Lift {
		return d.Text(keys)
	}
	return fmt.Sprintf("%sestimate: %s\n", d.Text(keys), e)
}

// already says what a plan would stop that is stopped.
func (c crisis) already(ctx context.Context, d incident.Draft) error {
	if d.Act == incident.Lift {
		return nil
	}
	all, err := c.desk.Emergencies(ctx)
	for _, s := range all.Stops {
		if s.Kind == d.Scope.Kind && s.Value == d.Scope.Value || s.Kind == incident.OfKey && d.Scope.Covers(s.Value) {
			fmt.Fprintf(c.env.Stderr, "already stopped: %s, since %s by plan %s: this one revokes what is left\n", s.Line(all.Keys), time.Unix(s.Since, 0).UTC().Format(time.RFC3339), s.Plan)
		}
	}
	return err
}

func (c crisis) propose(ctx context.Context, w incident.Wish, by issuer.OfficerKey) error {
	d, err := c.desk.DraftEmergency(ctx, w)
	if err != nil {
		return err
	}
	if err := c.already(ctx, d.Draft); err != nil {
		return err
	}
	p, err := c.desk.ProposeEmergency(ctx, d.Draft, by)
	if err != nil {
		return err
	}
	return c.show(p, "%shash %s\nproposed by %s; another human approves until %s: issuer emergency approve %s\n",
		asked(p.Draft, d.Keys, d.Estimate), p.Hash, by.Officer, p.Expires.Format(time.RFC3339), p.ID)
}

func (c crisis) approve(ctx context.Context, id, hash string, by issuer.OfficerKey) error {
	now, err := c.desk.Emergency(ctx, id)
	if err != nil {
		return err
	}
	if hash == "" {
		return c.show(now, "%shash %s\nproposed by %s\n"+
			"nothing was approved: compare this plan and its hash with what the other officer reads to you, then: issuer emergency approve %s --hash HASH --officer ID --officer-key FILE\n",
			asked(now.Plan.Draft, now.Keys, now.Estimate), now.Plan.Hash, now.Plan.Proposed, id)
	}
	if hash != now.Plan.Hash {
		return fmt.Errorf("plan %s has another hash than --hash: have it read to you again, to the last digit; if it differs still, this is not the plan that the other officer saw. Nothing was approved", id)
	}
	if a := now.Plan.Approved; a.Officer != "" && a.Officer == by.Officer {
		return c.show(now.Plan, "plan %s is approved by %s already, since %s; good until %s: issuer emergency run %s\n",
			id, a.Officer, a.At.UTC().Format(time.RFC3339), now.Plan.Expires.Format(time.RFC3339), id)
	}
	p, err := c.desk.ApproveEmergency(ctx, now.Plan, by)
	if err != nil {
		return err
	}
	return c.show(p, "%shash %s\nproposed by %s, approved by %s; good until %s: issuer emergency run %s\n",
		asked(p.Draft, now.Keys, now.Estimate), p.Hash, p.Proposed.Officer, by.Officer, p.Expires.Format(time.RFC3339), p.ID)
}

func (c crisis) dismiss(ctx context.Context, id string, by issuer.OfficerKey) error {
	now, err := c.desk.Emergency(ctx, id)
	if err != nil {
		return err
	}
	p, err := c.desk.DismissEmergency(ctx, now.Plan, by)
	if err != nil {
		return err
	}
	return c.show(p, "plan %s is dismissed: %s\n", p.ID, p.Line(now.Keys))
}

// progress writes at most two lines a second.
func progress(w io.Writer) func(incident.Plan) {
	var last time.Time
	return func(p incident.Plan) {
		if p.Act == incident.Lift {
			return
		}
		if now := time.Now(); now.Sub(last) >= 500*time.Millisecond || !p.Done.IsZero() {
			last = now
			fmt.Fprintf(w, "step %d: %d of %d copies revoked, %d documents\n", p.Steps, p.Revoked, p.Counts.Copies, p.Documents)
		}
	}
}

func (c crisis) run(ctx context.Context, id string) error {
	p, err := c.desk.RunEmergency(ctx, id, progress(c.env.Stderr))
	if err != nil {
		return err
	}
	if p.Act == incident.Lift {
		return c.show(p, "plan %s: the stop of %s by plan %s has ended; no copy was revoked\n", p.ID, p.Scope, p.Ends.Plan)
	}
	return c.show(p, "plan %s: %s; %d copies of %d documents revoked, in %d lists\n", p.ID, p.Stage(time.Now()), p.Revoked, p.Documents, len(p.Lists))
}

func (c crisis) list(ctx context.Context) error {
	all, err := c.desk.Emergencies(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.show(all, "")
	}
	for _, p := range all.Plans {
		done := fmt.Sprintf("%d revoked of %d counted", p.Revoked, p.Counts.Copies)
		if p.Act == incident.Lift {
			done = "revokes nothing"
		}
		fmt.Fprintf(c.env.Stdout, "%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Stage(time.Now()), p.Line(all.Keys), done, p.Drafted.Format(time.RFC3339), legible.Line(p.Reference))
	}
	for _, s := range all.Stops {
		fmt.Fprintf(c.env.Stdout, "stopped\t%s\tsince %s by %s\n", s.Line(all.Keys), time.Unix(s.Since, 0).UTC().Format(time.RFC3339), s.Plan)
	}
	return nil
}

func (c crisis) report(ctx context.Context, id, name string) error {
	r, err := c.desk.ReportEmergency(ctx, id)
	if err != nil {
		return err
	}
	for file, text := range map[string][]byte{name + ".json": r.Report, name + ".txt": []byte(r.Text + "SHA-256 of the JSON, as the audit record has it: " + r.Digest + "\n")} {
		if err := outfile.Replace(file, text, 0o600); err != nil {
			return err
		}
	}
	return c.show(r, "%s.json and %s.txt written, SHA-256 %s\n", name, name, r.Digest)
}

func (c crisis) rehearse(ctx context.Context, cfg issuer.Config, opts issuer.RehearsalOptions) error {
	opts.Progress = progress(c.env.Stderr)
	r, err := issuer.Rehearse(ctx, cfg, opts)
	if err != nil {
		return err
	}
	return c.show(r, "%s", r)
}
