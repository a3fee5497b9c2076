package consolehttp

import (
	"net/http"

	"vidimus/internal/audit"
	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

// showSearch is where an officer begins; an auditor begins at the record.
func (r *request) showSearch() error {
	if !r.login.Officer.May(officer.PowerLookUp) && r.login.Officer.May(officer.PowerRecord) {
		r.seeOther("/record")
		return nil
	}
	return r.searchPage(http.StatusOK, officer.Question{}, "", nil)
}

// search looks somebody up. The number goes into the body of the request, not
// into an address: addresses stay in the history of browsers.
func (r *request) search() error {
	q := officer.Question{Purpose: r.value("purpose"), Reference: r.value("reference")}
	by := r.form.Get("by")
	if by == "document" {
		q.Document = r.value("number")
	} else {
		q.Person = r.value("number")
	}
	ref, err := r.Officers.LookUp(r.c.Request.Context(), *r.login, q)
	if fields := officer.FieldsOf(err); fields != nil {
		return r.searchPage(http.StatusBadRequest, q, by, fields)
	}
	if problem.KindOf(err) == problem.NotFound {
		return r.searchPage(http.StatusNotFound, q, by, []officer.FieldError{{Field: "number", Key: "nobody"}})
	}
	if err != nil {
		return err
	}
	r.seeOther("/people/" + ref)
	return nil
}

func (r *request) searchPage(status int, q officer.Question, by string, wrong []officer.FieldError) error {
	view := struct {
		*frame
		officer.Question
		By, Number string
		Purposes   []option
	}{r.frame("search.title", "search"), q, by, q.Person + q.Document, nil}
	view.reject(wrong)
	for _, p := range audit.Purposes() {
		view.Purposes = append(view.Purposes, option{p, view.T("purpose." + p), p == q.Purpose})
	}
	return r.show(status, "search.html", view)
}

// option is one of a list to choose from.
type option struct {
	Value, Text string
	Chosen      bool
}
