package mdoc

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// fixedRandom is a source of random bytes that repeats itself in every test.
func fixedRandom(seed byte) *mathrand.ChaCha8 { return mathrand.NewChaCha8([32]byte{seed}) }

// numbered makes n elements e0, e1 and so on, of equal value.
func numbered(n int) NamespaceElements {
	ns := NamespaceElements{NameSpace: mdlNS}
	for i := range n {
		ns.Elements = append(ns.Elements, Element{fmt.Sprintf("e%d", i), "same"})
	}
	return ns
}

func mustTemplate(tb testing.TB, i Issuance) *Template {
	tb.Helper()
	template, err := i.Template()
	if err != nil {
		tb.Fatal(err)
	}
	return template
}

// issueOne prepares and signs one copy and reads it back.
func issueOne(tb testing.TB, template *Template, c Copy) *IssuerSigned {
	tb.Helper()
	prepared, err := template.Prepare(c, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	ds := testWorld(tb).DocumentSignerMDL
	raw, err := prepared.Sign(ds.Key, ds.Chain, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	issued, err := ParseIssuerSigned(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return issued
}

// signerOptions are those of a verifier that has validated the document signer.
func signerOptions(tb testing.TB) VerifyOptions {
	ds := testWorld(tb).DocumentSignerMDL
	return VerifyOptions{Leaf: ds.Key.Public(), DSNotBefore: ds.Cert.NotBefore(), DSNotAfter: ds.Cert.NotAfter(), Now: testNow}
}

func TestPrepareIsDeterministic(t *testing.T) {
	docType, elements := mdl30(t)
	template, err := NewTemplate(docType, elements)
	if err != nil {
		t.Fatal(err)
	}
	c := Copy{DeviceKey: newKey(t).Public(), Validity: fortnight(), Status: &Status{StatusList: &StatusListInfo{Index: 7, URI: "https://issuer.example/status/1"}}}
	prepare := func(template *Template, seed byte) *Prepared {
		t.Helper()
		p, err := template.Prepare(c, fixedRandom(seed))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	again, err := NewTemplate(docType, elements)
	if err != nil {
		t.Fatal(err)
	}
	a, b := prepare(template, 1), prepare(again, 1)
	if !bytes.Equal(a.payload, b.payload) || !bytes.Equal(a.nameSpaces, b.nameSpaces) {
		t.Error("the same template, copy and random bytes give other bytes")
	}
	if other := prepare(template, 2); bytes.Equal(a.payload, other.payload) || bytes.Equal(a.nameSpaces, other.nameSpaces) {
		t.Error("other random bytes give the same bytes")
	}
	for _, part := range [][]byte{a.payload, a.nameSpaces} {
		if findings := cbor.Lint(part); findings != nil {
			t.Errorf("not deterministic: %v", findings)
		}
	}
}

// The bytes that are laid by hand are those of the encoder.
func TestItemEncoding(t *testing.T) {
	for _, value := range []any{"x", uint64(70000), true, bytes.Repeat([]byte{7}, 300), cbor.FullDate("2020-02-29"), []any{map[string]any{"b": 1, "a": 2}}} {
		for _, id := range []uint64{0, 23, 24, 255, 256, 65535, 65536, maxDigestID - 1} {
			salt := bytes.Repeat([]byte{9}, 16+int(id%30))
			e, err := encodeTemplateNameSpace(NamespaceElements{mdlNS, []Element{{"some_element", value}}})
			if err != nil {
				t.Fatal(err)
			}
			want := cbor.WrapEncoded(cbor.MustMarshal(map[string]any{"digestID": id, "random": salt, "elementIdentifier": "some_element", "elementValue": value}))
			if got := appendItem(nil, id, salt, e.elements[0]); !bytes.Equal(got, want) {
				t.Errorf("digestID %d, value %v:\n got %x\nwant %x", id, value, got, want)
			}
		}
	}
}

func TestMSOEncoding(t *testing.T) {
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(30), {usNS, []Element{{"x", 1}}}}})
	prepared, err := template.Prepare(Copy{DeviceKey: newKey(t).Public(), Validity: fortnight()}, fixedRandom(3))
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	mso, err := cbor.UnwrapEncoded(prepared.Payload())
	if err != nil {
		t.Fatal(err)
	}
	if err := cbor.Unmarshal(mso, &content); err != nil {
		t.Fatal(err)
	}
	if got := cbor.MustMarshal(content); !bytes.Equal(got, mso) {
		t.Errorf("decoded and encoded again:\n got %x\nwant %x", got, mso)
	}
}

// Between two copies every element moves to another digestID as if at random:
// over many copies each of n elements is seen at every digestID, none stays, and
// the pairs (digestID of the first element, digestID of the second) spread.
func TestDigestIDsArePermuted(t *testing.T) {
	const n, copies = 8, 400
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(n), {usNS, numbered(n).Elements}}})
	key := newKey(t).Public()
	var seen [n][n]int
	pairs := map[[2]uint64]int{}
	fixed, same := 0, 0
	random := fixedRandom(4)
	for range copies {
		prepared, err := template.Prepare(Copy{DeviceKey: key, Validity: fortnight()}, random)
		if err != nil {
			t.Fatal(err)
		}
		items, err := prepared.readItems()
		if err != nil {
			t.Fatal(err)
		}
		stays, agree := true, true
		for i := range n {
			id := items[0].Items[i].DigestID
			seen[i][id]++
			stays = stays && id == uint64(i)
			agree = agree && id == items[1].Items[i].DigestID
		}
		if stays {
			fixed++
		}
		if agree {
			same++
		}
		pairs[[2]uint64{items[0].Items[0].DigestID, items[0].Items[1].DigestID}]++
	}
	for i := range n {
		for id, count := range seen[i] {
			// 50 expected; the bounds are six standard deviations away.
			if count < 10 || count > 90 {
				t.Errorf("element %d had digestID %d in %d of %d copies", i, id, count, copies)
			}
		}
	}
	if len(pairs) < n*(n-1)*9/10 {
		t.Errorf("%d pairs of digestIDs of %d", len(pairs), n*(n-1))
	}
	if fixed > 0 || same > 0 {
		t.Errorf("identity %d times, equal permutations in two namespaces %d times", fixed, same)
	}
}

func TestPermutationIsUniform(t *testing.T) {
	draws := &drawer{rand: fixedRandom(5)}
	counts := map[[3]uint64]int{}
	for range 6000 {
		p, err := draws.permutation(3)
		if err != nil {
			t.Fatal(err)
		}
		counts[[3]uint64(p)]++
	}
	for p, count := range counts {
		if count < 850 || count > 1150 {
			t.Errorf("%v: %d times, about 1000 expected", p, count)
		}
	}
	if len(counts) != 6 {
		t.Errorf("%d permutations of 3", len(counts))
	}
}

// A draw that would favour small numbers is thrown away.
func TestDrawRejects(t *testing.T) {
	source := slices.Concat(bytes.Repeat([]byte{0xff}, 4), []byte{0, 0, 0, 5}, make([]byte, 56))
	v, err := (&drawer{rand: bytes.NewReader(source)}).below(3)
	if err != nil || v != 5%3 {
		t.Errorf("drew %d, %v", v, err)
	}
	if _, err := (&drawer{rand: bytes.NewReader(nil)}).below(3); err == nil {
		t.Error("drew from nothing")
	}
}

func TestCopiesShareNothingSecret(t *testing.T) {
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(20)}})
	c := Copy{DeviceKey: newKey(t).Public(), Validity: fortnight()}
	a, b := issueOne(t, template, c), issueOne(t, template, c)
	salts := map[string]bool{}
	for _, s := range []*IssuerSigned{a, b} {
		for _, item := range s.NameSpaces[0].Items {
			if len(item.Random) != DefaultSalt || item.DigestID >= 20 {
				t.Errorf("salt of %d bytes, digestID %d", len(item.Random), item.DigestID)
			}
			salts[string(item.Random)] = true
		}
	}
	if len(salts) != 40 {
		t.Errorf("%d salts of 40", len(salts))
	}
}

func TestIssueVariants(t *testing.T) {
	edwards, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	montgomery, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := newKey(t).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	update := day(7)
	validity := fortnight()
	validity.ExpectedUpdate = &update
	for name, c := range map[string]struct {
		issuance Issuance
		copy     Copy
	}{
		"plain":          {Issuance{}, Copy{DeviceKey: newKey(t).Public()}},
		"SHA-384":        {Issuance{DigestAlgorithm: SHA384}, Copy{DeviceKey: newKey(t).Public()}},
		"SHA-512":        {Issuance{DigestAlgorithm: SHA512}, Copy{DeviceKey: p384.Public()}},
		"salts of 16":    {Issuance{SaltBytes: 16}, Copy{DeviceKey: edwards}},
		"salts of 64":    {Issuance{SaltBytes: 64}, Copy{DeviceKey: montgomery.PublicKey()}},
		"agreement key":  {Issuance{}, Copy{DeviceKey: agreement.PublicKey()}},
		"x5t":            {Issuance{X5T: true}, Copy{DeviceKey: newKey(t).Public()}},
		"expectedUpdate": {Issuance{}, Copy{DeviceKey: newKey(t).Public(), Validity: validity}},
		"status list":    {Issuance{}, Copy{DeviceKey: newKey(t).Public(), Status: &Status{StatusList: &StatusListInfo{1 << 20, "https://a.example/1", []byte{1}}}}},
		"identifier list": {Issuance{}, Copy{DeviceKey: newKey(t).Public(), Status: &Status{
			IdentifierList: &IdentifierListInfo{[]byte{1, 2}, "https://a.example/2", nil}}}},
		"authorizations": {Issuance{KeyAuthorizations: KeyAuthorizations{[]string{"a"}, map[string][]string{"b": {"c", "d"}}}}, Copy{DeviceKey: newKey(t).Public()}},
	} {
		t.Run(name, func(t *testing.T) {
			c.issuance.DocType = mdlDocType
			c.issuance.Elements = []NamespaceElements{numbered(3), {usNS, []Element{{"x", 1}}}}
			if c.copy.Validity.Signed.IsZero() {
				c.copy.Validity = fortnight()
			}
			s := issueOne(t, mustTemplate(t, c.issuance), c.copy)
			for _, f := range s.Verify(signerOptions(t)) {
				if f.Result != Pass {
					t.Errorf("%s: %s (%s)", f.Check, f.Result, f.Detail)
				}
			}
			m := s.MSO
			if !sameStatus(m.Status, c.copy.Status) || !sameKey(m.DeviceKey, c.copy.DeviceKey) {
				t.Errorf("status %v, key %v", m.Status, m.DeviceKey)
			}
			if fmt.Sprint(m.KeyAuthorizations) != fmt.Sprint(c.issuance.KeyAuthorizations) {
				t.Errorf("authorizations %v", m.KeyAuthorizations)
			}
			if (m.ValidityInfo.ExpectedUpdate == nil) != (c.copy.Validity.ExpectedUpdate == nil) {
				t.Errorf("expectedUpdate %v", m.ValidityInfo.ExpectedUpdate)
			}
			if (s.IssuerAuth.Header.X5T != nil) != c.issuance.X5T {
				t.Errorf("x5t %v", s.IssuerAuth.Header.X5T)
			}
			if want := []byte{0xa1, 1, 0x26}; !c.issuance.X5T && !bytes.Equal(s.IssuerAuth.ProtectedBytes, want) {
				t.Errorf("protected header %x", s.IssuerAuth.ProtectedBytes)
			}
		})
	}
}

func TestSignOnce(t *testing.T) {
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(3)}})
	prepared, err := template.Prepare(Copy{DeviceKey: newKey(t).Public(), Validity: fortnight()}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := testWorld(t)
	ds := w.DocumentSignerMDL
	for name, sign := range map[string]func() ([]byte, error){
		"key of another": func() ([]byte, error) { return prepared.Sign(newKey(t), ds.Chain, rand.Reader) },
		"no chain":       func() ([]byte, error) { return prepared.Sign(ds.Key, nil, rand.Reader) },
		"root in chain": func() ([]byte, error) {
			return prepared.Sign(ds.Key, [][]byte{ds.Cert.Raw, w.IACA.Cert.Raw}, rand.Reader)
		},
		"root alone":       func() ([]byte, error) { return prepared.Sign(w.IACA.Key, [][]byte{w.IACA.Cert.Raw}, rand.Reader) },
		"no certificate":   func() ([]byte, error) { return prepared.Sign(ds.Key, [][]byte{{1}}, rand.Reader) },
		"six certificates": func() ([]byte, error) { return prepared.Sign(ds.Key, slices.Repeat(ds.Chain, 6), rand.Reader) },
	} {
		if got, err := sign(); !errors.Is(err, ErrRule) || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Nothing was signed yet: of many at once, one succeeds.
	var mu sync.Mutex
	var wait sync.WaitGroup
	signed := 0
	for range 8 {
		wait.Go(func() {
			got, err := prepared.Sign(ds.Key, ds.Chain, rand.Reader)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && got != nil {
				signed++
			} else if !errors.Is(err, ErrUsed) {
				t.Errorf("error %v", err)
			}
		})
	}
	wait.Wait()
	if signed != 1 {
		t.Errorf("signed %d times", signed)
	}
}

// Every part of a prepared copy that is not as it should be is found.
func TestLintFindsOwnFaults(t *testing.T) {
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(4)}})
	c := Copy{DeviceKey: newKey(t).Public(), Validity: fortnight(), Status: &Status{StatusList: &StatusListInfo{Index: 1, URI: "https://a.example/1"}}}
	replace := func(b []byte, old, new []byte) []byte {
		if !bytes.Contains(b, old) {
			t.Fatalf("%x is not there", old)
		}
		return bytes.Replace(b, old, new, 1)
	}
	other := newKey(t).Public()
	key, err := cose.MarshalKey(c.DeviceKey)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := cose.MarshalKey(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(p *Prepared){
		"value":      func(p *Prepared) { p.nameSpaces = replace(p.nameSpaces, []byte("same"), []byte("some")) },
		"identifier": func(p *Prepared) { p.nameSpaces = replace(p.nameSpaces, []byte("e3"), []byte("e2")) },
		"namespace":  func(p *Prepared) { p.nameSpaces = replace(p.nameSpaces, []byte(mdlNS), []byte("org.iso.18013.5.2")) },
		"cut off":    func(p *Prepared) { p.nameSpaces = p.nameSpaces[:len(p.nameSpaces)-1] },
		"salt shared": func(p *Prepared) {
			items, err := p.readItems()
			if err != nil {
				t.Fatal(err)
			}
			copy(items[0].Items[1].Random, items[0].Items[0].Random)
		},
		"digestID twice": func(p *Prepared) {
			items, err := p.readItems()
			if err != nil {
				t.Fatal(err)
			}
			raw := items[0].Items[0].Raw
			at := bytes.Index(raw, []byte("digestID")) + len("digestID")
			raw[at] = byte(items[0].Items[1].DigestID)
		},
		"head not shortest": func(p *Prepared) {
			respell(t, p, func(e templateElement, id uint64, salt []byte) []byte {
				return member(member(member(nil, "random", cbor.AppendBytes(nil, salt)), "digestID", []byte{0x18, byte(id)}), "elementValue", e.value)
			})
		},
		"members not sorted": func(p *Prepared) {
			respell(t, p, func(e templateElement, id uint64, salt []byte) []byte {
				return member(member(member(nil, "random", cbor.AppendBytes(nil, salt)), "elementValue", e.value), "digestID", []byte{byte(id)})
			})
		},
		"digestID before random": func(p *Prepared) {
			respell(t, p, func(e templateElement, id uint64, salt []byte) []byte {
				return member(member(member(nil, "digestID", []byte{byte(id)}), "random", cbor.AppendBytes(nil, salt)), "elementValue", e.value)
			})
		},
		"long head of an item": func(p *Prepared) {
			items, err := p.readItems()
			if err != nil {
				t.Fatal(err)
			}
			raw := items[0].Items[0].Raw
			p.nameSpaces = replace(p.nameSpaces, raw, slices.Concat(raw[:2], []byte{0x59, 0}, raw[3:]))
		},
		"digests not sorted": func(p *Prepared) {
			at := bytes.Index(p.payload, []byte{0, 0x58, 32})
			const size = 3 + 32
			first := bytes.Clone(p.payload[at : at+size])
			copy(p.payload[at:], p.payload[at+size:at+2*size])
			copy(p.payload[at+size:], first)
		},
		"digest":     func(p *Prepared) { p.payload[bytes.Index(p.payload, []byte{0, 0x58, 32})+5] ^= 1 },
		"docType":    func(p *Prepared) { p.payload = replace(p.payload, []byte("mDL"), []byte("mDX")) },
		"algorithm":  func(p *Prepared) { p.payload = replace(p.payload, []byte("SHA-256"), []byte("SHA-512")) },
		"version":    func(p *Prepared) { p.payload = replace(p.payload, []byte("c1.0"), []byte("c1.1")) },
		"device key": func(p *Prepared) { p.payload = replace(p.payload, key, otherKey) },
		"validUntil": func(p *Prepared) { p.payload = replace(p.payload, []byte("2026-06-29"), []byte("2026-06-30")) },
		"status":     func(p *Prepared) { p.payload = replace(p.payload, []byte("a.example/1"), []byte("a.example/2")) },
		"no tag 24":  func(p *Prepared) { p.payload = p.payload[4:] },
		"sorting":    func(p *Prepared) { p.payload = replace(p.payload, []byte("gversion"), []byte("gzersion")) },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := template.Prepare(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			if err := readBack(p, c); err != nil {
				t.Fatal(err)
			}
			spoil(p)
			if err := readBack(p, c); !errors.Is(err, ErrRule) {
				t.Errorf("not found: %v", err)
			}
		})
	}
}

// respell writes the first item anew, its members before the last as make says.
func respell(t *testing.T, p *Prepared, make func(e templateElement, id uint64, salt []byte) []byte) {
	t.Helper()
	items, err := p.readItems()
	if err != nil {
		t.Fatal(err)
	}
	item, e := &items[0].Items[0], p.template.nameSpaces[0].elements[0]
	content := slices.Concat(cbor.AppendMap(nil, 4), make(e, item.DigestID, item.Random), e.tail)
	changed := bytes.Replace(p.nameSpaces, item.Raw, cbor.WrapEncoded(content), 1)
	if bytes.Equal(changed, p.nameSpaces) {
		t.Fatal("nothing is changed")
	}
	p.nameSpaces = changed
}

func member(b []byte, name string, value []byte) []byte {
	return append(cbor.AppendText(b, name), value...)
}

// readBack reads a copy back as Prepare does.
func readBack(p *Prepared, c Copy) error {
	items, err := p.readItems()
	if err != nil {
		return err
	}
	digests, err := p.template.digests(items)
	if err != nil {
		return err
	}
	return p.readMSO(c, digests)
}

func TestBrokenRandomness(t *testing.T) {
	template := mustTemplate(t, Issuance{DocType: mdlDocType, Elements: []NamespaceElements{numbered(4)}})
	c := Copy{DeviceKey: newKey(t).Public(), Validity: fortnight()}
	if _, err := template.Prepare(c, bytes.NewReader(make([]byte, 1000))); !errors.Is(err, ErrRule) {
		t.Errorf("zeros as salts: %v", err)
	}
	for _, n := range []int{0, 127, 130} {
		if p, err := template.Prepare(c, bytes.NewReader(make([]byte, n))); err == nil || p != nil {
			t.Errorf("%d random bytes were enough", n)
		}
	}
	if _, err := template.Prepare(c, nil); !errors.Is(err, ErrRule) {
		t.Errorf("no source: %v", err)
	}
}
