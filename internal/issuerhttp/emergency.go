package issuerhttp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"vidimus/internal/emergency"
	"vidimus/internal/problem"
	"vidimus/internal/webserver"
)

// Paths of what two humans do in an emergency, on the office's listener. The
// token of the office alone begins nothing: plans hang on the statements that
// officers sign with their own keys.
const (
	EmergencyPath        = "/office/v1/emergency"
	EmergencyPlansPath   = EmergencyPath + "/plans"
	EmergencyDraftPath   = EmergencyPath + "/draft"
	EmergencyProposePath = EmergencyPath + "/propose"
	EmergencyApprovePath = EmergencyPath + "/approve"
	EmergencyDismissPath = EmergencyPath + "/dismiss"
	EmergencyRunPath     = EmergencyPath + "/run"
	EmergencyPausePath   = EmergencyPath + "/pause"
	EmergencyHoldersPath = EmergencyPath + "/holders"
	EmergencyReportPath  = EmergencyPath + "/report"
)

// EmergencyDraft is the answer to a dry run.
type EmergencyDraft struct {
	Draft    emergency.Draft    `json:"draft"`
	Estimate emergency.Estimate `json:"estimate"`
	Keys     emergency.KeyNames `json:"keys,omitempty"`
}

// EmergencyProposal is a draft under the word of one officer.
type EmergencyProposal struct {
	Draft emergency.Draft  `json:"draft"`
	By    emergency.Signed `json:"by"`
}

// EmergencyApproval is the word of another one, or that of who takes a proposal back.
type EmergencyApproval struct {
	Plan string           `json:"plan"`
	By   emergency.Signed `json:"by"`
}

// EmergencyDeed names a plan; Paused is for a pause.
type EmergencyDeed struct {
	Plan   string `json:"plan"`
	Paused bool   `json:"paused,omitempty"`
}

// EmergencyPlans are all plans, the newest first, and what is stopped.
type EmergencyPlans struct {
	Plans []emergency.Plan `json:"plans"`
	Stops []emergency.Stop `json:"stops"`

	Keys emergency.KeyNames `json:"keys,omitempty"`
}

// Emergency is what an office does in one.
type Emergency interface {
	Draft(ctx context.Context, w emergency.Wish) (emergency.Draft, error)
	Estimate(d emergency.Draft) emergency.Estimate
	Propose(ctx context.Context, d emergency.Draft, by emergency.Signed) (emergency.Plan, error)
	Approve(ctx context.Context, plan string, by emergency.Signed) (emergency.Plan, error)
	Dismiss(ctx context.Context, plan string, by emergency.Signed) (emergency.Plan, error)
	Keys() emergency.KeyNames
	Run(ctx context.Context, plan, actor string, progress func(emergency.Plan)) (emergency.Plan, error)
	Pause(ctx context.Context, plan string, paused bool, actor string) (emergency.Plan, error)
	Plans(ctx context.Context) ([]emergency.Plan, error)
	Stops(ctx context.Context) ([]emergency.Stop, error)
	Progress(ctx context.Context, plan string) (emergency.Progress, error)
	Holders(ctx context.Context, plan, actor string, each func(emergency.Holder) error) error
	Report(ctx context.Context, plan, actor string) (emergency.Anchored, error)
}

// emergency puts the endpoints on the office's engine.
func (cfg OfficeConfig) emergency(e *webserver.Engine) {
	in := cfg.Emergency
	read := func(path string, answer func(*gin.Context) (any, error)) {
		e.Handle(webserver.Route{Method: http.MethodGet, Path: path, SameOrigin: true, Handler: func(c *gin.Context) error {
			if _, err := cfg.Actor(c.Request); err != nil {
				return err
			}
			if err := patiently(c); err != nil {
				return err
			}
			out, err := answer(c)
			if err == nil {
				ok(c, out)
			}
			return err
		}})
	}
	read(EmergencyPath, func(c *gin.Context) (any, error) { return in.Progress(c.Request.Context(), c.Query("plan")) })
	read(EmergencyPlansPath, func(c *gin.Context) (any, error) {
		plans, err := in.Plans(c.Request.Context())
		if err != nil {
			return nil, err
		}
		stops, err := in.Stops(c.Request.Context())
		return EmergencyPlans{plans, stops, in.Keys()}, err
	})
	emergencyDeed(cfg, e, EmergencyDraftPath, func(ctx context.Context, w emergency.Wish, _ string) (EmergencyDraft, error) {
		d, err := in.Draft(ctx, w)
		return EmergencyDraft{d, in.Estimate(d), in.Keys()}, err
	})
	emergencyDeed(cfg, e, EmergencyProposePath, func(ctx context.Context, p EmergencyProposal, _ string) (emergency.Plan, error) {
		return in.Propose(ctx, p.Draft, p.By)
	})
	emergencyDeed(cfg, e, EmergencyApprovePath, func(ctx context.Context, a EmergencyApproval, _ string) (emergency.Plan, error) {
		return in.Approve(ctx, a.Plan, a.By)
	})
	emergencyDeed(cfg, e, EmergencyDismissPath, func(ctx context.Context, a EmergencyApproval, _ string) (emergency.Plan, error) {
		return in.Dismiss(ctx, a.Plan, a.By)
	})
	emergencyDeed(cfg, e, EmergencyPausePath, func(ctx context.Context, d EmergencyDeed, actor string) (emergency.Plan, error) {
		return in.Pause(ctx, d.Plan, d.Paused, actor)
	})
	emergencyDeed(cfg, e, EmergencyReportPath, func(ctx context.Context, d EmergencyDeed, actor string) (emergency.Anchored, error) {
		return in.Report(ctx, d.Plan, actor)
	})
	emergencyStream(cfg, e, EmergencyRunPath, func(ctx context.Context, plan, actor string, put func(any) error) error {
		p, err := in.Run(ctx, plan, actor, func(p emergency.Plan) { _ = put(p) }) // who no longer listens: ctx says so
		if err == nil {
			err = put(p)
		}
		return err
	})
	emergencyStream(cfg, e, EmergencyHoldersPath, func(ctx context.Context, plan, actor string, put func(any) error) error {
		return in.Holders(ctx, plan, actor, func(h emergency.Holder) error { return put(h) })
	})
}

// patiently lets an answer take as long as counting every copy does.
func patiently(c *gin.Context) error {
	err := http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(fullPatience))
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

func emergencyDeed[Req, Resp any](cfg OfficeConfig, e *webserver.Engine, path string, do func(context.Context, Req, string) (Resp, error)) {
	e.Handle(webserver.Route{Method: http.MethodPost, Path: path, Body: officeBody, SameOrigin: true, Handler: func(c *gin.Context) error {
		var in Req
		actor, err := cfg.read(c, &in)
		if err == nil {
			err = patiently(c)
		}
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

// emergencyStream answers with lines of JSON.
func emergencyStream(cfg OfficeConfig, e *webserver.Engine, path string, do func(ctx context.Context, plan, actor string, put func(any) error) error) {
	e.Handle(webserver.Route{Method: http.MethodPost, Path: path, Body: officeBody, SameOrigin: true, Handler: func(c *gin.Context) error {
		var in EmergencyDeed
		actor, err := cfg.read(c, &in)
		if err == nil {
			err = patiently(c)
		}
		if err != nil {
			return err
		}
		if in.Plan == "" {
			return problem.New(problem.InvalidRequest, "plan is missing")
		}
		return stream(c, "application/jsonl", func(ctx context.Context, w io.Writer) error {
			return do(ctx, in.Plan, actor, func(v any) error {
				line, err := json.Marshal(v)
				if err == nil {
					_, err = w.Write(append(line, '\n'))
				}
				return err
			})
		})
	}})
}
