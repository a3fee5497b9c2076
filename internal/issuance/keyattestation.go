package issuance

import (
	"crypto"
	"math"
	"time"

	"vidimus/internal/catalog"
	"vidimus/internal/jose"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
	"vidimus/internal/statuslist"
)

// attestationRules is what a configuration demands of key attestations, and by
// gets whose one it was. Where none is demanded and nobody is trusted they are
// not read: the proofs speak for their keys.
func (s *Service) attestationRules(cfg *catalog.Configuration, by *string) *oid4vci.KeyAttestationRules {
	chain := func(x5c [][]byte) (key crypto.PublicKey, err error) {
		key, *by, err = s.p.Attesters(x5c)
		return key, err
	}
	if cfg.KeyAttestations == nil {
		if s.p.Attesters == nil {
			return nil
		}
		return &oid4vci.KeyAttestationRules{Chain: chain, AcceptOldType: true, Algorithms: attesterAlgorithms}
	}
	r := &oid4vci.KeyAttestationRules{
		Required: true, Chain: chain, AcceptOldType: true, Algorithms: attesterAlgorithms,
		KeyStorage: cfg.KeyAttestations.KeyStorage, UserAuthentication: cfg.KeyAttestations.UserAuthentication,
	}
	if s.p.Attesters == nil {
		r.Chain = trustsNobody
	}
	return r
}

// attesterAlgorithms are those of wallet providers (EUDI TS3 1.5): more than the
// metadata ask of proofs, since a provider's chain is not the wallet's choice.
var attesterAlgorithms = []string{"ES256", "ES384", "ES512"}

func trustsNobody([][]byte) (crypto.PublicKey, error) {
	return nil, problem.New(problem.InvalidProof, "no wallet provider is trusted here")
}

// keptWallet is what a request tells of the wallet unit beside its token.
type keptWallet struct {
	Attestations []StatusIndex
	Until        time.Time // end of the period of the key attestation's status; zero without
}

// attestedWallet reads the status of a key attestation of a provider, nothing
// when there is none.
func attestedWallet(a *oid4vci.KeyAttestation, by string) (keptWallet, error) {
	if a == nil {
		return keptWallet{}, nil
	}
	until, err := a.StatusExpires()
	if err != nil {
		return keptWallet{}, problem.Wrap(problem.InvalidProof, err, "key_storage_status of the key attestation is malformed")
	}
	raw := a.Status()
	if raw == nil {
		return keptWallet{Until: until}, nil
	}
	var status any
	if err := jose.DecodeJSON(raw, &status); err != nil {
		return keptWallet{}, problem.Wrap(problem.InvalidProof, err, "the status of the key attestation is malformed")
	}
	refs, err := statuslist.ParseReferencesJSON(status)
	if err != nil {
		return keptWallet{}, problem.Wrap(problem.InvalidProof, err, "the status of the key attestation is malformed")
	}
	if refs.List.Index > math.MaxUint32 {
		return keptWallet{}, problem.New(problem.InvalidProof, "the status of the key attestation is beyond any list")
	}
	return keptWallet{Attestations: []StatusIndex{{List: refs.List.URI, Index: refs.List.Index, Provider: by}}, Until: until}, nil
}
