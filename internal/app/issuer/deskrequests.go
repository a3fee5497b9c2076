package issuer

import (
	"context"
	"net/http"

	"vidimus/internal/issuerhttp"
)

// Awaiting lists the requests of wallets that a person must approve.
func (d *Desk) Awaiting(ctx context.Context) ([]issuerhttp.AwaitedRequest, error) {
	var out issuerhttp.AwaitedRequests
	err := d.do(ctx, http.MethodGet, issuerhttp.RequestsPath, nil, &out)
	return out.Requests, err
}

// Decide says issuerhttp.DecisionApprove or DecisionRefuse to one of them.
func (d *Desk) Decide(ctx context.Context, id, decision string) error {
	return d.do(ctx, http.MethodPost, issuerhttp.DecisionPath, issuerhttp.RequestDecision{ID: id, Decision: decision}, nil)
}
