package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"strings"

	"vidimus/internal/app/command"
	"vidimus/internal/app/verifier"
	"vidimus/internal/bundle"
	"vidimus/internal/fetch"
)

var bundles = command.Command{
	Name: "bundle", Args: "show [FILE] | import FILE | fetch [URL] | build -o FILE | signer FOLDER", Short: "the signed file with all that an offline reader knows",
	Long: `A bundle holds anchors, revoked certificates, whole status lists and the policy of
readers, signed by somebody whom this reader believes (--bundle-anchor, or whom its
state folder has pinned).

show says what FILE, or the bundle of --state, holds and how old that is. import
takes FILE into the state folder; the first time --bundle-anchor says whose bundles
count from then on. fetch does the same with what an address answers; an enrolled reader
needs none, and tells its office which bundle it has. An older
bundle, one past its end, and a clock before what this device has verified are
refused: import --start-over, after the folder was damaged, forgets how far the
device got, and is for somebody who knows that FILE is the newest.

build makes a bundle of what --sources names, signed by the signer of --signer:

  publisher: https://readers.example        # who makes it, always the same
  days: 14                                  # how long it lives
  countries: [UT, LU]                       # none: all
  policy: roadside.yaml
  crls: [iaca-ut.crl, "https://issuer.example/crl/iaca.crl"]
  lists: [lists/, "https://issuer.example/status/1"]
  anchors:
    - folder: anchors/                      # with trust.yaml, as check --trust
    - vical: "https://vical.example/list"   # ISO/IEC 18013-5, Annex C
      roots: [vical-root.pem]
    - entity_list: pid-providers.jws        # ETSI TS 119 602
      roots: [list-signer.pem]
      services:
        "http://uri.etsi.org/19602/SvcType/PID/Issuance":
          purposes: [issue-mdoc, issue-sd-jwt]
          doctypes: [eu.europa.ec.eudi.pid.1]
          vcts: ["urn:eudi:pid:1"]
    - trusted_list: tl.xml                  # ETSI TS 119 612; its signature is not
      sha256: "..."                         # verified: you vouch for these bytes
      services:
        "http://uri.etsi.org/TrstSvc/Svctype/CA/QC": {purposes: [issue-sd-jwt], vcts: ["urn:eudi:pid:1"]}

What was left out is told. Numbers rise by themselves; a publisher that lost count
(bundle.sequence of FOLDER is damaged) says with --after the highest number that any
reader has. signer makes the keys of --signer in a new FOLDER, and
says what readers have to pin.

Exit codes: 0 done, 3 refused.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var source verifier.BundleSource
		var build verifier.BuildConfig
		fs.StringVar(&source.State, "state", "", "`FOLDER` of this reader: whom it believes, its bundle, how far it got")
		fs.StringVar(&source.Anchor, "bundle-anchor", "", "`FILE` in PEM: who signs bundles, or the authority over them")
		startOver := fs.Bool("start-over", false, "import: forget how far this device got, and whom it believed")
		fs.StringVar(&build.Sources, "sources", "", "build: `FILE` in YAML with what goes in")
		fs.StringVar(&build.Signer, "signer", "", "build: `FOLDER` that bundle signer made")
		fs.StringVar(&build.Output, "o", "", "build: `FILE` to write the bundle to")
		fs.Uint64Var(&build.After, "after", 0, "build: `NUMBER`, the highest that any reader has, for a publisher that lost count")
		organization := fs.String("organization", "", "signer: `NAME` of who makes bundles")
		country := fs.String("country", "", "signer: `COUNTRY` of the same, two upper-case letters")
		every := fs.Bool("all", false, "show: every anchor and every list")
		private := fs.Bool("private-network", false, "fetch, build: go to private addresses too")
		loopback := fs.Bool("insecure-loopback", false, "fetch, build: go to this machine too, there without TLS. For trials")
		at := fs.String("at", "", "`TIME` (RFC 3339) to judge at (default: now)")
		return func(ctx context.Context, env command.Env, args []string) error {
			now, err := instant(*at)
			if err != nil {
				return err
			}
			reach := fetch.Options{AllowPrivate: *private, AllowInsecureLoopback: *loopback, UserAgent: "vidimus-verifier"}
			what := ""
			if len(args) > 0 {
				what = args[0]
			}
			switch {
			case what == "show" && len(args) <= 2:
				if len(args) == 2 {
					source.File = args[1]
				}
				if !source.Given() {
					return command.Usagef("FILE or --state is wanted")
				}
				k, err := source.Open(now)
				if err != nil {
					return refused(err)
				}
				verifier.ShowBundle(env.Stdout, k.Bundle, now, *every)
				if source.State != "" {
					return refused(verifier.ShowState(env.Stdout, source.State, now))
				}
				return nil
			case what == "import" && len(args) == 2, what == "fetch" && len(args) <= 2:
				if source.State == "" {
					return command.Usagef("%s needs --state", what)
				}
				var b *bundle.Bundle
				said := "taken"
				if what == "import" {
					source.File = args[1]
					b, err = verifier.ImportBundle(source, *startOver, env.Stdin, now)
				} else {
					newer := false
					if b, newer, err = verifier.FetchBundle(ctx, strings.Join(args[1:], ""), source, reach, now, rand.Reader); !newer {
						said = "no newer bundle than"
					}
				}
				if err != nil {
					return refused(err)
				}
				_, err = fmt.Fprintf(env.Stdout, "%s: %s, made %s, until %s\n", said, verifier.Clean(b.Source(), 300), b.Issued.Format("2006-01-02 15:04 MST"), b.Expires.Format("2006-01-02 15:04 MST"))
				return err
			case what == "build" && len(args) == 1:
				if build.Sources == "" || build.Signer == "" || build.Output == "" {
					return command.Usagef("build needs --sources, --signer and -o")
				}
				build.Fetch = reach
				built, err := verifier.BuildBundle(ctx, build, now, rand.Reader)
				if err != nil {
					return refused(err)
				}
				for _, line := range built.LeftOut {
					fmt.Fprintf(env.Stderr, "left out: %s\n", verifier.CleanLines(line))
				}
				verifier.ShowBundle(env.Stdout, built.Bundle, now, false)
				return nil
			case what == "signer" && len(args) == 2:
				if *organization == "" || *country == "" {
					return command.Usagef("signer needs --organization and --country")
				}
				anchor, err := verifier.CreateBundleSigner(ctx, args[1], *country, *organization, now, rand.Reader)
				if err != nil {
					return refused(err)
				}
				_, err = fmt.Fprintf(env.Stdout, "made %s; readers pin %s (--bundle-anchor)\n", args[1], anchor)
				return err
			}
			return command.Usagef("show [FILE], import FILE, fetch [URL], build or signer FOLDER is wanted")
		}
	},
}
