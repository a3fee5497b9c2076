package verifier

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"vidimus/internal/cbor"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// Inspect decodes a file without trusting anything in it, and says so first.
func Inspect(w io.Writer, name string, data []byte) error {
	in, err := Detect(data)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(w, "%s: %s, %d bytes\nDECODED ONLY. Nothing below was verified: no signature, no date, no issuer.\n\n", name, in.Kind, len(in.Data))
	switch in.Kind {
	case KindSDJWT:
		token, err := sdjwt.Parse(string(in.Data))
		if err != nil {
			return err
		}
		return inspectSDJWT(w, token)
	case KindSDJWTJSON:
		token, err := sdjwt.ParseJSON(in.Data)
		if err != nil {
			return err
		}
		return inspectSDJWT(w, token)
	case KindJWT:
		return inspectJWT(w, in.Data)
	case KindEngagement:
		e, err := proximity.ParseEngagementURI(string(in.Data))
		if err != nil {
			return err
		}
		fmt.Fprintln(w, clean(cbor.Diagnose(e.Raw)))
		return nil
	}
	if in.Kind == KindDeviceResponse || in.Kind == KindIssuerSigned {
		summarize(w, in)
	}
	if lint := cbor.Lint(in.Data); len(lint) > 0 {
		fmt.Fprintf(w, "not in deterministic form: %s\n\n", clean(strings.Join(lint, "; ")))
	}
	fmt.Fprintln(w, clean(cbor.Diagnose(in.Data)))
	return nil
}

// summarize lists what an mdoc claims before the whole tree is shown.
func summarize(w io.Writer, in Input) {
	list := func(s *mdoc.IssuerSigned) {
		v := s.MSO.ValidityInfo
		fmt.Fprintf(w, "  claims to be %s, signed %s, valid %s to %s, digests %s\n", clean(s.MSO.DocType), v.Signed.Format("2006-01-02"), v.ValidFrom.Format("2006-01-02"), v.ValidUntil.Format("2006-01-02"), clean(s.MSO.DigestAlgorithm))
		for _, ns := range s.NameSpaces {
			names := make([]string, len(ns.Items))
			for i := range ns.Items {
				names[i] = ns.Items[i].ElementIdentifier
			}
			fmt.Fprintf(w, "  %s: %s\n", clean(ns.Name), clean(strings.Join(names, ", ")))
		}
	}
	if in.Kind == KindIssuerSigned {
		if s, err := mdoc.ParseIssuerSigned(in.Data); err == nil {
			list(s)
		} else {
			fmt.Fprintf(w, "  not an IssuerSigned that would be read: %s\n", clean(err.Error()))
		}
		return
	}
	r, err := mdoc.ParseDeviceResponse(in.Data)
	if err != nil {
		fmt.Fprintf(w, "  not a DeviceResponse that would be read: %s\n", clean(err.Error()))
		return
	}
	for i := range r.Documents {
		list(r.Documents[i].IssuerSigned)
	}
}

func inspectSDJWT(w io.Writer, token *sdjwt.SDJWT) error {
	if err := inspectSigned(w, "issuer-signed JWT", token.Issuer); err != nil {
		return err
	}
	for _, d := range token.Disclosures {
		name := "array element"
		if d.Property {
			name = d.Name
		}
		fmt.Fprintf(w, "disclosure %s = %s\n", clean(name), clean(compactJSON(d.Value)))
	}
	if token.KeyBinding == nil {
		fmt.Fprintln(w, "no key binding JWT")
		return nil
	}
	return inspectSigned(w, "key binding JWT", token.KeyBinding)
}

func inspectSigned(w io.Writer, what string, s *jose.Signed) error {
	fmt.Fprintf(w, "%s\n  header  %s\n  payload %s\n", what, clean(string(s.Header.Raw)), clean(string(s.Payload)))
	return nil
}

func inspectJWT(w io.Writer, data []byte) error {
	s, err := jose.Parse(string(data))
	if err != nil {
		return err
	}
	if err := inspectSigned(w, "JWT", s); err != nil {
		return err
	}
	if token, err := statuslist.ParseToken(data); err == nil {
		fmt.Fprintf(w, "status list of %d bits an entry for %s\n", token.Bits, clean(token.Subject))
	}
	fmt.Fprintf(w, "signature %s\n", hex.EncodeToString(s.Signature))
	return nil
}
