package issuerhttp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/fleet"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Paths of the fleet of readers: below the public URL what readers and wallets
// ask for, on the office's listener what an operator does.
const (
	EnrolPath     = fleet.EnrolPath
	ReaderCRLPath = "/crl/readers.crl"
	// BundlePath is where readers fetch what they know.
	BundlePath = "/readers/bundle"

	ReadersPath       = "/office/v1/readers"
	ReaderInvitePath  = ReadersPath + "/invite"
	ReaderApprovePath = ReadersPath + "/approve"
	ReaderRevokePath  = ReadersPath + "/revoke"
)

// Enrolment is the part of the fleet that readers and wallets reach.
type Enrolment interface {
	// Enrol takes a one-time code with a certificate request (DER).
	Enrol(ctx context.Context, code string, request []byte) (fleet.EnrolAnswer, error)
	// RevokedReaders is the revocation list of the reader CA, DER, with its entity
	// tag.
	RevokedReaders(ctx context.Context) (list []byte, etag string, err error)
}

// maxEnrol bounds the body of an enrolment, in bytes: a request in base64url and
// a code.
const maxEnrol = 2*fleet.MaxRequest + 1024

// readers puts enrolment and the list of revoked readers on the public engine.
func (cfg PublicConfig) readers(e *webserver.Engine, base string) {
	e.Handle(webserver.Route{
		Method: http.MethodPost, Path: base + EnrolPath, Body: webserver.Body{Types: []string{"application/json"}, Max: maxEnrol},
		Limit: cfg.Limit, Failures: cfg.Guesses, Guess: func(err error) bool { return errors.Is(err, fleet.ErrCode) },
		Handler: handle(readEnrol, func(ctx context.Context, r enrolRequest) (fleet.EnrolAnswer, error) {
			return cfg.Readers.Enrol(ctx, r.code, r.request)
		}, func(c *gin.Context, a fleet.EnrolAnswer) {
			status := http.StatusOK
			if a.State != fleet.Enrolled {
				status = http.StatusAccepted
			}
			webserver.JSON(c, status, a)
		}),
	})
	cfg.newest(e, base+ReaderCRLPath, typeCRL, func(r *http.Request) ([]byte, string, error) {
		return cfg.Readers.RevokedReaders(r.Context())
	})
}

type enrolRequest struct {
	code    string
	request []byte
}

func readEnrol(c *gin.Context) (r enrolRequest, err error) {
	body, err := webserver.ReadBody(c)
	if err != nil {
		return r, err
	}
	var in fleet.EnrolRequest
	if err := jose.DecodeJSONLimit(body, &in, maxEnrol); err != nil {
		return r, problem.Wrap(problem.InvalidRequest, err, "the body is not the JSON that is wanted")
	}
	r.code = in.Code
	if r.request, err = jose.DecodeBase64URL(in.Request); err != nil {
		return r, problem.Wrap(problem.InvalidRequest, err, "request is not base64url")
	}
	return r, nil
}

// ReaderInvitation is what the office wishes: a code for a reader.
type ReaderInvitation struct {
	Name         string `json:"name"`
	Organization string `json:"organization,omitempty"`
	// Lifetime of the code in seconds; 0 is the usual.
	Lifetime int64 `json:"lifetime,omitempty"`
}

// InvitedReader is the answer; Code stands in no other.
type InvitedReader struct {
	ReaderView
	Code string `json:"code"`
}

// ReaderDeed names a reader by id or name. Key is the fingerprint that was
// compared, for an approval.
type ReaderDeed struct {
	Reader string `json:"reader"`
	Key    string `json:"key,omitempty"`
}

// ReaderView is a reader as the office sees it.
type ReaderView struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Organization string      `json:"organization"`
	State        fleet.State `json:"state"`
	Fingerprint  string      `json:"fingerprint,omitempty"`
	Serial       string      `json:"serial,omitempty"` // hexadecimal
	Invited      time.Time   `json:"invited"`
	CodeExpires  time.Time   `json:"code_expires"`
	Asked        time.Time   `json:"asked,omitzero"`
	Approved     time.Time   `json:"approved,omitzero"`
	Expires      time.Time   `json:"expires,omitzero"`
	Revoked      time.Time   `json:"revoked,omitzero"`
	// Bundle is the number of the bundle that it was last seen with.
	Bundle     uint64    `json:"bundle,omitempty"`
	BundleSeen time.Time `json:"bundle_seen,omitzero"`
}

// ReaderViews is the fleet.
type ReaderViews struct {
	Readers []ReaderView `json:"readers"`
}

// Fleet is what an operator does with readers.
type Fleet interface {
	InviteReader(ctx context.Context, i ReaderInvitation, actor string) (InvitedReader, error)
	ApproveReader(ctx context.Context, d ReaderDeed, actor string) (ReaderView, error)
	RevokeReader(ctx context.Context, d ReaderDeed, actor string) (ReaderView, error)
	Readers(ctx context.Context) (ReaderViews, error)
}

// fleet puts the operator's part on the office's engine.
func (cfg OfficeConfig) fleet(e *webserver.Engine) {
	e.Handle(webserver.Route{Method: http.MethodGet, Path: ReadersPath, SameOrigin: true, Handler: func(c *gin.Context) error {
		if _, err := cfg.Actor(c.Request); err != nil {
			return err
		}
		all, err := cfg.Fleet.Readers(c.Request.Context())
		if err == nil {
			ok(c, all)
		}
		return err
	}})
	readerDeed(cfg, e, ReaderInvitePath, cfg.Fleet.InviteReader)
	readerDeed(cfg, e, ReaderApprovePath, cfg.Fleet.ApproveReader)
	readerDeed(cfg, e, ReaderRevokePath, cfg.Fleet.RevokeReader)
}

// readerDeed puts one thing to do on the engine, with who does it.
func readerDeed[Req, Resp any](cfg OfficeConfig, e *webserver.Engine, path string, do func(context.Context, Req, string) (Resp, error)) {
	e.Handle(webserver.Route{Method: http.MethodPost, Path: path, Body: officeBody, SameOrigin: true, Handler: func(c *gin.Context) error {
		var in Req
		actor, err := cfg.read(c, &in)
		if err != nil {
			return err
		}
		out, err := do(c.Request.Context(), in, actor)
		if err == nil {
			ok(c, out)
		}
		return err
	}})
}
