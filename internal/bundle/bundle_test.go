package bundle

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

func TestBundle(t *testing.T) {
	w := newWorld(t)
	built := w.build(w.contents(7, start))
	b, err := Open(built.Data, w.pins(), start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if b.Publisher != publisher || b.Sequence != 7 || !b.Issued.Equal(start) || b.MinReader != ReaderVersion || b.Size != len(built.Data) ||
		!b.Signer.Leaf.Equal(w.BundleSigner.Cert) || b.Source() != "bundle 7 of "+publisher || b.PolicyName() != "roadside-1 of bundle 7" || len(built.LeftOut) != 0 {
		t.Errorf("%+v, left out %v", b, built.LeftOut)
	}
	all := b.Trust().All()
	if len(all) != 1 || !all[0].Cert.Equal(w.IACA.Cert) || all[0].Source != "Utopia" || !all[0].AsOf.Equal(start.Add(-time.Hour)) || len(b.Trust().Anchors(trust.IssueMdoc, mdl)) != 1 {
		t.Errorf("anchors %+v", all)
	}
	if p := b.Policy(); p.Version != "roadside-1" || len(p.Profiles) == 0 || p.Freshness(7*24*time.Hour) != policy.PastUse {
		t.Errorf("policy %+v", p)
	}
	if got := b.CRLs().All(); len(got) != 1 || got[0].Number.Int64() != 7 {
		t.Errorf("revocation lists %v", got)
	}
	lists := b.Lists()
	if len(lists) != 3 || !lists[0].Identifiers || lists[0].URI != namesURI || lists[1].URI != listURI || lists[1].Country != "UT" ||
		!lists[1].Issued.Equal(start) || !lists[1].Expires.Equal(start.Add(20*24*time.Hour)) {
		t.Errorf("lists %+v", lists)
	}
	for _, f := range []statuslist.Format{statuslist.FormatJWT, statuslist.FormatCWT} {
		token, err := b.Token(listURI, f, start)
		w.must(err)
		w.must(token.Verify(w.StatusSigner.Key.Public()))
		for index, want := range map[uint64]statuslist.Status{7: statuslist.Invalid, 8: statuslist.Valid} {
			if got, err := token.Lookup(statuslist.Reference{URI: listURI, Index: index}, start); err != nil || got != want {
				t.Errorf("%s: %d is %v, %v", f, index, got, err)
			}
		}
		again, _ := b.Token(listURI, f, start)
		if again != token {
			t.Errorf("%s: parsed twice", f)
		}
	}
	if data, err := b.List(namesURI, statuslist.FormatCWT, start); err != nil {
		t.Error(err)
	} else if l, err := statuslist.ParseIdentifierList(data); err != nil || l.Size() != 1 {
		t.Errorf("identifiers: %v", err)
	}
}

// A signer may be pinned itself; what is below no pin, or has another purpose, is
// nobody.
func TestSigner(t *testing.T) {
	w := newWorld(t)
	data := w.build(w.contents(1, start)).Data
	if _, err := Open(data, []*pki.Certificate{w.BundleSigner.Cert}, start); err != nil {
		t.Errorf("pinned: %v", err)
	}
	for name, pins := range map[string][]*pki.Certificate{"nobody": nil, "another authority": {w.IACA.Cert}, "another signer": {w.ReceiptSigner.Cert}} {
		if b, err := Open(data, pins, start); b != nil || !errors.Is(err, pki.ErrUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := w.contents(1, start)
	if b, err := Build(c, w.ReceiptSigner.Key, w.ReceiptSigner.Chain, rand.Reader); b != nil || !errors.Is(err, ErrBuild) || !errors.Is(err, pki.ErrProfile) {
		t.Errorf("a receipt signer: %v", err)
	}
	if _, err := Open(data, w.pins(), w.BundleSigner.Cert.NotAfter().Add(time.Hour)); !errors.Is(err, pki.ErrExpired) {
		t.Errorf("after the certificate ended: %v", err)
	}
	// Who has taken the key of another and names a certificate of ours.
	msg, err := cose.SignSign1(w.ReceiptSigner.Key, payloadOf(t, data), cose.SignOptions{Tagged: true, Protected: map[any]any{
		cose.LabelContentType: ContentType, cose.LabelX5Chain: cose.X5ChainValue(w.BundleSigner.Chain)}}, rand.Reader)
	w.must(err)
	if b, err := Open(msg, w.pins(), start); b != nil || !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

func payloadOf(t testing.TB, data []byte) []byte {
	msg, err := cose.ParseSign1Limit(data, MaxBundle)
	if err != nil {
		t.Fatal(err)
	}
	return msg.Payload
}

// Whatever is changed in a bundle is refused, and the refusal has its class.
func TestEveryMutation(t *testing.T) {
	w := newWorld(t)
	c := w.contents(1, start)
	c.Lists = c.Lists[2:] // an identifier list is short
	data := w.build(c).Data
	refused := func(name string, changed []byte) error {
		t.Helper()
		b, err := Open(changed, w.pins(), start)
		var path *pki.PathError
		if b != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrSignature) && !errors.As(err, &path) && !errors.Is(err, ErrClock) {
			t.Fatalf("%s: %v", name, err)
		}
		return err
	}
	payload := bytes.Index(data, payloadOf(t, data))
	classes := map[string]int{}
	for at := range data {
		err := refused("a bit", flipped(data, at))
		switch {
		case errors.Is(err, ErrSignature):
			classes["signature"]++
		case errors.Is(err, ErrMalformed):
			classes["malformed"]++
		default:
			classes["signer or clock"]++
			if at > payload+400 {
				t.Fatalf("byte %d: %v", at, err)
			}
		}
	}
	if classes["signature"] < len(data)/4 || classes["malformed"] == 0 || classes["signer or clock"] == 0 {
		t.Errorf("classes %v of %d", classes, len(data))
	}
	for n := range data {
		refused("cut off", data[:n])
	}
	refused("more behind", append(bytes.Clone(data), 0))
	refused("nothing", nil)
}

// What a trusted signer writes may be wrong too.
func TestMalformed(t *testing.T) {
	w := newWorld(t)
	good := payloadOf(t, w.build(w.contents(1, start)).Data)
	entries, err := cbor.MapEntries(good)
	w.must(err)
	raw := func(v any) cbor.RawMessage { return cbor.MustMarshal(v) }
	embed := func(v any) cbor.RawMessage { return cbor.WrapEncoded(raw(v)) }
	at := func(d time.Duration) cbor.RawMessage { return raw(cbor.NewDateTime(start.Add(d))) }
	list := func(parts ...any) cbor.RawMessage { return raw([]any{parts}) }
	token := embed(w.names(start))
	tomorrow := cbor.NewDateTime(start.Add(24 * time.Hour))
	leaf := raw(wireAnchor{Certificate: w.DocumentSignerMDL.Cert.Raw, Purposes: []string{"issue-mdoc"}, DocTypes: []string{mdl}})
	for name, c := range map[string]struct {
		member string
		value  cbor.RawMessage
		want   error
	}{
		"another form":            {"version", raw(2), ErrMalformed},
		"form as text":            {"version", raw("1"), ErrMalformed},
		"no publisher":            {"publisher", raw(""), ErrMalformed},
		"publisher null":          {"publisher", cbor.RawMessage{0xf6}, ErrMalformed},
		"number zero":             {"sequence", raw(0), ErrMalformed},
		"number negative":         {"sequence", raw(-1), ErrMalformed},
		"number beyond":           {"sequence", raw(uint64(1) << 63), ErrMalformed},
		"made tomorrow":           {"issued", at(24 * time.Hour), ErrClock},
		"made without a tag":      {"issued", raw(start.Format(time.RFC3339)), ErrMalformed},
		"ended before":            {"expires", at(-time.Hour), ErrMalformed},
		"lives for ever":          {"expires", at(10 * 365 * 24 * time.Hour), ErrMalformed},
		"for a newer reader":      {"minReader", raw(ReaderVersion + 1), ErrReader},
		"for no reader":           {"minReader", raw(0), ErrMalformed},
		"no country":              {"countries", raw([]string{"Utopia"}), ErrMalformed},
		"anchors not embedded":    {"anchors", raw([]any{}), ErrMalformed},
		"a leaf as anchor":        {"anchors", embed([]any{leaf}), ErrMalformed},
		"an anchor for nothing":   {"anchors", embed([]any{wireAnchor{Certificate: w.IACA.Cert.Raw}}), ErrMalformed},
		"an unknown purpose":      {"anchors", embed([]any{wireAnchor{Certificate: w.IACA.Cert.Raw, Purposes: []string{"all"}}}), ErrMalformed},
		"an anchor of tomorrow":   {"anchors", embed([]any{wireAnchor{Certificate: w.IACA.Cert.Raw, Purposes: []string{"vical"}, AsOf: &tomorrow}}), ErrMalformed},
		"no certificate":          {"anchors", embed([]any{wireAnchor{Certificate: []byte{0x30, 0}, Purposes: []string{"vical"}}}), ErrMalformed},
		"too many anchors":        {"anchors", embed(make([]struct{}, MaxAnchors+1)), ErrMalformed},
		"no revocation list":      {"crls", raw([]any{embed([]byte{0x30, 0})}), ErrMalformed},
		"revocation lists null":   {"crls", cbor.RawMessage{0xf6}, ErrMalformed},
		"lists a map":             {"lists", raw(map[string]int{}), ErrMalformed},
		"a list of five":          {"lists", list(listURI, "cwt", "UT", at(0), at(1)), ErrMalformed},
		"a list of no form":       {"lists", list(listURI, "xml", "UT", at(0), at(1), token), ErrMalformed},
		"a list of nowhere":       {"lists", list("", "cwt", "UT", at(0), at(1), token), ErrMalformed},
		"a list of Utopia":        {"lists", list(listURI, "cwt", "Utopia", at(0), at(1), token), ErrMalformed},
		"a list without date":     {"lists", list(listURI, "cwt", "UT", cbor.RawMessage{0xf6}, at(1), token), ErrMalformed},
		"a list with odd end":     {"lists", list(listURI, "cwt", "UT", at(0), raw("never"), token), ErrMalformed},
		"a list not embedded":     {"lists", list(listURI, "cwt", "UT", at(0), at(1), raw([]byte("x"))), ErrMalformed},
		"policy no text":          {"policy", embed([]byte("x")), ErrMalformed},
		"policy that is none":     {"policy", embed("colours: green"), ErrMalformed},
		"policy not embedded":     {"policy", raw("version: x"), ErrMalformed},
		"a member of tomorrow":    {"weather", raw("rain"), nil},
		"nothing but a new order": {"", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			changed := map[string]cbor.RawMessage{}
			for _, e := range entries {
				key, _ := cbor.Text(e.Key)
				changed[key] = e.Value
			}
			if c.member != "" {
				changed[c.member] = c.value
			}
			data, err := cose.SignSign1(w.BundleSigner.Key, raw(changed), cose.SignOptions{Tagged: true, Protected: map[any]any{
				cose.LabelContentType: ContentType, cose.LabelX5Chain: cose.X5ChainValue(w.BundleSigner.Chain)}}, rand.Reader)
			w.must(err)
			if b, err := Open(data, w.pins(), start); !errors.Is(err, c.want) || (b == nil) != (c.want != nil) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	twice := list(listURI, "cwt", "UT", at(0), at(1), token)
	one, _ := cbor.ArrayItems(twice)
	for name, opt := range map[string]cose.SignOptions{
		"untagged":                 {Protected: map[any]any{cose.LabelContentType: ContentType, cose.LabelX5Chain: w.BundleSigner.Cert.Raw}},
		"detached":                 {Tagged: true, Detached: true, Protected: map[any]any{cose.LabelContentType: ContentType, cose.LabelX5Chain: w.BundleSigner.Cert.Raw}},
		"another type":             {Tagged: true, Protected: map[any]any{cose.LabelContentType: "application/cwt", cose.LabelX5Chain: w.BundleSigner.Cert.Raw}},
		"type not signed":          {Tagged: true, Protected: map[any]any{cose.LabelX5Chain: w.BundleSigner.Cert.Raw}, Unprotected: map[any]any{cose.LabelContentType: ContentType}},
		"certificates not signed":  {Tagged: true, Protected: map[any]any{cose.LabelContentType: ContentType}, Unprotected: map[any]any{cose.LabelX5Chain: w.BundleSigner.Cert.Raw}},
		"two lists of one address": {Tagged: true, Protected: map[any]any{cose.LabelContentType: ContentType, cose.LabelX5Chain: w.BundleSigner.Cert.Raw}},
	} {
		payload := good
		if strings.HasPrefix(name, "two") {
			changed := map[string]cbor.RawMessage{"lists": raw([]cbor.RawMessage{one[0], one[0]})}
			for _, e := range entries {
				if key, _ := cbor.Text(e.Key); key != "lists" {
					changed[key] = e.Value
				}
			}
			payload = raw(changed)
		}
		data, err := cose.SignSign1(w.BundleSigner.Key, payload, opt, rand.Reader)
		w.must(err)
		if b, err := Open(data, w.pins(), start); b != nil || !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
