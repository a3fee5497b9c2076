package registryclient

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// The states of a receipt.
const (
	// StateApplied: the office's record has changed. Copies that the event
	// revokes are not all published yet.
	StateApplied = "applied"
	// StateCovered: every copy that the event revokes is published as revoked.
	StateCovered = "covered"
	// StateNoCopies: the event revokes copies, and there were none.
	StateNoCopies = "no-copies"
)

// Receipt is the office's word on what became of an event. An event has one
// per change of its state; time can open it again, with a higher Version.
type Receipt struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	IssuedAt int64  `json:"iat"`
	JTI      string `json:"jti"`
	// Event is the jti of the event.
	Event string `json:"event"`
	// AcceptedAt is when the event was accepted.
	AcceptedAt int64 `json:"accepted_at"`
	// State is applied, covered or no-copies.
	State string `json:"state"`
	// Version is that of the person's record after the event.
	Version uint64 `json:"version"`
	// Copies is how many copies the event revokes. While State is applied and
	// Copies is not 0, a receipt that says covered is still to come.
	Copies int `json:"copies"`
	// CoveredAt and Lists tell since when and in which lists, once covered.
	CoveredAt int64 `json:"covered_at"`
	Lists     []struct {
		URI     string `json:"uri"`
		Version uint64 `json:"version"`
	} `json:"lists"`
}

// Numbered is a receipt and its place in the feed.
type Numbered struct {
	// Number counts the receipts of the source from 1, without a gap; the
	// oldest may be gone.
	Number uint64 `json:"number"`
	// Receipt is the signed token; see VerifyReceipt.
	Receipt string `json:"receipt"`
}

// Receipt fetches the signed receipt of an event that this source pushed; see
// VerifyReceipt.
func (c *Client) Receipt(ctx context.Context, jti string) (token string, err error) {
	text, err := c.do(ctx, http.MethodGet, EventsPath+"/"+url.PathEscape(jti)+"?source="+url.QueryEscape(c.Source), "", nil, http.StatusOK)
	return string(bytes.TrimSpace(text)), err
}

// Receipts gives the receipts of this source whose number is above after, in
// order, up to the newest that there is now. An error is the last thing that
// it gives: *Refusal, or one that matches ErrTryAgain. Keep the last number
// that was dealt with, and call again with it later.
func (c *Client) Receipts(ctx context.Context, after uint64) iter.Seq2[Numbered, error] {
	return func(yield func(Numbered, error) bool) {
		for {
			page, err := c.page(ctx, after)
			if err != nil {
				yield(Numbered{}, err)
				return
			}
			for _, r := range page.Receipts {
				if r.Number <= after { // would go on for ever
					yield(Numbered{}, fmt.Errorf("%w: receipt %d came after %d", ErrTryAgain, r.Number, after))
					return
				}
				after = r.Number
				if !yield(r, nil) {
					return
				}
			}
			if !page.More || len(page.Receipts) == 0 {
				return
			}
		}
	}
}

type receiptPage struct {
	Receipts []Numbered `json:"receipts"`
	More     bool       `json:"more"`
}

func (c *Client) page(ctx context.Context, after uint64) (receiptPage, error) {
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(pageSize)}, "source": {c.Source}}
	text, err := c.do(ctx, http.MethodGet, ReceiptsPath+"?"+query.Encode(), "", nil, http.StatusOK)
	if err != nil {
		return receiptPage{}, err
	}
	var page receiptPage
	if err := json.Unmarshal(text, &page); err != nil {
		return receiptPage{}, fmt.Errorf("%w: reading the receipts: %w", ErrTryAgain, err)
	}
	return page, nil
}

// VerifyReceipt checks that a receipt was signed with the office's receipt key
// and speaks to this source, and gives its content.
func (c *Client) VerifyReceipt(token string, key *ecdsa.PublicKey) (*Receipt, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxReceipt || len(parts) != 3 {
		return nil, errors.New("the receipt is not a compact JWS")
	}
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errors.New("the receipt key is not a P-256 key")
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(p)
		if err != nil || strings.ContainsAny(p, "\r\n") {
			return nil, errors.New("the receipt is not a compact JWS")
		}
		raw[i] = b
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if len(raw[2]) != 64 || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(raw[2][:32]), new(big.Int).SetBytes(raw[2][32:])) {
		return nil, errors.New("the receipt's signature does not verify")
	}
	var header struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
	}
	var r Receipt
	if err := errors.Join(json.Unmarshal(raw[0], &header), json.Unmarshal(raw[1], &r)); err != nil {
		return nil, fmt.Errorf("reading the receipt: %w", err)
	}
	if header.Algorithm != "ES256" || header.Type != "vidimus-receipt+jwt" || r.Issuer != c.Audience || r.Audience != c.Source {
		return nil, errors.New("the token is not a receipt of this office for this source")
	}
	return &r, nil
}
