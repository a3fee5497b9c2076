package sdjwt

import (
	"crypto"
	"encoding/asn1"
	"slices"
	"strings"
)

// Type is the typ of an SD-JWT VC (section 2.2.1). The transitional
// "vc+sd-jwt" is a value that a caller has to ask for.
const Type = "dc+sd-jwt"

// VerifyType checks the typ of the issuer-signed JWT, byte for byte, against
// the types given, [Type] when none is. One finding, sd.typ.
func (s *SDJWT) VerifyType(types ...string) Finding {
	if len(types) == 0 {
		types = []string{Type}
	}
	if !slices.Contains(types, s.Issuer.Header.Type) {
		return Finding{Check: CheckType, Result: Fail, Detail: "typ of the issuer-signed JWT is not " + strings.Join(types, " or ")}
	}
	return Finding{Check: CheckType, Result: Pass}
}

// VerifySignature checks the issuer's signature with a key that the caller
// trusts, never with one that the token brings along. One finding, sd.sig.
func (s *SDJWT) VerifySignature(key crypto.PublicKey, algs ...string) Finding {
	return result(CheckSignature, s.Issuer.Verify(key, algs...))
}

// Chain gives the certificates of x5c, leaf first, in DER, after a look at
// their bytes alone: 1 to 6, each exactly one SEQUENCE. Whether they lead
// anywhere is for path validation. The error is an *[Error] of sd.path.
func (s *SDJWT) Chain() ([][]byte, error) {
	if err := checkChain(s.Issuer.Header.X5C); err != nil {
		return nil, err
	}
	return s.Issuer.Header.X5C, nil
}

func checkChain(chain [][]byte) error {
	if len(chain) == 0 {
		return refuse(CheckPath, "no x5c in the protected header")
	}
	if len(chain) > maxChain {
		return refuse(CheckPath, "%w: %d certificates in x5c, at most %d", ErrLimit, len(chain), maxChain)
	}
	for i, der := range chain {
		var whole asn1.RawValue
		rest, err := asn1.Unmarshal(der, &whole)
		if err != nil || len(rest) != 0 || whole.Class != asn1.ClassUniversal || whole.Tag != asn1.TagSequence || !whole.IsCompound {
			return refuse(CheckPath, "certificate %d of x5c is not DER", i)
		}
		for _, other := range chain[:i] {
			if slices.Equal(other, der) {
				return refuse(CheckPath, "the same certificate twice in x5c")
			}
		}
	}
	return nil
}
