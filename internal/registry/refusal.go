package registry

import (
	"errors"

	"vidimus/internal/problem"
)

// storeProblem names the refusals of the store for the source.
func storeProblem(err error) error {
	var seq *SeqError
	var version *VersionError
	var named *problem.Error
	switch {
	case errors.As(err, &seq) && seq.Got > seq.Next:
		return problem.Wrap(problem.Conflict, err, "%s", missing(seq.Next, seq.Got-1))
	case errors.As(err, &seq):
		return problem.Wrap(problem.Conflict, err, "disorder: event %d of this source was accepted before, %d is due", seq.Got, seq.Next)
	case errors.As(err, &version):
		return problem.Wrap(problem.Conflict, err, "conflict: the subject is at version %d, prev says %d", version.Current, version.Prev)
	case errors.Is(err, ErrOtherToken):
		return problem.Wrap(problem.InvalidRequest, err, "jti was used for another token")
	case errors.Is(err, ErrSubjectNotFound):
		return problem.Wrap(problem.NotFound, err, "no such document")
	case errors.Is(err, ErrDocumentTaken):
		return problem.Wrap(problem.Conflict, err, "the document number belongs to another person")
	case errors.Is(err, ErrForeignWallet):
		return problem.Wrap(problem.Conflict, err, "the wallet unit has copies of others only, none of this person")
	case errors.Is(err, ErrStopped):
		return problem.Wrap(problem.AccessDenied, err, "the office stopped this source in an emergency: nothing of it is taken until the stop is lifted")
	case errors.Is(err, ErrOutcomeNotFound):
		return problem.Wrap(problem.NotFound, err, "no such event was accepted")
	case errors.As(err, &named):
		return err
	}
	return problem.Wrap(problem.Unavailable, err, "try again")
}

// SETError gives the error code and description of RFC 8935, section 2.4. ok
// is false when the trouble is ours: then the answer is 503 and the source
// sends again. RFC 8935 answers 400 for every code; not_found, conflict and
// too_large may also be told by the HTTP status.
func SETError(err error) (code, description string, ok bool) {
	switch kind := problem.KindOf(err); kind {
	case problem.InvalidKey, problem.InvalidIssuer, problem.InvalidAudience, problem.AuthenticationFailed, problem.AccessDenied:
		return string(kind), problem.Detail(err), true
	case problem.Internal, problem.Unavailable, problem.RateLimited:
		return "", "", false
	}
	return string(problem.InvalidRequest), problem.Detail(err), true
}
