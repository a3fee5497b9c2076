package officer

import (
	"context"

	"vidimus/internal/audit"
)

// OpenRequest opens the record of the person in whose name a wallet asks, for
// the decision on that request, which digest names: a look-up, and recorded as
// one.
func (s *Service) OpenRequest(ctx context.Context, l Login, person, digest string) (Access, error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return Access{}, err
	}
	a := Access{Person: person, Purpose: audit.PurposeDecision, At: s.p.Clock.Now(), login: l}
	detail := a.detail()
	detail["digest"] = digest
	if err := s.p.Audit.Append(ctx, s.about(audit.ActionShow, l.Officer.ID, person, audit.Done, detail)); err != nil {
		return Access{}, unavailable(err)
	}
	return a, nil
}
