package issuerhttp

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

// EventsPath is where registries push their events.
const EventsPath = "/registry/v1/events"

// RegistryConfig is what the registries' listener needs.
type RegistryConfig struct {
	Inbox Inbox
	// Peer names the source whose client certificate the connection has, ""
	// when the connection does not authenticate (development). An error
	// refuses the request.
	Peer  func(*http.Request) (string, error)
	Limit *webserver.Limiter
	// Patience is how long an event may be held for those before it; zero is
	// registry.DefaultHoldFor.
	Patience time.Duration

	underWay *allowance
}

// Registry puts the registries' endpoints on an engine.
func Registry(e *webserver.Engine, cfg RegistryConfig) {
	cfg.underWay = newAllowance(maxUnderWay)
	if cfg.Patience <= 0 {
		cfg.Patience = registry.DefaultHoldFor
	}
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: EventsPath, Errors: webserver.StyleEvent, Limit: cfg.Limit,
		Body:    webserver.Body{Types: []string{"application/secevent+jwt"}, Max: webserver.MaxEventBody},
		Handler: cfg.push,
	})
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: EventsPath + "/batch", Errors: webserver.StyleEvent, Limit: cfg.Limit,
		Body:    webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxBatchBody},
		Handler: cfg.pushBatch,
	})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: EventsPath + "/:jti", Limit: cfg.Limit, Handler: cfg.receipt})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: ReceiptsPath, Limit: cfg.Limit, Handler: cfg.receipts})
}

// push takes one event: 202 and nothing else once it is durable (RFC 8935,
// section 2.2), for a repeated one too.
func (cfg RegistryConfig) push(c *gin.Context) error {
	peer, release, err := cfg.admit(c, webserver.MaxEventBody)
	if err != nil {
		return err
	}
	defer release()
	body, err := webserver.ReadBody(c)
	if err != nil {
		return err
	}
	if err := cfg.wait(c); err != nil {
		return err
	}
	out, err := cfg.Inbox.Accept(c.Request.Context(), peer, string(body))
	if err != nil {
		return err
	}
	webserver.Annotate(c, "jti", out.JTI)
	webserver.Empty(c, http.StatusAccepted)
	return nil
}

// wait moves the deadline of the answer: it may come late when the event is
// held for those before it.
func (cfg RegistryConfig) wait(c *gin.Context) error {
	late := time.Now().Add(cfg.Patience + webserver.WriteTimeout)
	if err := http.NewResponseController(c.Writer).SetWriteDeadline(late); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return problem.Wrap(problem.Unavailable, err, "try again")
	}
	return nil
}

// batchAnswer follows RFC 8936, section 2.4.
type batchAnswer struct {
	Ack       []string            `json:"ack"`
	SetErrors map[string]setError `json:"setErrs,omitempty"`
}

type setError struct {
	Err         string `json:"err"`
	Description string `json:"description"`
}

// pushBatch takes many. What is in neither member of the answer failed for a
// reason of ours: the source sends it again.
func (cfg RegistryConfig) pushBatch(c *gin.Context) error {
	peer, release, err := cfg.admit(c, webserver.MaxBatchBody)
	if err != nil {
		return err
	}
	defer release()
	body, err := webserver.ReadBody(c)
	if err != nil {
		return err
	}
	sets, err := registry.ParseBatch(body)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		return problem.New(problem.InvalidRequest, "no sets")
	}
	if err := cfg.wait(c); err != nil {
		return err
	}
	batch, err := cfg.Inbox.AcceptBatch(c.Request.Context(), peer, sets)
	if err != nil {
		return err
	}
	out := batchAnswer{Ack: append([]string{}, batch.Acks...), SetErrors: map[string]setError{}}
	for jti, err := range batch.Errors {
		if code, description, ok := registry.SETError(err); ok {
			out.SetErrors[jti] = setError{code, description}
		}
	}
	ok(c, out)
	return nil
}

// admit names the source and makes room for its body, before any of it is
// read: one source, however many connections it opens, must not use up the
// memory of all.
func (cfg RegistryConfig) admit(c *gin.Context, limit int64) (peer string, release func(), err error) {
	if peer, err = cfg.Peer(c.Request); err != nil {
		return "", nil, err
	}
	webserver.Annotate(c, "source", peer)
	size := c.Request.ContentLength
	if size < 0 { // chunked
		size = limit
	}
	release, ok := cfg.underWay.take(peer, size)
	if !ok {
		return "", nil, problem.New(problem.RateLimited, "too much of this source is under way: send it again")
	}
	return peer, release, nil
}
