package main

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/fetch"
)

var enroll = command.Command{
	Name: "enroll", Short: "make this device a reader that can say who asks",
	Long: `Makes a key on this device and asks an office for a reader certificate with the
one-time code of ` + "`issuer reader invite`" + `. The key never leaves the device. A human
at the office compares the fingerprint that is printed and approves; run enroll
again then, without a code, or let --wait do it. With the certificate come the
authority that signs bundles, which is pinned, and the address where bundles are
fetched. This is one of two commands that use a network.

The code is asked for on standard input unless --code gives it: what stands in a
command line can be read by others on this machine.

Examples:

  verifier enroll --state ~/.vidimus-reader --issuer https://licences.example
  verifier enroll --state ~/.vidimus-reader --wait 10m

Exit codes: 0 enrolled, 2 asked and not approved yet, 3 not.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		state := fs.String("state", "", "`FOLDER` of this reader: key, certificate, bundle; made where there is none")
		issuer := fs.String("issuer", "", "`URL` of the office, its public_url; begins an enrolment")
		code := fs.String("code", "", "one-time `CODE` (default: asked for on standard input)")
		wait := fs.Duration("wait", 0, "`DURATION` to wait for a human at the office; 0s asks once")
		roots := fs.String("web-roots", "", "PEM `FILE` of roots for https (default: those of the machine)")
		private := fs.Bool("private-network", false, "go to private addresses too: an office in the network of a state")
		loopback := fs.Bool("insecure-loopback", false, "go to this machine too, without TLS: for development")
		return func(ctx context.Context, env command.Env, args []string) error {
			switch {
			case len(args) != 0:
				return command.Usagef("no argument is wanted, got %q", args[0])
			case *state == "":
				return command.Usagef("--state FOLDER is missing: the folder of this reader")
			case *code != "" && *issuer == "":
				return command.Usagef("--code goes with --issuer URL")
			}
			web, err := client(*roots, *private, *loopback)
			if err != nil {
				return refused(err)
			}
			defer web.Close()
			if *issuer != "" && *code == "" {
				fmt.Fprint(env.Stderr, "one-time code: ")
				line, err := bufio.NewReader(io.LimitReader(env.Stdin, 1<<10)).ReadString('\n')
				if err != nil && (!errors.Is(err, io.EOF) || strings.TrimSpace(line) == "") {
					return refused(errors.New("no code: type the one that `issuer reader invite` printed, or give it with --code"))
				}
				*code = strings.TrimSpace(line)
			}
			folder, err := verifier.CreateState(*state)
			if err != nil {
				return refused(err)
			}
			e := &verifier.Enrolment{State: folder, Issuer: *issuer, Code: *code, Web: web}
			waiting := func(p verifier.Pending) {
				fmt.Fprintf(env.Stderr, "%s, %s of %s, waits for a human at %s\n", verifier.Clean(p.ID, 40), verifier.Clean(p.Name, 80), verifier.Clean(p.Organization, 80), verifier.Clean(p.Issuer, 120))
				fmt.Fprintf(env.Stdout, "fingerprint %s\n", p.Fingerprint)
			}
			var p verifier.Pending
			if *wait > 0 {
				p, err = e.Wait(ctx, *wait, waiting)
			} else if p, err = e.Enrol(ctx); errors.Is(err, verifier.ErrWaiting) {
				waiting(p)
			}
			switch {
			case errors.Is(err, verifier.ErrWaiting):
				return &command.Exit{Code: verifier.ExitCannotTell, Err: fmt.Errorf("%w: compare the fingerprint there, `issuer reader approve`, then run `verifier enroll --state %s` with the same flags for the network", verifier.ErrWaiting, *state)}
			case err != nil:
				return refused(err)
			}
			fmt.Fprintf(env.Stdout, "enrolled as %s of %s until %s\n", verifier.Clean(p.Name, 80), verifier.Clean(p.Organization, 80), p.Expires.UTC().Format(time.DateOnly))
			if p.BundleURL != "" {
				fmt.Fprintf(env.Stderr, "bundles are at %s\n", verifier.Clean(p.BundleURL, 200))
			}
			return nil
		}
	},
}

// client is how enroll reaches an office.
func client(roots string, private, loopback bool) (*fetch.Client, error) {
	o := fetch.Options{AllowPrivate: private, AllowInsecureLoopback: loopback, UserAgent: "vidimus-verifier"}
	if roots != "" {
		pem, err := os.ReadFile(roots)
		if err != nil {
			return nil, err
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", roots)
		}
	}
	return fetch.New(o), nil
}
