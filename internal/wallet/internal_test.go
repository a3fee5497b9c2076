package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"vidimus/internal/oid4vci"
)

func TestSlug(t *testing.T) {
	for id, want := range map[string]string{
		"mdl": "mdl", "eu.europa.ec.eudi.pid_1": "eu-europa-ec-eudi-pid-1", "../../etc/passwd": "etc-passwd", "": "credential", "é": "credential",
		"A B": "a-b", "-x-": "x", strings.Repeat("ab.", 50): "ab-ab-ab-ab-ab-ab-ab-ab",
	} {
		if got := slug(id); got != want || !validID.MatchString(got+"-01234567") {
			t.Errorf("%q: %q", id, got)
		}
	}
}

func TestChallenge(t *testing.T) {
	for value, want := range map[string]string{
		`DPoP error="use_dpop_nonce"`:                                 "use_dpop_nonce",
		`DPoP realm="x",error="invalid_token", algs="ES256"`:          "invalid_token",
		`dpop realm="x", Error="invalid_token"`:                       "invalid_token",
		`DPoP realm="error=", algs="ES256"`:                           "",
		`DPoP error=invalid_token`:                                    "",
		`DPoP error_description="no", my_error="x"`:                   "",
		`DPoP error="a` + "\x1b" + `b"`:                               "",
		`DPoP error="` + strings.Repeat("a", 65) + `"`:                "",
		`Bearer realm="x"`:                                            "",
		`Bearer error="invalid_request", DPoP error="use_dpop_nonce"`: "invalid_request",
	} {
		a := &answer{header: http.Header{"Www-Authenticate": {value}}}
		if got := a.challenge(); got != want {
			t.Errorf("%s: %q", value, got)
		}
	}
	a := &answer{header: http.Header{"Www-Authenticate": {"Basic", `DPoP error="x"`}}}
	if a.challenge() != "x" || (&answer{header: http.Header{}}).challenge() != "" {
		t.Error("of several headers")
	}
}

func TestUsableNonce(t *testing.T) {
	for s, want := range map[string]bool{
		"abc-._~!": true, "": false, "a b": false, "a\"b": false, `a\b`: false, "a\r\nX: y": false, "é": false, strings.Repeat("a", maxDPoPNonce+1): false,
	} {
		if usableNonce(s) != want {
			t.Errorf("%q", s)
		}
	}
}

// The two name spaces of nonces stay apart.
func TestNonceRoles(t *testing.T) {
	p := &prover{}
	p.learn(authorizationServer, http.Header{"Dpop-Nonce": {"a"}})
	p.learn(resourceServer, http.Header{"Dpop-Nonce": {"b"}})
	p.learn(resourceServer, http.Header{})
	if p.nonces != [2]string{"a", "b"} {
		t.Errorf("%v", p.nonces)
	}
}

func TestLeastUsedCopy(t *testing.T) {
	now := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	valid := func(used int, proof Proof) Copy {
		return Copy{ValidFrom: now.Add(-time.Hour), ValidUntil: now.Add(time.Hour), Used: used, Proof: proof}
	}
	over, early := valid(0, ""), valid(0, "")
	over.ValidUntil, early.ValidFrom = now, now.Add(time.Second)
	endless := valid(0, "")
	endless.ValidUntil = time.Time{}
	for name, tt := range map[string]struct {
		copies []Copy
		proof  Proof
		want   int // -1: none
	}{
		"first of equals":  {[]Copy{valid(1, ""), valid(1, "")}, BySignature, 0},
		"least":            {[]Copy{valid(3, BySignature), valid(1, BySignature), valid(2, BySignature)}, BySignature, 1},
		"other proof":      {[]Copy{valid(0, ByMAC), valid(9, BySignature)}, BySignature, 1},
		"only other proof": {[]Copy{valid(0, ByMAC)}, BySignature, -1},
		"over":             {[]Copy{over, valid(5, "")}, BySignature, 1},
		"early":            {[]Copy{early, valid(5, "")}, ByMAC, 1},
		"none valid":       {[]Copy{over, early}, BySignature, -1},
		"without end":      {[]Copy{endless}, BySignature, 0},
	} {
		b := Batch{ID: "x", Copies: tt.copies}
		got, err := b.leastUsed(tt.proof, now)
		if (err != nil) != (tt.want < 0) || err == nil && got != tt.want {
			t.Errorf("%s: %d %v", name, got, err)
		}
	}
}

func TestDisplayName(t *testing.T) {
	shown := func(d ...oid4vci.CredentialDisplay) oid4vci.Configuration {
		return oid4vci.Configuration{Metadata: &oid4vci.CredentialMetadata{Display: d}}
	}
	for want, c := range map[string]oid4vci.Configuration{
		"id":                         {},
		"Führer":                     shown(oid4vci.CredentialDisplay{Name: "Führer", Locale: "de"}),
		"Licence":                    shown(oid4vci.CredentialDisplay{Name: "Permis", Locale: "fr"}, oid4vci.CredentialDisplay{Name: "Licence", Locale: "en-GB"}),
		strings.Repeat("é", maxName): shown(oid4vci.CredentialDisplay{Name: strings.Repeat("é", 1000)}),
	} {
		if got := displayName("id", c); got != want {
			t.Errorf("%q", got)
		}
	}
}

func TestKeyFile(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := encodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseKey(pem); err != nil || !got.Equal(key) {
		t.Error(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := encodeKey(large)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "no PEM": []byte("x"), "two keys": append(append([]byte{}, pem...), pem...), "P-384": other,
		"another type": []byte(strings.ReplaceAll(string(pem), "PRIVATE KEY", "EC PRIVATE KEY")),
		"cut off":      pem[:len(pem)/2], "not PKCS#8": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
	} {
		if got, err := parseKey(data); err == nil || got != nil {
			t.Errorf("%s passed", name)
		}
	}
}
