package issuance

import (
	"vidimus/internal/problem"
)

// FinalError is in the chain of a refusal that time will not change: the
// document has ended, or its holder has, or a fact has ended the grants given
// before it. Whoever keeps refresh tokens for it revokes them. Its kind is problem.CredentialRequestDenied.
type FinalError struct {
	Person, Document, Configuration string

	err error
}

func (e *FinalError) Error() string { return e.err.Error() }

// Unwrap gives the refusal.
func (e *FinalError) Unwrap() error { return e.err }

func denial(err error) error {
	return problem.Wrap(problem.CredentialRequestDenied, err, "this cannot be issued")
}
