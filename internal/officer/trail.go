package officer

import (
	"context"
	"slices"
	"strings"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// The actions of this room in the audit record, beside the look-ups, which
// package audit names.
const (
	ActionLink     = "officer.link"
	ActionLogin    = "officer.login"
	ActionLogout   = "officer.logout"
	ActionPropose  = "officer.propose"
	ActionWithdraw = "officer.withdraw"
	ActionConfirm  = "officer.confirm"
	ActionRefuse   = "officer.refuse"
	// ActionApprove and ActionOffer are written by other rooms, in the name of the
	// officer who did it, or of a program of the office.
	ActionApprove = "credential.approve"
	ActionOffer   = "offer.make"

	actionPrefix = "officer."
)

func (s *Service) event(action, actor, subject, outcome string, detail map[string]string) audit.Event {
	return audit.Event{Time: s.p.Clock.Now(), Action: action, Actor: actor, Subject: subject, Outcome: outcome, Detail: detail}
}

// about is an event about a person, who becomes a pseudonym when it is written.
func (s *Service) about(action, actor, person, outcome string, detail map[string]string) audit.Event {
	e := s.event(action, actor, "", outcome, detail)
	e.Person = person
	return e
}

// Line is one line of the audit record about officers.
type Line struct {
	Seq     uint64
	Time    time.Time
	Action  string
	Officer string // id
	// Subject is a pseudonym of a person, or an id.
	Subject string
	Outcome string
	Detail  map[string]string
}

// Reference is the number of the case that a look-up or proposal is for.
func (l Line) Reference() string { return l.Detail[detailReference] }

// Record reads what officers did, newest first: of the RecordLines lines of the
// audit record before number before (0: the newest) those that concern this
// room. next is the before of the page that follows, 0 at the beginning. That
// somebody reads is recorded too.
func (s *Service) Record(ctx context.Context, l Login, before uint64) (lines []Line, next uint64, err error) {
	if err := s.allow(ctx, l, PowerRecord); err != nil {
		return nil, 0, err
	}
	size, _, err := s.p.Trail.AuditSize(ctx)
	if err != nil {
		return nil, 0, unavailable(err)
	}
	if before == 0 || before > size {
		before = size + 1
	}
	if err := s.p.Audit.Append(ctx, s.event(audit.ActionRecord, l.Officer.ID, "console", audit.Done, map[string]string{
		"purpose": audit.PurposeAudit, "role": l.Officer.roles(),
	})); err != nil {
		return nil, 0, unavailable(err)
	}
	from := uint64(1)
	if before > RecordLines {
		from = before - RecordLines
	}
	err = s.p.Trail.AuditLines(ctx, from, int(before-from), func(seq uint64, raw []byte) error {
		line, ok, err := readLine(seq, raw)
		if ok && seq < before {
			lines = append(lines, line)
		}
		return err
	})
	if err != nil {
		return nil, 0, unavailable(err)
	}
	slices.Reverse(lines)
	if from > 1 {
		next = from
	}
	return lines, next, nil
}

func readLine(seq uint64, raw []byte) (Line, bool, error) {
	var w struct {
		Time    time.Time         `json:"time"`
		Action  string            `json:"action"`
		Actor   string            `json:"actor"`
		Subject string            `json:"subject"`
		Outcome string            `json:"outcome"`
		Detail  map[string]string `json:"detail"`
	}
	if err := jose.DecodeJSON(raw, &w); err != nil {
		return Line{}, false, problem.Wrap(problem.Internal, err, "line %d of the audit record", seq)
	}
	ours := strings.HasPrefix(w.Action, actionPrefix) || w.Action == ActionApprove || w.Action == ActionOffer
	return Line{seq, w.Time, w.Action, w.Actor, w.Subject, w.Outcome, w.Detail}, ours, nil
}
