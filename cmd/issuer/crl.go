package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"math/big"
	"os"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
)

var signers = command.Command{
	Name: "crl", Args: "[SERIAL...]", Short: "the list of revoked signers of the IACA: renew it, revoke",
	Long: `Readers look the certificates of document signers up in a list that the IACA
signs; what nobody could look up is never green on their screens. The office
serves it at /crl/iaca.crl below its public address, and writes it anew every day
while the key of the IACA is on this machine.

Without a serial number crl writes the next list. With serial numbers, in
hexadecimal as ` + "`openssl x509 -noout -serial`" + ` prints them, it revokes these
certificates for good: everything that they signed is refused wherever the list
arrives. --out writes the list to a file as well, for bundles and for publishing
it elsewhere.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		out := fs.String("out", "", "`FILE` to write the list to, in DER")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			var serials []*big.Int
			for _, arg := range args {
				n, ok := new(big.Int).SetString(arg, 16)
				if !ok || n.Sign() <= 0 {
					return command.Usagef("%q is no serial number in hexadecimal", arg)
				}
				serials = append(serials, n)
			}
			list, err := issuer.RevokeSigners(ctx, &cfg, serials, time.Now(), rand.Reader)
			if err != nil {
				return err
			}
			if *out != "" {
				if err := os.WriteFile(*out, list.Raw, 0o644); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(env.Stdout, "list %s with %d revoked, until %s\n", list.Number, list.Len(), list.NextUpdate.Format(time.RFC3339))
			return err
		})
	},
}
