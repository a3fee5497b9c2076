package issuer

import (
	"context"
	"errors"
	"sync"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
	"vidimus/internal/store/bolt"
)

// records reads the registries' state for issuance and authserver.
type records struct {
	store   registry.Records
	catalog *catalog.Catalog
	signers issuance.Signers
	effects document.Table
	clock   clock.Clock
	trials  *trials
}

// Subject implements issuance.Records.
func (r records) Subject(ctx context.Context, person string) (document.Subject, error) {
	s, err := r.store.Subject(ctx, person)
	if errors.Is(err, registry.ErrSubjectNotFound) {
		return document.Subject{}, problem.Wrap(problem.NotFound, err, "no registry has spoken of this person")
	}
	return s, err
}

// Holder implements officer.Records.
func (r records) Holder(ctx context.Context, number string) (string, error) {
	person, err := r.store.Holder(ctx, number)
	if errors.Is(err, registry.ErrSubjectNotFound) {
		return "", problem.Wrap(problem.NotFound, err, "nobody has a document of this number")
	}
	return person, err
}

// Eligible implements authserver.Subjects: every copy could be made now.
func (r records) Eligible(ctx context.Context, person string, documents map[string]string) error {
	s, err := r.Subject(ctx, person)
	if err != nil {
		return err
	}
	for id, number := range documents {
		doc := s.Document(number)
		if doc == nil {
			return problem.New(problem.CredentialRequestDenied, "the person has no document of this number")
		}
		if err := r.issuable(ctx, s, *doc, id); err != nil {
			if issuance.Waits(r.effects, s, number, r.clock.Now()) {
				err = problem.Wrap(problem.KindOf(err), errors.Join(authserver.ErrNotNow, err), "%s", problem.Detail(err))
			}
			return err
		}
	}
	return nil
}

// issuable tries what issuance will do, without a copy: so that a missing
// portrait is told to the office and not to the wallet.
func (r records) issuable(ctx context.Context, s document.Subject, doc document.Document, configuration string) error {
	cfg, ok := r.catalog.Configuration(configuration)
	if !ok {
		return problem.New(problem.UnknownCredentialConfiguration, "no such credential configuration")
	}
	now := r.clock.Now()
	one := trial{person: s.Number, document: doc.Number, configuration: configuration, version: s.Version}
	if r.trials.passed(one, now) {
		return nil
	}
	signer, err := r.signers.Signer(ctx, cfg.Signer)
	if err != nil {
		return err
	}
	if _, err = cfg.NewBatch(s, doc, now, signer.Terms); err == nil {
		r.trials.pass(one, now)
	}
	return err
}

// announcing is the store as issuance sees it: a list that was opened for a
// copy is published at once, and not at the next tick.
type announcing struct {
	*bolt.Store
	publish func()
	seen    sync.Map // URIs of lists
}

// RecordIntent implements issuance.IntentStore.
func (a *announcing) RecordIntent(ctx context.Context, in issuance.Intent, will audit.Event) ([]issuance.StatusIndex, error) {
	given, err := a.Store.RecordIntent(ctx, in, will)
	for _, i := range given {
		if _, known := a.seen.LoadOrStore(i.List, true); !known {
			a.publish()
		}
	}
	return given, err
}
