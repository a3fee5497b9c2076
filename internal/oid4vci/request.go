package oid4vci

import (
	"encoding/json"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// CredentialRequest is the body of the credential endpoint (section 8.2).
// Exactly one of ConfigurationID and Identifier is set.
type CredentialRequest struct {
	ConfigurationID    string
	Identifier         string
	Proofs             Proofs
	ResponseEncryption *ResponseEncryptionParameters // nil = answer in clear
	// Encrypted is for whoever received the request to set: it came as
	// application/jwt. Only then may it ask for an encrypted answer.
	Encrypted bool
	// Draft15 tells that the request was written after a draft and read by
	// ParseDraft15Request.
	Draft15 bool
}

// Proofs holds the proofs of one type. Both lists are empty when the request
// had no proofs.
type Proofs struct {
	JWT         []string `json:"jwt,omitempty"`
	Attestation []string `json:"attestation,omitempty"`
}

type wireRequest struct {
	ConfigurationID    *string                    `json:"credential_configuration_id"`
	Identifier         *string                    `json:"credential_identifier"`
	Proof              json.RawMessage            `json:"proof"`
	Proofs             map[string]json.RawMessage `json:"proofs"`
	ResponseEncryption json.RawMessage            `json:"credential_response_encryption"`
}

// ParseCredentialRequest reads a credential request, decrypted where it was
// encrypted. Unknown members are ignored. Refusals are
// problem.InvalidCredentialRequest, problem.InvalidProof for proofs that are
// none, problem.InvalidEncryptionParameters.
func ParseCredentialRequest(body []byte) (*CredentialRequest, error) {
	return parseCredentialRequest(body, false)
}

func parseCredentialRequest(body []byte, draft15 bool) (*CredentialRequest, error) {
	var w wireRequest
	if err := jose.DecodeJSONLimit(body, &w, maxRequest); err != nil {
		return nil, problem.Wrap(problem.InvalidCredentialRequest, err, "the body is not a JSON object of the expected form")
	}
	if w.Proof != nil && !draft15 {
		return nil, problem.New(problem.InvalidCredentialRequest, "proof is not a member of a credential request any more: use proofs, with an array of proofs of one type")
	}
	r := &CredentialRequest{}
	switch {
	case w.ConfigurationID != nil && w.Identifier != nil:
		return nil, problem.New(problem.InvalidCredentialRequest, "both credential_configuration_id and credential_identifier")
	case w.ConfigurationID != nil:
		r.ConfigurationID = *w.ConfigurationID
	case w.Identifier != nil:
		r.Identifier = *w.Identifier
	}
	if id := r.ConfigurationID + r.Identifier; id == "" || len(id) > maxIdentifier {
		return nil, problem.New(problem.InvalidCredentialRequest, "neither credential_configuration_id nor credential_identifier, or one too long")
	}
	var err error
	switch {
	case w.Proof != nil && w.Proofs != nil:
		return nil, problem.New(problem.InvalidCredentialRequest, "both proof and proofs")
	case w.Proof != nil:
		r.Draft15 = true
		if r.Proofs, err = parseDraft15Proof(w.Proof); err != nil {
			return nil, err
		}
	case w.Proofs != nil:
		if r.Proofs, err = parseProofs(w.Proofs); err != nil {
			return nil, err
		}
	}
	if w.ResponseEncryption != nil {
		if r.ResponseEncryption, err = parseResponseEncryption(w.ResponseEncryption); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func parseProofs(members map[string]json.RawMessage) (Proofs, error) {
	var p Proofs
	if len(members) > 1 {
		return p, problem.New(problem.InvalidCredentialRequest, "proofs holds more than one type of proof")
	}
	for name, raw := range members {
		target := map[string]*[]string{"jwt": &p.JWT, "attestation": &p.Attestation}[name]
		if target == nil {
			return Proofs{}, problem.New(problem.InvalidProof, "this type of proof is not supported: jwt and attestation are")
		}
		if err := jose.DecodeJSONLimit(raw, target, maxRequest); err != nil {
			return Proofs{}, problem.Wrap(problem.InvalidProof, err, "proofs: not an array of strings")
		}
		if len(*target) == 0 {
			return Proofs{}, problem.New(problem.InvalidProof, "proofs: an empty array")
		}
		return p, nil
	}
	return p, problem.New(problem.InvalidProof, "proofs holds no proof")
}

// MarshalJSON writes the request, as a wallet does.
func (r CredentialRequest) MarshalJSON() ([]byte, error) {
	w := struct {
		ConfigurationID string              `json:"credential_configuration_id,omitempty"`
		Identifier      string              `json:"credential_identifier,omitempty"`
		Proofs          *Proofs             `json:"proofs,omitempty"`
		Encryption      *responseEncryption `json:"credential_response_encryption,omitempty"`
	}{ConfigurationID: r.ConfigurationID, Identifier: r.Identifier}
	if len(r.Proofs.JWT)+len(r.Proofs.Attestation) > 0 {
		w.Proofs = &r.Proofs
	}
	var err error
	if w.Encryption, err = r.ResponseEncryption.wire(); err != nil {
		return nil, err
	}
	return marshal(w)
}
