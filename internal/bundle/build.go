package bundle

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// ErrBuild is for contents of which no bundle is made.
var ErrBuild = errors.New("no bundle is made")

// Contents is what goes into a bundle.
type Contents struct {
	Publisher       string
	Sequence        uint64 // above that of the last one
	Issued, Expires time.Time
	MinReader       uint64 // 0 is that of this program

	// Countries narrows the bundle to anchors and lists of these; none takes all.
	Countries []string
	// URIs narrows the lists to these addresses; none takes all.
	URIs []string

	Anchors *trust.Store
	// CRLs are in DER, Lists tokens as published: compact JWS or CWT.
	CRLs, Lists [][]byte
	// Policy is a policy file in YAML, laid over the built-in one; nil for none.
	Policy []byte

	// Previous is the bundle before this one, nil for the first: a list that a mirror
	// gives in an older state than last time must not make a revoked document valid
	// again.
	Previous *Bundle
}

// Built is a bundle that was made.
type Built struct {
	Data []byte
	// Bundle is what a reader finds in it.
	Bundle *Bundle
	// LeftOut says what did not go in, and why, in a line each. Without it a list
	// of a publisher would quietly be missing.
	LeftOut []string
}

// Build makes a bundle and reads it back before anybody gets it. Checked here, so
// that readers need not: the signatures of self-signed anchors, who signed the
// revocation lists and the lists, and that none of them has ended.
//
// What cannot be used is left out and named; what contradicts itself, or nobody
// among the anchors has signed, is an error that matches ErrBuild: whoever makes
// a bundle should know.
func Build(c Contents, key crypto.Signer, chain [][]byte, rand io.Reader) (*Built, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("%w: no certificate of the signer", ErrBuild)
	}
	m := &builder{Contents: c, out: &Built{}}
	if m.MinReader == 0 {
		m.MinReader = ReaderVersion
	}
	m.Issued, m.Expires = m.Issued.UTC().Truncate(time.Second), m.Expires.UTC().Truncate(time.Second)
	issued, expires := cbor.NewDateTime(m.Issued), cbor.NewDateTime(m.Expires)
	m.wire = wireBundle{Version: formVersion, Publisher: c.Publisher, Sequence: c.Sequence, Issued: &issued, Expires: &expires,
		MinReader: m.MinReader, Countries: c.Countries, CRLs: []cbor.RawMessage{}, Lists: []cbor.RawMessage{}}
	for _, step := range []func() error{m.anchors, m.crls, m.lists, m.policy} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBuild, err)
		}
	}
	if _, err := m.wire.header(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBuild, err)
	}
	payload, err := cbor.Marshal(m.wire)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBuild, err)
	}
	data, err := cose.SignSign1(key, payload, cose.SignOptions{Tagged: true, Protected: map[any]any{
		cose.LabelContentType: ContentType, cose.LabelX5Chain: cose.X5ChainValue(chain),
	}}, rand)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBuild, err)
	}
	leaf, err := pki.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBuild, err)
	}
	if m.out.Bundle, err = Open(data, []*pki.Certificate{leaf}, m.Issued); err != nil {
		return nil, fmt.Errorf("%w: reading it back: %w", ErrBuild, err)
	}
	m.out.Data = data
	return m.out, nil
}

type builder struct {
	Contents
	wire wireBundle
	out  *Built
	kept []*pki.Certificate // the anchors that went in
}

func (m *builder) leave(what string, why string) {
	m.out.LeftOut = append(m.out.LeftOut, what+": "+why)
}

// selected says whether a country is wanted.
func (m *builder) selected(country string) bool {
	return len(m.Countries) == 0 || slices.Contains(m.Countries, country)
}

// newest drops what two sources say alike: the later word stands.
func newest(all []trust.Anchor) []trust.Anchor {
	var out []trust.Anchor
	at := map[string]int{}
	for _, a := range all {
		key := fmt.Sprintf("%x %q %q %q", a.Cert.Fingerprint, a.Purposes, a.DocTypes, a.VCTs)
		i, twice := at[key]
		switch {
		case !twice:
			at[key] = len(out)
			out = append(out, a)
		case a.AsOf.After(out[i].AsOf):
			out[i] = a
		}
	}
	return out
}

func (m *builder) anchors() error {
	var out []wireAnchor
	for _, a := range newest(m.Anchors.All()) {
		c := a.Cert
		switch {
		case !m.selected(c.Country):
			m.leave(c.String(), "of another country")
			continue
		case c.NotAfter().Before(m.Issued):
			m.leave(c.String(), "ended on "+c.NotAfter().Format(time.DateOnly))
			continue
		case a.AsOf.After(m.Issued.Add(skew)):
			return fmt.Errorf("anchor %s: as of %s, which is to come", c, a.AsOf.UTC().Format(time.RFC3339))
		case c.SelfIssued() && !c.SelfSigned():
			return fmt.Errorf("anchor %s: its own signature does not verify", c)
		}
		w := wireAnchor{Certificate: c.Raw, DocTypes: a.DocTypes, VCTs: a.VCTs, Source: a.Source}
		for _, p := range a.Purposes {
			w.Purposes = append(w.Purposes, string(p))
		}
		if !a.AsOf.IsZero() {
			at := cbor.NewDateTime(a.AsOf)
			w.AsOf = &at
		}
		out = append(out, w)
		m.kept = append(m.kept, c)
	}
	if len(out) == 0 {
		return errors.New("no anchor: a reader would know nobody")
	}
	content, err := cbor.Marshal(out)
	if err != nil {
		return err
	}
	m.wire.Anchors = cbor.WrapEncoded(content)
	return nil
}

func (m *builder) crls() error {
	latest := map[string]*pki.CRL{}
	var order []string
	for i, raw := range m.CRLs {
		list, err := pki.ParseCRL(raw)
		if err != nil {
			return fmt.Errorf("revocation list %d: %w", i, err)
		}
		by := slices.IndexFunc(m.kept, func(c *pki.Certificate) bool { return list.Verify(c, true) == nil })
		name := fmt.Sprintf("revocation list %d", i)
		switch {
		case by < 0:
			m.leave(name, "none of the anchors has signed it")
			continue
		case !m.Issued.Before(list.NextUpdate):
			m.leave(name+" of "+m.kept[by].String(), "ended on "+list.NextUpdate.Format(time.RFC3339))
			continue
		}
		key := string(list.RawIssuer) + string(list.AuthorityKeyID)
		old, twice := latest[key]
		switch {
		case !twice:
			order = append(order, key)
		case old.Supersedes(list) == nil:
			continue
		default:
			if err := list.Supersedes(old); err != nil {
				return fmt.Errorf("revocation list %d: %w", i, err)
			}
		}
		latest[key] = list
	}
	for _, old := range m.previousCRLs() {
		key := string(old.RawIssuer) + string(old.AuthorityKeyID)
		if list, here := latest[key]; here && list.Supersedes(old) != nil {
			m.leave(fmt.Sprintf("revocation list %s", list.Number), fmt.Sprintf("number %s was there last time, and stays", old.Number))
			latest[key] = old
		}
	}
	for _, key := range order {
		m.wire.CRLs = append(m.wire.CRLs, wrapBytes(latest[key].Raw))
	}
	return nil
}

func (m *builder) previousCRLs() []*pki.CRL {
	if m.Previous == nil {
		return nil
	}
	return m.Previous.CRLs().All()
}

func wrapBytes(b []byte) cbor.RawMessage { return cbor.WrapEncoded(cbor.AppendBytes(nil, b)) }

// lists takes of every address and form the newest token.
func (m *builder) lists() error {
	byKey := map[listKey]*listEntry{}
	for i, token := range m.Lists {
		e, envelope, err := parseList(token)
		if err != nil {
			return fmt.Errorf("list %d: %w", i, err)
		}
		name := fmt.Sprintf("list %.200s (%s)", e.URI, e.Format)
		switch {
		case len(m.URIs) > 0 && !slices.Contains(m.URIs, e.URI):
			m.leave(name, "not asked for")
			continue
		case !m.selected(e.Country):
			m.leave(name, "of another country")
			continue
		case !e.Expires.IsZero() && !m.Issued.Before(e.Expires):
			m.leave(name, "ended on "+e.Expires.Format(time.RFC3339))
			continue
		case e.Issued.After(m.Issued.Add(skew)):
			return fmt.Errorf("%s: issued at %s, which is to come", name, e.Issued.Format(time.RFC3339))
		}
		if err := m.vouched(envelope); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		key := listKey{e.URI, e.Format}
		if old := byKey[key]; old != nil {
			if old.Issued.Equal(e.Issued) && !bytes.Equal(old.token, e.token) {
				return fmt.Errorf("%s: two tokens issued at %s", name, e.Issued.Format(time.RFC3339))
			}
			if old.Issued.After(e.Issued) {
				continue
			}
		}
		byKey[key] = e
	}
	m.goOn(byKey)
	var all []listEntry
	for _, e := range byKey {
		all = append(all, *e)
	}
	listed(all)
	for _, e := range all {
		m.wire.Lists = append(m.wire.Lists, e.encode())
	}
	for _, uri := range m.URIs {
		if !slices.ContainsFunc(all, func(e listEntry) bool { return e.URI == uri }) {
			return fmt.Errorf("list %.200s was asked for and is not there", uri)
		}
	}
	return nil
}

// goOn puts back what was newer in the bundle before, while it has not ended.
func (m *builder) goOn(byKey map[listKey]*listEntry) {
	if m.Previous == nil {
		return
	}
	for i := range m.Previous.lists {
		old := &m.Previous.lists[i]
		e := byKey[listKey{old.URI, old.Format}]
		if e != nil && old.Issued.After(e.Issued) && (old.Expires.IsZero() || m.Issued.Before(old.Expires)) {
			m.leave(fmt.Sprintf("list %.200s (%s)", e.URI, e.Format), fmt.Sprintf("it is of %s, and the one of last time, of %s, stays",
				e.Issued.Format(time.RFC3339), old.Issued.Format(time.RFC3339)))
			byKey[listKey{old.URI, old.Format}] = old
		}
	}
}

// vouched says whether somebody below our anchors has signed a list. Whether it may
// speak for a document, the reader finds out.
func (m *builder) vouched(e *statuslist.Envelope) error {
	path, err := pki.Validate(e.Chain, m.kept, pki.PathOptions{Now: m.Issued, MaxIntermediates: 2, AllowRSA: true})
	if err != nil {
		return err
	}
	return e.Verify(path.Leaf.PublicKey())
}

// parseList reads a status list or identifier list.
func parseList(token []byte) (*listEntry, *statuslist.Envelope, error) {
	e := &listEntry{token: token}
	var envelope *statuslist.Envelope
	t, err := statuslist.ParseToken(token)
	if err == nil {
		envelope = &t.Envelope
	} else {
		l, other := statuslist.ParseIdentifierList(token)
		if other != nil {
			return nil, nil, err
		}
		envelope, e.Identifiers = &l.Envelope, true
	}
	e.URI, e.Format, e.Issued, e.Expires = envelope.Subject, envelope.Format, envelope.IssuedAt, envelope.Expires
	if len(envelope.Chain) == 0 {
		return nil, nil, errors.New("the token carries no certificate")
	}
	leaf, err := pki.ParseCertificate(envelope.Chain[0])
	if err != nil {
		return nil, nil, err
	}
	if isCountry(leaf.Country) {
		e.Country = leaf.Country
	}
	return e, envelope, nil
}

func (e *listEntry) encode() cbor.RawMessage {
	form := string(e.Format)
	if e.Identifiers {
		form = formIdentifiers
	}
	b := cbor.AppendArray(nil, 6)
	for _, text := range []string{e.URI, form, e.Country} {
		b = cbor.AppendText(b, text)
	}
	b = append(b, cbor.MustMarshal(cbor.NewDateTime(e.Issued))...)
	if e.Expires.IsZero() {
		b = append(b, 0xf6) // null
	} else {
		b = append(b, cbor.MustMarshal(cbor.NewDateTime(e.Expires))...)
	}
	return append(b, wrapBytes(e.token)...)
}

func (m *builder) policy() error {
	if m.Policy == nil {
		return nil
	}
	if _, err := policy.Load(policy.File{Name: "policy", Data: m.Policy}); err != nil {
		return err
	}
	content, err := cbor.Marshal(string(m.Policy))
	if err != nil {
		return err
	}
	m.wire.Policy = cbor.WrapEncoded(content)
	return nil
}

// NextSequence is the number of a bundle that follows one with the number last, 0
// for none: that of the second at which it is made, or one more than the last. So
// it also rises for a publisher who has lost count.
func NextSequence(last uint64, now time.Time) uint64 {
	return max(last+1, uint64(max(now.Unix(), 0)))
}
