package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/outfile"
)

var signers = command.Command{
	Name: "crl", Args: "[SERIAL... | --import FILE]", Short: "the list of revoked signers of the IACA: renew it, revoke, take it over",
	Long: `Readers look the certificates of document signers up in a list that the IACA
signs; what nobody could look up is never green on their screens. The office
serves it at /crl/iaca.crl below its public address, and writes it anew every day
while the key of the IACA is on this machine.

Without a serial number crl writes the next list. With serial numbers, in
hexadecimal as ` + "`openssl x509 -noout -serial`" + ` prints them (with or without serial=, 0x
or colons), it revokes these certificates for good: everything that they signed is
refused wherever the list arrives. A serial number that no certificate of the office
has below this root is refused, with those that there are; --unknown revokes it all
the same, for a certificate of which the office does not know. What was revoked
stands in the audit record. Readers are revoked by issuer reader revoke. --out writes the list to a file as well, for bundles and for publishing
it elsewhere.

Where the key of the root is elsewhere, the list is signed there (signer ceremony),
and --import takes it over: PEM or DER, signed by a root of this office, its number
above that of every earlier list, at most 90 days from one update to the next, and
with everybody whom an earlier list has revoked. It is published at once under the
address that stands in the certificates, and a running office serves it. --list
names the list of another root than the IACA: that of one in rollover.also, or
operations, for signers of VICALs.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		out := fs.String("out", "", "`FILE` to write the list to, in DER")
		from := fs.String("import", "", "`FILE` with a list that was signed elsewhere")
		unknown := fs.Bool("unknown", false, "revoke certificates of which this office does not know")
		name := fs.String("list", "", "`NAME` of the list: iaca, the name in rollover.crl, operations (default: that of the IACA)")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			var serials []*big.Int
			for _, arg := range args {
				n, err := issuer.ParseSerial(arg)
				if err != nil {
					return command.Usagef("%v", err)
				}
				serials = append(serials, n)
			}
			if *from != "" {
				if len(args) > 0 || *name != "" || *out != "" || *unknown {
					return command.Usagef("--import goes alone: whose list it is stands in it")
				}
				return takeOver(ctx, env, &cfg, *from)
			}
			if *unknown && len(serials) == 0 {
				return command.Usagef("--unknown goes with serial numbers")
			}
			if len(serials) > 0 {
				noted, err := issuer.Revocable(ctx, &cfg, *name, serials, *unknown)
				if errors.Is(err, issuer.ErrUnknownSerial) {
					err = fmt.Errorf("%w. To revoke a certificate of which this office does not know, say --unknown", err)
				}
				if err != nil {
					return err
				}
				if noted != nil {
					fmt.Fprintf(env.Stderr, "the audit record has no line about this: %v\n", noted)
				}
				already, err := issuer.AlreadyRevoked(&cfg, *name, serials)
				if err != nil {
					return err
				}
				for _, e := range already {
					fmt.Fprintf(env.Stderr, "already revoked: %x, since %s\n", e.Serial, e.At.UTC().Format(time.RFC3339))
				}
			}
			list, err := issuer.RevokeSigners(ctx, &cfg, *name, serials, time.Now(), rand.Reader)
			if list == nil {
				return err
			}
			if *out != "" {
				err = errors.Join(err, outfile.Replace(*out, list.Raw, 0o644))
			}
			_, werr := fmt.Fprintf(env.Stdout, "list %s with %d revoked, until %s\n", list.Number, list.Len(), list.NextUpdate.Format(time.RFC3339))
			return errors.Join(err, werr)
		})
	},
}

// takeOver imports a revocation list.
func takeOver(ctx context.Context, env command.Env, cfg *issuer.Config, file string) error {
	list, of, err := issuer.ImportCRLFile(ctx, cfg, file, time.Now())
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	if list == nil {
		return err
	}
	_, werr := fmt.Fprintf(env.Stdout, "%s: list %s with %d revoked, until %s\n", of, list.Number, list.Len(), list.NextUpdate.Format(time.RFC3339))
	return errors.Join(err, werr)
}
