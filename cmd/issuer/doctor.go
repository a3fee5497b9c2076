package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
)

var doctor = command.Command{
	Name: "doctor", Short: "look at keys, certificates, lists, disk, clock and sources, and explain what is wrong",
	Long: `Asks the running office, or opens the state folder when none runs; where the
office would not start, it says why, and looks at what can be looked at. Each line
says what was looked at, how it is, and what remedies it.

exit codes: 0 all is well, 1 something must be done, 2 something should be looked at`,
	Setup: func(fs *flag.FlagSet) command.Run {
		full := fs.Bool("full", false, "read the whole database as well, however large: about a second for 300 MB; the office goes on")
		raw := fs.Bool("json", false, "print JSON")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			d, err := diagnose(ctx, &cfg, *full)
			if err != nil {
				return err
			}
			if *raw {
				enc := json.NewEncoder(env.Stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(d)
			} else {
				_, err = fmt.Fprint(env.Stdout, d)
			}
			if err != nil {
				return err
			}
			if code := d.ExitCode(); code != 0 {
				return &command.Exit{Code: code}
			}
			return nil
		})
	},
}

// diagnose asks the office or, where it does not open, looks without it.
func diagnose(ctx context.Context, cfg *issuer.Config, full bool) (*diagnosis.Diagnosis, error) {
	desk, err := issuer.OpenOffice(ctx, cfg, issuer.Options{})
	if err != nil {
		if !cfg.HasState() {
			return nil, err
		}
		return issuer.DiagnoseClosed(ctx, *cfg, issuer.Options{}, err), nil
	}
	defer desk.Close()
	query := url.Values{}
	if full {
		query.Set("full", "true")
	}
	var d diagnosis.Diagnosis
	return &d, desk.Read(ctx, issuerhttp.DoctorPath, query, &d)
}
