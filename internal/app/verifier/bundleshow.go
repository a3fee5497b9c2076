package verifier

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

// ShowBundle says what a bundle holds and how old that is, by its own policy.
// every also lists the anchors and the lists one by one.
func ShowBundle(w io.Writer, b *bundle.Bundle, now time.Time, every bool) {
	fmt.Fprintf(w, "%s, signed by %s\n", detail(b.Source()), detail(b.Signer.Leaf.Cert.Subject.String()))
	fmt.Fprintf(w, "  made %s (%s), %s\n", stamp(b.Issued), ago(now.Sub(b.Issued)), ending(b.Expires, now))
	fmt.Fprintf(w, "  %d bytes, SHA-256 %x, for readers from version %d\n", b.Size, b.Digest, b.MinReader)
	if len(b.Countries) > 0 {
		fmt.Fprintf(w, "  for %s alone: nothing is known of other countries\n", strings.Join(b.Countries, ", "))
	}
	p := policy.Default()
	if own := b.Policy(); own != nil {
		p = own
		fmt.Fprintf(w, "  policy %s: %d profiles\n", name(b.PolicyName()), len(own.Profiles))
	} else {
		fmt.Fprintln(w, "  no policy: the built-in one")
	}
	all := b.Trust().All()
	fmt.Fprintf(w, "%d anchors as of %s\n", len(all), stamp(b.Trust().AsOf()))
	for _, line := range byCountry(all) {
		fmt.Fprintf(w, "  %s\n", line)
	}
	if every {
		ShowAnchors(w, b.Trust(), now)
	}
	fmt.Fprintf(w, "%d revocation lists\n", len(b.CRLs().All()))
	for _, c := range b.CRLs().All() {
		fmt.Fprintf(w, "  number %s of %s (%s), %d certificates, %s\n", c.Number, stamp(c.ThisUpdate),
			p.FreshnessOf(policy.RevocationKnowledge, now.Sub(c.ThisUpdate)), c.Len(), ending(c.NextUpdate, now))
	}
	lists := b.Lists()
	fmt.Fprintf(w, "%d lists\n", len(lists))
	for i, l := range lists {
		if i == maxShown && !every {
			fmt.Fprintf(w, "  and %d more: --all shows them\n", len(lists)-i)
			break
		}
		form := string(l.Format)
		if l.Identifiers {
			form = "identifiers"
		}
		freshness := string(p.Freshness(now.Sub(l.Issued)))
		if b.Ended(now) || !l.Expires.IsZero() && !now.Before(l.Expires) {
			freshness = "answers nothing any more"
		}
		fmt.Fprintf(w, "  %s (%s, %d bytes)\n    of %s: %s, %s\n", detail(l.URI), form, l.Bytes, stamp(l.Issued), freshness, ending(l.Expires, now))
	}
}

// maxShown is how many lists a person reads at once.
const maxShown = 20

func stamp(t time.Time) string {
	if t.IsZero() {
		return "an unknown day"
	}
	return t.UTC().Format(time.RFC3339)
}

func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "in the future"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", d/time.Hour)
	}
	return fmt.Sprintf("%d days ago", d/(24*time.Hour))
}

func ending(at, now time.Time) string {
	switch {
	case at.IsZero():
		return "without an end"
	case !now.Before(at):
		return "ENDED " + stamp(at)
	}
	return "until " + stamp(at)
}

// byCountry counts anchors by country and what they may sign.
func byCountry(all []trust.Anchor) []string {
	count := map[string]int{}
	for _, a := range all {
		country := a.Cert.Country
		if country == "" {
			country = "no country"
		}
		for _, typ := range append(slices.Clone(a.DocTypes), a.VCTs...) {
			count[name(country)+": "+detail(typ)]++
		}
		if len(a.DocTypes)+len(a.VCTs) == 0 {
			count[fmt.Sprintf("%s: %v", name(country), a.Purposes)]++
		}
	}
	var out []string
	for _, key := range slices.Sorted(maps.Keys(count)) {
		out = append(out, fmt.Sprintf("%s: %d", key, count[key]))
	}
	return out
}

// ShowState says how far the reader got.
func ShowState(w io.Writer, dir string, now time.Time) error {
	s, err := OpenState(dir)
	if err != nil {
		return err
	}
	m, err := s.mark()
	if err != nil {
		return err
	}
	if m.Sequence > 0 {
		fmt.Fprintf(w, "this reader follows %s and got to bundle %d of %s\n", detail(m.Publisher), m.Sequence, stamp(m.Issued))
	}
	if !m.Clock.IsZero() {
		fmt.Fprintf(w, "the clock is at least at %s by what it has verified", stamp(m.Clock))
		if err := m.CheckClock(now); err != nil {
			fmt.Fprintf(w, "; %v", err)
		}
		fmt.Fprintln(w)
	}
	return nil
}
