package sdjwt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
)

const vct = `"vct":"urn:eudi:pid:1"`

// TestBadInputs holds the bad inputs J01 to J27 of the threat list that this
// room must refuse, each with the id of the check that refuses it. Certificate
// paths (J03, J04), the status behind the reference (J25) and queries (J26) are
// judged elsewhere.
func TestBadInputs(t *testing.T) {
	w := newWorld(t)
	holderJWK, err := jose.MarshalPublicKey(w.holder.Public())
	if err != nil {
		t.Fatal(err)
	}
	cnf := `"cnf":{"jwk":` + string(holderJWK) + `}`
	good := &forgery{payload: `{` + vct + `,` + cnf + `,"_sd":["@0"],"n":[{"...":"@1"}]}`,
		disclosures: []string{`["saltsaltsaltsaltsaltsa","given_name","Erika"]`, `["saltsaltsaltsaltsaltsb","DE"]`}}
	compact := good.compact(t, w.issuer)
	if check := failing(w, compact); check != "" {
		t.Fatalf("the good one fails %s", check)
	}
	token, _, _ := strings.Cut(compact, "~")
	parts := splitToken(token)
	withHeader := func(header string) string {
		return jose.EncodeBase64URL([]byte(header)) + "." + parts[1] + "." + parts[2] + "~" + strings.Join(good.encoded, "~") + "~"
	}
	sd := func(payload string, disclosures ...string) string {
		return (&forgery{payload: payload, disclosures: disclosures}).compact(t, w.issuer)
	}
	typed := func(header map[string]any) string {
		return (&forgery{header: header, payload: `{` + vct + `}`}).compact(t, w.issuer)
	}
	// encoded replaces the first disclosure.
	encoded := func(text string) string { return strings.Replace(compact, good.encoded[0], text, 1) }
	const d0 = `["saltsaltsaltsaltsaltsa","given_name","Erika"]`
	const e0 = `["saltsaltsaltsaltsaltsb","DE"]`

	hs256 := func() string {
		point, err := w.issuer.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		input := jose.EncodeBase64URL([]byte(`{"alg":"HS256","typ":"dc+sd-jwt"}`)) + "." + parts[1]
		mac := hmac.New(sha256.New, point)
		mac.Write([]byte(input))
		return input + "." + jose.EncodeBase64URL(mac.Sum(nil)) + "~"
	}
	deep := strings.Repeat(`{"a":`, 9) + `1` + strings.Repeat(`}`, 9)
	lastChar := len(good.encoded[1]) - 1

	for _, c := range []struct{ id, input, check string }{
		{"J01/alg_none", withHeader(`{"alg":"none","typ":"dc+sd-jwt"}`), CheckParse},
		{"J01/alg_missing", withHeader(`{"typ":"dc+sd-jwt"}`), CheckParse},
		{"J01/alg_space", withHeader(`{"alg":" ES256","typ":"dc+sd-jwt"}`), CheckParse},
		{"J01/alg_array", withHeader(`{"alg":["ES256"],"typ":"dc+sd-jwt"}`), CheckParse},
		{"J01/alg_hs256", hs256(), CheckParse},
		{"J01/alg_other_curve", withHeader(`{"alg":"ES384","typ":"dc+sd-jwt"}`), CheckSignature},
		{"J02/absent", typed(map[string]any{}), CheckType},
		{"J02/JWT", typed(map[string]any{"typ": "JWT"}), CheckType},
		{"J02/vc", typed(map[string]any{"typ": "vc+sd-jwt"}), CheckType},
		{"J02/application", typed(map[string]any{"typ": "application/dc+sd-jwt"}), CheckType},
		{"J02/case", typed(map[string]any{"typ": "DC+SD-JWT"}), CheckType},
		{"J05/missing", sd(`{}`), CheckVCT},
		{"J05/other", sd(`{"vct":"urn:eudi:pid:2"}`), CheckVCT},
		{"J05/case", sd(`{"vct":"URN:eudi:pid:1"}`), CheckVCT},
		{"J05/number", sd(`{"vct":1}`), CheckVCT},
		{"J05/selective", sd(`{"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","vct","urn:eudi:pid:1"]`), CheckDisclosure},
		{"J05/alias_is_not_asked", sd(`{"vct":"urn:x","aka_vcts":["urn:eudi:pid:1"]}`), CheckVCT},
		{"J05/alias_repeats", sd(`{` + vct + `,"aka_vcts":["urn:eudi:pid:1"]}`), CheckVCT},
		{"J05/alias_empty", sd(`{` + vct + `,"aka_vcts":[]}`), CheckVCT},
		{"J06/bit", encoded(jose.EncodeBase64URL([]byte(`["saltsaltsaltsaltsaltsa","given_name","Frika"]`))), CheckDigest},
		{"J06/padding", encoded(good.encoded[0] + "="), CheckDisclosure},
		{"J06/unused_bits", strings.Replace(compact, good.encoded[1], good.encoded[1][:lastChar]+next(good.encoded[1][lastChar]), 1), CheckDisclosure},
		{"J06/newline", encoded(good.encoded[0][:8] + "\n" + good.encoded[0][8:]), CheckDisclosure},
		{"J06/carriage_return", encoded(good.encoded[0] + "\r"), CheckDisclosure},
		{"J06/space", encoded(" " + good.encoded[0]), CheckDisclosure},
		{"J06/whitespace_in_JSON", encoded(jose.EncodeBase64URL([]byte(`["saltsaltsaltsaltsaltsa", "given_name","Erika"]`))), CheckDigest},
		{"J06/standard_alphabet", encoded("W_" + good.encoded[0][2:len(good.encoded[0])-1] + "+"), CheckDisclosure},
		{"J06/empty", strings.Replace(compact, "~", "~~", 1), CheckDisclosure},
		{"J07/unreferenced", sd(`{`+vct+`}`, d0), CheckDigest},
		{"J07/child_without_parent", orphan(t, w), CheckDigest},
		{"J08/disclosure_twice", compact + good.encoded[0] + "~", CheckDigest},
		{"J08/digest_twice_in_sd", sd(`{`+vct+`,"_sd":["@0","@0"]}`, d0), CheckDigest},
		{"J08/decoy_twice", sd(`{` + vct + `,"_sd":["x","x"]}`), CheckDigest},
		{"J08/sd_and_array", sd(`{`+vct+`,"_sd":["@0"],"n":[{"...":"@0"}]}`, d0), CheckDisclosure},
		{"J08/decoy_in_sd_and_array", sd(`{` + vct + `,"_sd":["x"],"n":[{"...":"x"}]}`), CheckDigest},
		{"J08/two_levels", sd(`{`+vct+`,"_sd":["@0"],"a":{"_sd":["@0"]}}`, d0), CheckDigest},
		{"J08/inside_disclosure", sd(`{`+vct+`,"_sd":["@0","@1"]}`, d0, `["saltsaltsaltsaltsaltsc","a",{"_sd":["@0"]}]`), CheckDigest},
		{"J09/2_in_sd", sd(`{`+vct+`,"_sd":["@0"]}`, e0), CheckDisclosure},
		{"J09/3_in_array", sd(`{`+vct+`,"n":[{"...":"@0"}]}`, d0), CheckDisclosure},
		{"J09/4", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a",1,2]`), CheckDisclosure},
		{"J09/1", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa"]`), CheckDisclosure},
		{"J09/0", sd(`{`+vct+`,"_sd":["@0"]}`, `[]`), CheckDisclosure},
		{"J09/object", sd(`{`+vct+`,"_sd":["@0"]}`, `{"a":1}`), CheckDisclosure},
		{"J09/null", sd(`{`+vct+`,"_sd":["@0"]}`, `null`), CheckDisclosure},
		{"J09/no_JSON", sd(`{`+vct+`,"_sd":["@0"]}`, `["a","b","c"`), CheckDisclosure},
		{"J09/trailing", sd(`{`+vct+`,"_sd":["@0"]}`, d0+`1`), CheckDisclosure},
		{"J09/name_number", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa",1,2]`), CheckDisclosure},
		{"J09/name_null", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa",null,2]`), CheckDisclosure},
		{"J09/name_sd", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","_sd",[]]`), CheckDisclosure},
		{"J09/name_dots", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","...",1]`), CheckDisclosure},
		{"J09/name_escaped_sd", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","\u005fsd",[]]`), CheckDisclosure},
		{"J10/present", sd(`{`+vct+`,"given_name":"X","_sd":["@0"]}`, d0), CheckDisclosure},
		{"J10/two_disclosures", sd(`{`+vct+`,"_sd":["@0","@1"]}`, d0, `["saltsaltsaltsaltsaltsc","given_name","Max"]`), CheckDisclosure},
		{"J10/nested", sd(`{`+vct+`,"a":{"given_name":null,"_sd":["@0"]}}`, d0), CheckDisclosure},
		{"J10/exp", sd(`{`+vct+`,"exp":99999999999,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","exp",1]`), CheckDisclosure},
		{"J10/sd_alg", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","_sd_alg","sha-256"]`), CheckDisclosure},
		{"J12/sd_object", sd(`{` + vct + `,"_sd":{}}`), CheckDigest},
		{"J12/sd_text", sd(`{` + vct + `,"_sd":"x"}`), CheckDigest},
		{"J12/sd_null", sd(`{` + vct + `,"_sd":null}`), CheckDigest},
		{"J12/sd_numbers", sd(`{` + vct + `,"_sd":[1]}`), CheckDigest},
		{"J12/sd_objects", sd(`{` + vct + `,"_sd":[{}]}`), CheckDigest},
		{"J12/sd_inside_array_object", sd(`{` + vct + `,"n":[{"_sd":3}]}`), CheckDigest},
		{"J12/dots_with_two_members", sd(`{`+vct+`,"n":[{"...":"@0","a":1}]}`, e0), CheckDigest},
		{"J12/dots_number", sd(`{` + vct + `,"n":[{"...":1}]}`), CheckDigest},
		{"J12/dots_outside_array", sd(`{` + vct + `,"n":{"...":"x"}}`), CheckDigest},
		{"J12/dots_at_top", sd(`{` + vct + `,"...":"x"}`), CheckDigest},
		{"J12/alg_sha1", sd(`{` + vct + `,"_sd_alg":"sha-1"}`), CheckDigest},
		{"J12/alg_md5", sd(`{` + vct + `,"_sd_alg":"md5"}`), CheckDigest},
		{"J12/alg_upper_case", sd(`{` + vct + `,"_sd_alg":"SHA-256"}`), CheckDigest},
		{"J12/alg_truncated", sd(`{` + vct + `,"_sd_alg":"sha-256-128"}`), CheckDigest},
		{"J12/alg_null", sd(`{` + vct + `,"_sd_alg":null}`), CheckDigest},
		{"J12/alg_nested", sd(`{` + vct + `,"a":{"_sd_alg":"sha-256"}}`), CheckDigest},
		{"J12/alg_in_disclosure", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a",{"_sd_alg":"sha-256"}]`), CheckDigest},
		{"J13/JSON_depth", sd(`{` + vct + `,"a":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`), CheckParse},
		{"J13/disclosed_depth", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a",`+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+`]`), CheckDisclosure},
		{"J13/recursive_depth", sd(`{`+vct+`,"_sd":["@1"]}`, `["saltsaltsaltsaltsaltsa","b",`+deep+`]`, `["saltsaltsaltsaltsaltsb","a",{"x":{"x":{"x":{"x":{"x":{"x":{"x":{"_sd":["@0"]}}}}}}}}]`), CheckDigest},
		{"J13/100000_decoys", sd(`{` + vct + `,"_sd":[` + decoys(100_000) + `]}`), CheckParse},
		{"J13/5000_decoys", sd(`{` + vct + `,"_sd":[` + decoys(5_000) + `]}`), CheckDigest},
		{"J13/too_many_disclosures", token + "~" + strings.Repeat("WyJhIiwxXQ~", 513), CheckParse},
		{"J13/too_large", token + "~" + strings.Repeat("A", 1<<20) + "~", CheckParse},
		{"J13/digest_of_itself", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a",{"_sd":["@0"]}]`), ""}, // "@0" is no digest there: a decoy
		{"J14/number", sd(`{`+vct+`,"_sd":["@0"]}`, `[1,"given_name","Erika"]`), CheckDisclosure},
		{"J14/null", sd(`{`+vct+`,"n":[{"...":"@0"}]}`, `[null,"DE"]`), CheckDisclosure},
		{"J14/missing", sd(`{`+vct+`,"_sd":["@0"]}`, `["given_name","Erika"]`), CheckDisclosure},
		{"J15/no_tilde", strings.TrimSuffix(compact, "~"), CheckParse},
		{"J15/token_alone", token, CheckParse},
		{"J15/two_KB", compact + token + "~" + token, CheckDisclosure},
		{"J15/KB_without_cnf", (&forgery{payload: `{` + vct + `}`, kb: kb(t, w, nil, `{}`)}).compact(t, w.issuer), CheckKB},
		{"J15/empty", "", CheckParse},
		{"J15/tilde", "~", CheckParse},
		{"J16/kid_only", (&forgery{payload: `{` + vct + `,"cnf":{"kid":"1"}}`, kb: kb(t, w, nil, `{}`)}).compact(t, w.issuer), CheckKB},
		{"J16/cnf_text", (&forgery{payload: `{` + vct + `,"cnf":"x"}`, kb: kb(t, w, nil, `{}`)}).compact(t, w.issuer), CheckKB},
		{"J16/private", (&forgery{payload: `{` + vct + `,"cnf":{"jwk":` + string(privateJWK(t, w.holder)) + `}}`, kb: kb(t, w, nil, `{}`)}).compact(t, w.issuer), CheckKB},
		{"J16/in_disclosure", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","cnf",{"jwk":`+string(holderJWK)+`}]`), CheckDisclosure},
		{"J16/jwk_in_disclosure", sd(`{`+vct+`,"cnf":{"_sd":["@0"]}}`, `["saltsaltsaltsaltsaltsa","jwk",`+string(holderJWK)+`]`), CheckDisclosure},
		{"J21/exp_text", sd(`{` + vct + `,"exp":"1999999999"}`), CheckValidity},
		{"J21/exp_2_63", sd(`{` + vct + `,"exp":9223372036854775808}`), CheckValidity},
		{"J21/exp_huge", sd(`{` + vct + `,"exp":1e300}`), CheckValidity},
		{"J21/exp_negative", sd(`{` + vct + `,"exp":-1}`), CheckValidity},
		{"J21/exp_null", sd(`{` + vct + `,"exp":null}`), CheckValidity},
		{"J21/nbf_future", sd(fmt.Sprintf(`{%s,"nbf":%d}`, vct, now.Unix()+1)), CheckValidity},
		{"J21/exp_past", sd(fmt.Sprintf(`{%s,"exp":%d}`, vct, now.Unix())), CheckValidity},
		{"J21/iat_far_future", sd(`{` + vct + `,"iat":9999999999}`), CheckValidity},
		{"J22/duplicate", sd(`{` + vct + `,` + cnf + `,` + cnf + `}`), CheckParse},
		{"J22/escaped_duplicate", sd(`{` + vct + `,"\u0076ct":"urn:x"}`), CheckParse},
		{"J22/case_variant", sd(`{"Vct":"urn:eudi:pid:1"}`), CheckVCT},
		{"J22/BOM", sd("\ufeff{" + vct + "}"), CheckParse},
		{"J22/NaN", sd(`{` + vct + `,"a":NaN}`), CheckParse},
		{"J22/1e400", sd(`{` + vct + `,"a":1e400}`), CheckParse},
		{"J22/surrogate", sd(`{` + vct + `,"a":"\ud800"}`), CheckParse},
		{"J22/array", sd(`[]`), CheckParse},
		{"J22/null", sd(`null`), CheckParse},
		{"J22/duplicate_in_disclosure", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a",{"b":1,"b":2}]`), CheckDisclosure},
		{"J22/surrogate_in_disclosure", sd(`{`+vct+`,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","a","\udc00"]`), CheckDisclosure},
		{"J24/DER", parts[0] + "." + parts[1] + "." + derSignature(t, parts[2]) + "~", CheckSignature},
		{"J24/empty", parts[0] + "." + parts[1] + ".~", CheckParse},
		{"J24/swapped", parts[0] + "." + parts[1] + "." + swap(t, parts[2]) + "~" + strings.Join(good.encoded, "~") + "~", CheckSignature},
		{"J24/appended", parts[0] + "." + parts[1] + "." + appendByte(t, parts[2]) + "~" + strings.Join(good.encoded, "~") + "~", CheckSignature},
		{"J24/other_key", (&forgery{payload: `{` + vct + `}`}).compact(t, w.holder), CheckSignature},
		{"J25/status_text", sd(`{` + vct + `,"status":"ok"}`), CheckStatus},
		{"J25/idx_negative", sd(`{` + vct + `,"status":{"status_list":{"idx":-1,"uri":"https://s"}}}`), CheckStatus},
		{"J25/idx_missing", sd(`{` + vct + `,"status":{"status_list":{"uri":"https://s"}}}`), CheckStatus},
		{"J25/withheld_list", sd(`{` + vct + `,"status":{"_sd":["x"]}}`), CheckDisclosure},
	} {
		t.Run(c.id, func(t *testing.T) {
			if got := failing(w, c.input); got != c.check {
				t.Errorf("fails %q, want %q", got, c.check)
			}
		})
	}
	for name := range neverSelective {
		t.Run("J11/"+name, func(t *testing.T) {
			if got := failing(w, sd(`{"x":1,"_sd":["@0"]}`, `["saltsaltsaltsaltsaltsa","`+name+`","x"]`)); got != CheckDisclosure {
				t.Errorf("fails %q, want %q", got, CheckDisclosure)
			}
		})
		t.Run("J11/inside_"+name, func(t *testing.T) {
			if got := failing(w, sd(`{"`+name+`":[{"...":"@0"}]}`, `["saltsaltsaltsaltsaltsa","x"]`)); got != CheckDisclosure {
				t.Errorf("fails %q, want %q", got, CheckDisclosure)
			}
		})
	}
}

// TestWeakSalt: J14, a short salt is the issuer's fault and reported.
func TestWeakSalt(t *testing.T) {
	w := newWorld(t)
	for salt, want := range map[string]string{"": Warn, "saltsaltsaltsaltsalts": Warn, "saltsaltsaltsaltsaltsa": Pass} {
		f := &forgery{payload: `{` + vct + `,"_sd":["@0"]}`, disclosures: []string{`["` + salt + `","a",1]`}}
		s, err := Parse(f.compact(t, w.issuer))
		if err != nil {
			t.Fatal(err)
		}
		if _, findings := s.VerifyDisclosures(); findings[0].Check != CheckDisclosure || findings[0].Result != want {
			t.Errorf("salt of %d: %v, want %s", len(salt), findings[0], want)
		}
	}
}

// TestChainBytes: J03 as far as bytes go.
func TestChainBytes(t *testing.T) {
	w := newWorld(t)
	der := w.chain[0]
	many := [][]byte{}
	for i := range 7 {
		many = append(many, append([]byte{0x30, 0x01}, byte(i)))
	}
	for name, chain := range map[string][][]byte{
		"J03/absent":    nil,
		"J03/not_DER":   {[]byte("certificate")},
		"J03/trailing":  {append(append([]byte{}, der...), 0)},
		"J03/truncated": {der[:len(der)-1]},
		"J03/many":      many,
		"J03/twice":     {der, der},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkChain(chain); CheckOf(err) != CheckPath {
				t.Errorf("error %v, want %s", err, CheckPath)
			}
		})
	}
	s := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	if chain, err := s.Chain(); err != nil || len(chain) != 1 {
		t.Errorf("chain of %d, %v", len(chain), err)
	}
	for name, header := range map[string]string{
		"J03/empty":   `{"alg":"ES256","typ":"dc+sd-jwt","x5c":[]}`,
		"J03/50":      `{"alg":"ES256","typ":"dc+sd-jwt","x5c":[` + strings.Repeat(`"MAA=",`, 49) + `"MAA="]}`,
		"J03/b64url":  `{"alg":"ES256","typ":"dc+sd-jwt","x5c":["MAA"]}`,
		"J03/no_list": `{"alg":"ES256","typ":"dc+sd-jwt","x5c":"MAA="}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Parse(jose.EncodeBase64URL([]byte(header)) + ".e30.AAAA~")
			if err == nil {
				_, err = s.Chain()
			}
			if check := CheckOf(err); check != CheckParse && check != CheckPath {
				t.Errorf("error %v", err)
			}
		})
	}
}

func next(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)+1])
}

func decoys(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%043d"`, i)
	}
	return b.String()
}

// orphan presents a child whose parent was left out.
func orphan(t *testing.T, w *world) string {
	s := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	p, err := s.Process()
	if err != nil {
		t.Fatal(err)
	}
	for i, path := range p.Disclosed() {
		if path.Equal(Names("address", "country")) {
			return s.Issuer.Token + "~" + s.Disclosures[i].Encoded + "~"
		}
	}
	t.Fatal("no such claim")
	return ""
}

func privateJWK(t *testing.T, k *ecdsa.PrivateKey) []byte {
	jwk, err := jose.MarshalPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

// kb signs any payload as a key binding JWT of the holder.
func kb(t testing.TB, w *world, header map[string]any, payload string) string {
	t.Helper()
	if header == nil {
		header = map[string]any{"typ": "kb+jwt"}
	}
	token, err := jose.Sign(w.holder, header, []byte(payload), random(8))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func raw(t *testing.T, signature string) []byte {
	b, err := jose.DecodeBase64URL(signature)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func derSignature(t *testing.T, signature string) string {
	b := raw(t, signature)
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
	if err != nil {
		t.Fatal(err)
	}
	return jose.EncodeBase64URL(der)
}

func swap(t *testing.T, signature string) string {
	b := raw(t, signature)
	return jose.EncodeBase64URL(append(append([]byte{}, b[32:]...), b[:32]...))
}

func appendByte(t *testing.T, signature string) string {
	return jose.EncodeBase64URL(append(raw(t, signature), 0))
}

// TestBadKeyBinding holds J15 to J20: one good presentation, spoiled.
func TestBadKeyBinding(t *testing.T) {
	w := newWorld(t)
	issued := w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1)
	good := w.present(t, issued, Selection(Names("family_name"), Names("given_name")))
	hash := digestOf(hashes[SHA256], good.bound)
	claims := func(change map[string]any) string {
		all := map[string]any{"iat": now.Unix(), "aud": verifierID, "nonce": nonce, "sd_hash": hash}
		for name, v := range change {
			if v == nil {
				delete(all, name)
				continue
			}
			all[name] = v
		}
		return jsonText(all)
	}
	signed := func(header map[string]any, change map[string]any) string {
		return good.bound + kb(t, w, header, claims(change))
	}
	with := func(name string, v any) string { return signed(nil, map[string]any{name: v}) }
	by := func(k *ecdsa.PrivateKey, header map[string]any) string {
		if header == nil {
			header = map[string]any{"typ": "kb+jwt"}
		}
		token, err := jose.Sign(k, header, []byte(claims(nil)), random(8))
		if err != nil {
			t.Fatal(err)
		}
		return good.bound + token
	}
	tokenOnly := good.Issuer.Token + "~"
	swapped := good.Issuer.Token + "~" + good.Disclosures[1].Encoded + "~" + good.Disclosures[0].Encoded + "~"
	p384, err := ecdsa.GenerateKey(elliptic.P384(), random(4))
	if err != nil {
		t.Fatal(err)
	}
	holderJWK := map[string]any{}
	if err := jose.DecodeJSON(mustJWK(t, w.issuer), &holderJWK); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ id, input, check string }{
		{"J15/missing", good.bound, CheckKB},
		{"J16/other_key", by(w.issuer, nil), CheckKB},
		{"J17/subset", good.bound + kb(t, w, nil, claims(map[string]any{"sd_hash": digestOf(hashes[SHA256], tokenOnly)})), CheckSDHash},
		{"J17/no_tilde", with("sd_hash", digestOf(hashes[SHA256], strings.TrimSuffix(good.bound, "~"))), CheckSDHash},
		{"J17/reordered", swapped + good.KeyBinding.Token, CheckSDHash},
		{"J17/one_removed", good.Issuer.Token + "~" + good.Disclosures[0].Encoded + "~" + good.KeyBinding.Token, CheckSDHash},
		{"J17/sha512", with("sd_hash", digestOf(hashes[SHA512], good.bound)), CheckSDHash},
		{"J17/padded", with("sd_hash", hash+"="), CheckSDHash},
		{"J17/missing", with("sd_hash", nil), CheckSDHash},
		{"J17/number", with("sd_hash", 1), CheckSDHash},
		{"J18/nonce_other", with("nonce", "n-earlier"), CheckNonce},
		{"J18/nonce_case", with("nonce", strings.ToLower(nonce)), CheckNonce},
		{"J18/nonce_missing", with("nonce", nil), CheckNonce},
		{"J18/nonce_number", with("nonce", 1), CheckNonce},
		{"J18/aud_other", with("aud", "x509_san_dns:other.example"), CheckAudience},
		{"J18/aud_without_prefix", with("aud", "verifier.example"), CheckAudience},
		{"J18/aud_array", with("aud", []string{verifierID}), CheckAudience},
		{"J18/aud_missing", with("aud", nil), CheckAudience},
		{"J19/year_past", with("iat", now.AddDate(-1, 0, 0).Unix()), CheckIssuedAt},
		{"J19/day_future", with("iat", now.AddDate(0, 0, 1).Unix()), CheckIssuedAt},
		{"J19/text", with("iat", "1781517600"), CheckIssuedAt},
		{"J19/missing", with("iat", nil), CheckIssuedAt},
		{"J19/exp_past", with("exp", now.Add(-time.Hour).Unix()), CheckIssuedAt},
		{"J19/exp_text", with("exp", "later"), CheckIssuedAt},
		{"J19/nbf_future", with("nbf", now.Add(time.Hour).Unix()), CheckIssuedAt},
		{"J19/typ_JWT", signed(map[string]any{"typ": "JWT"}, nil), CheckKB},
		{"J19/typ_missing", signed(map[string]any{}, nil), CheckKB},
		{"J19/typ_case", signed(map[string]any{"typ": "KB+JWT"}, nil), CheckKB},
		{"J20/other_curve", by(p384, nil), CheckKB},
		{"J20/none", good.bound + jose.EncodeBase64URL([]byte(`{"alg":"none","typ":"kb+jwt"}`)) + ".e30.", CheckKB},
		{"J20/crit", good.bound + jose.EncodeBase64URL([]byte(`{"alg":"ES256","typ":"kb+jwt","crit":["x"],"x":1}`)) + ".e30.AAAA", CheckKB},
		{"J20/embedded_jwk", by(w.issuer, map[string]any{"typ": "kb+jwt", "jwk": holderJWK}), CheckKB},
		{"J22/duplicate", good.bound + kb(t, w, nil, strings.Replace(claims(nil), "{", `{"nonce":"x",`, 1)), CheckKB},
		{"good", good.Compact, ""},
	} {
		t.Run(c.id, func(t *testing.T) {
			s, err := Parse(c.input)
			if err == nil {
				err = s.VerifyKeyBinding(kbOptions())
			}
			if got := CheckOf(err); got != c.check {
				t.Errorf("fails %q (%v), want %q", got, err, c.check)
			}
		})
	}
}

// TestEmptyExpectation: a verifier that has no nonce cannot be pleased with an
// empty one.
func TestEmptyExpectation(t *testing.T) {
	w := newWorld(t)
	good := w.present(t, w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1), nil)
	claims := map[string]any{"iat": now.Unix(), "aud": "", "nonce": "", "sd_hash": digestOf(hashes[SHA256], good.bound)}
	s, err := Parse(good.bound + kb(t, w, nil, jsonText(claims)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.KeyBindingFindings(KeyBindingOptions{Now: now}) {
		if want := f.Check == CheckNonce || f.Check == CheckAudience; (f.Result == Fail) != want {
			t.Error(f)
		}
	}
}

func mustJWK(t *testing.T, k *ecdsa.PrivateKey) []byte {
	jwk, err := jose.MarshalPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return jwk
}

// TestBadJSONSerialization: J23.
func TestBadJSONSerialization(t *testing.T) {
	w := newWorld(t)
	s := w.present(t, w.issue(t, pidTemplate(t, Options{}), w.copyOf(), 1), Selection(Names("family_name")))
	protected, payload, signature := tokenParts(s)
	sig := map[string]any{"protected": protected, "signature": signature, "header": headerJSON(s)}
	with := func(base map[string]any, name string, v any) map[string]any {
		out := map[string]any{name: v}
		for n, old := range base {
			if _, set := out[n]; !set {
				out[n] = old
			}
		}
		return out
	}
	flat := with(sig, "payload", payload)
	for id, text := range map[string]string{
		"J23/two_signatures":    jsonText(map[string]any{"payload": payload, "signatures": []any{sig, sig}}),
		"J23/one_bad_one_good":  jsonText(map[string]any{"payload": payload, "signatures": []any{with(sig, "signature", "AAAA"), sig}}),
		"J23/no_signature":      jsonText(map[string]any{"payload": payload, "signatures": []any{}}),
		"J23/both_forms":        jsonText(with(flat, "signatures", []any{sig})),
		"J23/unprotected_alg":   jsonText(with(flat, "header", with(headerJSON(s), "alg", "none"))),
		"J23/unprotected_x5c":   jsonText(with(flat, "header", with(headerJSON(s), "x5c", []string{"MAA="}))),
		"J23/unknown_member":    jsonText(with(flat, "extra", 1)),
		"J23/unknown_in_sig":    jsonText(map[string]any{"payload": payload, "signatures": []any{with(sig, "payload", payload)}}),
		"J23/tilde":             jsonText(with(flat, "header", map[string]any{"disclosures": []string{"a~b"}})),
		"J23/dot_in_payload":    jsonText(with(flat, "payload", payload+"."+payload)),
		"J23/payload_no_text":   jsonText(with(flat, "payload", map[string]any{})),
		"J23/no_protected":      jsonText(map[string]any{"payload": payload, "signature": signature}),
		"J23/empty_kb":          jsonText(with(flat, "header", with(headerJSON(s), "kb_jwt", ""))),
		"J23/duplicate_members": strings.Replace(jsonText(flat), "{", `{"payload":"e30",`, 1),
		"J23/header_null":       jsonText(with(flat, "header", nil)),
		"J23/no_object":         `"` + s.Compact + `"`,
		"J23/too_large":         strings.Repeat(" ", 3<<20),
	} {
		t.Run(id, func(t *testing.T) {
			got, err := ParseJSON([]byte(text))
			if got != nil || CheckOf(err) != CheckParse {
				t.Errorf("parsed %v, error %v", got != nil, err)
			}
		})
	}
	for _, good := range []string{flattened(s), general(s)} {
		got, err := ParseJSON([]byte(good))
		if err != nil {
			t.Fatal(err)
		}
		if got.Compact != s.Compact {
			t.Error("another presentation")
		}
		if err := got.VerifyKeyBinding(kbOptions()); err != nil {
			t.Error(err)
		}
	}
}
