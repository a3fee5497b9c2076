package verifier

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// Inspect decodes a file without trusting anything in it, and says so first.
func Inspect(w io.Writer, file string, stdin io.Reader) error {
	f := &files{stdin}
	in, err := f.open(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s: %s, %d bytes\nDECODED ONLY. Nothing below was verified: no signature, no date, no issuer.\n\n", name(file), in.Kind, len(in.Data))
	switch in.Kind {
	case KindSDJWT:
		token, err := sdjwt.Parse(string(in.Data))
		if err != nil {
			return err
		}
		inspectSDJWT(w, token)
		return nil
	case KindJSON:
		token, err := sdjwt.ParseJSON(in.Data)
		if err != nil {
			return fmt.Errorf("no SD-JWT in JSON: %w", err)
		}
		inspectSDJWT(w, token)
		return nil
	case KindJWT:
		return inspectJWT(w, in.Data)
	case KindEngagement:
		e, err := proximity.ParseEngagementURI(string(in.Data))
		if err != nil {
			return err
		}
		fmt.Fprintln(w, tree(e.Raw))
		return nil
	}
	summarize(w, in)
	if lint := cbor.Lint(in.Data); len(lint) > 0 {
		fmt.Fprintf(w, "not in deterministic form: %s\n\n", detail(strings.Join(lint, "; ")))
	}
	fmt.Fprintln(w, tree(in.Data))
	return nil
}

// tree is CBOR in diagnostic notation, which escapes what a terminal obeys, in
// lines.
func tree(data []byte) string {
	return indented(layout(cbor.Diagnose(data)))
}

// indented cleans every line and keeps its indentation.
func indented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " "))
		lines[i] = line[:indent] + Clean(line[indent:], maxTree)
	}
	return strings.Join(lines, "\n")
}

// maxTree is where a line of a tree is cut: a portrait is more than anybody
// reads in hexadecimal.
const maxTree = 2000

// summarize lists what a file claims before the whole tree is shown.
func summarize(w io.Writer, in Input) {
	switch in.Kind {
	case KindIssuerSigned:
		if s, err := mdoc.ParseIssuerSigned(in.Data); err == nil {
			summarizeIssuerSigned(w, s)
		} else {
			fmt.Fprintf(w, "not an IssuerSigned that would be read: %s\n", detail(err.Error()))
		}
	case KindDeviceResponse:
		r, err := mdoc.ParseDeviceResponse(in.Data)
		if err != nil {
			fmt.Fprintf(w, "not a DeviceResponse that would be read: %s\n", detail(err.Error()))
			break
		}
		for i := range r.Documents {
			summarizeIssuerSigned(w, r.Documents[i].IssuerSigned)
		}
	case KindCOSE:
		if !summarizeList(w, in.Data) {
			return
		}
	default:
		return
	}
	fmt.Fprintln(w)
}

func summarizeIssuerSigned(w io.Writer, s *mdoc.IssuerSigned) {
	v := s.MSO.ValidityInfo
	fmt.Fprintf(w, "claims to be %s, signed %s, valid %s to %s, digests %s\n", name(s.MSO.DocType), v.Signed.Format(time.DateOnly), v.ValidFrom.Format(time.DateOnly), v.ValidUntil.Format(time.DateOnly), name(s.MSO.DigestAlgorithm))
	for _, ns := range s.NameSpaces {
		names := make([]string, len(ns.Items))
		for i := range ns.Items {
			names[i] = ns.Items[i].ElementIdentifier
		}
		fmt.Fprintf(w, "  %s: %s\n", name(ns.Name), detail(strings.Join(names, ", ")))
	}
	fmt.Fprintf(w, "  MSO %s\n", strings.ReplaceAll(tree(s.MSO.Raw), "\n", "\n  "))
}

// summarizeList says what a status list or identifier list claims, and whether
// it is one.
func summarizeList(w io.Writer, data []byte) bool {
	say := func(what string, e *statuslist.Envelope) {
		until := "without end"
		if !e.Expires.IsZero() {
			until = "until " + e.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "claims to be a %s for %s, as of %s, %s\n", what, detail(e.Subject), e.IssuedAt.Format(time.RFC3339), until)
	}
	if t, err := statuslist.ParseToken(data); err == nil {
		say(fmt.Sprintf("status list (%s, bits per entry: %d)", t.Format, t.Bits), &t.Envelope)
		return true
	}
	l, err := statuslist.ParseIdentifierList(data)
	if err == nil {
		say(fmt.Sprintf("list of %d revoked identifiers", l.Size()), &l.Envelope)
	}
	return err == nil
}

func inspectSDJWT(w io.Writer, token *sdjwt.SDJWT) {
	inspectSigned(w, "issuer-signed JWT", token.Issuer)
	for _, d := range token.Disclosures {
		what := "array element"
		if d.Property {
			what = d.Name
		}
		fmt.Fprintf(w, "disclosure %s = %s\n", name(what), Clean(compactJSON(d.Value), maxTree))
	}
	if token.KeyBinding == nil {
		fmt.Fprintln(w, "no key binding JWT")
		return
	}
	inspectSigned(w, "key binding JWT", token.KeyBinding)
}

func inspectSigned(w io.Writer, what string, s *jose.Signed) {
	fmt.Fprintf(w, "%s\n  header  %s\n  payload %s\n", what, pretty(s.Header.Raw), pretty(s.Payload))
}

// pretty sets JSON that was parsed before in lines.
func pretty(text []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, text, "  ", "  "); err != nil {
		return Clean(string(text), maxTree)
	}
	return indented(b.String())
}

func inspectJWT(w io.Writer, data []byte) error {
	s, err := jose.Parse(string(data), MaxFile)
	if err != nil {
		return err
	}
	summarizeList(w, data)
	inspectSigned(w, "JWT", s)
	fmt.Fprintf(w, "signature %s\n", hex.EncodeToString(s.Signature))
	return nil
}
