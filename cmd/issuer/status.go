package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/outfile"
	"vidimus/internal/statuslist"
)

var status = command.Command{
	Name: "status", Args: "show [URI] | publish FOLDER", Short: "fetch the published status lists and verify them, or write them as files",
	Long: `Fetches a list as any reader does, or every list, verifies it under the office's
root and prints what it says about itself; with --index what it says about one
entry.

publish writes the lists as they are served now into FOLDER, for any web server or
CDN: whole files, replaced one by one, never an older one over a newer one
(status/ID.jwt, status/ID.cwt, identifiers/ID.cwt, status/index.json,
manifest.json). A running office does the same at every publication for
status.directory.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		index := fs.String("index", "", "`NUMBER` of an entry")
		format := fs.String("format", "jwt", "`FORM` to fetch: jwt or cwt")
		output := fs.String("o", "", "`FILE` to keep the one list of URI in, as published: for verifier check --status")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if len(args) == 2 && args[0] == "publish" {
				return publish(ctx, env, cfg, args[1])
			}
			if len(args) == 0 || len(args) > 2 || args[0] != "show" {
				return command.Usagef("show [URI] or publish FOLDER is wanted")
			}
			if *format != "jwt" && *format != "cwt" {
				return command.Usagef("--format: jwt or cwt, got %q", *format)
			}
			var entry *uint64
			if *index != "" {
				n, err := strconv.ParseUint(*index, 10, 64)
				if err != nil || len(args) != 2 {
					return command.Usagef("--index wants a number, and the URI of its list")
				}
				entry = &n
			}
			inspector, err := issuer.NewInspector(&cfg, clock.System{}.Now)
			if err != nil {
				return err
			}
			uris := args[1:]
			if *output != "" {
				if len(uris) != 1 {
					return command.Usagef("-o wants the URI of one list")
				}
				body, err := inspector.Raw(ctx, uris[0], statuslist.Format(*format))
				if err != nil {
					return err
				}
				return outfile.Replace(*output, body, 0o644)
			}
			if len(uris) == 0 {
				if uris, err = inspector.Lists(ctx); err != nil {
					return err
				}
				if len(uris) == 0 {
					fmt.Fprintln(env.Stdout, "no list yet: the first copy opens one")
				}
			}
			for _, uri := range uris {
				if err := inspector.Show(ctx, env.Stdout, uri, statuslist.Format(*format), entry); err != nil {
					return err
				}
			}
			return nil
		})
	},
}

func publish(ctx context.Context, env command.Env, cfg issuer.Config, folder string) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	desk, err := issuer.OpenOffice(ctx, &cfg, issuer.Options{})
	if err != nil {
		return err
	}
	defer desk.Close()
	done, err := desk.Publish(ctx, folder)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%s: %d lists, %d removed\n", done.Directory, done.Lists, done.Removed)
	return nil
}
