package registryclient

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The endpoints below Client.Endpoint, and their media types.
const (
	EventsPath   = "/registry/v1/events"
	BatchPath    = "/registry/v1/events/batch"
	ReceiptsPath = "/registry/v1/receipts"
	TokenType    = "application/secevent+jwt"
	ReceiptType  = "application/vidimus-receipt+jwt"

	// MaxBatch is how many events a batch may hold, MaxBatchSize how many
	// octets.
	MaxBatch     = 500
	MaxBatchSize = 8 << 20
)

const (
	// maxAnswer bounds what is read of an answer: a page of receipts.
	maxAnswer = 8 << 20
	// maxReceipt bounds one receipt: with an entry for each of 2,000 lists.
	maxReceipt = 256 << 10
	// pageSize is how many receipts are asked for at once.
	pageSize = 100
)

// Client signs events of one source and delivers them to one office. It is
// safe for concurrent use, but events are to be pushed in the order of their
// numbers.
type Client struct {
	// Endpoint is the registry listener of the office, without a path.
	Endpoint string
	// Source is the iss of the events, Audience the office's name: their aud.
	Source, Audience string
	// Signer has a P-256 key that the office knows for this source as KeyID.
	Signer crypto.Signer
	KeyID  string
	// HTTP has the client certificate of the source; nil is
	// http.DefaultClient.
	HTTP *http.Client
	// Now and Rand are for tests; nil is the real thing.
	Now  func() time.Time
	Rand io.Reader
}

// Refusal is the answer to a token that the office does not take (RFC 8935,
// section 2.4). The same token will not be taken later either, with one
// exception: after a gap, once the missing events were pushed.
type Refusal struct {
	Status      int    `json:"-"`           // HTTP
	Code        string `json:"err"`         // such as invalid_request
	Description string `json:"description"` // for a human
}

func (r *Refusal) Error() string { return fmt.Sprintf("refused: %s: %s", r.Code, r.Description) }

// ErrTryAgain: the office could not answer now. Push the same token again.
var ErrTryAgain = errors.New("try again")

// Push delivers one event. Nil means that it is durable and took effect, now
// or when it was first pushed. The error is a *Refusal, or matches
// ErrTryAgain.
func (c *Client) Push(ctx context.Context, set SET) error {
	_, err := c.do(ctx, http.MethodPost, EventsPath, TokenType, []byte(set.Token), http.StatusAccepted)
	return err
}

// Answer is what a batch came to.
type Answer struct {
	Acks    []string            `json:"ack"`
	Refused map[string]*Refusal `json:"setErrs"` // by jti
}

// PushBatch delivers at most MaxBatch events. Each is taken or refused for
// itself. The error matches ErrTryAgain or is a *Refusal of the batch as a
// whole.
func (c *Client) PushBatch(ctx context.Context, sets []SET) (*Answer, error) {
	known := make(map[string]bool, len(sets))
	size := len(`{"sets":{}}`)
	for _, s := range sets {
		if known[s.JTI] {
			return nil, fmt.Errorf("jti %q twice in one batch", s.JTI)
		}
		known[s.JTI] = true
		size += len(s.JTI) + len(s.Token) + len(`"":"",`)
	}
	body := append(make([]byte, 0, size), `{"sets":{`...)
	for i, s := range sets {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendText(append(appendText(body, s.JTI), ':'), s.Token)
	}
	body = append(body, "}}"...)
	if len(sets) > MaxBatch || len(body) > MaxBatchSize {
		return nil, fmt.Errorf("a batch has at most %d events and %d octets", MaxBatch, MaxBatchSize)
	}
	text, err := c.do(ctx, http.MethodPost, BatchPath, "application/json", body, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var a Answer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("%w: reading the answer: %w", ErrTryAgain, err)
	}
	return &a, nil
}

// appendText appends a JSON string. A token has nothing to escape, and a large
// one is not looked at twice for it.
func appendText(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string has always a form
			return append(to, text...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}

func (c *Client) do(ctx context.Context, method, path, mediaType string, body []byte, want int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Endpoint, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	req.Header.Set("Accept", "application/json, "+ReceiptType)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTryAgain, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: reading the answer: %w", ErrTryAgain, err)
	case res.StatusCode == want:
		return text, nil
	case res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("%w: %s", ErrTryAgain, res.Status)
	}
	r := &Refusal{Status: res.StatusCode}
	if json.Unmarshal(text, r) != nil || r.Code == "" {
		r.Code, r.Description = "invalid_request", res.Status
	}
	return nil, r
}
