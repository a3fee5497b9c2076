package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
)

var trustLists = command.Command{
	Name: "trust", Args: "vical | pid | pub-eaa", Short: "signed lists that say who issues here: VICAL, lists of trusted entities",
	Long: `Readers and wallets learn from lists whose roots count for what. This command makes
those of this office, each with all its IACAs (iaca, and rollover.also while the root
changes), signed by signers.vical below the operations CA:

  vical    a VICAL of ISO/IEC 18013-5 Annex C: the roots with the doctypes of the
           catalogue, and the link certificates of rollover.links
  pid      a list of trusted entities of ETSI TS 119 602 for issuers of person
           identification data
  pub-eaa  one for attestations of a public body, such as driving licences

Whoever publishes the list of a state or of the Union takes our entry from it;
readers may take it as it is (verifier trust vical, verifier bundle build). Without
-o it goes into the state folder, the office serves it below public_url at
/trust/vical, /trust/pid-providers and /trust/pub-eaa-providers, and it lies in trust/
among the published lists. Its number rises by itself. What was made is read as a
reader reads it before it is written.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var w issuer.TrustListWish
		fs.StringVar(&w.Output, "o", "", "`FILE` to write the list to (default: the one that the office publishes)")
		fs.IntVar(&w.Days, "days", 30, "`NUMBER` of days until the next list, at most 180")
		fs.Uint64Var(&w.After, "after", 0, "`NUMBER`: the highest that any reader has, for an office that lost count")
		fs.StringVar(&w.Postal.Street, "street", "", "`STREET` where the authority sits, for lists of trusted entities")
		fs.StringVar(&w.Postal.Locality, "locality", "", "`TOWN` where it sits")
		fs.StringVar(&w.Postal.PostalCode, "postal-code", "", "`CODE` of the town")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			words := strings.Join(slices.Sorted(maps.Keys(issuer.TrustListKinds)), ", ")
			if len(args) != 1 {
				return command.Usagef("one of %s is wanted", words)
			}
			kind, ok := issuer.TrustListKinds[args[0]]
			if !ok {
				return command.Usagef("no list %q; there are %s", args[0], words)
			}
			w.Postal.Country = cfg.Authority.Country
			text, to, err := issuer.BuildTrustList(ctx, &cfg, kind, w, time.Now(), rand.Reader)
			if to == "" {
				return err
			}
			_, werr := fmt.Fprintf(env.Stdout, "%s: %s\n", to, text)
			return errors.Join(err, werr)
		})
	},
}
