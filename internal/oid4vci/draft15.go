package oid4vci

import (
	"encoding/json"
	"fmt"
	"strings"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// ParseDraft15Request is ParseCredentialRequest for offices that serve wallets
// of the drafts up to 15 too: the singular proof, of type jwt or attestation,
// is taken for proofs with one element. It changes nothing for others.
func ParseDraft15Request(body []byte) (*CredentialRequest, error) {
	return parseCredentialRequest(body, true)
}

func parseDraft15Proof(raw json.RawMessage) (Proofs, error) {
	var w struct {
		Type        string `json:"proof_type"`
		JWT         string `json:"jwt"`
		Attestation string `json:"attestation"`
	}
	if err := jose.DecodeJSONLimit(raw, &w, maxRequest); err != nil {
		return Proofs{}, problem.Wrap(problem.InvalidProof, err, "proof is malformed")
	}
	switch {
	case w.Type == "jwt" && w.JWT != "" && w.Attestation == "":
		return Proofs{JWT: []string{w.JWT}}, nil
	case w.Type == "attestation" && w.Attestation != "" && w.JWT == "":
		return Proofs{Attestation: []string{w.Attestation}}, nil
	}
	return Proofs{}, problem.New(problem.InvalidProof, "proof is not one of type jwt or attestation")
}

// AppendedWellKnown gives the URL where drafts before 2025 had a metadata
// document: at the end of the identifier.
func AppendedWellKnown(issuer, name string, allowInsecure ...bool) (string, error) {
	if err := CheckIssuer(issuer, allowInsecure...); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/.well-known/%s", strings.TrimSuffix(issuer, "/"), name), nil
}
