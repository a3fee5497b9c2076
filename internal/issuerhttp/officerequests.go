package issuerhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// RequestsPath is where the office reads what wallets ask for that a person must
// approve, DecisionPath where it says yes or no.
const (
	RequestsPath = "/office/v1/requests"
	DecisionPath = RequestsPath + "/decision"
)

// Requests are those of wallets that wait for a person's word.
type Requests interface {
	Awaiting(ctx context.Context) ([]issuance.Awaited, error)
	Approve(ctx context.Context, id, actor string) error
	Refuse(ctx context.Context, id, actor string) error
}

// AwaitedRequests is what the office reads: numbers and types, no attribute of a
// person.
type AwaitedRequests struct {
	Requests []AwaitedRequest `json:"requests"` // the oldest first
}

// AwaitedRequest is one of them.
type AwaitedRequest struct {
	ID            string    `json:"id"`
	Person        string    `json:"person"`
	Document      string    `json:"document"`
	Configuration string    `json:"configuration"`
	Since         time.Time `json:"since"`
	Until         time.Time `json:"until"` // when nobody needs to decide any more
}

// The words of a RequestDecision.
const (
	DecisionApprove = "approve"
	DecisionRefuse  = "refuse"
)

// RequestDecision is a person's word.
type RequestDecision struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
}

// requests puts the endpoints on the office's engine.
func (cfg OfficeConfig) requests(e *webserver.Engine) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: RequestsPath, SameOrigin: true, Handler: func(c *gin.Context) error {
		if _, err := cfg.Actor(c.Request); err != nil {
			return err
		}
		all, err := cfg.Requests.Awaiting(c.Request.Context())
		if err != nil {
			return err
		}
		out := AwaitedRequests{Requests: []AwaitedRequest{}}
		for _, w := range all {
			out.Requests = append(out.Requests, AwaitedRequest(w))
		}
		ok(c, out)
		return nil
	}})
	e.Handle(webserver.Route{Method: http.MethodPost, Path: DecisionPath, Body: officeBody, SameOrigin: true, Handler: func(c *gin.Context) error {
		var in RequestDecision
		actor, err := cfg.read(c, &in)
		if err != nil {
			return err
		}
		say := cfg.Requests.Approve
		switch in.Decision {
		case DecisionApprove:
		case DecisionRefuse:
			say = cfg.Requests.Refuse
		default:
			return problem.New(problem.InvalidRequest, "decision is not approve or refuse")
		}
		if err := say(c.Request.Context(), in.ID, actor); err != nil {
			return err
		}
		webserver.Empty(c, http.StatusNoContent)
		return nil
	}})
}
