package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"vidimus/internal/app/command"
	"vidimus/internal/app/issuer"
	"vidimus/internal/clock"
	"vidimus/internal/outfile"
)

var registry = command.Command{
	Name: "registry", Args: "send FILE... | receipt JTI... | receipts | sign FILE | import FILE | reconcile FILE", Short: "speak as a registry; load and compare whole registries",
	Long: `send signs the events of JSON files ("-" is standard input) and pushes them in
order. A file holds one event or a list of them:

  {"event": "document-annulled", "person": "P-1",
   "payload": {"number": "DL-1", "reason": "lost"}}

Members: event, person, payload (docs/REGISTRY.md, by event), and as needed prev,
toe ("2027-01-31T00:00:00Z": when it takes effect), decision (txn), seq. Numbers
(seq) are given by a counter beside the key; what the office has not
acknowledged is kept there and sent first next time.

receipt JTI fetches the signed receipt of an event and verifies it; receipts those
of all events, after the number --after, one JSON line each.

sign FILE makes the signed manifest of a file of whole records (docs/BULK.md),
FILE.manifest beside it. import FILE loads such a file into the office: each block
is verified before it is loaded, a load that was interrupted goes on where it was,
and persons that the office knows already are left alone. reconcile FILE compares a
dump of a registry, in the same form, with the office and with the published lists,
and has the office sign the result: proof that nothing is missing. Findings, one
JSON line each, go to FILE.findings; exit code 2 when there are any.

With --dev everything has a default: the sample registry that init made.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		var f issuer.FeedConfig
		fs.StringVar(&f.Source, "source", "", "`NAME` of the registry: iss of its events")
		fs.StringVar(&f.Key, "key", "", "`FILE` with the registry's signing key (PKCS#8 PEM, P-256)")
		fs.StringVar(&f.KeyID, "key-id", "", "`KID` under which the office knows the key (default: name of the key file without ending)")
		fs.StringVar(&f.Audience, "audience", "", "`URL`: public URL of the office (default: public_url)")
		fs.StringVar(&f.Endpoint, "endpoint", "", "`URL` of the registry listener (default: listen.registry)")
		fs.StringVar(&f.TLSCertificate, "tls-certificate", "", "PEM `FILE` with the registry's client certificate")
		fs.StringVar(&f.TLSKey, "tls-key", "", "PEM `FILE` with its key")
		fs.StringVar(&f.TLSRoots, "tls-roots", "", "PEM `FILE` with the CA of the office's server certificate")
		seq := fs.Uint64("seq", 0, "`NUMBER` of the first event, when the counter was lost")
		batch := fs.Bool("batch", false, "send: push up to 500 events with one request")
		wait := fs.Bool("wait", false, "wait for the last receipt of every event and print it: until every copy is published as revoked, up to twice status.mix for what is not urgent")
		var b bulkFlags
		b.declare(fs)
		after := fs.Uint64("after", 0, "receipts: `NUMBER` after which to begin")
		return with(fs, func(ctx context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if len(args) == 2 && (args[0] == "sign" || args[0] == "import" || args[0] == "reconcile") {
				return b.run(ctx, env, &cfg, f, args[0], args[1])
			}
			if receipts := len(args) == 1 && args[0] == "receipts"; !receipts && (len(args) < 2 || args[0] != "send" && args[0] != "receipt") {
				return command.Usagef("send FILE..., receipt JTI..., receipts, sign FILE, import FILE or reconcile FILE is wanted")
			}
			feed, err := issuer.OpenFeed(ctx, &cfg, f, clock.System{}.Now)
			if err != nil {
				return err
			}
			if *seq > 0 {
				feed.Next(*seq)
			}
			if args[0] == "receipts" {
				return feed.Receipts(ctx, *after, func(v any) error { return printJSON(env.Stdout, v) })
			}
			if args[0] == "send" {
				return send(ctx, env, feed, args[1:], *batch, *wait)
			}
			for _, jti := range args[1:] {
				r, err := feed.Receipt(ctx, jti)
				if err != nil {
					return err
				}
				if err := printJSON(env.Stdout, r); err != nil {
					return err
				}
			}
			return nil
		})
	},
}

func send(ctx context.Context, env command.Env, feed *issuer.Feed, files []string, batch, wait bool) error {
	var events []issuer.FileEvent
	for _, name := range files {
		var data []byte
		var err error
		if name == "-" {
			data, err = io.ReadAll(env.Stdin)
		} else {
			data, err = os.ReadFile(name)
		}
		if err != nil {
			return err
		}
		more, err := issuer.ParseEvents(data)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		events = append(events, more...)
	}
	var sent []issuer.Sent
	err := feed.Send(ctx, events, batch, func(s issuer.Sent) {
		sent = append(sent, s)
		fmt.Fprintf(env.Stdout, "%d %s %s\n", s.Seq, s.Name, s.JTI)
	})
	if err != nil {
		return err
	}
	for _, s := range sent {
		if !wait {
			break
		}
		fmt.Fprintf(env.Stderr, "waiting until %d %s is settled\n", s.Seq, s.Name)
		r, err := feed.Settled(ctx, s)
		if err != nil {
			return err
		}
		if err := printJSON(env.Stdout, r); err != nil {
			return err
		}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

var sample = command.Command{
	Name: "sample", Short: "write events that make three people, to try things by hand",
	Long: `Each has a drawn portrait, a driving licence (DL-1, DL-2, DL-3) and an identity
document (ID-1, ID-2, ID-3); their numbers are P-1, P-2, P-3.`,
	Setup: func(fs *flag.FlagSet) command.Run {
		output := fs.String("o", "-", "`FILE` to write; - is standard output")
		return with(fs, func(_ context.Context, env command.Env, cfg issuer.Config, args []string) error {
			if err := none(args); err != nil {
				return err
			}
			if !cfg.Dev {
				return command.Usagef("sample people are for --dev")
			}
			events, err := issuer.Sample(cfg.Authority, clock.System{}.Now())
			if err != nil {
				return err
			}
			text, err := json.MarshalIndent(events, "", " ")
			if err != nil {
				return err
			}
			text = append(text, '\n')
			if *output == "-" {
				_, err = env.Stdout.Write(text)
				return err
			}
			return outfile.Replace(*output, text, 0o600)
		})
	},
}
