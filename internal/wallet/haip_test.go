package wallet

import (
	"strings"
	"testing"

	"vidimus/internal/clock"
	"vidimus/internal/oid4vci"
)

// The answer that a browser brings is taken only from this server, to this
// request, and with nothing twice.
func TestAnswered(t *testing.T) {
	const redirect, state, iss = "http://127.0.0.1:9/callback", "s", "https://issuer.example"
	e := &exchange{server: &oid4vci.ServerMetadata{Issuer: iss, AuthorizationResponseIss: true}}
	code, err := e.answered(redirect+"?code=c&state=s&iss=https%3A%2F%2Fissuer.example", redirect, state)
	if err != nil || code != "c" {
		t.Fatalf("%q, %v", code, err)
	}
	for back, want := range map[string]string{
		"https://elsewhere.example/?code=c&state=s&iss=https%3A%2F%2Fissuer.example":             "somewhere else",
		redirect + "2?code=c&state=s&iss=https%3A%2F%2Fissuer.example":                           "somewhere else",
		redirect + "?code=c&state=t&iss=https%3A%2F%2Fissuer.example":                            "state",
		redirect + "?code=c&iss=https%3A%2F%2Fissuer.example":                                    "state",
		redirect + "?code=c&state=s&iss=https%3A%2F%2Fother.example":                             "iss",
		redirect + "?code=c&state=s":                                                             "iss",
		redirect + "?code=c&code=d&state=s&iss=https%3A%2F%2Fissuer.example":                     "more than once",
		redirect + "?state=s&iss=https%3A%2F%2Fissuer.example":                                   "no code",
		redirect + "?code=%zz&state=s":                                                           "cannot be read",
		redirect + "?error=access_denied&code=c&state=s&iss=https%3A%2F%2Fissuer.example":        "access_denied",
		redirect + "?error=access_denied&state=s&iss=https%3A%2F%2Fissuer.example&state=another": "more than once",
	} {
		if code, err := e.answered(back, redirect, state); err == nil || !strings.Contains(err.Error(), want) || code != "" {
			t.Errorf("%s: %q, %v, want %q", back, code, err, want)
		}
	}
}

// Who cannot log in as HAIP has it is told before anything is sent.
func TestCanLogIn(t *testing.T) {
	good := oid4vci.ServerMetadata{
		AuthorizationEndpoint: "https://x/authorize", PushedAuthorizationRequestEndpoint: "https://x/par", CodeChallengeMethodsSupported: []string{"S256"},
	}
	w := &Wallet{Config{ClientID: "w"}}
	if err := w.canLogIn(&good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*oid4vci.ServerMetadata){
		"no authorization codes": func(s *oid4vci.ServerMetadata) { s.GrantTypesSupported = []string{oid4vci.GrantPreAuthorized} },
		"authorization_endpoint": func(s *oid4vci.ServerMetadata) { s.AuthorizationEndpoint = "" },
		"no pushed":              func(s *oid4vci.ServerMetadata) { s.PushedAuthorizationRequestEndpoint = "" },
		"does not take S256":     func(s *oid4vci.ServerMetadata) { s.CodeChallengeMethodsSupported = []string{"plain"} },
	} {
		s := good
		change(&s)
		if err := w.canLogIn(&s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := (&Wallet{}).canLogIn(&good); err != ErrClientID {
		t.Errorf("without a client id: %v", err)
	}
}

// What cannot be encrypted is not sent in clear instead.
func TestEnvelope(t *testing.T) {
	wish := func(m *oid4vci.IssuerMetadata, encrypt bool) error {
		_, err := (&exchange{Wallet: &Wallet{}, issuer: m, encrypt: encrypt}).envelope()
		return err
	}
	if err := wish(&oid4vci.IssuerMetadata{}, false); err != nil {
		t.Error(err)
	}
	for name, m := range map[string]*oid4vci.IssuerMetadata{
		"no encrypted requests":    {},
		"answers demanded, no key": {CredentialResponseEncryption: &oid4vci.ResponseEncryption{Required: true}},
		"a key set that is none":   {CredentialRequestEncryption: &oid4vci.RequestEncryption{JWKS: []byte(`{}`), Encs: encs}},
		"a key set without a key":  {CredentialRequestEncryption: &oid4vci.RequestEncryption{JWKS: []byte(`{"keys":[]}`), Encs: encs}},
	} {
		if err := wish(m, true); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// An answer in clear to a request with a key is refused.
	v := &envelope{answer: &oid4vci.ResponseEncryptionParameters{}}
	a := &answer{header: map[string][]string{"Content-Type": {"application/json"}}, body: []byte(`{}`)}
	if _, err := v.open(a); err == nil {
		t.Error("an answer in clear is taken")
	}
	if _, err := (*envelope)(nil).open(a); err != nil {
		t.Error(err)
	}
}

// A provider vouches for a name.
func TestProviderWithoutName(t *testing.T) {
	store, err := OpenStore(t.TempDir() + "/wallet")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := New(Config{Store: store, Clock: clock.System{}, Rand: strings.NewReader(""), Provider: &TestProvider{}}); err == nil {
		t.Error("a provider without a client id is taken")
	}
}
