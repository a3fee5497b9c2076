package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/verifier"
	"vidimus/internal/fetch"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

// enrol FOLDER URL CODE enrols a reader, or asks again without a code; what came
// of it is standard output, FINGERPRINT the one to compare.
func enrol(ts *testscript.TestScript, neg bool, args []string) {
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	state, err := verifier.CreateState(ts.MkAbs(args[0]))
	ts.Check(err)
	e := &verifier.Enrolment{State: state, Web: web}
	if len(args) == 3 {
		e.Issuer, e.Code = args[1], args[2]
	}
	p, err := e.Enrol(context.Background())
	ts.Setenv("FINGERPRINT", p.Fingerprint)
	switch {
	case errors.Is(err, verifier.ErrWaiting):
		fmt.Fprintf(ts.Stdout(), "waiting %s\n", p.Name)
	case err != nil && neg:
		fmt.Fprintf(ts.Stdout(), "refused %v\n", err)
	case err != nil || neg:
		ts.Fatalf("%v", err)
	default:
		fmt.Fprintf(ts.Stdout(), "enrolled %s of %s, bundles at %s\n", p.Name, p.Organization, p.BundleURL)
	}
}

// roadside WALLET STATE READERS meets a wallet that knows the readers of a folder,
// and writes the verdict and what the holder was told.
func roadside(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var told strings.Builder
	ready, err := verifier.Prepare(ctx, verifier.ReaderConfig{Check: verifier.CheckConfig{
		Bundle: verifier.BundleSource{State: ts.MkAbs(args[1])}, At: time.Now(), Notes: &told,
	}}, nil)
	ts.Check(err)
	profile, err := ready.Profile("right-to-drive", "")
	ts.Check(err)
	s := verifier.Simulation{Wallet: ts.MkAbs(args[0]), Clock: wallClock{}, Told: func(line string) { fmt.Fprintln(&told, line) }}
	s.Readers, s.Revoked, err = trust.LoadReaders(ts.MkAbs(args[2]))
	ts.Check(err)
	e, link, err := s.Begin(ctx)
	ts.Check(err)
	out, err := ready.Read(ctx, e, link, profile, nil)
	ts.Check(errors.Join(err, s.End(cancel)))
	defer out.Wipe()
	fmt.Fprintf(ts.Stdout(), "%s %v\n%s%s\n", out.Report.Colour, out.Report.Reasons, told.String(), verifier.AsOfLine(out.Report, time.UTC))
	if out.Report.Colour == policy.Green && len(verifier.Portrait(out.Report)) == 0 {
		ts.Fatalf("green without a portrait")
	}
}

// take FOLDER FILE gives a reader a bundle.
func take(ts *testscript.TestScript, _ bool, args []string) {
	_, err := verifier.ImportBundle(verifier.BundleSource{State: ts.MkAbs(args[0]), File: ts.MkAbs(args[1])}, false, nil, time.Now())
	ts.Check(err)
}

// crl FILE URL fetches a list of revoked certificates.
func crl(ts *testscript.TestScript, _ bool, args []string) {
	web := fetch.New(fetch.Options{AllowInsecureLoopback: true})
	defer web.Close()
	list, _, err := web.Get(context.Background(), args[1], 1<<20, "application/pkix-crl")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), list, 0o600))
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }
