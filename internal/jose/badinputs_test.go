package jose

import (
	"bytes"
	"compress/flate"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestBadInputs are hostile inputs by the numbers of the project's list.
func TestBadInputs(t *testing.T) {
	key := newKey(t, elliptic.P256()).(*ecdsa.PrivateKey)
	header := func(text string) string { return EncodeBase64URL([]byte(text)) }
	// signed makes a token with a header of any text, with a signature that fits.
	signed := func(head, payload string) string {
		input := header(head) + "." + header(payload)
		sum := sha256.Sum256([]byte(input))
		der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		raw := make([]byte, 64)
		if err := rawSignature(raw, der); err != nil {
			t.Fatal(err)
		}
		return input + "." + EncodeBase64URL(raw)
	}
	verify := func(token string) error {
		s, err := Parse(token)
		if err != nil {
			if s != nil {
				t.Error("refused with a result")
			}
			return err
		}
		return s.Verify(&key.PublicKey)
	}
	decode := func(text string) error {
		var v struct {
			Alg string `json:"alg"`
			N   int64  `json:"n"`
			Any any    `json:"any"`
		}
		return DecodeJSON([]byte(text), &v)
	}
	base64 := func(text string) error { _, err := DecodeBase64URL(text); return err }
	good := signed(`{"alg":"ES256"}`, `{}`)
	if err := verify(good); err != nil {
		t.Fatal(err)
	}
	input, signature := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.')+1:]
	raw, _ := DecodeBase64URL(signature)
	withSignature := func(sig []byte) string { return input + "." + EncodeBase64URL(sig) }
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
	if err != nil {
		t.Fatal(err)
	}
	mac := func(secret []byte) string {
		head := header(`{"alg":"HS256"}`) + "." + header(`{}`)
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(head))
		return head + "." + EncodeBase64URL(h.Sum(nil))
	}
	point, _ := key.PublicKey.Bytes()
	embedded, _ := MarshalPublicKey(newKey(t, elliptic.P256()).Public())

	for id, c := range map[string]struct {
		err  error
		want error
	}{
		"E09/duplicate":         {decode(`{"alg":"ES256","alg":"none"}`), ErrMalformed},
		"E09/case_variant":      {decode(`{"alg":"ES256","Alg":"none"}`), ErrMalformed},
		"E09/only_case_variant": {decode(`{"ALG":"none"}`), ErrMalformed},
		"E09/escaped_duplicate": {decode(`{"alg":"ES256","\u0061lg":"none"}`), ErrMalformed},
		"E09/in_header":         {verify(signed(`{"alg":"ES256","alg":"ES256"}`, `{}`)), ErrMalformed},
		"E09/header_variant":    {verify(signed(`{"alg":"ES256","Alg":"ES256"}`, `{}`)), ErrMalformed},
		"E09/crit_variant":      {verify(signed(`{"alg":"ES256","Crit":["x"]}`, `{}`)), ErrMalformed},

		"E10/depth":         {decode(`{"any":` + strings.Repeat("[", 20_000)), ErrLimit},
		"E10/depth_objects": {decode(strings.Repeat(`{"any":`, 20_000)), ErrLimit},
		"E10/members":       {decode("{" + numbered(1_000_000) + "}"), ErrLimit},
		"E10/long_string":   {decode(`{"alg":"` + strings.Repeat("a", 10<<20) + `"}`), ErrLimit},
		"E10/exponent":      {decode(`{"any":1e999999}`), ErrLimit},
		"E10/overflow":      {decode(`{"n":9223372036854775808}`), ErrMalformed},
		"E10/fraction":      {decode(`{"n":1.5}`), ErrMalformed},
		"E10/bom":           {decode("\xef\xbb\xbf{}"), ErrMalformed},
		"E10/trailing":      {decode(`{}garbage`), ErrMalformed},
		"E10/trailing_NUL":  {decode("{}\x00"), ErrMalformed},
		"E10/raw_NUL":       {decode("{\"alg\":\"\x00\"}"), ErrMalformed},

		"E11/value":      {decode(`{"alg":"\ud800"}`), ErrMalformed},
		"E11/name":       {decode(`{"\udc00":1}`), ErrMalformed},
		"E11/swapped":    {decode(`{"alg":"\ude00\ud83d"}`), ErrMalformed},
		"E11/in_unknown": {decode(`{"zzz":["\ud800x"]}`), ErrMalformed},

		"E12/padding":     {base64("QQ=="), ErrMalformed},
		"E12/plus":        {base64("+w"), ErrMalformed},
		"E12/slash":       {base64("_/"), ErrMalformed},
		"E12/space":       {base64("QU JD"), ErrMalformed},
		"E12/CRLF":        {base64("QUJD\r\n"), ErrMalformed},
		"E12/LF_inside":   {base64("QU\nJD"), ErrMalformed},
		"E12/unused_bits": {base64("QR"), ErrMalformed},
		"E12/in_token":    {verify(good + "\n"), ErrMalformed},
		"E12/second_form": {verify(lastBits(good)), ErrMalformed},

		"E13/two_parts":    {verify("e30.e30"), ErrMalformed},
		"E13/four_dots":    {verify("a.b.c.d.e"), ErrMalformed},
		"E13/million_dots": {verify(strings.Repeat(".", 1_000_000)), ErrMalformed},
		"E13/too_long":     {verify(strings.Repeat(".", 2<<20)), ErrLimit},

		"E14/header_100KB": {verify(signed(`{"alg":"ES256","x":"`+strings.Repeat("x", 100<<10)+`"}`, `{}`)), ErrLimit},
		"E14/jwk_embedded": {verify(otherKey(t)), ErrSignature},
		"E14/jwk_private":  {verify(signed(`{"alg":"ES256","jwk":`+rfc7515Key+`}`, `{}`)), ErrKey},
		"E14/x5c_9":        {verify(signed(`{"alg":"ES256","x5c":["AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA","AAAA"]}`, `{}`)), ErrLimit},
		"E14/x5c_empty":    {verify(signed(`{"alg":"ES256","x5c":[]}`, `{}`)), ErrMalformed},
		"E14/x5c_url":      {verify(signed(`{"alg":"ES256","x5c":["-_-_"]}`, `{}`)), ErrMalformed},
		"E14/x5c_text":     {verify(signed(`{"alg":"ES256","x5c":"AAAA"}`, `{}`)), ErrMalformed},
		"E14/kid_number":   {verify(signed(`{"alg":"ES256","kid":1}`, `{}`)), ErrMalformed},

		"J01/none":             {verify(header(`{"alg":"none"}`) + "." + header(`{}`) + "."), ErrUnsupported},
		"J01/None":             {verify(signed(`{"alg":"None"}`, `{}`)), ErrUnsupported},
		"J01/missing":          {verify(signed(`{}`, `{}`)), ErrMalformed},
		"J01/empty":            {verify(signed(`{"alg":""}`, `{}`)), ErrMalformed},
		"J01/null":             {verify(signed(`{"alg":null}`, `{}`)), ErrMalformed},
		"J01/space":            {verify(signed(`{"alg":" ES256"}`, `{}`)), ErrUnsupported},
		"J01/lower_case":       {verify(signed(`{"alg":"es256"}`, `{}`)), ErrUnsupported},
		"J01/array":            {verify(signed(`{"alg":["ES256"]}`, `{}`)), ErrMalformed},
		"J01/HS256_point":      {verify(mac(point)), ErrUnsupported},
		"J01/HS256_jwk":        {verify(mac(embedded)), ErrUnsupported},
		"J01/RS256":            {verify(signed(`{"alg":"RS256"}`, `{}`)), ErrUnsupported},
		"J01/ES384_on_P256":    {verify(signed(`{"alg":"ES384"}`, `{}`)), ErrKey},
		"J01/EdDSA_on_P256":    {verify(signed(`{"alg":"EdDSA"}`, `{}`)), ErrKey},
		"J01/header_no_object": {verify(signed(`["ES256"]`, `{}`)), ErrMalformed},
		"J01/empty_signature":  {verify(input + "."), ErrMalformed},
		"C10/crit_known":       {verify(signed(`{"alg":"ES256","crit":["exp"],"exp":1}`, `{}`)), ErrUnsupported},
		"C10/crit_unknown":     {verify(signed(`{"alg":"ES256","crit":["x"],"x":1}`, `{}`)), ErrUnsupported},
		"C10/crit_empty":       {verify(signed(`{"alg":"ES256","crit":[]}`, `{}`)), ErrUnsupported},
		"C10/crit_null":        {verify(signed(`{"alg":"ES256","crit":null}`, `{}`)), ErrUnsupported},
		"C10/b64_false":        {verify(signed(`{"alg":"ES256","b64":false}`, `{}`)), ErrUnsupported},
		"C10/zip":              {verify(signed(`{"alg":"ES256","zip":"DEF"}`, `{}`)), ErrUnsupported},
		"J22/duplicate":        {CheckJSON([]byte(`{"cnf":{},"cnf":{}}`), 100), ErrMalformed},
		"J22/bom":              {CheckJSON([]byte("\xef\xbb\xbf{}"), 100), ErrMalformed},
		"J22/NaN":              {CheckJSON([]byte(`{"exp":NaN}`), 100), ErrMalformed},
		"J22/1e400":            {CheckJSON([]byte(`{"exp":1e400}`), 100), ErrLimit},
		"J22/lone_surrogate":   {CheckJSON([]byte(`{"a":"\udead"}`), 100), ErrMalformed},
		"J22/case_variant": {DecodeJSON([]byte(`{"Cnf":{}}`), &struct {
			Cnf any `json:"cnf"`
		}{}), ErrMalformed},
		"J24/DER":                {verify(withSignature(der)), ErrSignature},
		"J24/zero_length":        {verify(withSignature(nil)), ErrMalformed},
		"J24/swapped":            {verify(withSignature(slices.Concat(raw[32:], raw[:32]))), ErrSignature},
		"J24/appended":           {verify(withSignature(append(slices.Clone(raw), 0))), ErrSignature},
		"J24/prepended":          {verify(withSignature(append([]byte{0}, raw...))), ErrSignature},
		"J24/63_octets":          {verify(withSignature(raw[:63])), ErrSignature},
		"J24/132_octets":         {verify(withSignature(make([]byte, 132))), ErrSignature},
		"J24/zeros":              {verify(withSignature(make([]byte, 64))), ErrSignature},
		"J24/r_is_zero":          {verify(withSignature(append(make([]byte, 32), raw[32:]...))), ErrSignature},
		"J24/all_ones":           {verify(withSignature(bytes.Repeat([]byte{0xff}, 64))), ErrSignature},
		"J23/json_serialization": {verify(`{"payload":"e30","signatures":[{"protected":"e30","signature":"AA"},{"protected":"e30","signature":"AA"}]}`), ErrMalformed},
		"J23/enc_in_JWS":         {verify(signed(`{"alg":"ES256","enc":"A128GCM"}`, `{}`)), ErrUnsupported},
	} {
		t.Run(id, func(t *testing.T) {
			if !errors.Is(c.err, c.want) {
				t.Errorf("%v, want %v", c.err, c.want)
			}
		})
	}

	t.Run("E10/exact_integers", func(t *testing.T) {
		var v struct {
			N int64 `json:"n"`
			M any   `json:"m"`
		}
		if err := DecodeJSON([]byte(`{"n":9007199254740993,"m":9007199254740993}`), &v); err != nil || v.N != 9007199254740993 || v.M != json.Number("9007199254740993") {
			t.Errorf("%+v, %v", v, err)
		}
		if err := DecodeJSON([]byte(`{"n":-0}`), &v); err != nil || v.N != 0 {
			t.Errorf("-0: %+v, %v", v, err)
		}
	})
	t.Run("E13/no_memory", func(t *testing.T) {
		dots := strings.Repeat(".", 1_000_000)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Parse(dots); err == nil {
			t.Error("accepted")
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 {
			t.Errorf("%d bytes for a million dots", grown)
		}
	})
	t.Run("E14/kid_is_text", func(t *testing.T) {
		for _, kid := range []string{"../../etc/passwd", "' OR 1=1 --", "\x00"} {
			text, _ := json.Marshal(map[string]string{"alg": "ES256", "kid": kid, "jku": "http://169.254.169.254/", "x5u": "file:///etc/passwd"})
			s, err := Parse(signed(string(text), `{}`))
			if err != nil || s.Header.KeyID != kid || s.Verify(&key.PublicKey) != nil {
				t.Errorf("%q: %v", kid, err)
			}
		}
	})
	t.Run("J24/high_s_accepted", func(t *testing.T) {
		s := new(big.Int).SetBytes(raw[32:])
		s.Sub(elliptic.P256().Params().N, s)
		if err := verify(withSignature(append(slices.Clone(raw[:32]), s.FillBytes(make([]byte, 32))...))); err != nil {
			t.Error(err)
		}
	})
	t.Run("E16/byte_compare", func(t *testing.T) {
		// NFC and NFD are two names, and nothing is normalised on the way.
		m, err := Members([]byte("{\"\u00e9\":1,\"e\u0301\":2}"))
		if err != nil || len(m) != 2 {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// TestBadInputsEncrypted are the hostile inputs to Decrypt.
func TestBadInputsEncrypted(t *testing.T) {
	key := encryptionKey(t, elliptic.P256(), "k1")
	good, err := Encrypt(key, "A128GCM", nil, []byte(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	part := strings.Split(good, ".")
	epk := func(curve elliptic.Curve) string {
		text, _ := MarshalPublicKey(newKey(t, curve).Public())
		return string(text)
	}
	// with replaces a part; head is plain text, the others are as in a token.
	with := func(i int, text string) string {
		p := slices.Clone(part)
		if i == 0 {
			text = EncodeBase64URL([]byte(text))
		}
		p[i] = text
		return strings.Join(p, ".")
	}
	head := func(alg, enc, more string) string {
		return with(0, fmt.Sprintf(`{"alg":%q,"enc":%q,"kid":"k1","epk":%s%s}`, alg, enc, epk(elliptic.P256()), more))
	}
	var bomb bytes.Buffer
	w, _ := flate.NewWriter(&bomb, flate.BestCompression)
	w.Write(make([]byte, 10<<20))
	w.Close()
	nested := good
	for range 5 {
		if nested, err = Encrypt(key, "A256GCM", map[string]any{"cty": "JWT"}, []byte(nested), nil); err != nil {
			t.Fatal(err)
		}
	}
	offCurve := `{"crv":"P-256","kty":"EC","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`
	flip := func(text string) string { // another first character, still base64url
		if text[0] == 'A' {
			return "B" + text[1:]
		}
		return "A" + text[1:]
	}

	for id, c := range map[string]struct {
		token string
		want  error
	}{
		"E15/PBES2":           {head("PBES2-HS256+A128KW", "A128GCM", `,"p2c":2147483648,"p2s":"AA"`), ErrUnsupported},
		"E15/zip_bomb":        {head("ECDH-ES", "A128GCM", `,"zip":"DEF"`), ErrUnsupported},
		"E15/RSA1_5":          {head("RSA1_5", "A128GCM", ""), ErrUnsupported},
		"E15/RSA-OAEP":        {head("RSA-OAEP-256", "A128GCM", ""), ErrUnsupported},
		"E15/dir":             {head("dir", "A128GCM", ""), ErrUnsupported},
		"E15/A128KW":          {head("A128KW", "A128GCM", ""), ErrUnsupported},
		"E15/ECDH-ES+A128KW":  {head("ECDH-ES+A128KW", "A128GCM", ""), ErrUnsupported},
		"E15/enc_CBC":         {head("ECDH-ES", "A128CBC-HS256", ""), ErrUnsupported},
		"E15/enc_A192GCM":     {head("ECDH-ES", "A192GCM", ""), ErrUnsupported},
		"E15/alg_is_a_MAC":    {head("HS256", "A128GCM", ""), ErrUnsupported},
		"E15/too_long":        {strings.Repeat("A", maxEncrypted+1), ErrLimit},
		"E15/long_header":     {head("ECDH-ES", "A128GCM", `,"x":"`+strings.Repeat("x", maxJWEHeader)+`"`), ErrLimit},
		"C19/million_dots":    {strings.Repeat(".", 1_000_000), ErrMalformed},
		"C19/four_parts":      {strings.Join(part[:4], "."), ErrMalformed},
		"C19/JWS":             {rfc7515Token, ErrMalformed},
		"C19/wrong_kid":       {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k2","epk":`+epk(elliptic.P256())+`}`), ErrKey},
		"C19/no_kid":          {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","epk":`+epk(elliptic.P256())+`}`), ErrKey},
		"C19/epk_off_curve":   {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1","epk":`+offCurve+`}`), ErrKey},
		"C19/epk_other_curve": {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1","epk":`+epk(elliptic.P384())+`}`), ErrKey},
		"C19/epk_Ed25519":     {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1","epk":`+epk(nil)+`}`), ErrUnsupported},
		"C19/epk_private":     {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1","epk":`+rfc7515Key+`}`), ErrKey},
		"C19/epk_missing":     {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1"}`), ErrMalformed},
		"C19/epk_null":        {with(0, `{"alg":"ECDH-ES","enc":"A128GCM","kid":"k1","epk":null}`), ErrMalformed},
		"C19/enc_missing":     {with(0, `{"alg":"ECDH-ES","kid":"k1","epk":`+epk(elliptic.P256())+`}`), ErrMalformed},
		"C19/enc_number":      {with(0, `{"alg":"ECDH-ES","enc":1,"kid":"k1","epk":`+epk(elliptic.P256())+`}`), ErrMalformed},
		"C19/other_epk":       {head("ECDH-ES", "A128GCM", ""), ErrDecrypt},
		"C19/apu_not_base64":  {head("ECDH-ES", "A128GCM", `,"apu":"a b"`), ErrMalformed},
		"C19/apv_padding":     {head("ECDH-ES", "A128GCM", `,"apv":"QQ=="`), ErrMalformed},
		"C19/apu_long":        {head("ECDH-ES", "A128GCM", `,"apu":"`+strings.Repeat("A", 2048)+`"`), ErrLimit},
		"C19/apu_number":      {head("ECDH-ES", "A128GCM", `,"apu":1`), ErrMalformed},
		"C19/crit":            {head("ECDH-ES", "A128GCM", `,"crit":["x"]`), ErrUnsupported},
		"C19/encrypted_key":   {with(1, "AAAA"), ErrMalformed},
		"C19/empty_tag":       {with(4, ""), ErrMalformed},
		"C19/11_octet_tag":    {with(4, EncodeBase64URL(make([]byte, 11))), ErrMalformed},
		"C19/zero_tag":        {with(4, EncodeBase64URL(make([]byte, 16))), ErrDecrypt},
		"C19/long_tag":        {with(4, EncodeBase64URL(make([]byte, 17))), ErrMalformed},
		"C19/empty_nonce":     {with(2, ""), ErrMalformed},
		"C19/long_nonce":      {with(2, EncodeBase64URL(make([]byte, 16))), ErrMalformed},
		"C19/other_nonce":     {with(2, EncodeBase64URL(make([]byte, 12))), ErrDecrypt},
		"C19/flipped_text":    {with(3, flip(part[3])), ErrDecrypt},
		"C19/no_text":         {with(3, ""), ErrDecrypt},
		"C19/bomb_as_text":    {with(3, EncodeBase64URL(bomb.Bytes())), ErrDecrypt},
		"C19/newline":         {good + "\n", ErrMalformed},
		"C19/enc_not_offered": {nested, ErrUnsupported},
	} {
		t.Run(id, func(t *testing.T) {
			text, h, err := Decrypt(c.token, func(kid string) *Key {
				if kid == "k1" {
					return key
				}
				return nil
			}, "A128GCM")
			if !errors.Is(err, c.want) || text != nil || h.Raw != nil {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	t.Run("E15/nested", func(t *testing.T) {
		// One call opens one layer. What is inside is the caller's to judge.
		text, h, err := Decrypt(nested, func(string) *Key { return key })
		if err != nil || h.ContentType != "JWT" || strings.Count(string(text), ".") != 4 {
			t.Errorf("%v", err)
		}
	})
	t.Run("C19/public_key_only", func(t *testing.T) {
		public := *key
		public.Private = nil
		if _, _, err := Decrypt(good, func(string) *Key { return &public }); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
		signing := *key
		signing.Use = "sig"
		if _, _, err := Decrypt(good, func(string) *Key { return &signing }); !errors.Is(err, ErrKey) {
			t.Error(err)
		}
	})
	t.Run("E15/nothing_runs_before_the_list", func(t *testing.T) {
		_, _, err := Decrypt(head("PBES2-HS512+A256KW", "A256GCM", `,"p2c":2147483647`), func(string) *Key {
			t.Error("a key was asked for")
			return key
		})
		if !errors.Is(err, ErrUnsupported) {
			t.Error(err)
		}
	})
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":0`, i)
		if b.Len() > maxJSON-20 {
			break
		}
	}
	return b.String()
}

// lastBits sets an unused bit of the last character: the same octets, were
// the decoder lax.
func lastBits(token string) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(letters, token[len(token)-1])
	return token[:len(token)-1] + string(letters[last|1])
}

// otherKey signs with a key that the token itself carries.
func otherKey(t *testing.T) string {
	k := newKey(t, elliptic.P256())
	own, err := MarshalPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	token, err := Sign(k, map[string]any{"jwk": json.RawMessage(own)}, []byte(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
