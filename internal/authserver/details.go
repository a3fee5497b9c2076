package authserver

import (
	"encoding/hex"

	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// wantedDetails reads authorization_details (RFC 9396; OpenID4VCI 1.0, section
// 5.1.1) and gives each configuration in it a credential identifier, which the
// wallet must then use. A configuration outside the offer refuses the request
// and leaves the code alone.
func (s *Server) wantedDetails(raw string, grant GrantRecord) (want, error) {
	details, err := oid4vci.ParseAuthorizationDetails([]byte(raw))
	if err != nil {
		return want{}, err
	}
	w := want{documents: map[string]string{}, identifiers: map[string]string{}}
	for _, d := range details {
		id := d.CredentialConfigurationID
		number, ok := grant.Documents[id]
		if !ok {
			return want{}, problem.New(problem.InvalidRequest, "the offer does not cover this credential configuration")
		}
		if _, twice := w.documents[id]; twice {
			return want{}, problem.New(problem.InvalidAuthorizationDetails, "a credential configuration is named twice")
		}
		random, err := randomBytes(s.p.Rand, 6)
		if err != nil {
			return want{}, unavailable(err)
		}
		identifier := id + "." + hex.EncodeToString(random)
		w.documents[id] = number
		w.identifiers[identifier] = id
		w.details = append(w.details, oid4vci.AuthorizationDetail{
			Type: d.Type, CredentialConfigurationID: id, CredentialIdentifiers: []string{identifier},
		})
	}
	return w, nil
}
