package authserver

import (
	"time"

	"vidimus/internal/audit"
)

// StatusRef points to the status list entry of a wallet attestation.
type StatusRef struct {
	List  string // URI
	Index uint64
	// Provider is whose attestation it was (Attester.Provider): nobody else's
	// list tells its status. "" in records of before that was kept.
	Provider string `json:",omitzero"`
}

// Wallet is what an attestation said of the wallet unit behind a record; zero
// without one.
type Wallet struct {
	Instance    string      `json:",omitzero"` // RFC 7638 thumbprint of the attested key (cnf), base64url
	Statuses    []StatusRef `json:",omitzero"`
	StatusUntil time.Time   `json:",omitzero"` // until when the provider keeps the status up (client_status.exp); zero when it did not say
}

// Once is a value that passes once (a DPoP proof, a proof of possession).
type Once struct {
	Value   Digest
	Expires time.Time // remembered at least until then
}

// RequestRecord is one pushed authorization request. All but Used are fixed
// when it is kept.
type RequestRecord struct {
	Hash           Digest // SHA-256 of the request_uri; the key of the record
	ClientID       string
	ClientName     string `json:",omitzero"` // for people
	Wallet         Wallet `json:",omitzero"`
	RedirectURI    string
	State          string   `json:",omitzero"`
	Challenge      string   // code_challenge, S256
	Configurations []string // wanted, sorted
	Scopes         []string `json:",omitzero"` // wanted, those that are known here
	Detailed       bool     `json:",omitzero"` // authorization_details were used
	IssuerState    string   `json:",omitzero"` // of an offer, or of whoever injected it
	Locales        []string `json:",omitzero"` // ui_locales
	Thumbprint     string   `json:",omitzero"` // of the DPoP key that the code will be bound to; "" when none was named
	Created        time.Time
	Expires        time.Time

	Used bool `json:",omitzero"` // approved or denied
}

// CodeRecord is one authorization code. All but Used and Refresh are fixed
// when it is made.
type CodeRecord struct {
	Hash        Digest // SHA-256 of the code; the key of the record
	ClientID    string
	Wallet      Wallet `json:",omitzero"`
	RedirectURI string
	Challenge   string
	Scopes      []string          `json:",omitzero"` // approved
	Detailed    bool              `json:",omitzero"`
	Thumbprint  string            `json:",omitzero"`
	Subject     string            // person number
	Documents   map[string]string // credential configuration id -> document number
	ACR         string            `json:",omitzero"` // assurance of the login
	LoggedIn    time.Time         `json:",omitzero"`
	Created     time.Time
	Expires     time.Time

	Used    bool   `json:",omitzero"`
	Refresh Digest `json:",omitzero"` // of the refresh token that it gave, once Used
}

// TokenRecord is one access token.
type TokenRecord struct {
	Hash        Digest            // SHA-256 of the token as sent; the key of the record
	ID          string            // random, safe for logs and audit; never the token
	ClientID    string            // "" for an anonymous client
	Subject     string            // person number
	Documents   map[string]string // credential configuration id -> document number
	Identifiers map[string]string // credential identifier -> configuration id; nil unless authorization_details were asked for
	Thumbprint  string            // RFC 7638 of the DPoP key, base64url; "" for a bearer token
	Wallet      Wallet            `json:",omitzero"`
	ACR         string            `json:",omitzero"`
	Grant       Digest            `json:",omitzero"` // hash of the code that it goes back to
	Refresh     Digest            `json:",omitzero"` // of the refresh token beside or behind it; zero without
	Refreshed   bool              `json:",omitzero"` // given for a refresh token
	Granted     time.Time         // when the grant behind it was given
	Issued      time.Time
	Expires     time.Time
}

// RefreshRecord is one refresh token. All but Waited is fixed when it is made:
// it does not rotate (FAPI 2.0 section 5.3.2.1).
type RefreshRecord struct {
	Hash        Digest // SHA-256 of the token; the key of the record
	ID          string // random, safe for logs and audit
	Grant       Digest // hash of the code that gave it
	ClientID    string
	Key         string            // thumbprint of what it is bound to: the attested key, else the DPoP key
	Attested    bool              `json:",omitzero"` // Key is that of an attestation
	Unit        string            `json:",omitzero"` // name of the wallet unit in the records of issuance; "" when nobody names it
	Subject     string            // person number
	Documents   map[string]string // credential configuration id -> document number
	Identifiers map[string]string `json:",omitzero"` // as in the first access token
	Scopes      []string          `json:",omitzero"`
	ACR         string            `json:",omitzero"`
	Granted     time.Time
	Issued      time.Time
	Expires     time.Time

	// Waited says of document numbers when their wallet was last told to wait:
	// what voided grants until then is what it waits for, and whether it gets a
	// copy afterwards is for issuance to say, which knows who waits.
	Waited map[string]time.Time `json:",omitzero"`
}

// Given is what a code is exchanged for.
type Given struct {
	Token   TokenRecord
	Refresh *RefreshRecord // nil without one
	Issued  audit.Event    // goes on record in the same step
}
