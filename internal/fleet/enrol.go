package fleet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"vidimus/internal/audit"
	"vidimus/internal/problem"
	"vidimus/internal/typedcode"
)

// Enrol takes a reader's one-time code, as a person typed it, with its certificate
// request (PKCS #10, DER), whose signature proves that it holds the key. The
// first request with a code makes the reader Asked; the same request again tells
// how far it is, with the certificate once there is one. In the chain of the
// refusal (kind AccessDenied) of a code that is none, or none any more, or for
// another key, is ErrCode.
func (s *Service) Enrol(ctx context.Context, typed string, request []byte) (Reader, error) {
	code, ok := typedcode.DigestOf(typed)
	if !ok {
		return Reader{}, refusal(ErrCode)
	}
	public, err := parseRequest(request)
	if err != nil {
		return Reader{}, problem.Wrap(problem.InvalidRequest, err, "the certificate request is not one for a P-256, P-384 or P-521 key, signed by it")
	}
	key := sha256.Sum256(public)
	r, err := s.p.Store.ClaimReader(ctx, code, key, public, s.p.Clock.Now(), func(id string) audit.Event {
		return s.did(ActionAsk, actorReader, id, map[string]string{"key": hex.EncodeToString(key[:])})
	})
	if err != nil {
		return Reader{}, refusal(err)
	}
	return r, nil
}

// parseRequest gives the public key of a request, DER. Everything else in it is
// the reader's wish, and not looked at.
func parseRequest(request []byte) ([]byte, error) {
	if len(request) > MaxRequest {
		return nil, fmt.Errorf("a request of %d bytes, at most %d", len(request), MaxRequest)
	}
	csr, err := x509.ParseCertificateRequest(request)
	if err != nil {
		return nil, err
	}
	switch csr.SignatureAlgorithm {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
	default:
		return nil, fmt.Errorf("signed with %s", csr.SignatureAlgorithm)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, err
	}
	// What is kept is our encoding of the key, not the sender's bytes.
	public, err := x509.MarshalPKIXPublicKey(csr.PublicKey)
	if err != nil {
		return nil, err
	}
	_, err = parsePublicKey(public)
	return public, err
}

func parsePublicKey(der []byte) (crypto.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok {
		return nil, errors.New("not an EC key")
	}
	switch key.Curve.Params().Name {
	case "P-256", "P-384", "P-521":
		return key, nil
	}
	return nil, fmt.Errorf("curve %s", key.Curve.Params().Name)
}

// Fingerprint is how a human compares the key of a reader on two screens: the
// first 80 bits of the SHA-256 of its SubjectPublicKeyInfo, in groups of four.
func Fingerprint(key Digest) string {
	text := hex.EncodeToString(key[:10])
	groups := make([]string, 0, 5)
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, " ")
}

// sameFingerprint compares one that a person typed, in whatever grouping.
func sameFingerprint(typed string, key Digest) bool {
	clean := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(s))
	}
	typed = clean(typed)
	return typed == clean(Fingerprint(key)) || typed == hex.EncodeToString(key[:])
}
