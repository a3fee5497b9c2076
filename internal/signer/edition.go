package signer

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// A list that readers hold until the next one comes must never go back: its number and
// its instant only grow, and of a revocation list nobody drops out. Lists that follow
// each other in this way have a series; a key may have several.
const (
	seriesCRL    = "crl"
	seriesVICAL  = "vical"
	seriesPID    = "pid-providers"
	seriesPubEAA = "pub-eaa-providers"
)

// entitySeries are the lists of trusted entities, by their type.
var entitySeries = map[string]string{trust.PIDProviders: seriesPID, trust.PubEAAProviders: seriesPubEAA}

// seriesOf are the series that a kind of message may belong to, nil for most kinds.
func seriesOf(kind Kind) []string {
	switch kind {
	case KindCRL:
		return []string{seriesCRL}
	case KindVICAL:
		return []string{seriesVICAL}
	case KindEntityList:
		return []string{seriesPID, seriesPubEAA}
	}
	return nil
}

// SeriesOf names the series of lists of a key with a policy: of each it knows the last.
func SeriesOf(p Policy) []string {
	var out []string
	for _, kind := range p.Kinds {
		out = append(out, seriesOf(kind)...)
	}
	return out
}

// KindOfSeries is the kind of the messages of a series, "" for what is none.
func KindOfSeries(series string) Kind {
	for _, kind := range Kinds() {
		if slices.Contains(seriesOf(kind), series) {
			return kind
		}
	}
	return ""
}

// Series names the series that a kind of message may belong to.
func (k Kind) Series() []string { return seriesOf(k) }

// Follows says whether messages of a kind follow each other in series.
func (k Kind) Follows() bool { return seriesOf(k) != nil }

// edition is the place of a list among those of its series.
type edition struct {
	series  string
	number  uint64
	issued  time.Time
	revoked []pki.RevokedCertificate // of a revocation list
}

// editionOf reads a message of a kind that has a series.
func editionOf(kind Kind, m []byte) (edition, error) {
	switch kind {
	case KindCRL:
		var whole asn1.RawValue
		if rest, err := asn1.Unmarshal(m, &whole); err != nil || len(rest) != 0 {
			return edition{}, badForm("revocation list: not in DER")
		}
		list, err := parseTBSCertList(m, whole.Bytes)
		if err != nil {
			return edition{}, err
		}
		if !list.Number.IsUint64() {
			return edition{}, badForm("revocation list: a number of more than 64 bits")
		}
		return edition{seriesCRL, list.Number.Uint64(), list.ThisUpdate, list.Entries()}, nil
	case KindVICAL:
		_, payload, err := takeCOSE(m)
		if err != nil {
			return edition{}, err
		}
		v, err := parseVICAL(payload)
		return edition{series: seriesVICAL, number: v.number, issued: v.date}, err
	case KindEntityList:
		_, body, _ := bytes.Cut(m, []byte("."))
		payload, err := jose.DecodeBase64URL(string(body))
		if err != nil {
			return edition{}, badForm("list of trusted entities: %v", err)
		}
		about, err := parseEntityList(payload)
		return edition{series: entitySeries[about.Type], number: about.Sequence, issued: about.Issued}, err
	}
	return edition{}, fmt.Errorf("messages of kind %s do not follow each other", kind)
}

// follows says what keeps an edition from taking the place of the last one, as
// pki.CRL.Supersedes and the office's own shelf have it. Who is on a revocation list
// stays on it: for good, or where life is known until every certificate that there can
// be of the time before the revocation has ended.
func (e edition) follows(last edition, life time.Duration, now time.Time) error {
	switch {
	case e.number < last.number:
		return badPolicy("%s: its number is %d, and %d was signed before: take over the last list first (issuer crl --import, or --after for a trust list)", e.series, e.number, last.number)
	case e.number == last.number:
		return badPolicy("%s: another list with the number %d was signed before", e.series, e.number)
	case e.issued.Before(last.issued):
		return badPolicy("%s: it is of %s, and one of %s was signed before: see that the clock is right", e.series, stamp(e.issued), stamp(last.issued))
	}
	at := make(map[string]time.Time, len(e.revoked))
	for _, r := range e.revoked {
		at[string(r.Serial.Bytes())] = r.At
	}
	var lost []string
	for _, r := range last.revoked {
		since, there := at[string(r.Serial.Bytes())]
		switch {
		case there && since.Before(r.At):
			return badPolicy("%s: it dates the revocation of %s back", e.series, serialText(r.Serial))
		case there || life > 0 && !now.Add(skew).Before(r.At.Add(life)):
		case len(lost) < maxNamed:
			lost = append(lost, serialText(r.Serial))
		}
	}
	if len(lost) > 0 {
		return badPolicy("%s: it lacks %s, which was on the last list that was signed: what is revoked stays revoked, so sign a list that names them too", e.series, strings.Join(lost, ", "))
	}
	return nil
}

// jumps says whether the number is far above the last one and above every clock: whoever
// has such numbers signed uses them up.
func (e edition) jumps(last edition, now time.Time) error {
	if e.number-last.number <= maxNumberStep || e.number <= uint64(now.Add(skew).UnixMicro()) {
		return nil
	}
	return badPolicy("%s: its number is %d, far above the last one and no instant: where one between was signed elsewhere, tell the signer (signer lists take)", e.series, e.number)
}

func serialText(serial *big.Int) string { return serial.Text(16) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// longestLife is how long the certificates below a key live at most, 0 where nobody
// can say: below an IACA there are links too.
func (h *held) longestLife() time.Duration {
	if h.Policy.Profile == pki.ProfileReaderCA {
		return pki.ProfileReader.LongestLife()
	}
	return 0
}
