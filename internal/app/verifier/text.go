package verifier

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"vidimus/internal/elements"
	"vidimus/internal/policy"
	"vidimus/internal/verification"
)

// paint colours text for a terminal; plain leaves it.
type paint bool

func (p paint) with(code, text string) string {
	if !p {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) colour(c policy.Colour, text string) string {
	switch c {
	case policy.Green:
		return p.with("1;30;42", text)
	case policy.Red:
		return p.with("1;97;41", text)
	}
	return p.with("1;30;43", text)
}

// headline is colour, word and shape, so that it is read without colours too.
func headline(c policy.Colour) string {
	switch c {
	case policy.Green:
		return " ✔ GREEN  checked "
	case policy.Red:
		return " ✖ RED  do not accept "
	}
	return " ? AMBER  cannot tell "
}

// WriteText shows a report to a person: the verdict first, then why, then the
// values, then every check. All that comes from a file goes through Clean.
func WriteText(out io.Writer, r *verification.Report, colours, everyCheck bool) error {
	w := &bytes.Buffer{}
	p := paint(colours)
	fmt.Fprintf(w, "%s %s\n", p.colour(r.Colour, headline(r.Colour)), axes(r.Verdict))
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "  %s\n", detail(reason))
	}
	fmt.Fprintf(w, "  at %s, by the policy %s%s\n", r.At.Format(time.RFC3339), name(r.Policy), policyVersion(r))
	writeChecks(w, p, r.Checks, everyCheck)
	for i := range r.Documents {
		fmt.Fprintln(w)
		if len(r.Documents) > 1 {
			fmt.Fprintf(w, "document %d of %d\n", i+1, len(r.Documents))
		}
		writeDocument(w, p, &r.Documents[i], len(r.Documents) > 1, everyCheck)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(w, "\nnot returned: %s (code %d; only the holder says so)\n", name(e.Type), e.Code)
	}
	_, err := out.Write(w.Bytes())
	return err
}

// policyVersion is what the author of the policy calls it, where its name does not say
// so.
func policyVersion(r *verification.Report) string {
	switch v := r.Knowledge.PolicyVersion; {
	case v == "":
		return ", which has no version"
	case strings.HasPrefix(r.Policy, v+" of bundle "):
		return ""
	default:
		return ", version " + name(v)
	}
}

func axes(v policy.Verdict) string {
	return fmt.Sprintf("authenticity %s · status %s · freshness %s · entitlement %s", v.Authenticity, v.Status, v.Freshness, v.Entitlement)
}

func writeDocument(w io.Writer, p paint, d *verification.Document, several, everyCheck bool) {
	what := "type:"
	if d.Verdict.Authenticity == policy.Forged || d.Verdict.Authenticity == policy.UnknownIssuer {
		what = "claims to be:"
	}
	fmt.Fprintf(w, "%s %s\n", what, p.with("1", name(d.Type)))
	if several {
		fmt.Fprintf(w, "  %s %s\n", p.colour(d.Colour, headline(d.Colour)), axes(d.Verdict))
		for _, reason := range d.Reasons {
			fmt.Fprintf(w, "  %s\n", detail(reason))
		}
	}
	writeElements(w, d)
	if d.Trust.Anchor != "" {
		fmt.Fprintf(w, "  signed by %s under %s\n", detail(d.Trust.Signer), detail(d.Trust.Anchor))
	} else if d.Trust.Signer != "" {
		fmt.Fprintf(w, "  signed by %s\n", detail(d.Trust.Signer))
	}
	if !d.Validity.Until.IsZero() {
		fmt.Fprintf(w, "  this copy is valid from %s to %s\n", d.Validity.From.Format(time.RFC3339), d.Validity.Until.Format(time.RFC3339))
	}
	if !d.Status.AsOf.IsZero() {
		fmt.Fprintf(w, "  status as of %s, %s\n", d.Status.AsOf.UTC().Format(time.RFC3339), age(d.Status.Age))
	}
	writeChecks(w, p, d.Checks, everyCheck)
}

// writeElements shows values with their names, and the namespace of those that
// are not of the document's own.
func writeElements(w io.Writer, d *verification.Document) {
	own := ""
	if set, ok := elements.ForDocType(d.Type); ok {
		own = set.NameSpace
	}
	line := func(e verification.Element, remark string) {
		if e.NameSpace != "" && e.NameSpace != own {
			remark = fmt.Sprintf("  (of %s)%s", name(e.NameSpace), remark)
		}
		fmt.Fprintf(w, "  %-24s %s%s\n", name(e.Name), value(e), remark)
	}
	for _, e := range d.IssuerSigned {
		line(e, "")
	}
	for _, e := range d.DeviceSigned {
		line(e, "  (said by the device, not by the issuer)")
	}
	for _, m := range d.Missing {
		fmt.Fprintf(w, "  %-24s asked for, not shown\n", name(m))
	}
	if len(d.Dropped) > 0 {
		fmt.Fprintf(w, "  dropped, since not asked for: %s\n", detail(strings.Join(d.Dropped, ", ")))
	}
	for _, right := range d.Driving {
		line := fmt.Sprintf("  may drive %-4s today: %s", name(right.Category), right.Answer)
		if e := d.Verdict.Entitlement; d.Colour == policy.Red && e != policy.No {
			// It does not count: a revoked licence gives no right.
			line = fmt.Sprintf("  says of %-6s today: %s", name(right.Category), right.Answer)
		}
		if right.Conditions != "" {
			line += ", conditions " + detail(right.Conditions)
		}
		if right.Until != "" {
			line += ", until " + name(right.Until)
		}
		fmt.Fprintln(w, line)
	}
}

func writeChecks(w io.Writer, p paint, checks []verification.Check, every bool) {
	for _, c := range checks {
		mark, code := "✔", "32"
		switch c.Result {
		case verification.Fail:
			mark, code = "✖", "1;31"
		case verification.Warn:
			mark, code = "!", "33"
		case verification.NotDone:
			mark, code = "–", "2"
		}
		if !every && c.Result == verification.Pass {
			continue
		}
		line := fmt.Sprintf("    %s %-14s %-8s", mark, c.ID, c.Result)
		if c.Detail != "" {
			line += " " + detail(c.Detail)
		}
		fmt.Fprintf(w, "%s  [%s]\n", p.with(code, line), c.Clause)
	}
}

// value shows an element in one line; bytes only by their size.
func value(e verification.Element) string {
	if e.Bytes != nil {
		return fmt.Sprintf("<%d bytes>", len(e.Bytes))
	}
	if text, ok := e.Value.(string); ok {
		return Clean(text, maxValue)
	}
	return Clean(compactJSON(e.Value), maxValue)
}
