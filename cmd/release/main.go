// Command release makes what goes out beside our programs, and checks it: bills of
// materials, and the signed list of files. build.sh uses it. Run `release help` for
// what it can do.
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/internal/app/command"
	"vidimus/internal/app/release"
	"vidimus/internal/keys/soft"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "release", Secret: true,
	Intro: `release makes bills of materials of our programs and the signed list of the files
of a release, and says whether a release is as it was signed.`,
	Commands: []command.Command{bill, seal, verify},
}

var bill = command.Command{
	Name: "bill", Args: "PROGRAM", Short: "write what a program is made of, as SPDX 2.3 in JSON",
	Long: `The modules are those that the linker wrote into the program, with the checksums of
go.sum. Nothing of the time or the machine goes in: the same program, version and
--created give the same bytes.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		out := fs.String("o", "", "`FILE` to write (default: standard output)")
		version := fs.String("version", "", "`VERSION` of the program")
		created := fs.Int64("created", 0, "`SECONDS` since 1970 that stand in it as its date, as SOURCE_DATE_EPOCH has them")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one PROGRAM is wanted, got %d", len(args))
			}
			text, err := release.Bill(args[0], *version, time.Unix(*created, 0))
			if err != nil {
				return err
			}
			return write(env.Stdout, *out, text)
		}
	},
}

func write(to io.Writer, file string, text []byte) error {
	if file == "" {
		_, err := to.Write(text)
		return err
	}
	return os.WriteFile(file, text, 0o644)
}

var seal = command.Command{
	Name: "seal", Args: "FOLDER", Short: "write SHA256SUMS over the files of a folder, and sign it",
	Long: `With --key the list is signed: SHA256SUMS.sig is an ECDSA signature in DER, for
release verify or

  openssl dgst -sha256 -verify KEY.pem -signature SHA256SUMS.sig SHA256SUMS
  sha256sum --check SHA256SUMS

A key that openssl holds, in a token say, can sign it in the place of --key.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		key := fs.String("key", "", "`URI` of the key, soft:path=FILE")
		return func(ctx context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FOLDER is wanted, got %d", len(args))
			}
			var signer crypto.Signer
			if *key != "" {
				here, err := os.Getwd()
				if err != nil {
					return err
				}
				if signer, err = soft.New(here).Signer(ctx, *key); err != nil {
					return err
				}
			}
			return release.Seal(args[0], signer, rand.Reader)
		}
	},
}

var verify = command.Command{
	Name: "verify", Args: "FOLDER", Short: "say whether a release is as it was signed",
	Long: `Every file has to be there and as it was, and none besides.

exit codes: 0 as signed, 1 not`,
	Setup: func(fs *flag.FlagSet) command.Run {
		key := fs.String("key", "", "`FILE` in PEM with the public key of who signs releases")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 || *key == "" {
				return command.Usagef("one FOLDER and --key are wanted")
			}
			public, err := release.PublicKey(*key)
			if err != nil {
				return err
			}
			names, err := release.Verify(args[0], public)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(env.Stdout, "%s is as it was signed: %s\n", filepath.Clean(args[0]), strings.Join(names, " "))
			return err
		}
	},
}
