package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/outfile"
)

// bulkFlags are those of sign, import and reconcile.
type bulkFlags struct {
	manifest, images, findings, output string
	keepGoing                          bool
}

func (b *bulkFlags) declare(fs *flag.FlagSet) {
	fs.StringVar(&b.manifest, "manifest", "", "`FILE` with the signed manifest (default: FILE.manifest)")
	fs.StringVar(&b.images, "images", "", "`FOLDER` with pictures named after their SHA-256")
	fs.StringVar(&b.findings, "findings", "", "reconcile: `FILE` for what was found (default: FILE.findings); it must not exist")
	fs.StringVar(&b.output, "o", "", "reconcile: `FILE` for the signed result (default: standard output)")
	fs.BoolVar(&b.keepGoing, "keep-going", false, "import: load what is good and name the lines that are not")
}

func (b *bulkFlags) run(ctx context.Context, env command.Env, cfg *issuer.Config, f issuer.FeedConfig, what, file string) error {
	manifest := b.manifest
	if manifest == "" {
		manifest = file + ".manifest"
	}
	if what == "sign" {
		n, err := issuer.SignManifest(ctx, cfg, f, file, manifest)
		if err == nil {
			fmt.Fprintf(env.Stdout, "%s: %d records in %d blocks\n", manifest, n.Count(), len(n.Blocks))
		}
		return err
	}
	r := issuerhttp.FileRequest{Source: f.Source, File: file, Manifest: manifest, Images: b.images, KeepGoing: b.keepGoing}
	if r.Source == "" && cfg.Dev {
		r.Source = issuer.DevSource
	}
	if what == "reconcile" {
		if r.Findings = b.findings; r.Findings == "" {
			r.Findings = file + ".findings"
		}
	}
	for _, p := range []*string{&r.File, &r.Manifest, &r.Images, &r.Findings} {
		if *p == "" {
			continue
		}
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = absolute
	}
	desk, err := issuer.OpenOffice(ctx, cfg, issuer.Options{})
	if err != nil {
		return err
	}
	defer desk.Close()
	if what == "import" {
		return load(ctx, env, desk, r)
	}
	return b.reconcile(ctx, env, desk, r)
}

// load shows the progress of an import.
func load(ctx context.Context, env command.Env, desk *issuer.Desk, r issuerhttp.FileRequest) error {
	refused := 0
	err := desk.Lines(ctx, http.MethodPost, issuerhttp.ImportPath, r, func(line []byte) error {
		var s issuer.ImportStep
		if err := json.Unmarshal(line, &s); err != nil {
			return fmt.Errorf("reading the office's answer: %w", err)
		}
		switch {
		case s.Line > 0:
			refused++
			fmt.Fprintf(env.Stderr, "line %d: %s\n", s.Line, s.Detail)
		case s.Done:
			fmt.Fprintf(env.Stdout, "loaded: %d records, %d known before and left alone, %d refused\n", s.Applied, s.Known, refused)
		default:
			fmt.Fprintf(env.Stderr, "%d of %d blocks, %d of %d records\n", s.Blocks, s.BlocksTotal, s.Lines, s.LinesTotal)
		}
		return nil
	})
	if err == nil && refused > 0 {
		err = fmt.Errorf("%d lines were refused", refused)
	}
	return err
}

func (b *bulkFlags) reconcile(ctx context.Context, env command.Env, desk *issuer.Desk, r issuerhttp.FileRequest) error {
	var last issuer.ReconcileStep
	err := desk.Lines(ctx, http.MethodPost, issuerhttp.ReconcilePath, r, func(line []byte) error {
		last = issuer.ReconcileStep{}
		if err := json.Unmarshal(line, &last); err != nil {
			return fmt.Errorf("reading the office's answer: %w", err)
		}
		if last.Result == "" {
			fmt.Fprintf(env.Stderr, "%d records of the dump, %d of the office\n", last.Lines, last.Subjects)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if b.output == "" {
		fmt.Fprintln(env.Stdout, last.Result)
	} else if err := outfile.Replace(b.output, []byte(last.Result+"\n"), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "%d records of the dump, %d of the office: ", last.Lines, last.Subjects)
	if last.Clean != nil && *last.Clean {
		fmt.Fprintln(env.Stderr, "nothing is missing")
		return nil
	}
	counts, err := json.Marshal(last.Counts)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stderr, "findings %s, see %s\n", counts, r.Findings)
	return &command.Exit{Code: 2}
}
