package consolehttp

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/webserver"
)

type eventView struct {
	registry.EventRecord
	Ref   string
	Event string // in words
	State string // key
}

type historyView struct {
	*frame
	Ref, Name string
	Events    []eventView
	Older     string // address of the page that follows, ""
	Newest    bool
	Said      []saidView // on the first page
}

// showHistory lists the events of a person with what became of them, in pages.
func (r *request) showHistory() error {
	a, s, err := r.open(audit.ActionHistory)
	if err != nil {
		return err
	}
	ctx := r.c.Request.Context()
	var before document.EventID
	if name := r.c.Query("before"); name != "" {
		if before, err = r.Officers.RevealEvent(*r.login, name, a.Person); err != nil {
			return err
		}
	}
	var said []saidView
	if before == (document.EventID{}) {
		if said, err = r.said(s); err != nil {
			return err
		}
	}
	list, err := r.Office.History(ctx, a.Person, before, maxHistory+1)
	if err != nil {
		return err
	}
	view := historyView{frame: r.frame("history.title", "search"), Ref: r.c.Param("ref"), Name: nameOf(s), Newest: before == document.EventID{}, Said: said}
	more := len(list) > maxHistory
	if more {
		list = list[:maxHistory]
	}
	for _, e := range list {
		ref, err := r.Officers.NameEvent(a, document.EventID{Source: e.Source, JTI: e.JTI})
		if err != nil {
			return err
		}
		ev := eventView{EventRecord: e, Ref: ref, Event: view.T("event." + e.Name), State: "forgotten"}
		o, err := r.Office.Outcome(ctx, e.Source, e.JTI)
		switch {
		case err == nil:
			ev.State = string(o.State())
		case !errors.Is(err, registry.ErrOutcomeNotFound): // retention may have taken it
			return err
		}
		view.Events = append(view.Events, ev)
	}
	if more {
		view.Older = "/people/" + view.Ref + "/history?" + url.Values{"before": {view.Events[len(view.Events)-1].Ref}}.Encode()
	}
	return r.show(http.StatusOK, "history.html", view)
}

type listView struct {
	ID, URI string
	// Wanted is the version since which the copies are INVALID there, Now the
	// present one.
	Wanted, Now uint64
}

type receiptView struct {
	*frame
	registry.Outcome
	Ref    string
	Person string // name of the look-up, for the way back
	Event  string // in words
	State  string // key
	Lists  []listView
	Waits  bool
	At     time.Time
}

// showReceipt says what became of an event and how far its publication is.
func (r *request) showReceipt() error {
	a, o, err := r.event()
	if err != nil {
		return err
	}
	present, err := r.Office.Lists(r.c.Request.Context())
	if err != nil {
		return err
	}
	versions := map[string]listView{}
	for _, l := range present {
		versions[l.URI] = listView{ID: l.ID, Now: l.Version}
	}
	view := receiptView{frame: r.frame("receipt.title", "search"), Outcome: o, Ref: r.c.Param("ref"), State: string(o.State()), At: r.Clock.Now()}
	view.Event = view.T("event." + o.Event)
	view.Waits = o.Revokes && o.State() == registry.StateApplied
	for _, l := range o.Lists {
		v := versions[l.URI]
		view.Lists = append(view.Lists, listView{ID: v.ID, URI: l.URI, Wanted: l.Version, Now: v.Now})
	}
	if view.Person, err = r.Officers.NameAccess(a); err != nil {
		return err
	}
	return r.show(http.StatusOK, "receipt.html", view)
}

func (r *request) event() (officer.Access, registry.Outcome, error) {
	ctx := r.c.Request.Context()
	a, id, err := r.Officers.OpenEvent(ctx, *r.login, r.c.Param("ref"), audit.ActionReceipt)
	if err != nil {
		return a, registry.Outcome{}, err
	}
	o, err := r.Office.Outcome(ctx, id.Source, id.JTI)
	if errors.Is(err, registry.ErrOutcomeNotFound) {
		err = problem.Wrap(problem.NotFound, err, "nothing is kept of this event")
	}
	return a, o, err
}

// downloadReceipt hands the signed receipt out.
func (r *request) downloadReceipt() error {
	_, o, err := r.event()
	if err != nil {
		return err
	}
	token, err := r.Office.Receipt(r.c.Request.Context(), o.Source, o.JTI)
	if err != nil {
		return err
	}
	r.c.Header("Content-Disposition", `attachment; filename="receipt.jwt"`)
	webserver.Bytes(r.c, http.StatusOK, "application/jwt", []byte(token))
	return nil
}
