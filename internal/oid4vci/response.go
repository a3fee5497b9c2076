package oid4vci

import (
	"encoding/json"
	"fmt"
	"slices"

	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// CredentialResponse is the answer of the credential and deferred endpoints
// (section 8.3): Credentials with 200, or TransactionID and Interval with 202.
type CredentialResponse struct {
	Credentials    []Credential `json:"credentials,omitempty"`
	NotificationID string       `json:"notification_id,omitempty"`
	TransactionID  string       `json:"transaction_id,omitempty"`
	Interval       int          `json:"interval,omitempty"` // seconds to wait

	// CNonce and its lifetime in seconds are for wallets of drafts up to 13
	// alone: 1.0 gives nonces at the nonce endpoint.
	CNonce          string `json:"c_nonce,omitempty"`
	CNonceExpiresIn int    `json:"c_nonce_expires_in,omitempty"`
}

// AppendJSON appends what json.Marshal gives: the texts of many copies, which
// need no escape, are copied and not looked at twice.
func (r *CredentialResponse) AppendJSON(b []byte) ([]byte, error) {
	rest := *r
	if rest.Credentials = nil; len(r.Credentials) == 0 {
		return appendMarshalled(b, rest)
	}
	size := 64
	for _, c := range r.Credentials {
		size += len(c.Credential) + jose.EncodedLen(len(c.octets)) + len(`{"credential":""},`)
	}
	b = slices.Grow(b, size)
	b = append(b, `{"credentials":[`...)
	for i, c := range r.Credentials {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"credential":`...)
		switch {
		case c.octets != nil:
			b = append(jose.AppendBase64URL(append(b, '"'), c.octets), '"')
		case plain(c.Credential):
			b = append(append(append(b, '"'), c.Credential...), '"')
		default:
			var err error
			if b, err = appendMarshalled(b, c.Credential); err != nil {
				return nil, err
			}
		}
		b = append(b, '}')
	}
	b = append(b, ']')
	begin := len(b)
	b, err := appendMarshalled(b, rest)
	if err != nil {
		return nil, err
	}
	if b[begin+1] == '}' {
		return append(b[:begin], '}'), nil
	}
	b[begin] = ',' // in the place of the brace
	return b, nil
}

func appendMarshalled(b []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("writing credential response: %w", err)
	}
	return append(b, text...), nil
}

// unplain marks what a JSON text would escape, or not be made of.
var unplain = func() (t [256]uint8) {
	for c := range t {
		if c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			t[c] = 1
		}
	}
	return t
}()

func plain(s string) bool {
	for ; len(s) >= 8; s = s[8:] {
		if unplain[s[0]]|unplain[s[1]]|unplain[s[2]]|unplain[s[3]]|unplain[s[4]]|unplain[s[5]]|unplain[s[6]]|unplain[s[7]] != 0 {
			return false
		}
	}
	for i := range len(s) {
		if unplain[s[i]] != 0 {
			return false
		}
	}
	return true
}

// Credential is one issued copy: the compact SD-JWT, or base64url of the CBOR
// of IssuerSigned.
type Credential struct {
	Credential string `json:"credential"`

	octets []byte // stand for Credential
}

// OctetCredential is a copy whose text is made when it is written: base64url of
// octets, which must not change until then.
func OctetCredential(octets []byte) Credential { return Credential{octets: octets} }

// Text is what the member credential holds.
func (c Credential) Text() string {
	if c.octets != nil {
		return jose.EncodeBase64URL(c.octets)
	}
	return c.Credential
}

// MarshalJSON implements json.Marshaler.
func (c Credential) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Credential string `json:"credential"`
	}{c.Text()})
}

// ParseCredentialResponse reads an answer, decrypted where it was encrypted,
// as a wallet does.
func ParseCredentialResponse(data []byte) (*CredentialResponse, error) {
	var r CredentialResponse
	if err := jose.DecodeJSONLimit(data, &r, maxResponse); err != nil {
		return nil, fmt.Errorf("parsing credential response: %w", err)
	}
	switch {
	case (len(r.Credentials) > 0) == (r.TransactionID != ""):
		return nil, fmt.Errorf("parsing credential response: exactly one of credentials and transaction_id is due")
	case r.TransactionID != "" && r.Interval <= 0:
		return nil, fmt.Errorf("parsing credential response: transaction_id without interval")
	case r.TransactionID != "" && r.NotificationID != "":
		return nil, fmt.Errorf("parsing credential response: notification_id without credentials")
	}
	for i, c := range r.Credentials {
		if c.Credential == "" {
			return nil, fmt.Errorf("parsing credential response: credential %d is empty", i)
		}
	}
	return &r, nil
}

// DeferredRequest is the body of the deferred endpoint (section 9.1).
type DeferredRequest struct {
	TransactionID      string
	ResponseEncryption *ResponseEncryptionParameters // only these count for the answer
	Encrypted          bool                          // as in CredentialRequest
}

// ParseDeferredRequest reads a deferred request. Refusals are
// problem.InvalidCredentialRequest, problem.InvalidTransactionID and
// problem.InvalidEncryptionParameters.
func ParseDeferredRequest(body []byte) (*DeferredRequest, error) {
	var w struct {
		TransactionID      string          `json:"transaction_id"`
		ResponseEncryption json.RawMessage `json:"credential_response_encryption"`
	}
	if err := jose.DecodeJSONLimit(body, &w, maxSmall); err != nil {
		return nil, problem.Wrap(problem.InvalidCredentialRequest, err, "the body is not a JSON object of the expected form")
	}
	if w.TransactionID == "" {
		return nil, problem.New(problem.InvalidCredentialRequest, "transaction_id is missing")
	}
	if len(w.TransactionID) > maxIdentifier {
		return nil, problem.New(problem.InvalidTransactionID, "transaction_id is too long to be one of ours")
	}
	r := &DeferredRequest{TransactionID: w.TransactionID}
	if w.ResponseEncryption != nil {
		p, err := parseResponseEncryption(w.ResponseEncryption)
		if err != nil {
			return nil, err
		}
		r.ResponseEncryption = p
	}
	return r, nil
}

// MarshalJSON writes the request, as a wallet does.
func (r DeferredRequest) MarshalJSON() ([]byte, error) {
	e, err := r.ResponseEncryption.wire()
	if err != nil {
		return nil, err
	}
	return marshal(struct {
		TransactionID string              `json:"transaction_id"`
		Encryption    *responseEncryption `json:"credential_response_encryption,omitempty"`
	}{r.TransactionID, e})
}

// Events of a Notification (section 11.1).
const (
	EventAccepted = "credential_accepted"
	EventDeleted  = "credential_deleted"
	EventFailure  = "credential_failure"
)

// Notification is the body of the notification endpoint.
type Notification struct {
	ID          string `json:"notification_id"`
	Event       string `json:"event"`
	Description string `json:"event_description,omitempty"`
}

// ParseNotification reads a notification. Refusals are
// problem.InvalidNotificationRequest, and problem.InvalidNotificationID for an
// id that cannot be one.
func ParseNotification(body []byte) (*Notification, error) {
	var n Notification
	if err := jose.DecodeJSONLimit(body, &n, maxSmall); err != nil {
		return nil, problem.Wrap(problem.InvalidNotificationRequest, err, "the body is not a JSON object of the expected form")
	}
	switch {
	case n.ID == "":
		return nil, problem.New(problem.InvalidNotificationRequest, "notification_id is missing")
	case len(n.ID) > maxIdentifier:
		return nil, problem.New(problem.InvalidNotificationID, "notification_id is too long to be one of ours")
	case n.Event != EventAccepted && n.Event != EventDeleted && n.Event != EventFailure:
		return nil, problem.New(problem.InvalidNotificationRequest, "event is not one of %s, %s, %s", EventAccepted, EventDeleted, EventFailure)
	}
	return &n, nil
}
