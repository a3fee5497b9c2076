package registry

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// ReceiptType is the typ of a receipt.
const ReceiptType = "vidimus-receipt+jwt"

// receiptClaims are the claims of a receipt.
type receiptClaims struct {
	Issuer    string        `json:"iss"`
	Audience  string        `json:"aud"`
	IssuedAt  int64         `json:"iat"`
	JTI       string        `json:"jti"`
	Event     string        `json:"event"`
	Accepted  int64         `json:"accepted_at"`
	State     State         `json:"state"`
	Version   uint64        `json:"version"`
	Copies    int           `json:"copies,omitempty"`
	CoveredAt int64         `json:"covered_at,omitempty"`
	Lists     []ListVersion `json:"lists,omitempty"`
}

type receiptSigner struct {
	issuer string
	signer crypto.Signer
	header map[string]any
	rand   io.Reader
}

func newReceiptSigner(cfg Config) (receiptSigner, error) {
	thumbprint, err := jose.Thumbprint(cfg.ReceiptSigner.Public())
	if err != nil {
		return receiptSigner{}, fmt.Errorf("registry: receipt key: %w", err)
	}
	header := map[string]any{"typ": ReceiptType, "kid": jose.EncodeBase64URL(thumbprint)}
	if len(cfg.ReceiptChain) > 0 {
		header["x5c"] = cfg.ReceiptChain
	}
	return receiptSigner{issuer: cfg.Issuer, signer: cfg.ReceiptSigner, header: header, rand: cfg.Rand}, nil
}

// Receipt gives the signed receipt of an accepted event, as a compact JWS of
// type ReceiptType. It speaks only of what the store has committed. The jti of
// a receipt is the same as long as its state and version are. Refusals: not_found, also for
// the event of another source.
func (in *Inbox) Receipt(ctx context.Context, source, jti string) (string, error) {
	o, err := in.store.Outcome(ctx, source, jti)
	if err != nil {
		return "", storeProblem(err)
	}
	return in.receipts.sign(o, in.clock.Now())
}

func (r receiptSigner) sign(o Outcome, now time.Time) (string, error) {
	id := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", o.Source, o.JTI, o.State(), o.Version))
	c := receiptClaims{
		Issuer: r.issuer, Audience: o.Source, IssuedAt: now.Unix(), JTI: jose.EncodeBase64URL(id[:16]),
		Event: o.JTI, Accepted: o.Accepted.Unix(), State: o.State(), Version: o.Version, Copies: o.Copies,
	}
	if c.State == StateCovered {
		c.CoveredAt, c.Lists = o.Covered.Unix(), o.Lists
	}
	payload, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding receipt: %w", err)
	}
	token, err := jose.Sign(r.signer, r.header, payload, r.rand)
	if err != nil {
		return "", problem.Wrap(problem.Unavailable, err, "try again")
	}
	faults.Point("registry.receipt-signed")
	return token, nil
}
