package issuance_test

import (
	"context"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/store/storetest"
)

// refused asserts the kind, and that nothing was consumed: no index, and the
// nonce is still good.
func refused(t *testing.T, w *world, nonce string, kind problem.Kind, ask func() error) {
	t.Helper()
	allocated, signatures := w.allocated(), w.signers.signatures.Load()
	wantKind(t, ask(), kind)
	if w.allocated() != allocated || w.signers.signatures.Load() != signatures {
		t.Errorf("%d indices and %d signatures for a refused request", w.allocated()-allocated, w.signers.signatures.Load()-signatures)
	}
	if nonce == "" {
		return
	}
	a := w.access()
	a.TokenID = "token of " + nonce
	if _, err := w.ask(a, "mdl", w.proofs(1, nonce)...); err != nil {
		t.Errorf("the nonce of a refused request is lost: %v", err)
	}
}

// tampered replaces the signature of a proof.
func tampered(proof string, change func([]byte) []byte) string {
	i := strings.LastIndexByte(proof, '.')
	raw, err := jose.DecodeBase64URL(proof[i+1:])
	if err != nil {
		panic(err)
	}
	return proof[:i+1] + jose.EncodeBase64URL(change(slices.Clone(raw)))
}

var orderP256, _ = new(big.Int).SetString("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)

func TestBadInputs(t *testing.T) {
	t.Run("C01/replay", func(t *testing.T) {
		w := newWorld(t)
		nonce := w.nonce()
		if _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); err != nil {
			t.Fatal(err)
		}
		refused(t, w, "", problem.InvalidNonce, func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); return err })
		refused(t, w, "", problem.InvalidNonce, func() error { _, err := w.ask(w.access(), "pid-mdoc", w.proofs(1, nonce)...); return err })
		w.restart()
		refused(t, w, "", problem.InvalidNonce, func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); return err })
	})
	t.Run("C01/at_once", func(t *testing.T) {
		w := newWorld(t)
		nonce := w.nonce()
		proofs := make([][]string, 50)
		for i := range proofs {
			proofs[i] = w.proofs(2, nonce)
		}
		var ok atomic.Int64
		var wg sync.WaitGroup
		for i := range proofs {
			wg.Go(func() {
				a := w.access()
				a.TokenID = fmt.Sprint("token ", i)
				_, err := w.ask(a, "mdl", proofs[i]...)
				if err == nil {
					ok.Add(1)
					return
				}
				wantKind(t, err, problem.InvalidNonce)
			})
		}
		wg.Wait()
		if ok.Load() != 1 || w.signers.signatures.Load() != 2 {
			t.Errorf("%d batches and %d signatures for one nonce", ok.Load(), w.signers.signatures.Load())
		}
	})

	t.Run("C02/nonces", func(t *testing.T) {
		w := newWorld(t)
		other := newWorld(t)
		other.cfg.Issuer = "https://other.example"
		other.restart()
		good := w.nonce()
		flip := []byte(good)
		flip[20] ^= 1
		for name, c := range map[string]struct {
			nonce any
			kind  problem.Kind
		}{
			"absent": {nil, problem.InvalidProof}, "empty": {"", problem.InvalidProof}, "number": {7, problem.InvalidProof}, "array": {[]string{good}, problem.InvalidProof},
			"other_issuer": {other.nonce(), problem.InvalidNonce}, "bit_flipped": {string(flip), problem.InvalidNonce},
			"truncated": {good[:len(good)-1], problem.InvalidNonce}, "long": {strings.Repeat("A", 60_000), problem.InvalidNonce}, "own_word": {"nonce", problem.InvalidNonce},
			"padded": {good + "=", problem.InvalidNonce},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, w, "", c.kind, func() error {
					_, err := w.ask(w.access(), "mdl", w.forged("", nil, map[string]any{"nonce": c.nonce}))
					return err
				})
			})
		}
		w.clock.Advance(issuance.DefaultNonceLifetime)
		refused(t, w, "", problem.InvalidNonce, func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, good)...); return err })
	})

	t.Run("C03/after_restart", func(t *testing.T) {
		w := newWorld(t)
		nonce := w.nonce()
		w.restart()
		if _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); err != nil {
			t.Errorf("a nonce from before the restart: %v", err)
		}
		_, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...)
		wantKind(t, err, problem.InvalidNonce)
	})

	t.Run("C04/nonce_flood", func(t *testing.T) {
		w := newWorld(t)
		before := w.store.calls.Load()
		seen := map[string]bool{}
		for range 10_000 {
			seen[w.nonce()] = true
		}
		if len(seen) != 10_000 || w.store.calls.Load() != before {
			t.Errorf("%d nonces, %d steps of the store", len(seen), w.store.calls.Load()-before)
		}
	})

	t.Run("C05/proofs", func(t *testing.T) {
		w := newWorld(t)
		good := w.proof(newKey(t), w.nonce())
		for name, c := range map[string]struct {
			members string
			kinds   []problem.Kind
		}{
			"missing":       {``, []problem.Kind{problem.InvalidProof}},
			"empty_object":  {`,"proofs":{}`, []problem.Kind{problem.InvalidProof}},
			"empty_array":   {`,"proofs":{"jwt":[]}`, []problem.Kind{problem.InvalidProof}},
			"two_types":     {`,"proofs":{"jwt":["` + good + `"],"attestation":["x"]}`, []problem.Kind{problem.InvalidCredentialRequest, problem.InvalidProof}},
			"both_members":  {`,"proof":{"proof_type":"jwt","jwt":"` + good + `"},"proofs":{"jwt":["` + good + `"]}`, []problem.Kind{problem.InvalidCredentialRequest}},
			"unknown_type":  {`,"proofs":{"di_vp":[{}]}`, []problem.Kind{problem.InvalidProof}},
			"attestation":   {`,"proofs":{"attestation":["` + good + `"]}`, []problem.Kind{problem.InvalidProof}},
			"not_a_string":  {`,"proofs":{"jwt":[7]}`, []problem.Kind{problem.InvalidProof}},
			"not_an_object": {`,"proofs":"` + good + `"`, []problem.Kind{problem.InvalidProof, problem.InvalidCredentialRequest}},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := w.send(w.access(), `{"credential_configuration_id":"mdl"`+c.members+`}`)
				if !slices.Contains(c.kinds, problem.KindOf(err)) || err == nil {
					t.Errorf("got %v, want %v", err, c.kinds)
				}
			})
		}
	})

	// C06, C07, C08 and C10: what is written in a proof.
	w := newWorld(t)
	ec384 := `{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}`
	private := map[string]any{"kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA", "d": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}
	offCurve := map[string]any{"kty": "EC", "crv": "P-256", "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"}
	infinity := map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}
	now := w.clock.Now()
	for name, c := range map[string]struct {
		header, payload map[string]any
		good            bool
	}{
		"C06/typ":                {header: map[string]any{"typ": "JWT"}},
		"C06/typ_absent":         {header: map[string]any{"typ": nil}},
		"C06/alg_none":           {header: map[string]any{"alg": "none"}},
		"C06/alg_HS256":          {header: map[string]any{"alg": "HS256"}},
		"C06/alg_ES384":          {header: map[string]any{"alg": "ES384"}},
		"C06/key_ES384":          {header: map[string]any{"jwk": json.RawMessage(ec384)}},
		"C07/jwk_kid":            {header: map[string]any{"kid": "1"}},
		"C07/jwk_x5c":            {header: map[string]any{"x5c": []string{"AAAA"}}},
		"C07/kid_did":            {header: map[string]any{"jwk": nil, "kid": "did:jwk:e30#0"}},
		"C07/no_key":             {header: map[string]any{"jwk": nil}},
		"C07/private":            {header: map[string]any{"jwk": private}},
		"C07/off_curve":          {header: map[string]any{"jwk": offCurve}},
		"C07/infinity":           {header: map[string]any{"jwk": infinity}},
		"C07/symmetric":          {header: map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}},
		"C08/aud_other":          {payload: map[string]any{"aud": "https://other.example"}},
		"C08/aud_slash":          {payload: map[string]any{"aud": issuer + "/"}},
		"C08/aud_token":          {payload: map[string]any{"aud": issuer + "/token"}},
		"C08/aud_array":          {payload: map[string]any{"aud": []string{issuer, "https://other.example"}}},
		"C08/aud_absent":         {payload: map[string]any{"aud": nil}},
		"C08/iat_old":            {payload: map[string]any{"iat": now.Add(-10 * time.Minute).Unix()}},
		"C08/iat_future":         {payload: map[string]any{"iat": now.Add(10 * time.Minute).Unix()}},
		"C08/iat_absent":         {payload: map[string]any{"iat": nil}},
		"C08/iss_other":          {payload: map[string]any{"iss": "https://other.example"}},
		"C10/crit_exp":           {header: map[string]any{"crit": []string{"exp"}, "exp": 1}},
		"C10/crit_x":             {header: map[string]any{"crit": []string{"x"}}},
		"C10/crit_empty":         {header: map[string]any{"crit": []string{}}},
		"C10/b64":                {header: map[string]any{"b64": false, "crit": []string{"b64"}}},
		"C10/unknown_is_fine":    {header: map[string]any{"x": 1}, payload: map[string]any{"y": []int{1}}, good: true},
		"C08/iss_absent_is_fine": {payload: map[string]any{"iss": nil}, good: true},
	} {
		t.Run(name, func(t *testing.T) {
			nonce := w.nonce()
			ask := func() error {
				a := w.access()
				a.TokenID = name
				_, err := w.ask(a, "mdl", w.forged(nonce, c.header, c.payload))
				return err
			}
			if c.good {
				if err := ask(); err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, w, nonce, problem.InvalidProof, ask)
		})
	}
	t.Run("C08/anonymous_with_iss", func(t *testing.T) {
		nonce := w.nonce()
		a := w.access()
		a.ClientID = ""
		refused(t, w, nonce, problem.InvalidProof, func() error { _, err := w.ask(a, "mdl", w.proofs(1, nonce)...); return err })
	})

	for name, change := range map[string]func([]byte) []byte{
		"broken":    func(b []byte) []byte { b[5] ^= 1; return b },
		"63_bytes":  func(b []byte) []byte { return b[:63] },
		"65_bytes":  func(b []byte) []byte { return append(b, 0) },
		"132_bytes": func(b []byte) []byte { return append(b, make([]byte, 68)...) },
		"empty":     func([]byte) []byte { return nil },
		"r_zero":    func(b []byte) []byte { return append(make([]byte, 32), b[32:]...) },
		"s_zero":    func(b []byte) []byte { return append(b[:32], make([]byte, 32)...) },
		"r_plus_n":  func(b []byte) []byte { return append(orderP256.FillBytes(make([]byte, 32)), b[32:]...) },
		"der": func(b []byte) []byte {
			der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(b[:32]), new(big.Int).SetBytes(b[32:])})
			if err != nil {
				panic(err)
			}
			return der
		},
	} {
		t.Run("C09/"+name, func(t *testing.T) {
			nonce := w.nonce()
			bad := tampered(w.proof(newKey(t), nonce), change)
			refused(t, w, nonce, problem.InvalidProof, func() error { _, err := w.ask(w.access(), "mdl", bad); return err })
		})
	}
	t.Run("C09/high_s_is_fine", func(t *testing.T) {
		high := tampered(w.proof(newKey(t), w.nonce()), func(b []byte) []byte {
			s := new(big.Int).SetBytes(b[32:])
			if other := new(big.Int).Sub(orderP256, s); other.Cmp(s) > 0 {
				s = other
			}
			return append(b[:32], s.FillBytes(make([]byte, 32))...)
		})
		a := w.access()
		a.TokenID = "high s"
		if _, err := w.ask(a, "mdl", high); err != nil {
			t.Error(err)
		}
	})

	t.Run("C11/batches", func(t *testing.T) {
		key := newKey(t)
		for name, proofs := range map[string]func(nonce string) []string{
			"one_too_many": func(n string) []string { return w.proofs(21, n) },
			"same_key":     func(n string) []string { return []string{w.proof(key, n), w.proof(newKey(t), n), w.proof(key, n)} },
			"one_bad_of_ten": func(n string) []string {
				p := w.proofs(10, n)
				p[9] = tampered(p[9], func(b []byte) []byte { b[63] ^= 1; return b })
				return p
			},
			"two_nonces": func(n string) []string { return append(w.proofs(1, n), w.proofs(1, w.nonce())...) },
		} {
			t.Run(name, func(t *testing.T) {
				nonce := w.nonce()
				refused(t, w, nonce, problem.InvalidProof, func() error { _, err := w.ask(w.access(), "mdl", proofs(nonce)...); return err })
			})
		}
	})

	t.Run("C12/unlinkable", func(t *testing.T) {
		w := newWorld(t)
		mdl, err := w.ask(w.access(), "mdl", w.proofs(10, w.nonce())...)
		if err != nil {
			t.Fatal(err)
		}
		unlinkableMDocs(t, mdl.Credentials)
		pid, err := w.ask(w.access(), "pid-sd-jwt", w.proofs(10, w.nonce())...)
		if err != nil {
			t.Fatal(err)
		}
		unlinkableSDJWTs(t, pid.Credentials)
	})

	t.Run("C15/configurations", func(t *testing.T) {
		w := newWorld(t)
		proof := w.proof(newKey(t), w.nonce())
		with := w.access()
		with.Identifiers = map[string]string{"mdl.1": "mdl"}
		for name, c := range map[string]struct {
			access issuance.Access
			member string
			kind   problem.Kind
		}{
			"unknown_configuration":      {w.access(), `"credential_configuration_id":"no"`, problem.UnknownCredentialConfiguration},
			"unknown_identifier":         {with, `"credential_identifier":"mdl.2"`, problem.UnknownCredentialIdentifier},
			"identifier_of_nobody":       {w.access(), `"credential_identifier":"mdl"`, problem.UnknownCredentialIdentifier},
			"both":                       {with, `"credential_identifier":"mdl.1","credential_configuration_id":"mdl"`, problem.InvalidCredentialRequest},
			"configuration_instead":      {with, `"credential_configuration_id":"mdl"`, problem.InvalidCredentialRequest},
			"neither":                    {w.access(), `"x":1`, problem.InvalidCredentialRequest},
			"number":                     {w.access(), `"credential_configuration_id":7`, problem.InvalidCredentialRequest},
			"duplicate":                  {w.access(), `"credential_configuration_id":"mdl","credential_configuration_id":"pid-mdoc"`, problem.InvalidCredentialRequest},
			"encryption_not_offered":     {w.access(), `"credential_configuration_id":"mdl","credential_response_encryption":{"enc":"A128GCM","jwk":{"kty":"EC","crv":"P-256","alg":"ECDH-ES","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}}`, problem.InvalidEncryptionParameters},
			"encryption_without_content": {w.access(), `"credential_configuration_id":"mdl","credential_response_encryption":{}`, problem.InvalidEncryptionParameters},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, w, "", c.kind, func() error {
					_, err := w.send(c.access, `{`+c.member+`,"proofs":{"jwt":["`+proof+`"]}}`)
					return err
				})
			})
		}
		if _, err := w.send(with, `{"credential_identifier":"mdl.1","proofs":{"jwt":["`+proof+`"]}}`); err != nil {
			t.Error(err)
		}
	})

	t.Run("C16/not_covered", func(t *testing.T) {
		w := newWorld(t)
		a, nonce := w.access(), w.nonce()
		a.Documents = map[string]string{"mdl": "DL-1"}
		refused(t, w, nonce, problem.InsufficientScope, func() error { _, err := w.ask(a, "pid-mdoc", w.proofs(1, nonce)...); return err })
		if n := count(w.audit, audit.Denied); n != 1 {
			t.Errorf("%d denials are on record", n)
		}
		a.Documents = map[string]string{"mdl": "ID-1"} // a document of another type
		_, err := w.ask(a, "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.CredentialRequestDenied)
		a.Documents = map[string]string{"mdl": "DL-of-another"}
		_, err = w.ask(a, "mdl", w.proofs(1, w.nonce())...)
		wantKind(t, err, problem.CredentialRequestDenied)
	})

	t.Run("C17/token_spent", func(t *testing.T) {
		w := newWorld(t)
		w.cfg.TokenBatches = 1
		w.restart()
		if _, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...); err != nil {
			t.Fatal(err)
		}
		nonce := w.nonce()
		refused(t, w, nonce, problem.InvalidToken, func() error { _, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...); return err })
		if _, err := w.ask(w.access(), "pid-mdoc", w.proofs(1, w.nonce())...); err != nil {
			t.Errorf("another configuration: %v", err)
		}
	})

	t.Run("C21/json", func(t *testing.T) {
		w := newWorld(t)
		var dup strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&dup, `,"a%d":1`, i%10)
		}
		for name, body := range map[string]string{
			"deep":       strings.Repeat("[", 20_000),
			"deep_value": `{"credential_configuration_id":"mdl","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`,
			"duplicates": `{"credential_configuration_id":"mdl"` + dup.String() + `}`,
			"number":     `{"credential_configuration_id":1e999999}`,
			"no_json":    "\x00\xff", "empty": "", "array": "[]", "text": `"mdl"`, "null": "null", "trailing": `{"credential_configuration_id":"mdl"}{}`,
		} {
			// The quickest of five: a busy machine may keep one waiting, a reader that
			// takes long takes long each time.
			quickest := time.Hour
			for range 5 {
				begun := time.Now()
				_, err := w.send(w.access(), body)
				quickest = min(quickest, time.Since(begun))
				wantKind(t, err, problem.InvalidCredentialRequest)
			}
			if quickest > 250*time.Millisecond {
				t.Errorf("%s took %v", name, quickest)
			}
		}
	})

	t.Run("C22/not_issuable", func(t *testing.T) {
		w := newWorld(t)
		w.apply(storetest.Event("r", 5, "P1", storetest.Annulled("DL-1")))
		nonce := w.nonce()
		allocated := w.allocated()
		_, err := w.ask(w.access(), "mdl", w.proofs(1, nonce)...)
		wantKind(t, err, problem.CredentialRequestDenied)
		if n := count(w.audit, audit.Denied); n != 1 || w.signers.signatures.Load() != 0 || w.allocated() != allocated {
			t.Errorf("%d denials on record, %d signatures", n, w.signers.signatures.Load())
		}
		a := w.access()
		a.Person = "nobody"
		_, err = w.ask(a, "pid-mdoc", w.proofs(1, nonce)...)
		wantKind(t, err, problem.CredentialRequestDenied)
	})

	t.Run("C23/trouble_of_ours", func(t *testing.T) {
		w := newWorld(t)
		for name, c := range map[string]struct{ on, off func() }{
			"keys":    {func() { w.signers.down.Store(true) }, func() { w.signers.down.Store(false) }},
			"records": {func() { w.records.down.Store(true) }, func() { w.records.down.Store(false) }},
			"disk":    {func() { w.store.failIntent.Store(true) }, func() { w.store.failIntent.Store(false) }},
			"audit":   {func() { w.audit.Fail = errors.New("disk full"); w.records.down.Store(true) }, func() { w.audit.Fail = nil; w.records.down.Store(false) }},
		} {
			t.Run(name, func(t *testing.T) {
				nonce, proof := w.nonce(), w.proofs(1, "")
				proof[0] = w.proof(newKey(t), nonce)
				c.on()
				_, err := w.ask(w.access(), "mdl", proof...)
				c.off()
				refused(t, w, nonce, problem.Unavailable, func() error { return err })
			})
		}
		t.Run("signature", func(t *testing.T) {
			allocated := w.allocated()
			w.signers.broken.Store(true)
			resp, err := w.ask(w.access(), "mdl", w.proofs(3, w.nonce())...)
			w.signers.broken.Store(false)
			wantKind(t, err, problem.Unavailable)
			if resp != nil || w.store.burnings.Load() != 1 || w.allocated() < allocated+3 {
				t.Errorf("%v was released, %d burned, %d indices", resp, w.store.burnings.Load(), w.allocated()-allocated)
			}
		})
		t.Run("after_the_signature", func(t *testing.T) {
			w.store.failSigned.Store(true)
			resp, err := w.ask(w.access(), "mdl", w.proofs(3, w.nonce())...)
			w.store.failSigned.Store(false)
			wantKind(t, err, problem.Unavailable)
			if resp != nil {
				t.Error("credentials were released that are not on record")
			}
		})
	})

	t.Run("C24/own_mistake", func(t *testing.T) {
		w := newWorld(t)
		nonce := w.nonce()
		proofs := w.proofs(3, nonce)
		w.rand.left = 1 // the batch id; no salt after it
		resp, err := w.ask(w.access(), "mdl", proofs...)
		w.rand.left = -1
		if resp != nil || problem.KindOf(err) != problem.Internal || w.store.burnings.Load() != 1 || w.signers.signatures.Load() != 0 {
			t.Errorf("%v, %v, %d burned, %d signatures", resp, err, w.store.burnings.Load(), w.signers.signatures.Load())
		}
	})

	t.Run("D05/notifications", func(t *testing.T) {
		w := newWorld(t)
		ctx := context.Background()
		resp, err := w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
		if err != nil {
			t.Fatal(err)
		}
		n := &oid4vci.Notification{ID: resp.NotificationID, Event: oid4vci.EventAccepted}
		for range 3 {
			if err := w.service.Notify(ctx, w.access(), n); err != nil {
				t.Error(err)
			}
		}
		other := w.access()
		other.TokenID = "t2"
		wantKind(t, w.service.Notify(ctx, other, n), problem.InvalidNotificationID)
		// A refreshed token is of the same grant.
		granted := w.access()
		granted.Grant = "g1"
		resp, err = w.ask(granted, "mdl", w.proofs(1, w.nonce())...)
		if err != nil {
			t.Fatal(err)
		}
		of := &oid4vci.Notification{ID: resp.NotificationID, Event: oid4vci.EventDeleted}
		granted.TokenID = "t3"
		if err := w.service.Notify(ctx, granted, of); err != nil {
			t.Error(err)
		}
		granted.Grant = "g2"
		wantKind(t, w.service.Notify(ctx, granted, of), problem.InvalidNotificationID)
		granted.Grant = ""
		wantKind(t, w.service.Notify(ctx, granted, of), problem.InvalidNotificationID)
		for _, id := range []string{"x", n.ID[:42], n.ID + "AA", strings.Repeat("A", 43), strings.Repeat("A", 4000)} {
			wantKind(t, w.service.Notify(ctx, w.access(), &oid4vci.Notification{ID: id, Event: oid4vci.EventAccepted}), problem.InvalidNotificationID)
		}
		for body, kind := range map[string]problem.Kind{
			`{"notification_id":"x","event":"credential_eaten"}`: problem.InvalidNotificationRequest,
			`{"event":"credential_accepted"}`:                    problem.InvalidNotificationRequest,
			`{"notification_id":"x","event":"credential_accepted","event_description":"` + strings.Repeat("a", 1<<20) + `"}`: problem.InvalidNotificationRequest,
		} {
			_, err := oid4vci.ParseNotification([]byte(body))
			wantKind(t, err, kind)
		}
	})
}
