package oid4vci

import (
	"slices"
	"testing"

	"vidimus/internal/problem"
)

func TestDraft15Request(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want Proofs
		kind problem.Kind
	}{
		"jwt":              {`"proof":{"proof_type":"jwt","jwt":"x"}`, Proofs{JWT: []string{"x"}}, ""},
		"attestation":      {`"proof":{"proof_type":"attestation","attestation":"x"}`, Proofs{Attestation: []string{"x"}}, ""},
		"proofs as in 1.0": {`"proofs":{"jwt":["x","y"]}`, Proofs{JWT: []string{"x", "y"}}, ""},
		"C05/both":         {`"proof":{"proof_type":"jwt","jwt":"x"},"proofs":{"jwt":["x"]}`, Proofs{}, problem.InvalidCredentialRequest},
		"C05/other_type":   {`"proof":{"proof_type":"cwt","cwt":"x"}`, Proofs{}, problem.InvalidProof},
		"C05/two":          {`"proof":{"proof_type":"jwt","jwt":"x","attestation":"y"}`, Proofs{}, problem.InvalidProof},
		"C05/empty":        {`"proof":{"proof_type":"jwt","jwt":""}`, Proofs{}, problem.InvalidProof},
		"C05/no_type":      {`"proof":{"jwt":"x"}`, Proofs{}, problem.InvalidProof},
		"C05/array":        {`"proof":["x"]`, Proofs{}, problem.InvalidProof},
		"C05/number":       {`"proof":{"proof_type":"jwt","jwt":1}`, Proofs{}, problem.InvalidProof},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ParseDraft15Request([]byte(`{"credential_configuration_id":"a",` + c.body + `}`))
			if c.kind != "" {
				if problem.KindOf(err) != c.kind || r != nil {
					t.Errorf("%v, want %s", err, c.kind)
				}
				return
			}
			if err != nil || !slices.Equal(r.Proofs.JWT, c.want.JWT) || !slices.Equal(r.Proofs.Attestation, c.want.Attestation) || r.Draft15 != (name != "proofs as in 1.0") {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}

func TestAppendedWellKnown(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://i.example":         "https://i.example/.well-known/openid-credential-issuer",
		"https://i.example/tenant":  "https://i.example/tenant/.well-known/openid-credential-issuer",
		"https://i.example/tenant/": "https://i.example/tenant/.well-known/openid-credential-issuer",
		"http://i.example":          "",
	} {
		if got, err := AppendedWellKnown(issuer, WellKnownIssuer); got != want || (err == nil) == (want == "") {
			t.Errorf("%s: %s, %v", issuer, got, err)
		}
	}
}

func FuzzDraft15Request(f *testing.F) {
	for _, s := range []string{`{"credential_configuration_id":"a","proof":{"proof_type":"jwt","jwt":"x"}}`, `{"proof":[]}`, `{"credential_identifier":"a","proof":{"proof_type":"attestation","attestation":"x"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseDraft15Request(body)
		if (r == nil) == (err == nil) || err != nil && problem.KindOf(err) == problem.Internal {
			t.Fatalf("%+v beside %v", r, err)
		}
		// What 1.0 takes, this takes in the same way.
		if strict, err := ParseCredentialRequest(body); err == nil && (r == nil || r.Draft15 || !slices.Equal(strict.Proofs.JWT, r.Proofs.JWT)) {
			t.Fatalf("%+v and %+v", strict, r)
		}
	})
}
