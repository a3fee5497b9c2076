package wallet

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"
	"strings"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

// received is a credential that was looked at and may be kept.
type received struct {
	text        string
	key         int // of the keys that were proven
	from, until time.Time
}

// inspection is what a holder knows when credentials arrive.
type inspection struct {
	configuration oid4vci.Configuration
	keys          []*ecdsa.PrivateKey
	now           time.Time
	trust         *trust.Store // nil: the signer's own certificate will do
}

// batch looks at all credentials of one response. Each key binds at most one
// (OpenID4VCI 1.0, section 8.3); one that is wrong refuses all, since an issuer
// that errs once is not believed the rest. Errors match ErrCredential.
func (in *inspection) batch(credentials []oid4vci.Credential) ([]received, error) {
	if len(credentials) > len(in.keys) {
		return nil, fmt.Errorf("%w: %d credentials for %d keys", ErrCredential, len(credentials), len(in.keys))
	}
	taken := map[int]bool{}
	list := make([]received, 0, len(credentials))
	for i, c := range credentials {
		r, err := in.one(c.Credential)
		if err != nil {
			return nil, fmt.Errorf("%w: number %d: %w", ErrCredential, i+1, err)
		}
		if taken[r.key] {
			return nil, fmt.Errorf("%w: number %d: bound to the key of another", ErrCredential, i+1)
		}
		taken[r.key] = true
		list = append(list, r)
	}
	return list, nil
}

// one looks at one credential.
func (in *inspection) one(text string) (received, error) {
	if in.configuration.Format == oid4vci.FormatMdoc {
		return in.mdoc(text)
	}
	return in.sdjwt(text)
}

// mdoc follows OpenID4VCI 1.0, appendix A.2.4, and ISO/IEC 18013-5, 9.3.1.
func (in *inspection) mdoc(text string) (received, error) {
	raw, err := jose.DecodeBase64URL(text)
	if err != nil {
		return received{}, fmt.Errorf("not base64url: %w", err)
	}
	signed, err := mdoc.ParseIssuerSigned(raw)
	if err != nil {
		return received{}, err
	}
	if signed.MSO.DocType != in.configuration.DocType {
		return received{}, fmt.Errorf("%s: it is a %.80q, asked was a %.80q", mdoc.CheckDocType, signed.MSO.DocType, in.configuration.DocType)
	}
	key, err := in.bound(signed.MSO.DeviceKey.Public)
	if err != nil {
		return received{}, err
	}
	if err := in.coseAlgorithm(signed.IssuerAuth.Header.Algorithm); err != nil {
		return received{}, err
	}
	leaf, err := leafOf(signed.IssuerAuth.Header.X5Chain)
	if err != nil {
		return received{}, err
	}
	for _, f := range signed.Verify(mdoc.VerifyOptions{Leaf: leaf.PublicKey(), DSNotBefore: leaf.NotBefore(), DSNotAfter: leaf.NotAfter(), Now: in.now, Skew: maxSkew}) {
		if f.Result == mdoc.Fail {
			return received{}, fmt.Errorf("%s: %s", f.Check, f.Detail)
		}
	}
	if in.trust != nil {
		if err := trusted(verification.IssuerSigned(raw, verification.Options{Now: in.now, Trust: in.trust})); err != nil {
			return received{}, err
		}
	}
	info := signed.MSO.ValidityInfo
	return received{text, key, info.ValidFrom.UTC(), info.ValidUntil.UTC()}, nil
}

// sdjwt follows OpenID4VCI 1.0, appendix A.3.4, and RFC 9901, section 7.2: what
// comes from an issuer has no key binding yet.
func (in *inspection) sdjwt(text string) (received, error) {
	token, err := sdjwt.Parse(text)
	if err != nil {
		return received{}, err
	}
	if token.KeyBinding != nil {
		return received{}, fmt.Errorf("%s: an issuer does not bind to the holder's key", sdjwt.CheckKB)
	}
	chain, err := token.Chain()
	if err != nil {
		return received{}, err
	}
	leaf, err := leafOf(chain)
	if err != nil {
		return received{}, err
	}
	payload, findings := token.VerifyDisclosures()
	findings = append(findings, token.VerifyType(), token.VerifySignature(leaf.PublicKey(), in.joseAlgorithms()...))
	if payload != nil {
		findings = append(findings, payload.VerifyVCT(in.configuration.VCT),
			payload.VerifyValidity(sdjwt.ValidityOptions{Now: in.now, Skew: maxSkew}))
	}
	for _, f := range findings {
		if f.Result == sdjwt.Fail {
			return received{}, fmt.Errorf("%s: %s", f.Check, f.Detail)
		}
	}
	confirmation, err := payload.ConfirmationKey()
	if err != nil {
		return received{}, err
	}
	if confirmation == nil {
		return received{}, fmt.Errorf("%s: no cnf: it is bound to no key", sdjwt.CheckKB)
	}
	key, err := in.bound(confirmation.Public)
	if err != nil {
		return received{}, err
	}
	if in.trust != nil {
		if err := trusted(verification.SDJWT(text, verification.Options{Now: in.now, Trust: in.trust})); err != nil {
			return received{}, err
		}
	}
	return received{text, key, payload.NotBefore, payload.Expires}, nil
}

// bound finds the key among ours.
func (in *inspection) bound(public crypto.PublicKey) (int, error) {
	for i, key := range in.keys {
		if key.PublicKey.Equal(public) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("bound to a key that is none of those we proved")
}

// leafOf reads the signer's certificate. Whether it leads anywhere is for the
// trust check; without one it says no more than which key signed.
func leafOf(chain [][]byte) (*pki.Certificate, error) {
	if len(chain) == 0 {
		return nil, fmt.Errorf("no certificate of the signer")
	}
	leaf, err := pki.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("certificate of the signer: %w", err)
	}
	return leaf, nil
}

// trusted takes the verifier's word on who signed. That nobody has shown the
// credential yet, and that no status list was asked, is as it should be.
func trusted(r *verification.Report) error {
	switch r.Verdict.Authenticity {
	case policy.Genuine, policy.HolderNotProven:
		return nil
	}
	return fmt.Errorf("not to be trusted: %s", strings.Join(r.Reasons, "; "))
}

// fullySpecified are the names that RFC 9864 gave to the same algorithms.
var fullySpecified = map[cose.Algorithm]cose.Algorithm{
	cose.ES256: cose.ESP256, cose.ES384: cose.ESP384, cose.ES512: cose.ESP512, cose.EdDSA: cose.Ed25519,
	cose.ESP256: cose.ES256, cose.ESP384: cose.ES384, cose.ESP512: cose.ES512, cose.Ed25519: cose.EdDSA,
}

// coseAlgorithm holds the signature's algorithm against the announced ones
// (appendix A.2.2), where any are.
func (in *inspection) coseAlgorithm(a cose.Algorithm) error {
	if len(in.configuration.Algorithms) == 0 {
		return nil
	}
	for _, announced := range in.configuration.Algorithms {
		if n, ok := announced.(int); ok && (cose.Algorithm(n) == a || cose.Algorithm(n) == fullySpecified[a]) {
			return nil
		}
	}
	return fmt.Errorf("%s: signed with %s, which the issuer's metadata does not announce", mdoc.CheckIssuerHeader, a)
}

// joseAlgorithms are the announced ones (appendix A.3.2); none means all.
func (in *inspection) joseAlgorithms() []string {
	var names []string
	for _, announced := range in.configuration.Algorithms {
		if name, ok := announced.(string); ok {
			names = append(names, name)
		}
	}
	return names
}
