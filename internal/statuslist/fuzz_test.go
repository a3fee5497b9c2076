package statuslist

import (
	"bytes"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// FuzzParseToken: a failed parse gives nil and names its check. What parses
// answers no question before it was verified, and what it answers then is never
// a status beside an error.
func FuzzParseToken(f *testing.F) {
	w := newWorld(f)
	for _, bits := range []int{1, 8} {
		for _, data := range w.both(f, body(f, list16(f, bits)), claims()) {
			f.Add(data, uint64(1))
		}
	}
	f.Add([]byte(example(f, "status_list_jwt_raw.md")), uint64(0))
	f.Add(fromHex(f, example(f, "status_list_cwt.md")), uint64(3))
	f.Fuzz(func(t *testing.T, data []byte, index uint64) {
		token, err := ParseToken(data)
		if err != nil {
			if token != nil || CheckOf(err) != CheckSignature && CheckOf(err) != CheckInflate {
				t.Fatalf("error %v with result %v", err, token != nil)
			}
			return
		}
		if token.Subject == "" || token.IssuedAt.IsZero() || !goodBits(token.Bits) || (token.Format == FormatCWT) != isCWT(data) {
			t.Fatalf("parsed %+v", &token.Envelope)
		}
		ref := Reference{Index: index, URI: token.Subject}
		if status, err := token.Lookup(ref, token.IssuedAt); status != 0 || CheckOf(err) != CheckSignature {
			t.Fatalf("%s, %v before verification", status, err)
		}
		token.verified.Store(true)
		status, err := token.Lookup(ref, token.IssuedAt)
		if _, known := status.Value(); known == (err != nil) {
			t.Fatalf("%s beside %v", status, err)
		}
		if a := token.Evaluate(ref, LookupOptions{Now: token.IssuedAt}); a.Known != (err == nil) || a.Status != status || len(a.Findings) != 6 {
			t.Fatalf("lookup gives %s, %v, evaluation %+v", status, err, a)
		}
	})
}

// FuzzDecompress: never more than the limit, and what inflates can be
// compressed and inflated again to the same bytes.
func FuzzDecompress(f *testing.F) {
	f.Add(exampleLst())
	f.Add([]byte{})
	f.Add(bomb(1 << 20))
	f.Add(gzipped([]byte{1}))
	f.Add(withDictionary([]byte{1, 2}))
	for _, v := range readVectors(f) {
		l := listOf(f, v.CBOR, DefaultEntries)
		z, err := Compress(l.Bytes()[:1<<12])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(z)
	}
	const limit = 1 << 14
	f.Fuzz(func(t *testing.T, data []byte) {
		raw, err := Decompress(data, limit)
		if err != nil {
			if raw != nil || CheckOf(err) != CheckInflate {
				t.Fatalf("error %v with %d bytes", err, len(raw))
			}
			return
		}
		if len(raw) > limit {
			t.Fatalf("%d bytes, at most %d", len(raw), limit)
		}
		z, err := Compress(raw)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decompress(z, len(raw)); err != nil || !bytes.Equal(back, raw) {
			t.Fatalf("compressed again: %v", err)
		}
		if _, err := Decompress(append(data, 0), limit); err == nil {
			t.Fatal("one more byte at the end makes no difference")
		}
	})
}

// FuzzParseIdentifierList takes the claims, since the fuzzer cannot sign.
func FuzzParseIdentifierList(f *testing.F) {
	f.Add(identifierClaims(nil))
	f.Add(identifierClaims(map[uint64]any{claimTTL: 60, claimExpires: now.Unix()}))
	f.Add(claimSet(nil))
	protected := cbor.MustMarshal(map[int64]any{cose.LabelAlgorithm: -7, cose.LabelType: "application/identifierlist+cwt"})
	f.Fuzz(func(t *testing.T, payload []byte) {
		token := cbor.MustMarshal(cbor.Tag{Number: 18, Content: []any{protected, map[int64]any{}, payload, make([]byte, 64)}})
		l, err := ParseIdentifierList(token)
		if err != nil {
			if l != nil || CheckOf(err) == "" {
				t.Fatalf("error %v with result %v", err, l != nil)
			}
			return
		}
		l.verified.Store(true)
		ids := make([][]byte, 0, l.Size())
		for id := range l.identifiers {
			ref := IdentifierReference{ID: []byte(id), URI: l.Subject}
			if status, err := l.Lookup(ref, l.IssuedAt); l.Expires.IsZero() && (status != Invalid || err != nil) {
				t.Fatalf("%x is %s, %v", id, status, err)
			}
			ids = append(ids, []byte(id))
		}
		// What we make of the same identifiers reads the same.
		c := Claims{Subject: l.Subject, IssuedAt: l.IssuedAt, AggregationURI: l.AggregationURI}
		again, err := identifierPayload(ids, c)
		if err != nil {
			t.Fatal(err)
		}
		if cbor.Lint(again) != nil {
			t.Fatal("not canonical")
		}
	})
}

// FuzzParseReferences: no panic, and nothing beside an error.
func FuzzParseReferences(f *testing.F) {
	f.Add(cbor.MustMarshal(map[string]any{"status_list": map[string]any{"idx": 1, "uri": "x"}}))
	f.Add(cbor.MustMarshal(map[string]any{"identifier_list": map[string]any{"id": []byte{1}, "uri": "x", "certificate": []byte{2}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		refs, err := ParseReferencesCBOR(data)
		if (refs == nil) != (err != nil) || err != nil && CheckOf(err) != CheckIndex {
			t.Fatalf("%+v, %v", refs, err)
		}
		if refs != nil && refs.List == nil && refs.Identifier == nil {
			t.Fatal("nothing referred to")
		}
	})
}
