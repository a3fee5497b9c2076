// Command wallet is the reference holder: it fetches credentials from an issuer
// and presents them, for tests and demonstrations. It is no product: keys lie
// unencrypted in files. Run `wallet help` for what it can do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"vidimus/internal/app/command"
	"vidimus/internal/app/wallet"
	"vidimus/internal/clock"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "wallet",
	Intro: `wallet fetches driving licences and identity credentials from an issuer
(OpenID4VCI) and presents them to a verifier. It is for tests and demonstrations:
its keys lie unencrypted in files.`,
	Commands: []command.Command{accept, collect, refresh, list, show, present, remove, provider},
}

func dirFlag(fs *flag.FlagSet) *string {
	return fs.String("dir", "", "`FOLDER` of the wallet (default: "+wallet.DefaultDir+" in the home folder)")
}

var accept = command.Command{
	Name: "accept", Args: "OFFER", Short: "take up an offer: fetch credentials and keep them",
	Long: `OFFER is what the issuer's QR code or link says: openid-credential-offer://...,
haip-vci://... or https://..., in quotation marks; "-" reads it from standard
input. Everything in the offer is fetched unless --config names a part of it, in
as many copies as --batch says, each bound to a key of its own. A batch is kept
only when every copy is what was asked for.

An offer with a code is redeemed by it; for one without, or with --login, the
holder logs in: open the address that is printed in a browser of this machine.
Issuers that let in only wallets with an attestation, as HAIP asks, want
--provider, made once by wallet provider and known to the issuer.

An issuer that delivers later, since a human must approve or the document is kept
back for now, is asked again at its pace for as long as --wait says. What did not
come by then is kept, and wallet collect goes on.

Steps go to standard error; what was kept to standard output, one batch a line.

` + exitCodes,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg wallet.AcceptConfig
		var configurations command.Strings
		connectionFlags(fs, &cfg.Connection)
		fs.StringVar(&cfg.TxCode, "tx-code", "", "transaction `CODE` that came by another way than the offer")
		fs.Var(&configurations, "config", "`ID` of a configuration of the offer to fetch; repeatable (default: all)")
		fs.IntVar(&cfg.Copies, "batch", 0, "`NUMBER` of copies of each (default: what the issuer allows, at most 20)")
		fs.BoolVar(&cfg.Login, "login", false, "log in, although the offer has a code")
		fs.StringVar(&cfg.ClientID, "client-id", "", "`NAME` under which the issuer knows this wallet (default: anonymous)")
		waitFlag(fs, &cfg.Wait)
		fs.BoolVar(&cfg.Encrypt, "encrypt", false, "encrypt requests and answers, although the issuer does not demand it")
		return func(ctx context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one OFFER is wanted, got %d; a shell needs quotation marks around it", len(args))
			}
			cfg.Offer = args[0]
			if cfg.Offer == "-" {
				text, err := io.ReadAll(io.LimitReader(env.Stdin, 1<<20))
				if err != nil {
					return fmt.Errorf("reading the offer: %w", err)
				}
				cfg.Offer = string(text)
			}
			if err := mayWait(cfg.Wait); err != nil {
				return err
			}
			cfg.Configurations = configurations
			return exit(wallet.Accept(ctx, cfg, env.Stdout, env.Stderr))
		}
	},
}

var list = command.Command{
	Name: "list", Short: "list what the wallet holds, and what it waits for",
	Setup: func(fs *flag.FlagSet) command.Run {
		dir := dirFlag(fs)
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 0 {
				return command.Usagef("list takes no arguments")
			}
			return wallet.List(*dir, clock.System{}.Now(), env.Stdout)
		}
	},
}

var show = command.Command{
	Name: "show", Args: "ID", Short: "show the values of a credential",
	Long: `ID is that of wallet list. The values are those that the issuer signed; they
were verified when they came.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		dir := dirFlag(fs)
		portrait := fs.String("portrait", "", "write the portrait to this `FILE`")
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one ID is wanted, got %d", len(args))
			}
			return wallet.Show(*dir, args[0], *portrait, clock.System{}.Now(), env.Stdout)
		}
	},
}

var present = command.Command{
	Name: "present", Short: "make a presentation for a verifier",
	Long: `Shows the chosen elements from the copy that was shown most seldom. An mdoc
becomes a DeviceResponse for one session (--transcript, or --nonce, --client-id
and --response-uri of an OpenID4VP request), an SD-JWT an SD-JWT+KB for one
verifier (--nonce and --aud).

--elements of an mdoc are identifiers (family_name), or NAMESPACE/identifier; an
age_over_NN that is not held is answered by the nearest statement. Those of an
SD-JWT are claims, with dots for what lies inside (address.locality).

--ble shows documents to a reader that stands by, over the Bluetooth of this machine
(ISO/IEC 18013-5; Linux with BlueZ): it shows a QR code, writes its text to standard
output, waits for a reader, says who asks for what, and shows what --agree lets it.
The reader chooses what to ask for: of the flags above none but --mac goes with it.

  wallet present --ble
  wallet present --ble --agree known --readers readers --code code.png

--mac proves the holder by a MAC under the reader's key instead of a signature.
A key of the wallet does one of the two during its life. With an OpenID4VP request
that key is the one the response is encrypted to, and part of the transcript:
give the verifier the file of --transcript-out.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var cfg wallet.PresentConfig
		var person wallet.InPersonConfig
		dir := dirFlag(fs)
		radio := fs.Bool("ble", false, "show them to a reader that stands by, over Bluetooth")
		fs.StringVar((*string)(&person.Agree), "agree", string(wallet.AgreeAsk), "to `WHOM` --ble shows what is asked: "+join(wallet.Agreements())+" (a person answers, those whom --readers vouches for, everybody)")
		fs.StringVar(&person.Readers, "readers", "", "`FOLDER` of authorities of readers that --ble trusts, and their lists in *.crl")
		fs.StringVar(&person.Mode, "mode", "both", "`MODE` that --ble offers: "+join(wallet.Modes()))
		fs.StringVar(&person.Adapter, "adapter", "", "`NAME` of the Bluetooth adapter of --ble, as hci0 (default: the first that is on)")
		fs.StringVar(&person.Code, "code", "", "`FILE` for a picture of the code of --ble, PNG")
		fs.DurationVar(&person.Wait, "wait", wallet.DefaultWait, "`TIME` that --ble waits for a reader")
		fs.StringVar(&cfg.Type, "type", "", "`TYPE` to show: mdl, pid-mdoc, pid-sd-jwt, a doctype or a vct")
		chosen := fs.String("elements", "", "`NAMES` to show, with commas between")
		fs.StringVar(&cfg.Nonce, "nonce", "", "`NONCE` of the verifier's request")
		fs.StringVar(&cfg.Audience, "aud", "", "`AUDIENCE`: the verifier's client_id")
		fs.StringVar(&cfg.Audience, "client-id", "", "`ID` of the verifier: another name of --aud")
		fs.StringVar(&cfg.ResponseURI, "response-uri", "", "`URI` that the OpenID4VP response goes to")
		fs.StringVar(&cfg.TranscriptFile, "transcript", "", "`FILE` with the SessionTranscript (binary, hexadecimal or base64url)")
		fs.BoolVar(&cfg.MAC, "mac", false, "prove the holder by a MAC; needs --reader-key, but with --ble")
		fs.StringVar(&cfg.ReaderKeyFile, "reader-key", "", "`FILE` with the reader's JWK")
		fs.StringVar(&cfg.OutFile, "o", "-", "`FILE` for the presentation; - is standard output, where an mdoc is base64url")
		fs.StringVar(&cfg.TranscriptOutFile, "transcript-out", "", "`FILE` for the SessionTranscript")
		return func(ctx context.Context, env command.Env, args []string) error {
			alone := ""
			fs.Visit(func(f *flag.Flag) {
				if *radio != strings.Contains(" agree readers mode adapter code wait ", " "+f.Name+" ") && !strings.Contains(" ble dir mac ", " "+f.Name+" ") {
					alone = f.Name
				}
			})
			switch {
			case len(args) != 0:
				return command.Usagef("present takes no arguments, got %q", args[0])
			case alone != "" && *radio:
				return command.Usagef("--%s does not go with --ble, where the reader asks", alone)
			case alone != "":
				return command.Usagef("--%s is for --ble", alone)
			case *radio && !slices.Contains(wallet.Agreements(), person.Agree):
				return command.Usagef("--agree %s: one of %s", person.Agree, join(wallet.Agreements()))
			case *radio && person.Wait <= 0:
				return command.Usagef("--wait %s: how long may a reader take?", person.Wait)
			case *radio:
				person.Dir, person.MAC = *dir, cfg.MAC
				return misused(wallet.PresentInPerson(ctx, person, env.Stdin, env.Stdout, env.Stderr))
			case cfg.Type == "":
				return command.Usagef("--type is missing: mdl, pid-mdoc, pid-sd-jwt, a doctype or a vct")
			}
			cfg.Dir = *dir
			for name := range strings.SplitSeq(*chosen, ",") {
				if name = strings.TrimSpace(name); name != "" {
					cfg.Elements = append(cfg.Elements, name)
				}
			}
			return misused(wallet.Present(cfg, env.Stdout))
		}
	},
}

// misused tells a mistake in the flags from other errors.
func misused(err error) error {
	if errors.Is(err, wallet.ErrUsage) {
		return command.Usagef("%w", err)
	}
	return err
}

// join lists words.
func join[T ~string](words []T) string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return strings.Join(list, ", ")
}

var remove = command.Command{
	Name: "remove", Args: "ID", Short: "delete a credential, or a request that waits, with its keys",
	Setup: func(fs *flag.FlagSet) command.Run {
		dir := dirFlag(fs)
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one ID is wanted, got %d", len(args))
			}
			return wallet.Remove(*dir, args[0], env.Stdout)
		}
	},
}

var provider = command.Command{
	Name: "provider", Args: "FOLDER", Short: "make a wallet provider for tests",
	Long: `Makes a wallet provider for accept --provider: its key and certificate, and in
ca.pem the root that an issuer trusts (wallets.attesters). It vouches for every
wallet and every key, also for those in files: for tests alone.`,
	Setup: func(*flag.FlagSet) command.Run {
		return func(_ context.Context, env command.Env, args []string) error {
			if len(args) != 1 {
				return command.Usagef("one FOLDER is wanted, got %d", len(args))
			}
			return wallet.MakeProvider(args[0], clock.System{}.Now(), env.Stdout)
		}
	},
}
