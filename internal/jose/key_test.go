package jose

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
)

// RFC 7515 appendix A.3.
const (
	rfc7515Key   = `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`
	rfc7515Token = `eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`
)

// RFC 8037 appendix A.1 to A.4.
const (
	rfc8037Key        = `{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rfc8037Thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
	rfc8037Token      = `eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg`
)

func TestPublishedKeysAndTokens(t *testing.T) {
	for _, c := range []struct{ name, jwk, token, payload string }{
		{"RFC 7515 A.3", rfc7515Key, rfc7515Token, "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"},
		{"RFC 8037 A.4", rfc8037Key, rfc8037Token, "Example of Ed25519 signing"},
	} {
		k, err := ParseKey([]byte(c.jwk))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if k.Private == nil {
			t.Errorf("%s: private key lost", c.name)
		}
		s, err := Parse(c.token)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := s.VerifyKey(k); err != nil || string(s.Payload) != c.payload {
			t.Errorf("%s: %v, payload %q", c.name, err, s.Payload)
		}
		if _, err := ParsePublicKey([]byte(c.jwk)); !errors.Is(err, ErrKey) {
			t.Errorf("%s: private key taken for a public one: %v", c.name, err)
		}
	}
	// Ed25519 is deterministic: our own signature is the published one.
	k, _ := ParseKey([]byte(rfc8037Key))
	token, err := Sign(k.Private.(crypto.Signer), nil, []byte("Example of Ed25519 signing"), nil)
	if err != nil || token != rfc8037Token {
		t.Errorf("RFC 8037 A.4: %v\n%s", err, token)
	}
	tp, err := Thumbprint(k.Public)
	if err != nil || EncodeBase64URL(tp) != rfc8037Thumbprint {
		t.Errorf("RFC 8037 A.3: %s, %v", EncodeBase64URL(tp), err)
	}
	// RFC 9449 section 6.1.
	k, err = ParsePublicKey([]byte(`{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}`))
	if err != nil {
		t.Fatal(err)
	}
	if tp, err = Thumbprint(k.Public); err != nil || EncodeBase64URL(tp) != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("RFC 9449 6.1: %s, %v", EncodeBase64URL(tp), err)
	}
}

func TestMarshalKeys(t *testing.T) {
	for _, a := range algorithms {
		key := newKey(t, a.curve)
		text, err := MarshalPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if !key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(k.Private) {
			t.Errorf("%s: private key changed", a.name)
		}
		public, err := MarshalPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if k, err = ParsePublicKey(public); err != nil || k.Private != nil {
			t.Errorf("%s: %v", a.name, err)
		}
		if again, err := MarshalPublicKey(k.Public); err != nil || string(again) != string(public) {
			t.Errorf("%s: %s, %v", a.name, again, err)
		}
	}
	agree, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := MarshalPublicKey(agree.PublicKey()); err != nil || !strings.HasPrefix(string(text), `{"crv":"P-384","kty":"EC","x":"`) {
		t.Errorf("ecdh key: %s, %v", text, err)
	}
	x, _ := ecdh.X25519().GenerateKey(rand.Reader)
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	for _, pub := range []crypto.PublicKey{nil, x.PublicKey(), &r.PublicKey, (*ecdsa.PublicKey)(nil), (*ecdh.PublicKey)(nil), ed25519.PublicKey("short"), newKey(t, elliptic.P224()).Public()} {
		if text, err := MarshalPublicKey(pub); !errors.Is(err, ErrUnsupported) || text != nil {
			t.Errorf("%T: %s, %v", pub, text, err)
		}
		if _, err := Thumbprint(pub); err == nil {
			t.Errorf("%T has a thumbprint", pub)
		}
	}
	if _, err := MarshalPrivateKey(r); !errors.Is(err, ErrUnsupported) {
		t.Errorf("RSA private key: %v", err)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	const x, y, d = `f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU`, `x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0`, `jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI`
	ec := func(more string) string {
		return `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"` + more + `}`
	}
	for name, c := range map[string]struct {
		jwk  string
		want error
	}{
		"fine":               {ec(``), nil},
		"fine, unknown":      {ec(`,"ext":true,"iat":1`), nil},
		"fine, verify":       {ec(`,"use":"sig","alg":"ES256","key_ops":["verify"],"kid":"1"`), nil},
		"fine, agreement":    {ec(`,"use":"enc","alg":"ECDH-ES","key_ops":["deriveKey"]`), nil},
		"fine, other use":    {ec(`,"use":"urn:x"`), nil},
		"not an object":      {`[]`, ErrMalformed},
		"no kty":             {`{"crv":"P-256"}`, ErrMalformed},
		"kty case":           {`{"Kty":"EC"}`, ErrMalformed},
		"kty twice":          {`{"kty":"EC","kty":"RSA"}`, ErrMalformed},
		"RSA":                {`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, ErrUnsupported},
		"oct":                {`{"kty":"oct","k":"AA"}`, ErrUnsupported},
		"kty lower case":     {strings.Replace(ec(``), "EC", "ec", 1), ErrUnsupported},
		"secp256k1":          {strings.Replace(ec(``), "P-256", "secp256k1", 1), ErrUnsupported},
		"no crv":             {`{"kty":"EC","x":"` + x + `","y":"` + y + `"}`, ErrUnsupported},
		"point on P-384":     {strings.Replace(ec(``), "P-256", "P-384", 1), ErrKey},
		"no y":               {`{"kty":"EC","crv":"P-256","x":"` + x + `"}`, ErrMalformed},
		"y null":             {`{"kty":"EC","crv":"P-256","x":"` + x + `","y":null}`, ErrMalformed},
		"x = y":              {`{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + x + `"}`, ErrKey},
		"padding":            {strings.Replace(ec(``), x, x+"=", 1), ErrMalformed},
		"unused bits":        {strings.Replace(ec(``), y, y[:42]+"1", 1), ErrMalformed},
		"short x":            {strings.Replace(ec(``), x, x[:40], 1), ErrKey},
		"x with leading 0":   {strings.Replace(ec(``), x, "AAAA"+x, 1), ErrKey},
		"d of another":       {ec(`,"d":"` + strings.Replace(d, "jps", "jpt", 1) + `"`), ErrKey},
		"d is zero":          {ec(`,"d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`), ErrKey},
		"d short":            {ec(`,"d":"AQ"`), ErrKey},
		"d null":             {ec(`,"d":null`), ErrMalformed},
		"d not text":         {ec(`,"d":1`), ErrMalformed},
		"RSA members":        {ec(`,"n":"AQAB"`), ErrKey},
		"k":                  {ec(`,"k":"AQAB"`), ErrKey},
		"alg of a curve":     {ec(`,"alg":"ES384"`), ErrKey},
		"alg unknown":        {ec(`,"alg":"ES256K"`), ErrUnsupported},
		"alg HS256":          {ec(`,"alg":"HS256"`), ErrUnsupported},
		"alg against use":    {ec(`,"alg":"ES256","use":"enc"`), ErrKey},
		"agreement to sign":  {ec(`,"alg":"ECDH-ES","use":"sig"`), ErrKey},
		"key_ops twice":      {ec(`,"key_ops":["verify","verify"]`), ErrMalformed},
		"key_ops, use sig":   {ec(`,"key_ops":["deriveKey"],"use":"sig"`), ErrKey},
		"key_ops, use enc":   {ec(`,"key_ops":["verify"],"use":"enc"`), ErrKey},
		"key_ops no array":   {ec(`,"key_ops":"verify"`), ErrMalformed},
		"x5c not base64":     {ec(`,"x5c":["-_"]`), ErrMalformed},
		"x5c empty entry":    {ec(`,"x5c":[""]`), ErrMalformed},
		"x5c too long":       {ec(`,"x5c":[` + strings.Repeat(`"AAAA",`, 8) + `"AAAA"]`), ErrLimit},
		"huge":               {ec(`,"kid":"` + strings.Repeat("k", maxKey) + `"`), ErrLimit},
		"X25519":             {`{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, ErrUnsupported},
		"Ed448":              {`{"kty":"OKP","crv":"Ed448","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, ErrUnsupported},
		"Ed25519 short":      {`{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`, ErrKey},
		"Ed25519 with y":     {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","y":"AA"}`, ErrKey},
		"Ed25519 other d":    {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, ErrKey},
		"Ed25519 short d":    {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AAAA"}`, ErrKey},
		"Ed25519 to agree":   {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ECDH-ES"}`, ErrKey},
		"Ed25519 with ES256": {`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","alg":"ES256"}`, ErrKey},
	} {
		k, err := ParseKey([]byte(c.jwk))
		if c.want == nil {
			if err != nil || k.Public == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), d) {
			t.Errorf("%s: the error text shows a private key", name)
		}
	}
	// Presence of a private member is enough, whatever its value.
	for _, more := range []string{`,"d":""`, `,"k":"AA"`, `,"p":"AA"`, `,"oth":[]`} {
		if k, err := ParsePublicKey([]byte(ec(more))); !errors.Is(err, ErrKey) || k != nil {
			t.Errorf("public key with %s: %v", more, err)
		}
	}
}

func TestVerifyKeyHoldsTheKeyToItsUse(t *testing.T) {
	s, err := Parse(rfc7515Token)
	if err != nil {
		t.Fatal(err)
	}
	for more, want := range map[string]error{
		``:                         nil,
		`,"use":"sig"`:             nil,
		`,"key_ops":["verify"]`:    nil,
		`,"alg":"ES256"`:           nil,
		`,"use":"enc"`:             ErrKey,
		`,"use":"other"`:           ErrKey,
		`,"key_ops":[]`:            ErrKey,
		`,"key_ops":["sign"]`:      ErrKey,
		`,"key_ops":["deriveKey"]`: ErrKey,
		`,"alg":"ECDH-ES"`:         ErrKey,
	} {
		k, err := ParseKey([]byte(strings.TrimSuffix(rfc7515Key, "}") + more + "}"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.VerifyKey(k); !errors.Is(err, want) || (want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", more, err, want)
		}
	}
	if err := s.VerifyKey(nil); !errors.Is(err, ErrKey) {
		t.Errorf("no key: %v", err)
	}
	if err := s.Verify(nil); !errors.Is(err, ErrKey) {
		t.Errorf("nil key: %v", err)
	}
	if err := s.Verify((*ecdsa.PublicKey)(nil)); !errors.Is(err, ErrKey) {
		t.Errorf("typed nil key: %v", err)
	}
}

func TestParseKeySet(t *testing.T) {
	key := func(kid, more string) string {
		return `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"` + kid + `"` + more + `}`
	}
	keys, err := ParseKeySet([]byte(`{"keys":[` + key("1", "") + `,` + key("2", "") + `],"more":1}`))
	if err != nil || len(keys) != 2 || keys[1].KeyID != "2" {
		t.Fatalf("%v, %v", keys, err)
	}
	for name, c := range map[string]struct {
		set  string
		want error
	}{
		"empty":      {`{"keys":[]}`, ErrMalformed},
		"no keys":    {`{}`, ErrMalformed},
		"kid twice":  {`{"keys":[` + key("1", "") + `,` + key("1", "") + `]}`, ErrKey},
		"mixed":      {`{"keys":[` + key("1", "") + `,` + key("2", `,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`) + `]}`, ErrKey},
		"one is RSA": {`{"keys":[` + key("1", "") + `,{"kty":"RSA"}]}`, ErrUnsupported},
		"too many":   {`{"keys":[` + strings.Repeat(key("", "")+",", maxKeys) + key("", "") + `]}`, ErrLimit},
	} {
		if keys, err := ParseKeySet([]byte(c.set)); !errors.Is(err, c.want) || keys != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
