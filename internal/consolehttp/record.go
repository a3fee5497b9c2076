package consolehttp

import (
	"net/http"
	"strconv"

	"vidimus/internal/officer"
	"vidimus/internal/problem"
)

type recordLine struct {
	officer.Line
	By      string // name
	What    string // in words
	Purpose string
	// Reference is the number of the case.
	Reference string
	Outcome   string
}

// showRecord shows an auditor what officers did, in pages: who looked whom up,
// under which pseudonym, and why.
func (r *request) showRecord() error {
	var before uint64
	if s := r.c.Query("before"); s != "" {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil || n == 0 {
			return problem.New(problem.InvalidRequest, "before is not the number of a line")
		}
		before = n
	}
	lines, next, err := r.Officers.Record(r.c.Request.Context(), *r.login, before)
	if err != nil {
		return err
	}
	view := struct {
		*frame
		Lines  []recordLine
		Older  uint64
		Newest bool
	}{frame: r.frame("record.title", "record"), Older: next, Newest: before == 0}
	for _, l := range lines {
		line := recordLine{Line: l, By: r.Officers.Name(l.Officer), What: view.word("action.", l.Action), Outcome: view.word("outcome.", l.Outcome)}
		line.Reference = l.Reference()
		if p := l.Detail["purpose"]; p != "" {
			line.Purpose = view.word("purpose.", p)
		}
		view.Lines = append(view.Lines, line)
	}
	return r.show(http.StatusOK, "record.html", view)
}
