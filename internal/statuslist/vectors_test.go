package statuslist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// inflated are the SHA-256 of the lists of 2^20 entries.
var inflated = map[int]string{
	1: "f2529d5d7b48665f8be86037b271b92a9cc7690a42688193d3c97baf2a1e4794",
	2: "89014d93753a4996780da9354a6ac298c4e4c571b9d7ef344c2aefdd494d898c",
	4: "7624b511c7462ca2e77514c416b5528b043d4333b5e0741494a4e21009241edb",
	8: "15aae678f848a96df0efaaead24c5356ed249c713fa292b04fd99d61db566743",
}

type vector struct {
	Bits     int        `json:"bits"`
	Entries  int        `json:"entries_total"`
	Statuses [][]uint64 `json:"statuses"`
	Lst      string     `json:"lst"`
	CBOR     string     `json:"cbor_hex"`
}

func readVectors(tb testing.TB) []vector {
	tb.Helper()
	data, err := os.ReadFile("testdata/token-status-list/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var vectors []vector
	if err := jose.DecodeJSON(data, &vectors); err != nil {
		tb.Fatal(err)
	}
	if len(vectors) != 4 {
		tb.Fatalf("%d vectors, want 4", len(vectors))
	}
	return vectors
}

func fromHex(tb testing.TB, text string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// example reads a file of the draft: lines joined, what stands before
// "encoded:" dropped.
func example(tb testing.TB, name string) string {
	tb.Helper()
	data, err := os.ReadFile("testdata/draft-examples/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	text := string(data)
	if _, after, ok := strings.Cut(text, "encoded:"); ok {
		text = after
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}

// listOf reads the status list claim in JSON or CBOR, and gives bits and list.
func listOf(tb testing.TB, encoded string, entries int) *List {
	tb.Helper()
	t := &Token{limit: entries}
	t.verified.Store(true)
	var err error
	if strings.HasPrefix(encoded, "{") {
		var list any
		if err := jose.DecodeJSON([]byte(encoded), &list); err != nil {
			tb.Fatal(err)
		}
		err = t.readListJSON(map[string]any{"status_list": list})
	} else {
		err = t.readListCBOR(map[uint64]cbor.RawMessage{claimStatusList: fromHex(tb, encoded)})
	}
	if err != nil {
		tb.Fatal(err)
	}
	l, err := t.List()
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// TestLargeVectors: 2^20 entries, appendix "Test vectors". Compared inflated:
// what zlib makes differs from one library to the next.
func TestLargeVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		ours, err := New(v.Bits, v.Entries)
		if err != nil {
			t.Fatal(err)
		}
		want := map[uint64]Status{}
		nonzero := 0
		for _, s := range v.Statuses {
			want[s[0]] = Of(uint8(s[1]))
			if err := ours.Set(s[0], Of(uint8(s[1]))); err != nil {
				t.Fatal(err)
			}
			if s[1] != 0 {
				nonzero++
			}
		}
		if sum := sha256.Sum256(ours.Bytes()); hex.EncodeToString(sum[:]) != inflated[v.Bits] {
			t.Errorf("%d bits: our list hashes to %x", v.Bits, sum)
		}
		lists := map[string]*List{"json": listOf(t, `{"bits":`+string(rune('0'+v.Bits))+`,"lst":"`+v.Lst+`"}`, DefaultEntries), "cbor": listOf(t, v.CBOR, DefaultEntries)}
		for form, l := range lists {
			if !bytes.Equal(l.Bytes(), ours.Bytes()) {
				t.Errorf("%d bits in %s: other bytes than ours", v.Bits, form)
			}
			if l.Size() != 1<<20 || l.Count() != nonzero {
				t.Errorf("%d bits in %s: %d entries, %d set", v.Bits, form, l.Size(), l.Count())
			}
			// All bytes agree with those set through Set; Get is tried on every
			// listed entry and on a sample of the others.
			sample := slices.Collect(maps.Keys(want))
			for i := uint64(0); i < uint64(l.Size()); i += 997 {
				sample = append(sample, i)
			}
			for _, i := range sample {
				got, err := l.Get(i)
				if expected, listed := want[i]; err != nil || listed && got != expected || !listed && got != Valid {
					t.Fatalf("%d bits in %s: entry %d is %s, %v", v.Bits, form, i, got, err)
				}
			}
		}
	}
}

// TestDraftExamples: the encoded lists as the draft prints them.
func TestDraftExamples(t *testing.T) {
	for _, c := range []struct {
		json, cbor string
		bits       int
		raw        []byte
	}{
		{"status_list_encoding_json.md", "status_list_encoding_cbor.md", 1, []byte{0xb9, 0xa3}},
		{"status_list_encoding2_json.md", "status_list_encoding2_cbor.md", 2, []byte{0xc9, 0x44, 0xf9}},
		{"status_list_encoding1_long_json.md", "status_list_encoding1_long_cbor.md", 1, nil},
		{"status_list_encoding2_long_json.md", "status_list_encoding2_long_cbor.md", 2, nil},
		{"status_list_encoding4_json.md", "status_list_encoding4_cbor.md", 4, nil},
		{"status_list_encoding8_json.md", "status_list_encoding8_cbor.md", 8, nil},
	} {
		for _, name := range []string{c.json, c.cbor} {
			l := listOf(t, example(t, name), DefaultEntries)
			if l.Bits() != c.bits {
				t.Errorf("%s: %d bits", name, l.Bits())
			}
			if c.raw != nil && !bytes.Equal(l.Bytes(), c.raw) {
				t.Errorf("%s: %x, want %x", name, l.Bytes(), c.raw)
			}
			if sum := sha256.Sum256(l.Bytes()); c.raw == nil && hex.EncodeToString(sum[:]) != inflated[c.bits] {
				t.Errorf("%s: hashes to %x", name, sum)
			}
		}
	}
}

// TestBitOrder is bad input S10. The first entry is in the lowest bit; read from the other
// end both lists would say something else.
func TestBitOrder(t *testing.T) {
	for bits, want := range map[int][]uint8{
		1: {1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1},
		2: {1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3},
	} {
		raw := map[int][]byte{1: {0xb9, 0xa3}, 2: {0xc9, 0x44, 0xf9}}[bits]
		l, err := FromBytes(bits, raw)
		if err != nil {
			t.Fatal(err)
		}
		again, err := New(bits, len(want))
		if err != nil {
			t.Fatal(err)
		}
		for i, value := range want {
			if got, err := l.Get(uint64(i)); err != nil || got != Of(value) {
				t.Errorf("%d bits: entry %d is %s, %v, want %d", bits, i, got, err, value)
			}
			if err := again.Set(uint64(i), Of(value)); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again.Bytes(), raw) {
			t.Errorf("%d bits: set to %x, want %x", bits, again.Bytes(), raw)
		}
	}
}

// TestDraftTokens: the JWT and the CWT of sections 5.1 and 5.2.
func TestDraftTokens(t *testing.T) {
	w := newWorld(t)
	jwt := example(t, "status_list_jwt_raw.md")
	for format, data := range map[Format][]byte{FormatJWT: []byte(jwt), FormatCWT: fromHex(t, example(t, "status_list_cwt.md"))} {
		token, err := ParseToken(data)
		if err != nil {
			t.Fatal(format, err)
		}
		if token.Format != format || token.Subject != "https://example.com/statuslists/1" || token.KeyID != "12" || token.Bits != 1 ||
			token.IssuedAt.Unix() != 1686920170 || token.Expires.Unix() != 2291720170 || token.TTL != 12*time.Hour || token.Chain != nil {
			t.Errorf("%s: %+v", format, &token.Envelope)
		}
		ref := Reference{URI: "https://example.com/statuslists/1"}
		if _, err := token.Lookup(ref, now); CheckOf(err) != CheckSignature {
			t.Errorf("%s: answers before the signature was verified: %v", format, err)
		}
		if err := token.Verify(w.other.Public()); CheckOf(err) != CheckSignature {
			t.Errorf("%s: verifies with another key: %v", format, err)
		}
		if _, err := token.Lookup(ref, now); CheckOf(err) != CheckSignature {
			t.Errorf("%s: answers after a failed verification: %v", format, err)
		}
		if err := token.Verify(w.signer.Public()); err != nil {
			t.Fatal(format, err)
		}
		for i, want := range []Status{Invalid, Valid, Valid, Invalid, Invalid, Invalid, Valid, Invalid, Invalid, Invalid, Valid, Valid, Valid, Invalid, Valid, Invalid} {
			ref.Index = uint64(i)
			if got, err := token.Lookup(ref, now); err != nil || got != want {
				t.Errorf("%s: entry %d is %s, %v, want %s", format, i, got, err, want)
			}
		}
		ref.Index = 16
		if got, err := token.Lookup(ref, now); CheckOf(err) != CheckIndex || got != 0 {
			t.Errorf("%s: entry 16 is %s, %v", format, got, err)
		}
	}
}

// TestReferencedToken: the CWT of section 6.3 with a reference.
func TestReferencedToken(t *testing.T) {
	signed, err := cose.ParseSign1(fromHex(t, example(t, "referenced_token_cwt.md")))
	if err != nil {
		t.Fatal(err)
	}
	if err := signed.Verify(key(t, exampleD).Public()); err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Status cbor.RawMessage `cbor:"65535,keyasint"`
	}
	if err := cbor.Unmarshal(signed.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	refs, err := ParseReferencesCBOR(claims.Status)
	if err != nil {
		t.Fatal(err)
	}
	if refs.Identifier != nil || refs.List.Index != 0 || refs.List.URI != "https://example.com/statuslists/1" || refs.List.Certificate != nil {
		t.Errorf("%+v", refs.List)
	}
}
