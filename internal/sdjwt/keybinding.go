package sdjwt

import (
	"crypto"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/jose"
)

// kbType is the typ of a key binding JWT (RFC 9901, section 4.3).
const kbType = "kb+jwt"

// KeyBindingOptions is what the verifier knows of the transaction: it decides
// what is required, never what was sent.
type KeyBindingOptions struct {
	// NotRequired accepts a presentation without key binding JWT. One that is
	// there is checked all the same.
	NotRequired bool
	// Nonce and Audience are what the request said. When both are empty (a file
	// looked at outside of a transaction), they are reported as not done.
	Nonce, Audience string
	Now             time.Time
	MaxAge          time.Duration // of the JWT; 0 means DefaultMaxAge
	Skew            time.Duration // how far in the future iat may lie
	Algorithms      []string      // none means all of jose
}

// KeyBindingFindings checks the holder's signature over this presentation (RFC
// 9901, section 7.3, steps 5 and 6). Findings: sd.kb, sd.sdhash, sd.nonce,
// sd.aud, sd.iat, always all five. Without sd.kb the others prove nothing and
// are not done.
func (s *SDJWT) KeyBindingFindings(opt KeyBindingOptions) []Finding {
	if s.KeyBinding == nil {
		if opt.NotRequired {
			return allKB(Finding{Check: CheckKB, Result: NotDone, Detail: "no key binding, none required"})
		}
		return allKB(Finding{Check: CheckKB, Result: Fail, Detail: "no key binding JWT"})
	}
	claims, err := s.verifyKB(opt.Algorithms)
	if err != nil {
		return allKB(failed(CheckKB, err))
	}
	findings := []Finding{{Check: CheckKB, Result: Pass}, result(CheckSDHash, s.verifySDHash(claims))}
	if opt.NotRequired && opt.Nonce == "" && opt.Audience == "" {
		return append(findings,
			Finding{Check: CheckNonce, Result: NotDone, Detail: "no transaction to compare with"},
			Finding{Check: CheckAudience, Result: NotDone, Detail: "no transaction to compare with"},
			result(CheckIssuedAt, verifyKBTimes(claims, opt, false)))
	}
	return append(findings,
		result(CheckNonce, verifyText(claims, "nonce", opt.Nonce)),
		result(CheckAudience, verifyText(claims, "aud", opt.Audience)),
		result(CheckIssuedAt, verifyKBTimes(claims, opt, true)))
}

// VerifyKeyBinding is [SDJWT.KeyBindingFindings] as one *[Error]: the first failure.
func (s *SDJWT) VerifyKeyBinding(opt KeyBindingOptions) error {
	for _, f := range s.KeyBindingFindings(opt) {
		if f.Result == Fail {
			return &Error{Check: f.Check, Reason: f.Reason, Err: fmt.Errorf("%s", f.Detail)}
		}
	}
	return nil
}

func allKB(kb Finding) []Finding {
	findings := []Finding{kb}
	for _, check := range []string{CheckSDHash, CheckNonce, CheckAudience, CheckIssuedAt} {
		findings = append(findings, Finding{Check: check, Result: NotDone, Detail: "needs " + CheckKB})
	}
	return findings
}

// verifyKB checks key, typ and signature, and returns the claims.
func (s *SDJWT) verifyKB(algs []string) (map[string]any, error) {
	key, err := confirmationKey(s.Issuer.Payload)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, refuse(CheckKB, "key binding JWT for a credential without cnf")
	}
	if s.KeyBinding.Header.Type != kbType {
		return nil, refuse(CheckKB, "typ of the key binding JWT is not %s", kbType)
	}
	// The key of the JWT's own header, if it names one, is never looked at.
	if err := s.KeyBinding.VerifyKey(key, algs...); err != nil {
		return nil, refuse(CheckKB, "key binding JWT: %w", err)
	}
	claims, err := decodeObject(s.KeyBinding.Payload)
	if err != nil {
		return nil, refuse(CheckKB, "payload of the key binding JWT: %w", err)
	}
	return claims, nil
}

// verifySDHash binds the JWT to exactly these disclosures in this order,
// hashed with the algorithm of the SD-JWT (section 4.3.1).
func (s *SDJWT) verifySDHash(claims map[string]any) error {
	_, hash, err := hashOf(s.payload)
	if err != nil {
		return &Error{Check: CheckSDHash, Err: err}
	}
	return verifyText(claims, "sd_hash", digestOf(hash, s.bound))
}

// verifyText compares a string claim byte for byte. An empty expectation never
// matches: a verifier without nonce must say so in the options.
func verifyText(claims map[string]any, name, want string) error {
	v, ok := claims[name]
	if !ok {
		return fmt.Errorf("no %s", name)
	}
	got, ok := v.(string)
	if !ok {
		return fmt.Errorf("%s is not a string", name)
	}
	if got != want || want == "" {
		return fmt.Errorf("%s is not the expected one", name)
	}
	return nil
}

func verifyKBTimes(claims map[string]any, opt KeyBindingOptions, recent bool) error {
	v, ok := claims["iat"]
	if !ok {
		return fmt.Errorf("no iat")
	}
	iat, err := numericDate(v, false)
	if err != nil {
		return fmt.Errorf("iat: %w", err)
	}
	maxAge := opt.MaxAge
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	if opt.Now.Add(opt.Skew).Before(iat) {
		return fmt.Errorf("iat in the future")
	}
	if recent && iat.Before(opt.Now.Add(-maxAge)) {
		return fmt.Errorf("key binding JWT older than %s", maxAge)
	}
	for _, claim := range []string{"exp", "nbf"} {
		v, ok := claims[claim]
		if !ok {
			continue
		}
		at, err := numericDate(v, claim == "nbf")
		if err != nil {
			return fmt.Errorf("%s: %w", claim, err)
		}
		if claim == "exp" && !opt.Now.Before(at.Add(opt.Skew)) && recent {
			return fmt.Errorf("key binding JWT expired")
		}
		if claim == "nbf" && opt.Now.Add(opt.Skew).Before(at) {
			return fmt.Errorf("key binding JWT not yet valid")
		}
	}
	return nil
}

// TransactionDataHashes reads transaction_data_hashes and its algorithm from
// the key binding JWT (OpenID4VP 1.0, annex B.3.3.1); nil when absent.
func (s *SDJWT) TransactionDataHashes() (hashes []string, alg string, err error) {
	if s.KeyBinding == nil {
		return nil, "", nil
	}
	claims, err := decodeObject(s.KeyBinding.Payload)
	if err != nil {
		return nil, "", refuse(CheckKB, "payload of the key binding JWT: %w", err)
	}
	v, ok := claims["transaction_data_hashes"]
	if !ok {
		return nil, "", nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, "", refuse(CheckKB, "transaction_data_hashes is not an array")
	}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, "", refuse(CheckKB, "transaction_data_hashes holds something other than strings")
		}
		hashes = append(hashes, text)
	}
	alg = SHA256
	if v, ok := claims["transaction_data_hashes_alg"]; ok {
		if alg, ok = v.(string); !ok {
			return nil, "", refuse(CheckKB, "transaction_data_hashes_alg is not a string")
		}
	}
	return hashes, alg, nil
}

// holderFits reports whether the signer is the holder that cnf names.
func holderFits(s *SDJWT, holder crypto.Signer) error {
	key, err := confirmationKey(s.Issuer.Payload)
	if err != nil {
		return err
	}
	if key == nil {
		return refuse(CheckKB, "the credential has no cnf to bind to")
	}
	want, err := jose.Thumbprint(key.Public)
	if err != nil {
		return refuse(CheckKB, "cnf.jwk: %w", err)
	}
	got, err := jose.Thumbprint(holder.Public())
	if err != nil {
		return refuse(CheckKB, "holder key: %w", err)
	}
	if !slices.Equal(want, got) {
		return refuse(CheckKB, "the holder key is not the one in cnf")
	}
	return nil
}
