package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"strings"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/outfile"
	"vidimus/internal/qr"
)

// pngSide is the side of a PNG in pixels.
const pngSide = 640

var offer = command.Command{
	Name: "offer", Args: "[PERSON]", Short: "offer a person's documents to a wallet, as a link or a QR code",
	Long: `Asks the running office on this machine for an offer of all documents of PERSON
that can be put on a phone, or of those that the flags name. The link goes to
standard output; the transaction code, which the person must get on another way
than the link, to standard error. With --login there is no code: whoever takes the
offer up logs in with the login of the state.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var documents command.Strings
		fs.Var(&documents, "document", "`NUMBER` of a document; repeatable; without PERSON it says who")
		login := fs.Bool("login", false, "the person logs in on the phone: the link holds no secret; PERSON may be left out then, with --credential")
		configs := fs.String("credential", "", "`IDS` of credential configurations, with commas: mdl,pid-mdoc,pid-sd-jwt (default: all that can be issued)")
		key := fs.String("key", "", "`KEY` of the offer: the same key gives the same offer again (default: a random one)")
		byReference := fs.Bool("by-reference", false, "a short link under which the wallet fetches the offer")
		code := fs.String("qr", "", "`KIND` of QR code: terminal, svg or png")
		officer := fs.String("officer", "", "`ID` of the officer of console.officers who offers it, for the record")
		output := fs.String("o", "", "`FILE` for the QR code")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if len(args) > 1 || len(args) == 0 && len(documents) == 0 && !(*login && *configs != "") {
				return command.Usagef("one PERSON is wanted, or --document NUMBER, or for an offer to anybody --login with --credential ID")
			}
			draw, err := drawer(*code, *output)
			if err != nil {
				return err
			}
			wish := issuer.OfferWish{Person: strings.Join(args, ""), Documents: documents, Login: *login, Key: *key}
			if *configs != "" {
				wish.Configurations = strings.Split(*configs, ",")
			}
			if wish.Key == "" {
				wish.Key = rand.Text()
			}
			desk, err := issuer.OpenDesk(&cfg)
			if err != nil {
				return err
			}
			desk.As(*officer)
			o, err := desk.Offer(ctx, wish)
			if err != nil {
				return err
			}
			link := o.URI
			if *byReference {
				link = o.Reference
			}
			fmt.Fprintln(env.Stdout, link)
			if err := draw(env, link); err != nil {
				return err
			}
			if o.TxCode != "" {
				fmt.Fprintf(env.Stderr, "transaction code %s (tell the person; never send it with the link)\n", o.TxCode)
			}
			fmt.Fprintf(env.Stderr, "valid until %s\n", o.Expires.Format("2006-01-02 15:04:05 MST"))
			return nil
		})
	},
}

// drawer says how a link becomes a QR code.
func drawer(kind, output string) (func(command.Env, string) error, error) {
	var draw func(*qr.Code) ([]byte, error)
	switch kind {
	case "":
		return func(command.Env, string) error { return nil }, nil
	case "terminal":
		draw = func(c *qr.Code) ([]byte, error) { return []byte(c.Terminal()), nil }
	case "svg":
		draw = func(c *qr.Code) ([]byte, error) { return []byte(c.SVG()), nil }
	case "png":
		draw = func(c *qr.Code) ([]byte, error) { return c.PNG(pngSide) }
	default:
		return nil, command.Usagef("--qr: terminal, svg or png, got %q", kind)
	}
	if output == "" && kind != "terminal" {
		return nil, command.Usagef("--qr %s needs -o FILE", kind)
	}
	return func(env command.Env, link string) error {
		code, err := qr.Encode(link)
		if err != nil {
			return err
		}
		picture, err := draw(code)
		if err != nil {
			return err
		}
		if output == "" {
			_, err = env.Stdout.Write(picture)
			return err
		}
		return outfile.Replace(output, picture, 0o600) // whoever has the code and the digits gets the copies
	}, nil
}
