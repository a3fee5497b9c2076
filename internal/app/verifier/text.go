package verifier

import (
	"fmt"
	"io"
	"strings"
	"time"

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
// values, then every check. Values are escaped, so that no name can paint the
// terminal.
func WriteText(w io.Writer, r *verification.Report, colours, everyCheck bool) {
	p := paint(colours)
	fmt.Fprintf(w, "%s %s\n", p.colour(r.Colour, headline(r.Colour)), axes(r.Verdict))
	for _, reason := range r.Reasons {
		fmt.Fprintf(w, "  %s\n", clean(reason))
	}
	fmt.Fprintf(w, "  at %s, by the %s policy\n", r.At.Format(time.RFC3339), r.Policy)
	writeChecks(w, p, r.Checks, everyCheck)
	for i := range r.Documents {
		writeDocument(w, p, &r.Documents[i], len(r.Documents) > 1, everyCheck)
	}
	for _, e := range r.Errors {
		fmt.Fprintf(w, "\n%s was not returned (code %d; only the holder says so)\n", clean(e.Type), e.Code)
	}
}

func axes(v policy.Verdict) string {
	return fmt.Sprintf("authenticity %s · status %s · freshness %s · entitlement %s", v.Authenticity, v.Status, v.Freshness, v.Entitlement)
}

func writeDocument(w io.Writer, p paint, d *verification.Document, several, everyCheck bool) {
	fmt.Fprintf(w, "\n%s\n", p.with("1", clean(d.Type)))
	if several {
		fmt.Fprintf(w, "  %s %s\n", p.colour(d.Colour, headline(d.Colour)), axes(d.Verdict))
		for _, reason := range d.Reasons {
			fmt.Fprintf(w, "  %s\n", clean(reason))
		}
	}
	for _, e := range d.IssuerSigned {
		fmt.Fprintf(w, "  %-24s %s\n", clean(e.Name), value(e))
	}
	for _, e := range d.DeviceSigned {
		fmt.Fprintf(w, "  %-24s %s  (said by the device, not by the issuer)\n", clean(e.Name), value(e))
	}
	for _, m := range d.Missing {
		fmt.Fprintf(w, "  %-24s asked for, not shown\n", clean(m))
	}
	if len(d.Dropped) > 0 {
		fmt.Fprintf(w, "  dropped, since not asked for: %s\n", clean(strings.Join(d.Dropped, ", ")))
	}
	for _, right := range d.Driving {
		line := fmt.Sprintf("  may drive %-4s today: %s", clean(right.Category), right.Answer)
		if right.Conditions != "" {
			line += ", conditions " + clean(right.Conditions)
		}
		if right.Until != "" {
			line += ", until " + clean(right.Until)
		}
		fmt.Fprintln(w, line)
	}
	if d.Trust.Signer != "" {
		fmt.Fprintf(w, "  signed by %s", clean(d.Trust.Signer))
		if d.Trust.Anchor != "" {
			fmt.Fprintf(w, " under %s", clean(d.Trust.Anchor))
		}
		fmt.Fprintln(w)
	}
	if !d.Validity.Until.IsZero() {
		fmt.Fprintf(w, "  this copy is valid from %s to %s\n", d.Validity.From.Format(time.DateOnly), d.Validity.Until.Format(time.RFC3339))
	}
	if !d.Status.AsOf.IsZero() {
		fmt.Fprintf(w, "  status as of %s, %s old\n", d.Status.AsOf.UTC().Format(time.RFC3339), d.Status.Age.Round(time.Second))
	}
	writeChecks(w, p, d.Checks, everyCheck)
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
			line += " " + clean(c.Detail)
		}
		fmt.Fprintf(w, "%s  [%s]\n", p.with(code, line), c.Clause)
	}
}

// value shows an element in one line; bytes only by their size.
func value(e verification.Element) string {
	if e.Bytes != nil {
		return fmt.Sprintf("<%d bytes>", len(e.Bytes))
	}
	switch v := e.Value.(type) {
	case string:
		return clean(v)
	default:
		return clean(compactJSON(v))
	}
}

// clean makes text safe for a terminal: control and direction marks are shown
// as escapes, long text is cut.
func clean(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 2000 {
			b.WriteString(" …")
			break
		}
		switch {
		case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff, r == 0xfffd:
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
