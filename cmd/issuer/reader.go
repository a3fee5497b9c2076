package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/fleet"
	"vidimus/internal/issuerhttp"
)

var reader = command.Command{
	Name: "reader", Args: "invite NAME | list | approve READER | revoke READER", Short: "the fleet of readers: invite, approve, list, revoke",
	Long: `Readers ask holders under a certificate of this office, so that wallets can show
who asks.

invite makes a one-time code for a reader of that name. Give it to whoever sets
the reader up, who runs ` + "`verifier enroll`" + ` with it; it works once, for 24 hours.
list shows the fleet: who waits, until when certificates live, and which bundle
each reader was last seen with. approve signs the certificate of a reader that
used its code: compare the fingerprint on its screen with the one in the list
first, or type it with --fingerprint. revoke ends a reader; it stands at
once in the list of revoked readers that wallets look at. READER is an id or a name.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		organization := fs.String("organization", "", "`NAME` of who asks, as wallets show it, for invite (default: the authority of the configuration)")
		lifetime := fs.Duration("lifetime", fleet.CodeLifetime, "`DURATION` that the code of invite lives, at most 720h")
		fingerprint := fs.String("fingerprint", "", "`DIGITS` on the reader's screen, for approve: refused when the key is another")
		asJSON := fs.Bool("json", false, "print JSON")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			deed := ""
			if len(args) > 0 {
				deed = args[0]
			}
			switch {
			case deed == "list" && len(args) == 1, (deed == "invite" || deed == "approve" || deed == "revoke") && len(args) == 2:
			default:
				return command.Usagef("invite NAME, list, approve READER or revoke READER is wanted")
			}
			desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
			if err != nil {
				return err
			}
			defer desk.Close()
			show := func(v any, text string, args ...any) error {
				if *asJSON {
					return json.NewEncoder(env.Stdout).Encode(v)
				}
				_, err := fmt.Fprintf(env.Stdout, text, args...)
				return err
			}
			switch deed {
			case "invite":
				r, err := desk.InviteReader(ctx, args[1], *organization, *lifetime)
				if err != nil {
					return err
				}
				fmt.Fprintf(env.Stderr, "%s, for %s of %s, once, until %s\n", r.ID, r.Name, r.Organization, local(r.CodeExpires))
				return show(r, "%s\n", r.Code)
			case "approve":
				r, err := desk.ApproveReader(ctx, args[1], *fingerprint)
				if err != nil {
					return err
				}
				return show(r, "%s is enrolled as %s of %s, serial %s, until %s\n", r.ID, r.Name, r.Organization, r.Serial, r.Expires.UTC().Format(time.DateOnly))
			case "revoke":
				r, err := desk.RevokeReader(ctx, args[1])
				if err != nil {
					return err
				}
				return show(r, "%s, %s, is revoked\n", r.ID, r.Name)
			}
			list, err := desk.Readers(ctx)
			if err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(env.Stdout).Encode(issuerhttp.ReaderViews{Readers: list})
			}
			return fleetTable(env, list)
		})
	},
}

func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// fleetTable shows the fleet, a line for each reader.
func fleetTable(env command.Env, list []issuerhttp.ReaderView) error {
	if len(list) == 0 {
		fmt.Fprintln(env.Stderr, "there are no readers: `issuer reader invite NAME` makes a code for one")
		return nil
	}
	table := tabwriter.NewWriter(env.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tNAME\tORGANIZATION\tSTATE\tUNTIL\tFINGERPRINT\tBUNDLE\tSEEN")
	for _, r := range list {
		until, state, seen, bundle := r.CodeExpires, string(r.State), "never", "-"
		switch {
		case r.State == fleet.Revoked:
			until = r.Revoked
			state = "revoked since"
		case !r.Expires.IsZero():
			until = r.Expires
		}
		if !r.BundleSeen.IsZero() {
			seen, bundle = r.BundleSeen.UTC().Format(time.RFC3339), fmt.Sprint(r.Bundle)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Name, r.Organization, state, until.UTC().Format(time.RFC3339), r.Fingerprint, bundle, seen)
	}
	return table.Flush()
}
