package issuance_test

import (
	"context"
	"testing"

	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// Whatever a wallet sends: no panic, an answer or a refusal with a kind of the
// protocol, never both, and no signature for a refusal.
func FuzzIssue(f *testing.F) {
	w := newWorld(f)
	nonce := w.nonce()
	good := w.proof(newKey(f), nonce)
	for _, s := range []string{
		`{}`, `[]`, `{"credential_configuration_id":"mdl"}`, `{"credential_configuration_id":"mdl","proofs":{"jwt":["` + good + `"]}}`,
		`{"credential_identifier":"x","proofs":{"jwt":["a.b.c"]}}`, `{"credential_configuration_id":"mdl","proofs":{"jwt":["` + good + `","` + good + `"]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := w.signers.signatures.Load()
		r, err := oid4vci.ParseCredentialRequest(body)
		if err != nil {
			if r != nil || problem.KindOf(err) == problem.Internal {
				t.Errorf("%v beside %v", r, err)
			}
			return
		}
		resp, err := w.service.Issue(context.Background(), w.access(), r)
		switch {
		case err != nil && (resp != nil || problem.KindOf(err) == problem.Internal || w.signers.signatures.Load() != before):
			t.Errorf("%v beside %v, %d signatures", resp, err, w.signers.signatures.Load()-before)
		case err == nil && len(resp.Credentials) != len(r.Proofs.JWT):
			t.Errorf("%d credentials for %d proofs", len(resp.Credentials), len(r.Proofs.JWT))
		}
	})
}
