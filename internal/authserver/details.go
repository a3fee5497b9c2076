package authserver

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"vidimus/internal/oauth"
	"vidimus/internal/oid4vci"
	"vidimus/internal/problem"
)

// want is what a token request asks for out of what was granted.
type want struct {
	documents   map[string]string
	identifiers map[string]string // credential identifier -> configuration id; nil without authorization_details
	scope       string            // to be echoed
}

// wanted narrows what was granted to what the request names. Without
// authorization_details and scope the token is good for all of it.
func (s *Server) wanted(form oauth.Form, granted map[string]string) (want, error) {
	if raw := form.Get("authorization_details"); raw != "" {
		return s.wantedDetails(raw, granted)
	}
	w := want{documents: granted, scope: form.Get("scope")}
	if w.scope == "" {
		return w, nil
	}
	if len(w.scope) > maxScope {
		return want{}, problem.New(problem.InvalidScope, "scope is longer than %d bytes", maxScope)
	}
	w.documents = map[string]string{}
	for scope := range strings.SplitSeq(w.scope, " ") {
		if !s.covers(granted, scope) {
			return want{}, problem.New(problem.InvalidScope, "the grant does not cover this scope")
		}
		for id, number := range granted {
			if s.cfg.Configurations[id].Scope == scope {
				w.documents[id] = number
			}
		}
	}
	return w, nil
}

// covers says whether a scope means one of these documents.
func (s *Server) covers(documents map[string]string, scope string) bool {
	for id := range documents {
		if k := s.cfg.Configurations[id]; k.Scope != "" && k.Scope == scope {
			return true
		}
	}
	return false
}

// wantedDetails reads authorization_details (RFC 9396; OpenID4VCI 1.0, section
// 5.1.1) and gives each configuration in it a credential identifier, which the
// wallet must then use. A configuration outside the grant refuses the request
// and leaves the code alone.
func (s *Server) wantedDetails(raw string, granted map[string]string) (want, error) {
	details, err := oid4vci.ParseAuthorizationDetails([]byte(raw))
	if err != nil {
		return want{}, err
	}
	documents := map[string]string{}
	for _, d := range details {
		id := d.CredentialConfigurationID
		number, ok := granted[id]
		if !ok {
			return want{}, problem.New(problem.InvalidRequest, "the grant does not cover this credential configuration")
		}
		if _, twice := documents[id]; twice {
			return want{}, problem.New(problem.InvalidAuthorizationDetails, "a credential configuration is named twice")
		}
		documents[id] = number
	}
	return s.identified(want{documents: documents})
}

// identified gives each document a credential identifier.
func (s *Server) identified(w want) (want, error) {
	w.identifiers = map[string]string{}
	for id := range w.documents {
		random, err := randomBytes(s.p.Rand, 6)
		if err != nil {
			return want{}, unavailable(err)
		}
		w.identifiers[id+"."+hex.EncodeToString(random)] = id
	}
	return w, nil
}

// details is what the token response says of the identifiers, in the order of
// the configuration ids; nil without.
func (w want) details() (details []oid4vci.AuthorizationDetail) {
	for _, identifier := range slices.Sorted(maps.Keys(w.identifiers)) {
		details = append(details, oid4vci.AuthorizationDetail{
			Type: oid4vci.TypeCredential, CredentialConfigurationID: w.identifiers[identifier], CredentialIdentifiers: []string{identifier},
		})
	}
	return details
}
