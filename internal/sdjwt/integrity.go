package sdjwt

import (
	"crypto/subtle"
	"fmt"
	"strings"

	"vidimus/internal/jose"
)

// sriStrength ranks the hashes of Subresource Integrity (W3C, section 3.2).
var sriStrength = []struct{ prefix, algorithm string }{
	{"sha512-", SHA512}, {"sha384-", SHA384}, {"sha256-", SHA256},
}

// integrity is what an SRI string demands: any of the digests of its strongest
// algorithm.
type integrity struct {
	algorithm string
	digests   [][]byte
}

// parseIntegrity reads an SRI string: entries apart by spaces, each algorithm,
// "-" and padded standard base64. Weaker entries are dropped, options after "?"
// ignored. A browser takes a string with unknown algorithms alone for no
// demand; here that is refused, since somebody wanted a check.
func parseIntegrity(text string) (integrity, error) {
	if len(text) > 1<<10 {
		return integrity{}, fmt.Errorf("%w: integrity string of %d bytes", ErrLimit, len(text))
	}
	for _, alg := range sriStrength {
		found := integrity{algorithm: alg.algorithm}
		for entry := range strings.FieldsSeq(text) {
			value, ok := strings.CutPrefix(entry, alg.prefix)
			if !ok {
				continue
			}
			value, _, _ = strings.Cut(value, "?")
			digest, err := jose.DecodeBase64(value)
			if err != nil {
				return integrity{}, fmt.Errorf("integrity: %w", err)
			}
			if len(digest) != hashes[alg.algorithm].Size() {
				return integrity{}, fmt.Errorf("integrity: digest of %d bytes for %s", len(digest), alg.algorithm)
			}
			found.digests = append(found.digests, digest)
		}
		if found.digests != nil {
			return found, nil
		}
	}
	return integrity{}, fmt.Errorf("integrity: no sha256, sha384 or sha512 digest")
}

// VerifyIntegrity checks the octets of a document, exactly as served, against
// an SRI string such as vct#integrity (SD-JWT VC, section 5).
func VerifyIntegrity(document []byte, sri string) error {
	want, err := parseIntegrity(sri)
	if err != nil {
		return refuse(CheckVCT, "%w", err)
	}
	h := hashes[want.algorithm].New()
	h.Write(document)
	sum := h.Sum(nil)
	for _, digest := range want.digests {
		if subtle.ConstantTimeCompare(sum, digest) == 1 {
			return nil
		}
	}
	return refuse(CheckVCT, "integrity: the document is not the one that was meant")
}

// Integrity makes the SRI string of a document, with sha-256.
func Integrity(document []byte) string {
	h := hashes[SHA256].New()
	h.Write(document)
	return "sha256-" + jose.EncodeBase64(h.Sum(nil))
}
