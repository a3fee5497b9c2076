package consolehttp

import (
	"context"
	"net/http"

	"vidimus/internal/issuance"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

// Requests are those of wallets that a person must approve; issuance.Service
// has them.
type Requests interface {
	// Awaiting lists them, the oldest first.
	Awaiting(ctx context.Context) ([]issuance.Awaited, error)
	// AwaitedRequest gives one: NotFound; Conflict when it is decided.
	AwaitedRequest(ctx context.Context, id string) (issuance.Awaited, error)
	// Approve and Refuse decide, once, on record in the name of actor.
	Approve(ctx context.Context, id, actor string) error
	Refuse(ctx context.Context, id, actor string) error
}

// showRequests lists what waits. The persons stand on the pages of the requests:
// each is a look-up.
func (r *request) showRequests() error {
	ctx := r.c.Request.Context()
	if err := r.Officers.Allow(ctx, *r.login, officer.PowerLookUp); err != nil {
		return err
	}
	list, err := r.Requests.Awaiting(ctx)
	if err != nil {
		return err
	}
	more := max(0, len(list)-maxRequests)
	return r.show(http.StatusOK, "walletrequests.html", struct {
		*frame
		List []issuance.Awaited
		More int
	}{r.frame("requests.title", "requests"), list[:len(list)-more], more})
}

// showRequest shows who asks for what, for a decision.
func (r *request) showRequest() error {
	ctx := r.c.Request.Context()
	if err := r.Officers.Allow(ctx, *r.login, officer.PowerLookUp); err != nil {
		return err
	}
	w, err := r.Requests.AwaitedRequest(ctx, r.c.Param("id"))
	if err != nil {
		return err
	}
	a, err := r.Officers.OpenRequest(ctx, *r.login, w.Person, w.ID)
	if err != nil {
		return err
	}
	s, err := r.Officers.Subject(ctx, a)
	if err != nil {
		return err
	}
	view := struct {
		*frame
		W                       issuance.Awaited
		Ref, Name, Number, Born string
		Type, State             string
		Good, MayDecide         bool
	}{frame: r.frame("request.title", "requests"), W: w, Name: nameOf(s), Number: s.Number}
	if s.Person != nil {
		view.Born = view.Day(s.Person.Attributes.Text("birth_date"))
	}
	state := "not-valid"
	if d := s.Document(w.Document); d != nil {
		state = documentState(s, *d, r.Clock.Now())
		view.Type = view.word("document-type.", d.Type)
	}
	view.State, view.Good = view.T("document-state."+state), state == "valid"
	if view.Ref, err = r.Officers.NameAccess(a); err != nil {
		return err
	}
	view.MayDecide = r.login.Officer.May(officer.PowerApprove)
	return r.show(http.StatusOK, "walletrequest.html", view)
}

// decide says yes or no to a request, in the name of the officer.
func (r *request) decide() error {
	ctx := r.c.Request.Context()
	if err := r.Officers.Allow(ctx, *r.login, officer.PowerApprove); err != nil {
		return err
	}
	say := r.Requests.Approve
	switch r.form.Get("decision") {
	case "approve":
	case "refuse":
		say = r.Requests.Refuse
	default:
		return problem.New(problem.InvalidRequest, "no such decision")
	}
	if err := say(ctx, r.c.Param("id"), r.login.Officer.ID); err != nil {
		return err
	}
	r.seeOther("/requests")
	return nil
}
