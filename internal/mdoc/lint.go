package mdoc

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"slices"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// What is about to be signed is read back byte by byte, as a verifier would, and
// held against the rules for issuers (ISO/IEC 18013-5, 9.1.2.4 and 9.1.2.5; second
// edition where it is stricter) and against what was ordered. Whatever is found
// is an error of ours: it must not leave the house.

// readItems reads the encoded namespaces back and makes sure that they hold the
// elements of the template, all of them and no others, each with a salt of its
// own.
//
// That the encoding is the deterministic one is known without a second walk: the
// template linted an item of every element (lintItem), and between that and these
// nothing can differ but salt and digestID, since value and tail stand at the end
// byte for byte, and what all of it takes is what the shortest heads take.
func (p *Prepared) readItems() ([]NameSpace, error) {
	var n notes
	items, err := parseNameSpaces(p.nameSpaces, &n)
	if err != nil {
		return nil, ruleBroken("%w", err)
	}
	// Among the notes are salts that are too short and digestIDs that are too large.
	if err := n.broken(); err != nil {
		return nil, err
	}
	t := p.template
	if len(items) != len(t.nameSpaces) {
		return nil, ruleBroken("%d namespaces, %d ordered", len(items), len(t.nameSpaces))
	}
	salts := make([]uint64, 0, t.elements)
	size := headSize(uint64(len(t.nameSpaces)))
	for i, want := range t.nameSpaces {
		got := items[i]
		if got.Name != want.name || len(got.Items) != len(want.elements) {
			return nil, ruleBroken("namespace %.64q does not hold what was ordered", want.name)
		}
		size += headSize(uint64(len(want.name))) + len(want.name) + headSize(uint64(len(want.elements)))
		for j, e := range want.elements {
			item := &got.Items[j]
			if item.ElementIdentifier != e.identifier || !bytes.Equal(item.ElementValue, e.value) {
				return nil, ruleBroken("element %.64q is not the one ordered", e.identifier)
			}
			content, ok := embeddedOf(item.Raw)
			if !ok || !bytes.HasPrefix(content, itemStart) || !bytes.HasSuffix(content, e.tail) || !bytes.HasSuffix(content[:len(content)-len(e.tail)], e.value) {
				return nil, ruleBroken("the members of element %.64q are not in order", e.identifier)
			}
			size += t.itemSize(item.DigestID, e)
			if len(item.Random) != t.saltBytes {
				return nil, ruleBroken("salt of %d bytes, %d ordered", len(item.Random), t.saltBytes)
			}
			salts = append(salts, binary.BigEndian.Uint64(item.Random))
		}
	}
	if size != len(p.nameSpaces) {
		return nil, ruleBroken("encoding: %d bytes where the shortest heads take %d", len(p.nameSpaces), size)
	}
	slices.Sort(salts)
	if len(slices.Compact(salts)) != t.elements {
		return nil, ruleBroken("two salts start alike: the source of randomness is broken")
	}
	return items, nil
}

// itemStart is how every item begins: a map of four, of which random sorts first.
var itemStart = cbor.AppendText(cbor.AppendMap(nil, 4), "random")

// itemSize is what 24(<<IssuerSignedItem>>) takes with the shortest heads.
func (t *Template) itemSize(id uint64, e templateElement) int {
	content := len(itemStart) + headSize(uint64(t.saltBytes)) + t.saltBytes +
		1 + len("digestID") + headSize(id) + 1 + len("elementValue") + len(e.value) + len(e.tail)
	return 2 + headSize(uint64(content)) + content
}

// headSize is what the shortest head of an argument takes.
func headSize(arg uint64) int {
	var b [9]byte
	return len(appendHead(b[:0], majorUnsigned, arg))
}

// lintItem lints an item of an element, with a salt of nothing.
func (t *Template) lintItem(e templateElement) error {
	return lintEncoding(appendItem(nil, 0, make([]byte, t.saltBytes), e))
}

// readMSO reads the payload back and compares it with the digests of the items
// and with what was ordered.
func (p *Prepared) readMSO(c Copy, digests [][]byte) error {
	if err := lintEncoding(p.payload); err != nil {
		return err
	}
	content, ok := embeddedOf(p.payload)
	if !ok {
		return ruleBroken("the MSO is not embedded in tag 24")
	}
	var n notes
	m, valueDigests, err := parseMSOFrame(content, &n)
	if err != nil {
		return ruleBroken("%w", err)
	}
	if err := n.broken(); err != nil {
		return err
	}
	t := p.template
	if m.Version != "1.0" || m.DigestAlgorithm != t.algorithm || m.DocType != t.docType {
		return ruleBroken("version, digest algorithm or docType differ from what was ordered")
	}
	if !sameKey(m.DeviceKey, c.DeviceKey) {
		return ruleBroken("the device key differs from what was ordered")
	}
	if !sameStatus(m.Status, c.Status) {
		return ruleBroken("the status differs from what was ordered")
	}
	if err := t.compareDigests(valueDigests, digests); err != nil {
		return err
	}
	return lintValidity(m.ValidityInfo, c.Validity)
}

// lintEncoding demands the deterministic encoding, which includes everything
// that the strict decoder demands.
func lintEncoding(b []byte) error {
	if findings := cbor.Lint(b); findings != nil {
		return ruleBroken("encoding: %s", findings[0])
	}
	return nil
}

// broken turns the first leniency into an error: a verifier may be lenient, an
// issuer may not need it.
func (n notes) broken() error {
	if len(n) > 0 {
		return ruleBroken("%s: %s", n[0].Check, n[0].Detail)
	}
	return nil
}

// compareDigests reads valueDigests of an MSO of ours: the namespaces as they sort,
// in each the digestIDs from 0 on.
func (t *Template) compareDigests(valueDigests []byte, digests [][]byte) error {
	size := digestSize(t.algorithm)
	spaces, count, ok := members(valueDigests)
	if !ok || count != len(t.nameSpaces) {
		return ruleBroken("digests of %d namespaces, %d ordered", count, len(t.nameSpaces))
	}
	for i, ns := range t.nameSpaces {
		key, _ := spaces.next()
		value, _ := spaces.next()
		name, ok := textOf(key)
		if !ok || string(name) != ns.name {
			return ruleBroken("digests of namespace %.64q, %.64q ordered", name, ns.name)
		}
		pairs, count, ok := members(value)
		if !ok || count != len(ns.elements) {
			return ruleBroken("%d digests of namespace %.64q for %d elements", count, ns.name, len(ns.elements))
		}
		for id := range ns.elements {
			key, _ := pairs.next()
			value, _ := pairs.next()
			got, isID := uintOf(key)
			digest, ok := bytesOf(value)
			if !isID || got != uint64(id) || !ok || !bytes.Equal(digest, digests[i][id*size:(id+1)*size]) {
				return ruleBroken("digest %d of namespace %.64q is not that of its item", id, ns.name)
			}
		}
		if err := pairs.complete(CheckFormat, "valueDigests"); err != nil {
			return ruleBroken("%w", err)
		}
	}
	if err := spaces.complete(CheckFormat, "valueDigests"); err != nil {
		return ruleBroken("%w", err)
	}
	return nil
}

func lintValidity(got, want ValidityInfo) error {
	dates := [][2]time.Time{{got.Signed.Time, want.Signed.Time}, {got.ValidFrom.Time, want.ValidFrom.Time}, {got.ValidUntil.Time, want.ValidUntil.Time}}
	if (got.ExpectedUpdate == nil) != (want.ExpectedUpdate == nil) {
		return ruleBroken("expectedUpdate differs from what was ordered")
	}
	if got.ExpectedUpdate != nil {
		dates = append(dates, [2]time.Time{got.ExpectedUpdate.Time, want.ExpectedUpdate.Time})
	}
	for _, pair := range dates {
		if !pair[0].Equal(pair[1]) {
			return ruleBroken("date %v is not in whole seconds", pair[1])
		}
		if pair[0].Year() < 2000 {
			return ruleBroken("date %v before the year 2000", pair[0])
		}
	}
	if got.Signed.After(got.ValidFrom.Time) || !got.ValidFrom.Before(got.ValidUntil.Time) {
		return ruleBroken("signed <= validFrom < validUntil does not hold")
	}
	return nil
}

func sameStatus(got, want *Status) bool {
	if got == nil || want == nil {
		return got == want
	}
	a, errA := got.encode()
	b, errB := want.encode()
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func sameKey(got *cose.Key, want crypto.PublicKey) bool {
	key, ok := got.Public.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return false
	}
	if key.Equal(want) {
		return true
	}
	// An order may name an elliptic key by its agreement form.
	public, err := got.ECDH()
	return err == nil && public.Equal(want)
}
