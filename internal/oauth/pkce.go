package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// CheckChallenge judges code_challenge and code_challenge_method at PAR or
// the authorization endpoint. Only S256 passes (FAPI 2.0 section 5.3.2.2): a
// missing method means plain (RFC 7636 section 4.3).
func CheckChallenge(challenge, method string) error {
	if challenge == "" {
		return problem.New(problem.InvalidRequest, "code_challenge is missing")
	}
	if method != "S256" {
		return problem.New(problem.InvalidRequest, "code_challenge_method must be S256")
	}
	if b, err := jose.DecodeBase64URL(challenge); err != nil || len(b) != sha256.Size {
		return problem.New(problem.InvalidRequest, "code_challenge is no base64url of a SHA-256 digest")
	}
	return nil
}

// VerifyPKCE holds code_verifier against the challenge of the authorization
// request (RFC 7636 section 4.6). challenge is "" where there was none: then a
// verifier is refused too (a downgrade in progress).
func VerifyPKCE(challenge, verifier string) error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return problem.New(problem.InvalidGrant, "code_verifier without a code_challenge")
	case verifier == "":
		return problem.New(problem.InvalidGrant, "code_verifier is missing")
	case !isVerifier(verifier):
		return problem.New(problem.InvalidGrant, "code_verifier is not 43 to 128 unreserved characters")
	}
	if subtle.ConstantTimeCompare([]byte(challenge), []byte(Challenge(verifier))) != 1 {
		return problem.New(problem.InvalidGrant, "code_verifier does not match")
	}
	return nil
}

// isVerifier is the grammar of RFC 7636 section 4.1.
func isVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// Challenge is the S256 transformation.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return jose.EncodeBase64URL(sum[:])
}

// NewPKCE makes a verifier of 256 bits and its challenge.
func NewPKCE(rand io.Reader) (verifier, challenge string, err error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(rand, b); err != nil {
		return "", "", fmt.Errorf("making a code verifier: %w", err)
	}
	verifier = jose.EncodeBase64URL(b)
	return verifier, Challenge(verifier), nil
}
