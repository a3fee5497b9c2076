package oid4vci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"vidimus/internal/jose"
)

// GrantPreAuthorized and GrantAuthorizationCode are the grant types of offers
// and token requests.
const (
	GrantPreAuthorized     = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
	GrantAuthorizationCode = "authorization_code"
)

// CredentialOffer is the object of OpenID4VCI 1.0 section 4.1.1. With neither
// grant the wallet reads the server's metadata.
type CredentialOffer struct {
	CredentialIssuer  string
	ConfigurationIDs  []string // keys of credential_configurations_supported
	PreAuthorized     *PreAuthorizedGrant
	AuthorizationCode *AuthorizationCodeGrant
}

// PreAuthorizedGrant lets the wallet redeem Code at the token endpoint.
type PreAuthorizedGrant struct {
	Code                string  `json:"pre-authorized_code"`
	TxCode              *TxCode `json:"tx_code,omitempty"` // not nil, even if empty: a transaction code is demanded
	AuthorizationServer string  `json:"authorization_server,omitempty"`
}

// AuthorizationCodeGrant starts the code flow. IssuerState comes back through
// the wallet, so it is as little trusted as any parameter.
type AuthorizationCodeGrant struct {
	IssuerState         string `json:"issuer_state,omitempty"`
	AuthorizationServer string `json:"authorization_server,omitempty"`
}

// TxCode says what the transaction code looks like that the holder got on
// another way. The code itself is never part of an offer.
type TxCode struct {
	InputMode   string `json:"input_mode,omitempty"` // "numeric" (also when empty) or "text"
	Length      int    `json:"length,omitempty"`
	Description string `json:"description,omitempty"` // at most 300 characters
}

// Fits reports whether code looks as announced. It says nothing of whether it
// is the right one, and is no substitute for comparing it.
func (t *TxCode) Fits(code string) bool {
	if code == "" || t.Length > 0 && utf8.RuneCountInString(code) != t.Length {
		return false
	}
	for _, r := range code {
		if t.InputMode != "text" && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

type wireOffer struct {
	CredentialIssuer string      `json:"credential_issuer"`
	ConfigurationIDs []string    `json:"credential_configuration_ids"`
	Grants           *wireGrants `json:"grants,omitempty"`
}

type wireGrants struct {
	AuthorizationCode *AuthorizationCodeGrant `json:"authorization_code,omitempty"`
	PreAuthorized     *PreAuthorizedGrant     `json:"urn:ietf:params:oauth:grant-type:pre-authorized_code,omitempty"`
}

// ParseCredentialOffer reads and checks an offer object.
func ParseCredentialOffer(data []byte, allowInsecure ...bool) (*CredentialOffer, error) {
	var w wireOffer
	if err := jose.DecodeJSONLimit(data, &w, maxOffer); err != nil {
		return nil, fmt.Errorf("parsing credential offer: %w", err)
	}
	o := &CredentialOffer{CredentialIssuer: w.CredentialIssuer, ConfigurationIDs: w.ConfigurationIDs}
	if w.Grants != nil {
		o.PreAuthorized, o.AuthorizationCode = w.Grants.PreAuthorized, w.Grants.AuthorizationCode
	}
	if err := o.check(allowed(allowInsecure)); err != nil {
		return nil, fmt.Errorf("parsing credential offer: %w", err)
	}
	return o, nil
}

// MarshalJSON writes a valid offer in the order of the standard's examples,
// and refuses an invalid one. An http issuer passes: whether it may exist is
// for the configuration to say.
func (o CredentialOffer) MarshalJSON() ([]byte, error) {
	if err := o.check(true); err != nil {
		return nil, fmt.Errorf("writing credential offer: %w", err)
	}
	w := wireOffer{CredentialIssuer: o.CredentialIssuer, ConfigurationIDs: o.ConfigurationIDs}
	if o.PreAuthorized != nil || o.AuthorizationCode != nil {
		w.Grants = &wireGrants{PreAuthorized: o.PreAuthorized, AuthorizationCode: o.AuthorizationCode}
	}
	return marshal(w)
}

func (o *CredentialOffer) check(allowInsecure bool) error {
	if _, err := checkURL(o.CredentialIssuer, allowInsecure, false); err != nil {
		return fmt.Errorf("credential_issuer: %w", err)
	}
	if n := len(o.ConfigurationIDs); n == 0 || n > maxConfigurations {
		return fmt.Errorf("credential_configuration_ids has %d values, 1 to %d are due", n, maxConfigurations)
	}
	for i, id := range o.ConfigurationIDs {
		if id == "" || len(id) > maxIdentifier || slices.Contains(o.ConfigurationIDs[:i], id) {
			return fmt.Errorf("credential_configuration_ids: value %d is empty, too long or there twice", i)
		}
	}
	if g := o.AuthorizationCode; g != nil {
		if len(g.IssuerState) > maxIdentifier {
			return fmt.Errorf("issuer_state is too long")
		}
		if err := checkServer(g.AuthorizationServer, allowInsecure); err != nil {
			return err
		}
	}
	g := o.PreAuthorized
	if g == nil {
		return nil
	}
	if g.Code == "" || len(g.Code) > maxIdentifier {
		return fmt.Errorf("pre-authorized_code is missing or too long")
	}
	if err := checkServer(g.AuthorizationServer, allowInsecure); err != nil || g.TxCode == nil {
		return err
	}
	switch t := g.TxCode; {
	case t.InputMode != "" && t.InputMode != "numeric" && t.InputMode != "text":
		return fmt.Errorf("tx_code: input_mode is neither numeric nor text")
	case t.Length < 0 || t.Length > maxTxLength:
		return fmt.Errorf("tx_code: length %d", t.Length)
	case utf8.RuneCountInString(t.Description) > maxTxDescription:
		return fmt.Errorf("tx_code: description is longer than %d characters", maxTxDescription)
	}
	return nil
}

func checkServer(id string, allowInsecure bool) error {
	if id == "" {
		return nil
	}
	if _, err := checkURL(id, allowInsecure, false); err != nil {
		return fmt.Errorf("authorization_server: %w", err)
	}
	return nil
}

// marshal writes JSON without the HTML escapes of json.Marshal.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
