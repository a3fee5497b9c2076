package issuerhttp

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/authserver"
	"vidimus/internal/issuance"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
	"vidimus/internal/qr"
	"vidimus/internal/webserver"
)

// OfficePath is where the office makes and takes back offers.
const OfficePath = "/office/v1/offers"

// OfficeConfig is what the office's listener needs. The listener is on
// loopback, or takes client certificates.
type OfficeConfig struct {
	Grants Grants
	Offers Offers
	// Issuable says which copies could be offered to a person, or to the holder
	// of a document, one of which is "". The answer is encoded as it is; it has
	// numbers and types, no attribute of the person. Nil leaves the endpoint out.
	Issuable func(ctx context.Context, person, document string) (any, error)
	// Requests are decided on here; nil leaves their endpoints out.
	Requests Requests
	// Invite makes offers of the authorization code flow; nil where nobody can
	// log in.
	Invite func(ctx context.Context, i Invitation) (*issuance.Offer, time.Time, error)
	// Fleet is the readers; nil leaves their endpoints out.
	Fleet Fleet
	// Emergency takes copies back in the mass; nil leaves its endpoints out.
	Emergency Emergency
	// Operator is what an operator does; nil leaves its endpoints out.
	Operator Operator
	// Actor names who asks, for the audit log. An error refuses the request.
	Actor func(*http.Request) (string, error)
}

// OfferRequest is what the office sends.
type OfferRequest struct {
	// Key is chosen by the caller: a repeat with the same key and content
	// gives the same offer again.
	Key    string `json:"key"`
	Person string `json:"person"`
	// Documents maps credential configuration ids to document numbers.
	Documents map[string]string `json:"documents,omitempty"`
	// WithoutTxCode is refused for identity documents.
	WithoutTxCode bool `json:"without_tx_code,omitempty"`
	// Login makes an offer of the authorization code flow: whoever takes it up
	// logs in, and it holds no secret. It names Configurations in the place of
	// Documents; Person is for the record alone, and may be "".
	Login          bool     `json:"login,omitempty"`
	Configurations []string `json:"configurations,omitempty"`
}

// Invitation is an offer of the authorization code flow that is to be made.
type Invitation struct {
	Key            string
	Person         string // for the record; "" for nobody in particular
	Configurations []string
	Actor          string
}

// OfferResponse is what the office gets. TxCode goes to the person by another
// channel than the offer; it stands in no other answer.
type OfferResponse struct {
	ID        string    `json:"id"`
	URI       string    `json:"offer_uri"`           // by value: openid-credential-offer://?credential_offer=...
	Reference string    `json:"offer_reference_uri"` // by reference: ...?credential_offer_uri=...
	SVG       string    `json:"qr_svg"`              // path of the QR code of Reference, on this listener
	PNG       string    `json:"qr_png"`
	TxCode    string    `json:"tx_code,omitempty"`
	Expires   time.Time `json:"expires"`
}

// revokeRequest names the offer by the key that it was made with.
type revokeRequest struct {
	Key string `json:"key"`
}

// DocumentsPath is where the office asks what it can offer.
const DocumentsPath = "/office/v1/documents"

// Office puts the office's endpoints on an engine.
func Office(e *webserver.Engine, cfg OfficeConfig) {
	if cfg.Issuable != nil {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: DocumentsPath, SameOrigin: true, Handler: cfg.documents})
	}
	if cfg.Requests != nil {
		cfg.requests(e)
	}
	if cfg.Operator != nil {
		cfg.operate(e)
	}
	if cfg.Fleet != nil {
		cfg.fleet(e)
	}
	if cfg.Emergency != nil {
		cfg.emergency(e)
	}
	body := officeBody
	e.Handle(webserver.Route{Method: http.MethodPost, Path: OfficePath, Body: body, SameOrigin: true, Handler: cfg.offer})
	e.Handle(webserver.Route{Method: http.MethodPost, Path: OfficePath + "/revoke", Body: body, SameOrigin: true, Handler: cfg.revoke})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: OfficePath + "/:id/qr.svg", Handler: cfg.qr(func(code *qr.Code) (string, []byte, error) {
		return "image/svg+xml", []byte(code.SVG()), nil
	})})
	e.Handle(webserver.Route{Method: http.MethodGet, Path: OfficePath + "/:id/qr.png", Handler: cfg.qr(func(code *qr.Code) (string, []byte, error) {
		png, err := code.PNG(qrSide)
		return "image/png", png, err
	})})
}

var officeBody = webserver.Body{Types: []string{"application/json"}, Max: webserver.MaxJSONBody}

func (cfg OfficeConfig) documents(c *gin.Context) error {
	if _, err := cfg.Actor(c.Request); err != nil {
		return err
	}
	if len(c.Request.URL.Query()) != 1 {
		return problem.New(problem.InvalidRequest, "either person or document is wanted, and nothing else")
	}
	answer, err := cfg.Issuable(c.Request.Context(), c.Query("person"), c.Query("document"))
	if err != nil {
		return err
	}
	ok(c, answer)
	return nil
}

// qrSide is the side of a PNG in pixels: enough for a screen at arm's length.
const qrSide = 512

func (cfg OfficeConfig) offer(c *gin.Context) error {
	var in OfferRequest
	actor, err := cfg.read(c, &in)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if in.Login {
		return cfg.invite(c, in, actor)
	}
	if len(in.Configurations) > 0 {
		return problem.New(problem.InvalidRequest, "configurations are for offers with a login: documents are wanted")
	}
	pre, err := cfg.Grants.PreAuthorize(ctx, authserver.Grant{
		IdempotencyKey: in.Key, Person: in.Person, Documents: in.Documents, WithoutTxCode: in.WithoutTxCode, Actor: actor,
	})
	if err != nil {
		return err
	}
	o, err := cfg.Offers.MakeOffer(ctx, issuance.OfferRequest{
		Configurations: pre.Configs, Code: pre.Code, TxCodeLength: pre.TxCodeLength, Expires: pre.Expires,
	})
	if err != nil {
		return err
	}
	ok(c, OfferResponse{
		ID: o.ID, URI: o.URI, Reference: o.Reference, TxCode: pre.TxCode, Expires: pre.Expires,
		SVG: OfficePath + "/" + o.ID + "/qr.svg", PNG: OfficePath + "/" + o.ID + "/qr.png",
	})
	return nil
}

func (cfg OfficeConfig) invite(c *gin.Context, in OfferRequest, actor string) error {
	switch {
	case cfg.Invite == nil:
		return problem.New(problem.InvalidRequest, "nobody can log in here: the configuration names no login")
	case len(in.Documents) > 0 || in.WithoutTxCode:
		return problem.New(problem.InvalidRequest, "an offer with a login names configurations, and nothing else")
	}
	o, expires, err := cfg.Invite(c.Request.Context(), Invitation{Key: in.Key, Person: in.Person, Configurations: in.Configurations, Actor: actor})
	if err != nil {
		return err
	}
	ok(c, OfferResponse{
		ID: o.ID, URI: o.URI, Reference: o.Reference, Expires: expires,
		SVG: OfficePath + "/" + o.ID + "/qr.svg", PNG: OfficePath + "/" + o.ID + "/qr.png",
	})
	return nil
}

func (cfg OfficeConfig) revoke(c *gin.Context) error {
	var in revokeRequest
	actor, err := cfg.read(c, &in)
	if err != nil {
		return err
	}
	if err := cfg.Grants.Revoke(c.Request.Context(), in.Key, actor); err != nil {
		return err
	}
	webserver.Empty(c, http.StatusNoContent)
	return nil
}

func (cfg OfficeConfig) qr(draw func(*qr.Code) (string, []byte, error)) func(*gin.Context) error {
	return func(c *gin.Context) error {
		uri, err := cfg.Offers.OfferURI(c.Request.Context(), c.Param("id"))
		if err != nil {
			return err
		}
		code, err := qr.Encode(uri)
		if err != nil {
			return err
		}
		mediaType, image, err := draw(code)
		if err != nil {
			return err
		}
		webserver.Bytes(c, http.StatusOK, mediaType, image)
		return nil
	}
}

func (cfg OfficeConfig) read(c *gin.Context, into any) (actor string, err error) {
	if actor, err = cfg.Actor(c.Request); err != nil {
		return "", err
	}
	body, err := webserver.ReadBody(c)
	if err != nil {
		return "", err
	}
	if err := jose.DecodeJSONLimit(body, into, webserver.MaxJSONBody); err != nil {
		return "", problem.Wrap(problem.InvalidRequest, err, "the body is not the JSON that is wanted")
	}
	return actor, nil
}
