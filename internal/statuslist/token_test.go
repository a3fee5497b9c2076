package statuslist

import (
	"bytes"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

func TestStatusNames(t *testing.T) {
	for value, want := range map[uint8]string{
		0: "VALID", 1: "INVALID", 2: "SUSPENDED", 3: "application specific 0x03", 4: "reserved 0x04", 0x0b: "reserved 0x0b",
		0x0c: "application specific 0x0c", 0x0f: "application specific 0x0f", 0x10: "reserved 0x10", 0xff: "reserved 0xff",
	} {
		if got := Of(value).String(); got != want {
			t.Errorf("%#x is %q, want %q", value, got, want)
		}
		if back, ok := Of(value).Value(); !ok || back != value {
			t.Errorf("%#x has value %#x, %t", value, back, ok)
		}
	}
	var none Status
	if _, ok := none.Value(); ok || none == Valid || none.String() != "unknown" || none.Reserved() || none.ApplicationSpecific() {
		t.Error("the zero status is a status")
	}
	for _, s := range []Status{Valid, Invalid, Suspended} {
		if s.Reserved() || s.ApplicationSpecific() {
			t.Errorf("%s has a meaning of its own", s)
		}
	}
}

func TestListRefuses(t *testing.T) {
	for _, c := range [][2]int{{0, 8}, {3, 8}, {16, 8}, {-1, 8}, {1, 0}, {1, -8}, {1, 7}, {2, 6}, {4, 1}, {1, MaxEntries + 8}} {
		if l, err := New(c[0], c[1]); err == nil || l != nil {
			t.Errorf("a list of %d bits and %d entries", c[0], c[1])
		}
	}
	for bits, data := range map[int][]byte{1: nil, 3: {0}, 0: {0}} {
		if l, err := FromBytes(bits, data); err == nil || l != nil {
			t.Errorf("a list of %d bits in %d bytes", bits, len(data))
		}
	}
	l := list16(t, 2)
	for _, s := range []Status{0, Of(4), Of(0xff)} {
		if err := l.Set(0, s); err == nil {
			t.Errorf("%s fits into two bits", s)
		}
	}
	if err := l.Set(16, Valid); CheckOf(err) != CheckIndex {
		t.Errorf("entry 16 of 16: %v", err)
	}
	if l.Count() != 4 {
		t.Errorf("%d entries set, want 4", l.Count())
	}
}

// TestSetKeepsNeighbours for every width.
func TestSetKeepsNeighbours(t *testing.T) {
	for _, bits := range []int{1, 2, 4, 8} {
		l, err := New(bits, 64)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]Status, 64)
		source := random(uint64(bits))
		draw := make([]byte, 2)
		for i := range want {
			want[i] = Valid
		}
		for range 2000 {
			source.Read(draw)
			i := uint64(draw[0]) % 64
			want[i] = Of(draw[1] & (1<<bits - 1))
			if err := l.Set(i, want[i]); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range want {
			if got, err := l.Get(uint64(i)); err != nil || got != s {
				t.Errorf("%d bits: entry %d is %s, want %s", bits, i, got, s)
			}
		}
	}
}

// TestBothTokens: one body, two tokens that say the same.
func TestBothTokens(t *testing.T) {
	w := newWorld(t)
	for _, bits := range []int{1, 2, 4, 8} {
		l := list16(t, bits)
		tokens := w.both(t, body(t, l), claims())
		for format, data := range tokens {
			token := w.verified(t, data)
			got, err := token.List()
			if err != nil {
				t.Fatal(err)
			}
			c := claims()
			if !bytes.Equal(got.Bytes(), l.Bytes()) || got.Bits() != bits || token.Format != format || token.Subject != c.Subject || !token.IssuedAt.Equal(c.IssuedAt) ||
				!token.Expires.Equal(c.Expires) || token.TTL != c.TTL || token.AggregationURI != c.AggregationURI || !token.ChainProtected || !bytes.Equal(token.Chain[0], w.chain[0]) {
				t.Errorf("%d bits as %s: %+v", bits, format, &token.Envelope)
			}
			want := map[uint64]Status{0: Valid, 1: Invalid, 15: Invalid}
			if bits > 1 {
				want[2], want[14] = Suspended, Of(3)
			}
			for i, s := range want {
				if got, err := token.Lookup(Reference{Index: i, URI: listURI}, now); err != nil || got != s {
					t.Errorf("%d bits as %s: entry %d is %s, %v, want %s", bits, format, i, got, err, s)
				}
			}
		}
		if f := w.verified(t, tokens[FormatJWT]).VerifySignature(w.other.Public()); f.Check != CheckSignature || f.Result != Fail {
			t.Error(f)
		}
	}
}

// TestTokenHeaders: sections 5.1 and 5.2, and 12.3.6 of ISO/IEC 18013-5.
func TestTokenHeaders(t *testing.T) {
	w := newWorld(t)
	tokens := w.both(t, body(t, list16(t, 1)), claims())
	jws, err := jose.Parse(string(tokens[FormatJWT]))
	if err != nil {
		t.Fatal(err)
	}
	if jws.Header.Type != "statuslist+jwt" || len(jws.Header.X5C) != 1 {
		t.Errorf("header %s", jws.Header.Raw)
	}
	if findings := cbor.Lint(tokens[FormatCWT]); findings != nil || tokens[FormatCWT][0] != 0xd2 {
		t.Errorf("CWT is not canonical or tagged: %v", findings)
	}
	sign1, err := cose.ParseSign1(tokens[FormatCWT])
	if err != nil {
		t.Fatal(err)
	}
	if sign1.Header.Type != "application/statuslist+cwt" || !sign1.Header.X5ChainProtected || len(sign1.Header.UnprotectedByLabel) != 0 {
		t.Errorf("header %x", sign1.ProtectedBytes)
	}
	entries, err := cbor.MapEntries(sign1.Payload)
	if err != nil || len(entries) != 5 {
		t.Errorf("%d claims, %v", len(entries), err)
	}
}

func TestSignRefuses(t *testing.T) {
	w := newWorld(t)
	b := body(t, list16(t, 1))
	change := func(f func(*Claims)) Claims { c := claims(); f(&c); return c }
	for name, c := range map[string]Claims{
		"no sub":         change(func(c *Claims) { c.Subject = "" }),
		"no iat":         change(func(c *Claims) { c.IssuedAt = time.Time{} }),
		"exp before iat": change(func(c *Claims) { c.Expires = c.IssuedAt }),
		"ttl negative":   change(func(c *Claims) { c.TTL = -time.Second }),
		"ttl too short":  change(func(c *Claims) { c.TTL = time.Millisecond }),
		"before 1970":    change(func(c *Claims) { c.IssuedAt = time.Unix(-1, 0) }),
		"after 9999":     change(func(c *Claims) { c.Expires = time.Unix(lastInstant+1, 0) }),
	} {
		if token, err := b.SignJWT(w.signer, c, w.chain, random(1)); err == nil || token != "" {
			t.Errorf("%s: signed as JWT", name)
		}
		if token, err := b.SignCWT(w.signer, c, w.chain, random(1)); err == nil || token != nil {
			t.Errorf("%s: signed as CWT", name)
		}
		if token, err := SignIdentifierList(nil, w.signer, c, w.chain, random(1)); err == nil || token != nil {
			t.Errorf("%s: signed as identifier list", name)
		}
	}
	for name, chain := range map[string][][]byte{"anchor": {w.chain[0], w.root}, "self-signed": {w.root}, "no DER": {{1}}} {
		if _, err := b.SignJWT(w.signer, claims(), chain, random(1)); err == nil {
			t.Errorf("%s: signed as JWT", name)
		}
		if _, err := b.SignCWT(w.signer, claims(), chain, random(1)); err == nil {
			t.Errorf("%s: signed as CWT", name)
		}
	}
	if _, err := b.SignJWT(w.other, claims(), w.chain, random(1)); err == nil {
		t.Error("signed with a key that the leaf does not certify")
	}
	if _, err := Build(nil); err == nil {
		t.Error("built nothing")
	}
	if _, err := Build(&List{bits: 1}); err == nil {
		t.Error("built an empty list")
	}
}

// TestProfiles: what a credential's format asks of its list.
func TestProfiles(t *testing.T) {
	w := newWorld(t)
	ref := Reference{Index: 1, URI: listURI}
	one, two := w.both(t, body(t, list16(t, 1)), claims()), w.both(t, body(t, list16(t, 2)), claims())
	bare, err := body(t, list16(t, 1)).SignCWT(w.signer, claims(), nil, random(1))
	if err != nil {
		t.Fatal(err)
	}
	loose, err := cose.SignSign1(w.signer, claimSet(map[uint64]any{claimExpires: now.Unix() + 60}), cose.SignOptions{Tagged: true,
		Protected: map[any]any{cose.LabelType: "application/statuslist+cwt"}, Unprotected: map[any]any{cose.LabelX5Chain: w.chain[0]}}, random(1))
	if err != nil {
		t.Fatal(err)
	}
	eternal := claims()
	eternal.Expires = time.Time{}
	for _, c := range []struct {
		name  string
		token []byte
		opt   LookupOptions
		check string
	}{
		{"JWT for SD-JWT VC", one[FormatJWT], LookupOptions{Format: FormatJWT}, ""},
		{"CWT for SD-JWT VC", one[FormatCWT], LookupOptions{Format: FormatJWT}, CheckSignature},
		{"CWT for mdoc", one[FormatCWT], LookupOptions{Format: FormatCWT, ISO18013: true}, ""},
		{"JWT for mdoc", one[FormatJWT], LookupOptions{ISO18013: true}, CheckSignature},
		{"two bits for mdoc", two[FormatCWT], LookupOptions{ISO18013: true}, CheckIndex},
		{"two bits", two[FormatCWT], LookupOptions{}, ""},
		{"no chain for mdoc", bare, LookupOptions{ISO18013: true}, CheckSignature},
		{"unprotected chain", loose, LookupOptions{}, ""},
		{"unprotected chain for mdoc", loose, LookupOptions{ISO18013: true}, CheckSignature},
		{"no exp", w.both(t, body(t, list16(t, 1)), eternal)[FormatJWT], LookupOptions{}, ""},
		{"no exp, required", w.both(t, body(t, list16(t, 1)), eternal)[FormatJWT], LookupOptions{RequireExpires: true}, CheckExpires},
		{"no exp for mdoc", w.both(t, body(t, list16(t, 1)), eternal)[FormatCWT], LookupOptions{ISO18013: true}, CheckExpires},
	} {
		token := w.verified(t, c.token)
		c.opt.Now = now
		if a := token.Evaluate(ref, c.opt); firstFailure(a) != c.check || a.Known != (c.check == "") || len(a.Findings) != 6 {
			t.Errorf("%s: %+v", c.name, a)
		}
		if _, err := token.lookup(ref, c.opt); CheckOf(err) != c.check {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestLimitIsTheCallers: a list of 2^21 entries is read only by who allows it.
func TestLimitIsTheCallers(t *testing.T) {
	w := newWorld(t)
	l, err := New(1, 1<<21)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Set(1<<21-1, Invalid); err != nil {
		t.Fatal(err)
	}
	ref := Reference{Index: 1<<21 - 1, URI: listURI}
	for format, data := range w.both(t, body(t, l), claims()) {
		if _, err := w.verified(t, data).Lookup(ref, now); CheckOf(err) != CheckInflate {
			t.Errorf("%s: %v", format, err)
		}
		token, err := ParseTokenLimit(data, 1<<21)
		if err != nil {
			t.Fatal(err)
		}
		if err := token.Verify(w.signer.Public()); err != nil {
			t.Fatal(err)
		}
		if status, err := token.Lookup(ref, now); status != Invalid || err != nil {
			t.Errorf("%s: %s, %v", format, status, err)
		}
	}
	for _, entries := range []int{0, -1, MaxEntries + 1} {
		if token, err := ParseTokenLimit(nil, entries); err == nil || token != nil {
			t.Errorf("limit of %d entries", entries)
		}
	}
}

// TestEightBitsAtTheLimit: bits that do not compress at all still fit.
func TestEightBitsAtTheLimit(t *testing.T) {
	w := newWorld(t)
	raw := make([]byte, DefaultEntries)
	random(1).Read(raw)
	l, err := FromBytes(8, raw)
	if err != nil {
		t.Fatal(err)
	}
	for format, data := range w.both(t, body(t, l), claims()) {
		if got, err := w.verified(t, data).List(); err != nil || !bytes.Equal(got.Bytes(), raw) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
