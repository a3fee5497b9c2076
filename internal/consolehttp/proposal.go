package consolehttp

import (
	"net/http"
	"slices"

	"vidimus/internal/document"
	"vidimus/internal/officer"
)

type proposalRow struct {
	officer.Proposal
	Event string // in words
	Stage string
	By    string // name
}

// showProposals lists what waits and what was decided. The persons stand on the
// pages of the proposals: each is a look-up.
func (r *request) showProposals() error {
	ctx := r.c.Request.Context()
	all, err := r.Officers.Proposals(ctx, *r.login, false)
	if err != nil {
		return err
	}
	view := struct {
		*frame
		Waiting, Decided []proposalRow
	}{frame: r.frame("proposals.title", "proposals")}
	for _, p := range all {
		stage, err := r.Officers.Stage(ctx, p)
		if err != nil {
			return err
		}
		row := proposalRow{p, view.T("event." + p.Event), string(stage), r.Officers.Name(p.Officer)}
		if stage == officer.Open || stage == officer.Sending {
			view.Waiting = append(view.Waiting, row)
		} else {
			view.Decided = append(view.Decided, row)
		}
	}
	return r.show(http.StatusOK, "proposals.html", view)
}

type effectView struct {
	Document string
	Urgent   bool
}

type proposalView struct {
	*frame
	P                       officer.Proposal
	Ref, Name, Number, Born string
	Purpose                 string
	Stage                   string
	By, Confirmed           string // names
	Event                   string
	Measure                 measureView
	// Effects are copies that are revoked, Told whether the holder is.
	Effects       []effectView
	Told          bool
	Before, After []string // categories that may be driven
	// Changed: the record is not the one that the officer saw. Impossible: the
	// inbox would refuse.
	Changed, Impossible bool
	MayConfirm, Own     bool
	Receipt             string
	Reference           string
	Later               bool
	Reason              string
}

// showProposal shows exactly what will be done, and to whom.
func (r *request) showProposal() error {
	ctx := r.c.Request.Context()
	p, a, err := r.Officers.OpenProposal(ctx, *r.login, r.c.Param("id"))
	if err != nil {
		return err
	}
	s, err := r.Officers.Subject(ctx, a)
	if err != nil {
		return err
	}
	stage, err := r.Officers.Stage(ctx, p)
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	view := proposalView{
		frame: r.frame("proposal.title", "proposals"), P: p, Name: nameOf(s), Number: s.Number, Stage: string(stage),
		By: r.Officers.Name(p.Officer), Reference: p.Reference(), Own: p.Officer == r.login.Officer.ID, Later: p.Effective.After(now),
	}
	view.Event = view.T("event." + p.Event)
	if s.Person != nil {
		view.Born = view.Day(s.Person.Attributes.Text("birth_date"))
	}
	if p.ConfirmedBy != "" {
		view.Confirmed = r.Officers.Name(p.ConfirmedBy)
	}
	if view.Ref, err = r.Officers.NameAccess(a); err != nil {
		return err
	}
	if stage == officer.Accepted {
		view.Receipt, err = r.Officers.NameEvent(a, document.EventID{Source: r.Officers.Source(), JTI: p.JTI})
		if err != nil {
			return err
		}
	}
	if err := r.explain(&view, s); err != nil {
		return err
	}
	view.MayConfirm = stage == officer.Open && p.Human != r.login.Officer.Human && r.login.Officer.May(officer.PowerConfirm) &&
		!view.Changed && !view.Impossible
	return r.show(http.StatusOK, "proposal.html", view)
}

// explain says what the proposal does, in words.
func (r *request) explain(view *proposalView, s document.Subject) error {
	now := r.Clock.Now()
	payload, err := view.P.Parsed(now)
	if err != nil {
		return err
	}
	switch p := payload.(type) {
	case document.MeasureAdded:
		view.Measure = view.measure(document.Measure{
			ID: p.ID, Kind: p.Kind, Right: p.Right, Revisions: []document.Revision{{From: view.P.Effective, Orders: p.Orders}},
		}, now)
	case document.MeasureLifted:
		view.Reason = p.Reason
		if m := s.Measure(p.ID); m != nil {
			view.Measure = view.measure(*m, now)
		}
	}
	if view.Stage != string(officer.Open) {
		return nil
	}
	view.Changed = s.Version != view.P.Version
	after, change, err := r.Officers.Preview(view.P, s)
	if err != nil {
		view.Impossible = true
		return nil
	}
	at := now
	if view.Later {
		at = view.P.Effective
	}
	view.Before, view.After = categoriesOf(s.Driving(now)), categoriesOf(after.Driving(at))
	for _, revoke := range change.Revoke {
		e := effectView{revoke.Document, revoke.Urgent}
		if e.Document != "" && !slices.Contains(view.Effects, e) {
			view.Effects = append(view.Effects, e)
		}
	}
	view.Told = len(change.Notices) > 0
	return nil
}

func categoriesOf(list []document.Privilege) (out []string) {
	for _, p := range list {
		out = append(out, p.Category)
	}
	return out
}

func (r *request) confirm() error {
	p, err := r.Officers.Confirm(r.c.Request.Context(), *r.login, r.c.Param("id"))
	if err != nil {
		return err
	}
	r.seeOther("/proposals/" + p.ID)
	return nil
}

func (r *request) withdraw() error {
	if err := r.Officers.Withdraw(r.c.Request.Context(), *r.login, r.c.Param("id")); err != nil {
		return err
	}
	r.seeOther("/proposals")
	return nil
}
