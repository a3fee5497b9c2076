package mdoc

import (
	"crypto"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// Copy is what differs between the copies of a batch.
type Copy struct {
	DeviceKey crypto.PublicKey // *ecdsa.PublicKey, ed25519.PublicKey or *ecdh.PublicKey
	Validity  ValidityInfo     // whole seconds; the same, coarse times for a whole batch
	Status    *Status          // an index or identifier of its own; nil for none
}

// Prepared is one copy, built and checked, ready to be signed once.
type Prepared struct {
	template   *Template
	validity   ValidityInfo
	nameSpaces []byte // encoded map
	payload    []byte // 24(<<MSO>>)
	used       atomic.Bool
}

// Payload returns 24(<<MSO>>), what will be signed: for the record of what is
// about to be signed. It must not be changed.
func (p *Prepared) Payload() []byte { return p.payload }

// Prepare builds the bytes of one copy and holds them against the rules for
// issuers by reading them back with the strict parser (lint.go); an error wraps
// ErrRule, and nothing was signed.
//
// rand gives the salts and, for every namespace, a random permutation of the
// digestIDs, so that neither a digestID nor the order of digests says which
// element it belongs to. The same template, copy and random bytes give the same
// Prepared.
func (t *Template) Prepare(c Copy, rand io.Reader) (*Prepared, error) {
	if c.DeviceKey == nil || rand == nil {
		return nil, ruleBroken("copy without device key or randomness")
	}
	p := &Prepared{template: t, validity: c.Validity}
	if err := p.encodeItems(rand); err != nil {
		return nil, err
	}
	// Digests are made from the items as read back: of the bytes that a verifier
	// will hash, under the digestIDs that it will find in them. So each is computed
	// once, and a fault of the encoder cannot hide in a digest.
	items, err := p.readItems()
	if err != nil {
		return nil, fmt.Errorf("reading back the items: %w", err)
	}
	digests, err := t.digests(items)
	if err != nil {
		return nil, err
	}
	if err := p.encodeMSO(c, digests); err != nil {
		return nil, err
	}
	if err := p.readMSO(c, digests); err != nil {
		return nil, fmt.Errorf("reading back the MSO: %w", err)
	}
	return p, nil
}

// encodeItems encodes every item in its place in the map of namespaces.
func (p *Prepared) encodeItems(rand io.Reader) error {
	t := p.template
	salts := make([]byte, t.elements*t.saltBytes)
	if _, err := io.ReadFull(rand, salts); err != nil {
		return fmt.Errorf("reading salts: %w", err)
	}
	draws := &drawer{rand: rand}
	b := cbor.AppendMap(t.buffer(), len(t.nameSpaces))
	for _, ns := range t.nameSpaces {
		ids, err := draws.permutation(len(ns.elements))
		if err != nil {
			return fmt.Errorf("drawing digestIDs: %w", err)
		}
		b = cbor.AppendArray(cbor.AppendText(b, ns.name), len(ns.elements))
		for i, e := range ns.elements {
			b = appendItem(b, ids[i], salts[:t.saltBytes], e)
			salts = salts[t.saltBytes:]
		}
	}
	p.nameSpaces = b
	return nil
}

// digests hashes every item and returns, for each namespace, the digests one
// after the other in the order of the digestIDs, which are 0 to n-1.
func (t *Template) digests(items []NameSpace) ([][]byte, error) {
	size := digestSize(t.algorithm)
	digests := make([][]byte, len(items))
	for i := range items {
		list := items[i].Items
		sums := make([]byte, len(list)*size)
		used := make([]bool, len(list))
		for j := range list {
			id := list[j].DigestID
			if id >= uint64(len(list)) || used[id] {
				return nil, ruleBroken("digestIDs of %.64q are no permutation", items[i].Name)
			}
			used[id] = true
			appendDigest(sums[:id*uint64(size)], t.algorithm, list[j].Raw)
		}
		digests[i] = sums
	}
	return digests, nil
}

// appendItem appends 24(<<IssuerSignedItem>>), its members sorted as RFC 8949,
// 4.2.1 asks: random, digestID, elementValue, elementIdentifier.
func appendItem(b []byte, id uint64, salt []byte, e templateElement) []byte {
	var buf [160]byte
	before := cbor.AppendMap(buf[:0], 4)
	before = cbor.AppendBytes(cbor.AppendText(before, "random"), salt)
	before = appendHead(cbor.AppendText(before, "digestID"), majorUnsigned, id)
	before = cbor.AppendText(before, "elementValue")
	b = appendHead(b, majorTag, 24)
	b = appendHead(b, majorBytes, uint64(len(before)+len(e.value)+len(e.tail)))
	b = append(b, before...)
	b = append(b, e.value...)
	return append(b, e.tail...)
}

// encodeMSO lays 24(<<MobileSecurityObject>>), its members sorted as RFC 8949,
// 4.2.1 asks: status, docType, version, validityInfo, valueDigests, deviceKeyInfo,
// digestAlgorithm.
func (p *Prepared) encodeMSO(c Copy, digests [][]byte) error {
	deviceKey, err := cose.MarshalKey(c.DeviceKey)
	if err != nil {
		return fmt.Errorf("%w: device key: %w", ErrRule, err)
	}
	status, err := c.Status.encode()
	if err != nil {
		return err
	}
	t := p.template
	b := make([]byte, 0, t.digestsSize+len(status)+len(deviceKey)+len(t.authorizations)+len(t.docType)+msoRoom)
	if status != nil {
		b = append(cbor.AppendText(cbor.AppendMap(b, 7), "status"), status...)
	} else {
		b = cbor.AppendMap(b, 6)
	}
	b = cbor.AppendText(cbor.AppendText(b, "docType"), t.docType)
	b = cbor.AppendText(cbor.AppendText(b, "version"), "1.0")
	if b, err = c.Validity.append(cbor.AppendText(b, "validityInfo")); err != nil {
		return fmt.Errorf("encoding the MSO: %w", err)
	}
	b = t.appendDigests(cbor.AppendText(b, "valueDigests"), digests)
	b = cbor.AppendText(b, "deviceKeyInfo")
	if t.authorizations != nil {
		b = append(cbor.AppendText(cbor.AppendMap(b, 2), "deviceKey"), deviceKey...)
		b = append(cbor.AppendText(b, "keyAuthorizations"), t.authorizations...)
	} else {
		b = append(cbor.AppendText(cbor.AppendMap(b, 1), "deviceKey"), deviceKey...)
	}
	b = cbor.AppendText(cbor.AppendText(b, "digestAlgorithm"), t.algorithm)
	p.payload = cbor.WrapEncoded(b)
	return nil
}

// msoRoom is what an MSO has besides its digests, key, status and docType: member
// names, heads, four dates.
const msoRoom = 320

// appendDigests appends valueDigests.
func (t *Template) appendDigests(b []byte, digests [][]byte) []byte {
	size := digestSize(t.algorithm)
	b = cbor.AppendMap(b, len(t.nameSpaces))
	for i, ns := range t.nameSpaces {
		b = cbor.AppendMap(cbor.AppendText(b, ns.name), len(ns.elements))
		for id := range ns.elements {
			b = appendHead(b, majorUnsigned, uint64(id))
			b = cbor.AppendBytes(b, digests[i][id*size:(id+1)*size])
		}
	}
	return b
}

// drawer draws uniform numbers from a source of random bytes.
type drawer struct {
	rand io.Reader
	buf  [64]byte
	left []byte
}

// permutation returns the numbers 0 to n-1 in random order (Fisher-Yates).
func (d *drawer) permutation(n int) ([]uint64, error) {
	ids := make([]uint64, n)
	for i := range ids {
		j, err := d.below(uint32(i + 1))
		if err != nil {
			return nil, err
		}
		ids[i] = ids[j]
		ids[j] = uint64(i)
	}
	return ids, nil
}

// below returns a uniform number smaller than n, which is positive.
func (d *drawer) below(n uint32) (uint32, error) {
	for n > 1 {
		if len(d.left) < 4 {
			if _, err := io.ReadFull(d.rand, d.buf[:]); err != nil {
				return 0, err
			}
			d.left = d.buf[:]
		}
		v := binary.BigEndian.Uint32(d.left)
		d.left = d.left[4:]
		// Values above the last multiple of n would favour small results.
		if uint64(v) < 1<<32-1<<32%uint64(n) {
			return v % n, nil
		}
	}
	return 0, nil
}
