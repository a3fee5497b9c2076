package statuslist

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/jose"
)

// bigBomb is the 64 MiB of S06.
var bigBomb = sync.OnceValue(func() []byte { return bomb(64 << 20) })

// bomb is so many zero bytes, compressed as well as deflate can.
func bomb(size int) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	chunk := make([]byte, 1<<16)
	for range size / len(chunk) {
		w.Write(chunk)
	}
	w.Close()
	return b.Bytes()
}

func deflated(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	w.Write(raw)
	w.Close()
	return b.Bytes()
}

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(raw)
	w.Close()
	return b.Bytes()
}

func withDictionary(raw []byte) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevelDict(&b, 6, []byte("dictionary"))
	w.Write(raw)
	w.Close()
	return b.Bytes()
}

// TestBadInputs holds the bad inputs of the threat list that concern the
// reading of lists: S06 to S13, S15, and compression of group E. Each names the
// check that refuses.
func TestBadInputs(t *testing.T) {
	w := newWorld(t)
	ref := Reference{Index: 3, URI: listURI}
	good, huge := exampleLst(), bigBomb()
	jwtList := func(bits, lst string) []byte {
		return w.jwt(t, typeJWT, fmt.Sprintf(`{"sub":%q,"iat":%d,"status_list":{"bits":%s,"lst":%s}}`, listURI, now.Unix(), bits, lst))
	}
	jwtClaims := func(claims string) []byte { return w.jwt(t, typeJWT, claims) }
	text := func(z []byte) string { return `"` + jose.EncodeBase64URL(z) + `"` }
	lst := text(good)
	inside := func(more string) []byte {
		return jwtClaims(fmt.Sprintf(`{"sub":%q,"status_list":{"bits":1,"lst":%s},%s}`, listURI, lst, more))
	}
	subject := func(sub string) []byte {
		return jwtClaims(fmt.Sprintf(`{"sub":%s,"iat":%d,"status_list":{"bits":1,"lst":%s}}`, sub, now.Unix(), lst))
	}
	iat := fmt.Sprintf(`"iat":%d`, now.Unix())
	cwt := func(change map[uint64]any) []byte { return w.cwt(t, "application/statuslist+cwt", claimSet(change)) }
	cwtList := func(list any) []byte { return cwt(map[uint64]any{claimStatusList: list}) }
	untagged, err := cose.SignSign1(w.signer, claimSet(nil), cose.SignOptions{Protected: map[any]any{cose.LabelType: "application/statuslist+cwt"}}, random(1))
	if err != nil {
		t.Fatal(err)
	}
	unprotected, err := cose.SignSign1(w.signer, claimSet(nil), cose.SignOptions{Unprotected: map[any]any{cose.LabelType: "application/statuslist+cwt"}, Tagged: true}, random(1))
	if err != nil {
		t.Fatal(err)
	}
	tagged := cwt(nil)
	badChecksum := append(bytes.Clone(good[:len(good)-1]), good[len(good)-1]^1)
	// A map head of 4 pairs, the last of which repeats key 65533.
	duplicate := append([]byte{0xa4}, claimSet(nil)[1:]...)
	duplicate = append(append(duplicate, 0x19, 0xff, 0xfd), cbor.MustMarshal(map[string]any{"bits": 1, "lst": good})...)
	indefinite := append(append(append([]byte{0xa3, 0x02, 0x61, 'x', 0x06, 0x01, 0x19, 0xff, 0xfd, 0xa2, 0x64}, "bits"...), 0x01, 0x63), "lst"...)
	indefinite = append(append(append(indefinite, 0x5f, byte(0x40|len(good))), good...), 0xff)

	for _, c := range []struct {
		id    string
		token []byte
		check string
	}{
		{"S06/bomb_64_MiB", jwtList("1", text(huge)), CheckInflate},
		{"S06/bomb_one_byte_too_much", jwtList("1", text(bomb(1<<17+1<<16))), CheckInflate},
		{"S06/bomb_cwt", cwtList(map[string]any{"bits": 8, "lst": huge}), CheckInflate},
		{"S06/layered", jwtList("1", text(mustCompress(t, huge))), ""}, // one layer is opened: the bomb inside is bits
		{"S07/truncated", jwtList("1", text(good[:len(good)-5])), CheckInflate},
		{"S07/without_checksum", jwtList("1", text(good[:len(good)-4])), CheckInflate},
		{"S07/checksum", jwtList("1", text(badChecksum)), CheckInflate},
		{"S07/trailing", jwtList("1", text(append(bytes.Clone(good), 0))), CheckInflate},
		{"S07/two_streams", jwtList("1", text(append(bytes.Clone(good), good...))), CheckInflate},
		{"S07/raw_deflate", jwtList("1", text(deflated([]byte{0xb9, 0xa3}))), CheckInflate},
		{"S07/gzip", jwtList("1", text(gzipped([]byte{0xb9, 0xa3}))), CheckInflate},
		{"S07/dictionary", jwtList("1", text(withDictionary([]byte{0xb9, 0xa3}))), CheckInflate},
		{"S07/empty", jwtList("1", `""`), CheckInflate},
		{"S07/empty_list", jwtList("1", text(mustCompress(t, nil))), CheckInflate},
		{"S07/padded", jwtList("1", `"`+jose.EncodeBase64URL(good)+`="`), CheckInflate},
		{"S07/standard_alphabet", jwtList("1", `"+`+jose.EncodeBase64URL(good)[1:]+`"`), CheckInflate},
		{"S07/no_text", jwtList("1", "1"), CheckInflate},
		{"S07/cwt_trailing", cwtList(map[string]any{"bits": 1, "lst": append(bytes.Clone(good), 0)}), CheckInflate},
		{"S09/bits_0", jwtList("0", lst), CheckInflate},
		{"S09/bits_3", jwtList("3", lst), CheckInflate},
		{"S09/bits_16", jwtList("16", lst), CheckInflate},
		{"S09/bits_text", jwtList(`"1"`, lst), CheckInflate},
		{"S09/bits_float", jwtList(`1.0`, lst), CheckInflate},
		{"S09/bits_null", jwtList(`null`, lst), CheckInflate},
		{"S09/cwt_bits_0", cwtList(map[string]any{"bits": 0, "lst": good}), CheckInflate},
		{"S09/cwt_bits_3", cwtList(map[string]any{"bits": 3, "lst": good}), CheckInflate},
		{"S09/cwt_bits_257", cwtList(map[string]any{"bits": 257, "lst": good}), CheckInflate},
		{"S09/cwt_bits_text", cwtList(map[string]any{"bits": "1", "lst": good}), CheckInflate},
		{"S09/cwt_bits_missing", cwtList(map[string]any{"lst": good}), CheckInflate},
		{"S09/no_list", jwtClaims(fmt.Sprintf(`{"sub":%q,%s}`, listURI, iat)), CheckInflate},
		{"S09/cwt_no_list", cwt(map[uint64]any{claimStatusList: nil}), CheckInflate},
		{"S11/other", subject(`"https://status.example/lists/8"`), CheckSubject},
		{"S11/slash", subject(`"` + listURI + `/"`), CheckSubject},
		{"S11/case", subject(`"https://Status.example/lists/7"`), CheckSubject},
		{"S11/missing", jwtClaims(fmt.Sprintf(`{%s,"status_list":{"bits":1,"lst":%s}}`, iat, lst)), CheckSignature},
		{"S11/array", subject(`["` + listURI + `"]`), CheckSignature},
		{"S11/cwt_other", cwt(map[uint64]any{claimSubject: listURI + "?"}), CheckSubject},
		{"S11/cwt_bytes", cwt(map[uint64]any{claimSubject: []byte(listURI)}), CheckSignature},
		{"S12/typ_missing", w.jwt(t, nil, `{}`), CheckSignature},
		{"S12/typ_JWT", w.jwt(t, "JWT", `{}`), CheckSignature},
		{"S12/typ_credential", w.jwt(t, "dc+sd-jwt", `{}`), CheckSignature},
		{"S12/typ_case", w.jwt(t, "StatusList+JWT", `{}`), CheckSignature},
		{"S12/cwt_typ_missing", w.cwt(t, nil, claimSet(nil)), CheckSignature},
		{"S12/cwt_typ_jwt", w.cwt(t, "application/statuslist+jwt", claimSet(nil)), CheckSignature},
		{"S12/cwt_typ_identifier_list", w.cwt(t, "application/identifierlist+cwt", claimSet(nil)), CheckSignature},
		{"S12/cwt_typ_number", w.cwt(t, 60, claimSet(nil)), CheckSignature},
		{"S12/cwt_typ_unprotected", unprotected, CheckSignature},
		{"S13/exp_passed", inside(iat + fmt.Sprintf(`,"exp":%d`, now.Unix())), CheckExpires},
		{"S13/exp_text", inside(iat + `,"exp":"1999999999"`), CheckSignature},
		{"S13/exp_2_63", inside(iat + `,"exp":9223372036854775808`), CheckSignature},
		{"S13/exp_null", inside(iat + `,"exp":null`), CheckSignature},
		{"S13/iat_future", inside(fmt.Sprintf(`"iat":%d`, now.Unix()+1)), CheckExpires},
		{"S13/iat_missing", inside(`"x":1`), CheckSignature},
		{"S13/iat_negative", inside(`"iat":-1`), CheckSignature},
		{"S13/iat_text", inside(`"iat":"1"`), CheckSignature},
		{"S13/ttl_0", inside(iat + `,"ttl":0`), CheckSignature},
		{"S13/ttl_negative", inside(iat + `,"ttl":-300`), CheckSignature},
		{"S13/ttl_text", inside(iat + `,"ttl":"300"`), CheckSignature},
		{"S13/cwt_ttl_0", cwt(map[uint64]any{claimTTL: 0}), CheckSignature},
		{"S13/cwt_ttl_negative", cwt(map[uint64]any{claimTTL: -1}), CheckSignature},
		{"S13/cwt_exp_passed", cwt(map[uint64]any{claimExpires: now.Unix() - 1}), CheckExpires},
		{"S13/cwt_iat_future", cwt(map[uint64]any{claimIssuedAt: now.Unix() + 1}), CheckExpires},
		{"S13/cwt_iat_missing", cwt(map[uint64]any{claimIssuedAt: nil}), CheckSignature},
		{"S13/cwt_iat_negative", cwt(map[uint64]any{claimIssuedAt: -1}), CheckSignature},
		{"S13/cwt_iat_text", cwt(map[uint64]any{claimIssuedAt: "1"}), CheckSignature},
		{"S13/cwt_exp_float", cwt(map[uint64]any{claimExpires: 1e300}), CheckSignature},
		{"S15/duplicate_65533", w.cwt(t, "application/statuslist+cwt", duplicate), CheckSignature},
		{"S15/untagged", untagged, CheckSignature},
		{"S15/tag_61", append([]byte{0xd8, 0x3d}, tagged...), CheckSignature},
		{"S15/tag_17", append([]byte{0xd1}, tagged[1:]...), CheckSignature},
		{"S15/lst_text", cwtList(map[string]any{"bits": 1, "lst": jose.EncodeBase64URL(good)}), CheckInflate},
		{"S15/lst_missing", cwtList(map[string]any{"bits": 1}), CheckInflate},
		{"S15/lst_array", cwtList(map[string]any{"bits": 1, "lst": []int{1}}), CheckInflate},
		{"S15/indefinite", w.cwt(t, "application/statuslist+cwt", indefinite), CheckSignature},
		{"S15/list_no_map", cwtList("x"), CheckInflate},
		{"S15/trailing", append(bytes.Clone(tagged), 0), CheckSignature},
		{"E08/claims_trailing", w.cwt(t, "application/statuslist+cwt", append(claimSet(nil), 0)), CheckSignature},
		{"E09/duplicate", inside(iat + "," + iat), CheckSignature},
		{"E09/case", jwtClaims(fmt.Sprintf(`{"sub":%q,%s,"Status_List":{"bits":1,"lst":%s}}`, listURI, iat, lst)), CheckInflate},
		{"E13/dots", []byte(strings.Repeat(".", 1_000_000)), CheckSignature},
		{"E15/empty", nil, CheckSignature},
		{"good", jwtList("1", lst), ""},
		{"good_cwt", cwt(nil), ""},
		{"good_cwt_short_typ", w.cwt(t, "statuslist+cwt", claimSet(nil)), ""},
	} {
		t.Run(c.id, func(t *testing.T) {
			token, err := ParseToken(c.token)
			if err != nil {
				if token != nil {
					t.Error("a failed parse gives a token")
				}
			} else if err = token.Verify(w.signer.Public()); err == nil {
				var status Status
				status, err = token.Lookup(ref, now)
				if err != nil && status != 0 {
					t.Errorf("status %s beside an error", status)
				}
				if a := token.Evaluate(ref, LookupOptions{Now: now}); a.Known != (err == nil) || firstFailure(a) != CheckOf(err) || len(a.Findings) != 6 {
					t.Errorf("lookup gives %v, evaluation %+v", err, a)
				}
			}
			if got := CheckOf(err); got != c.check {
				t.Errorf("fails %q (%v), want %q", got, err, c.check)
			}
		})
	}
}

func firstFailure(a Answer) string {
	for _, f := range a.Findings {
		if f.Result == Fail {
			return f.Check
		}
	}
	return ""
}

func mustCompress(t *testing.T, raw []byte) []byte {
	t.Helper()
	z, err := Compress(raw)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestBadReferences: S08, as JSON and as CBOR.
func TestBadReferences(t *testing.T) {
	list := func(text string) string { return `{"status_list":` + text + `}` }
	for id, status := range map[string]string{
		"S08/negative":     list(`{"idx":-1,"uri":"https://x"}`),
		"S08/2_64":         list(`{"idx":18446744073709551616,"uri":"https://x"}`),
		"S08/float":        list(`{"idx":1.5,"uri":"https://x"}`),
		"S08/whole_float":  list(`{"idx":1.0,"uri":"https://x"}`),
		"S08/exponent":     list(`{"idx":1e3,"uri":"https://x"}`),
		"S08/text":         list(`{"idx":"1","uri":"https://x"}`),
		"S08/null":         list(`{"idx":null,"uri":"https://x"}`),
		"S08/missing":      list(`{"uri":"https://x"}`),
		"S08/no_uri":       list(`{"idx":1}`),
		"S08/uri_number":   list(`{"idx":1,"uri":1}`),
		"S08/empty_uri":    list(`{"idx":1,"uri":""}`),
		"S08/long_uri":     list(`{"idx":1,"uri":"` + strings.Repeat("x", 3000) + `"}`),
		"S08/no_object":    list(`[]`),
		"S08/other":        `{"other":{}}`,
		"S08/empty":        `{}`,
		"S08/status_array": `[]`,
		"S08/case":         `{"Status_List":{"idx":1,"uri":"https://x"}}`,
	} {
		t.Run(id, func(t *testing.T) {
			var v any
			if err := jose.DecodeJSON([]byte(status), &v); err != nil {
				t.Fatal(err)
			}
			if refs, err := ParseReferencesJSON(v); refs != nil || CheckOf(err) != CheckIndex {
				t.Errorf("%+v, %v", refs, err)
			}
		})
	}
	cborList := func(list any) any { return map[string]any{"status_list": list} }
	cborIDs := func(list any) any { return map[string]any{"identifier_list": list} }
	for id, status := range map[string]any{
		"S08/cbor_negative":    cborList(map[string]any{"idx": -1, "uri": "x"}),
		"S08/cbor_float":       cborList(map[string]any{"idx": 1.5, "uri": "x"}),
		"S08/cbor_text":        cborList(map[string]any{"idx": "1", "uri": "x"}),
		"S08/cbor_missing":     cborList(map[string]any{"uri": "x"}),
		"S08/cbor_no_uri":      cborList(map[string]any{"idx": 1}),
		"S08/cbor_uri_bytes":   cborList(map[string]any{"idx": 1, "uri": []byte("x")}),
		"S08/cbor_certificate": cborList(map[string]any{"idx": 1, "uri": "x", "certificate": "x"}),
		"S08/cbor_array":       cborList([]int{1}),
		"S08/cbor_neither":     map[string]any{"x": 1},
		"S08/id_text":          cborIDs(map[string]any{"id": "x", "uri": "x"}),
		"S08/id_missing":       cborIDs(map[string]any{"uri": "x"}),
		"S08/id_empty":         cborIDs(map[string]any{"id": []byte{}, "uri": "x"}),
		"S08/id_long":          cborIDs(map[string]any{"id": make([]byte, 65), "uri": "x"}),
		"S08/id_no_uri":        cborIDs(map[string]any{"id": []byte{1}}),
		"S08/id_certificate":   cborIDs(map[string]any{"id": []byte{1}, "uri": "x", "certificate": 1}),
		"S08/id_array":         cborIDs([]int{1}),
		"S08/cbor_text_alone":  "x",
	} {
		t.Run(id, func(t *testing.T) {
			if refs, err := ParseReferencesCBOR(cbor.MustMarshal(status)); refs != nil || CheckOf(err) != CheckIndex {
				t.Errorf("%+v, %v", refs, err)
			}
		})
	}
	if refs, err := ParseReferencesCBOR([]byte{0xff}); refs != nil || CheckOf(err) != CheckIndex {
		t.Errorf("no CBOR: %v", err)
	}
}

func TestGoodReferences(t *testing.T) {
	var v any
	if err := jose.DecodeJSON([]byte(`{"status_list":{"idx":18446744073709551615,"uri":"https://x","x":1},"other":{}}`), &v); err != nil {
		t.Fatal(err)
	}
	refs, err := ParseReferencesJSON(v)
	if err != nil || refs.List.Index != 1<<64-1 || refs.List.URI != "https://x" {
		t.Errorf("%+v, %v", refs, err)
	}
	refs, err = ParseReferencesCBOR(cbor.MustMarshal(map[string]any{
		"status_list":     map[string]any{"idx": 7, "uri": "https://x", "certificate": []byte{1}},
		"identifier_list": map[string]any{"id": []byte{2}, "uri": "https://y", "certificate": []byte{3}, "x": 1},
	}))
	if err != nil || refs.List.Index != 7 || refs.List.Certificate[0] != 1 || refs.Identifier.ID[0] != 2 || refs.Identifier.URI != "https://y" || refs.Identifier.Certificate[0] != 3 {
		t.Errorf("%+v, %v", refs, err)
	}
}

// TestBadIndex: S08, indices that a list does not have.
func TestBadIndex(t *testing.T) {
	w := newWorld(t)
	for format, data := range w.both(t, body(t, list16(t, 1)), claims()) {
		token := w.verified(t, data)
		for _, index := range []uint64{16, 17, 1 << 31, 1 << 63, 1<<64 - 1} {
			if status, err := token.Lookup(Reference{Index: index, URI: listURI}, now); status != 0 || CheckOf(err) != CheckIndex {
				t.Errorf("%s: index %d is %s, %v", format, index, status, err)
			}
		}
		if status, err := token.Lookup(Reference{Index: 15, URI: listURI}, now); status != Invalid || err != nil {
			t.Errorf("%s: index 15 is %s, %v", format, status, err)
		}
	}
}

// TestBombMemory: S06. A list that inflates to 64 MiB is given up after the 128
// KiB that it may have.
func TestBombMemory(t *testing.T) {
	z := bigBomb()
	if len(z) > 80<<10 {
		t.Fatalf("bomb of %d bytes", len(z))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decompress(z, DefaultEntries/8); CheckOf(err) != CheckInflate {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated, at most 1 MiB", n)
	}
}

// TestBoundaries of exp, iat and ttl.
func TestBoundaries(t *testing.T) {
	w := newWorld(t)
	c := Claims{Subject: listURI, IssuedAt: now, Expires: now.Add(time.Hour), TTL: 10 * time.Minute}
	for format, data := range w.both(t, body(t, list16(t, 1)), c) {
		token := w.verified(t, data)
		for _, b := range []struct {
			at           time.Duration
			skew         time.Duration
			check        string
			reason       string
			stale, known bool
		}{
			{-time.Second, 0, CheckExpires, ReasonNotYetValid, false, false},
			{0, 0, "", "", false, true},
			{-time.Minute, time.Minute, "", "", false, true},
			{-61 * time.Second, time.Minute, CheckExpires, ReasonNotYetValid, false, false},
			{10 * time.Minute, 0, "", "", false, true},
			{10*time.Minute + time.Second, 0, "", "", true, true},
			{time.Hour - time.Second, 0, "", "", true, true},
			{time.Hour, 0, CheckExpires, ReasonExpired, true, false},
			{time.Hour + 59*time.Second, time.Minute, "", "", true, true},
			{time.Hour + 60*time.Second, time.Minute, CheckExpires, ReasonExpired, true, false},
		} {
			a := token.Evaluate(Reference{Index: 1, URI: listURI}, LookupOptions{Now: now.Add(b.at), Skew: b.skew})
			if firstFailure(a) != b.check || a.Stale != b.stale || a.Known != b.known || a.Age != b.at {
				t.Errorf("%s at %s: %+v", format, b.at, a)
			}
			if !b.known && a.Status != 0 || b.known && a.Status != Invalid {
				t.Errorf("%s at %s: status %s", format, b.at, a.Status)
			}
			for _, f := range a.Findings {
				if f.Result == Fail && f.Reason != b.reason {
					t.Errorf("%s at %s: %+v", format, b.at, f)
				}
				if f.Check == CheckTTL && b.known && (f.Result == Warn) != b.stale {
					t.Errorf("%s at %s: %+v", format, b.at, f)
				}
			}
		}
		if token.RefreshAt() != now.Add(10*time.Minute) {
			t.Errorf("%s: refresh at %s", format, token.RefreshAt())
		}
	}
}

// TestTTL: S13, out of bounds is brought into bounds.
func TestTTL(t *testing.T) {
	w := newWorld(t)
	for ttl, want := range map[string]time.Duration{"1": time.Minute, "300": 5 * time.Minute, "300.7": 5 * time.Minute, "1152921504606846976": 24 * time.Hour, "1e300": 24 * time.Hour, "0.001": time.Minute} {
		token, err := ParseToken(w.jwt(t, typeJWT, fmt.Sprintf(`{"sub":"x","iat":1,"ttl":%s,"status_list":{"bits":1,"lst":%q}}`, ttl, jose.EncodeBase64URL(exampleLst()))))
		if err != nil {
			t.Fatal(ttl, err)
		}
		if token.TTL != want {
			t.Errorf("ttl %s reads as %s, want %s", ttl, token.TTL, want)
		}
	}
	token, err := ParseToken(w.cwt(t, "application/statuslist+cwt", claimSet(map[uint64]any{claimTTL: uint64(1) << 60})))
	if err != nil || token.TTL != 24*time.Hour {
		t.Errorf("ttl 2^60 reads as %v", err)
	}
	if token, err = ParseToken(w.cwt(t, "application/statuslist+cwt", claimSet(nil))); err != nil || token.TTL != 0 || !token.RefreshAt().IsZero() {
		t.Errorf("no ttl: %v", err)
	}
}

// TestRollback: S13.
func TestRollback(t *testing.T) {
	w := newWorld(t)
	token := func(c Claims, bits int) *Token {
		jwt, err := body(t, list16(t, bits)).SignJWT(w.signer, c, w.chain, random(1))
		if err != nil {
			t.Fatal(err)
		}
		return w.verified(t, []byte(jwt))
	}
	older, other := claims(), claims()
	older.IssuedAt = older.IssuedAt.Add(-time.Second)
	other.Subject += "8"
	cached := token(claims(), 1)
	if err := cached.Supersedes(cached); err != nil {
		t.Error(err)
	}
	if err := cached.Supersedes(token(older, 1)); err != nil {
		t.Error(err)
	}
	if err := token(older, 1).Supersedes(cached); CheckOf(err) != CheckExpires {
		t.Errorf("an older list: %v", err)
	}
	if err := token(other, 1).Supersedes(cached); CheckOf(err) != CheckSubject {
		t.Errorf("another list: %v", err)
	}
	if err := token(claims(), 2).Supersedes(cached); CheckOf(err) != CheckIndex {
		t.Errorf("another width: %v", err)
	}
}
