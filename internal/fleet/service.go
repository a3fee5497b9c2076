package fleet

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/typedcode"
)

// Actions in the record.
const (
	ActionInvite  = "reader.invite"  // a code was made
	ActionAsk     = "reader.ask"     // a reader used it
	ActionApprove = "reader.approve" // it got its certificate
	ActionRevoke  = "reader.revoke"  // it is none any more
)

// actorReader is who uses a code: which reader it is, is the subject.
const actorReader = "reader"

// Authority signs certificates and revocation lists.
type Authority struct {
	// Certificate is the root of readers (pki.ProfileReaderCA).
	Certificate *pki.Certificate
	// Key is the root's; nil where it lives elsewhere: then nobody is approved
	// here, and no list is signed.
	Key crypto.Signer
	// Country and Organization stand in certificates of readers whose invitation
	// names no organization.
	Country, Organization string
	// Contact is the issuer's alternative name, CRL where its list is published.
	Contact, CRL string
	// Lifetime of a certificate; 0 is Lifetime.
	Lifetime time.Duration
}

// Parts are what a Service works with; all are required but Lists and Authority's
// members that may be empty.
type Parts struct {
	Store     Store
	Lists     Lists // nil: what was revoked hangs on the store alone
	Authority Authority
	Clock     clock.Clock
	Rand      io.Reader
}

// Service keeps the fleet. Safe for concurrent use.
type Service struct {
	p Parts

	mu    sync.Mutex
	list  *pki.CRL  // the last one that was signed
	of    string    // what it says, to notice a change
	read  time.Time // when the fleet was looked at for it
	stale bool      // somebody was revoked since
	// earlier is what the lists that are kept said, by serial number; nil before
	// they were read.
	earlier map[string]time.Time
	seen    map[[32]byte]bool // which of the lists that are kept are in earlier, or ours
}

// New makes a service.
func New(p Parts) (*Service, error) {
	switch {
	case p.Store == nil || p.Clock == nil || p.Rand == nil || p.Authority.Certificate == nil:
		return nil, errors.New("fleet: store, authority, clock and rand are required")
	case p.Authority.Lifetime < 0 || p.Authority.Lifetime > MaxLifetime:
		return nil, fmt.Errorf("fleet: a reader's certificate lives at most %d days", MaxLifetime/(24*time.Hour))
	}
	if p.Authority.Lifetime == 0 {
		p.Authority.Lifetime = Lifetime
	}
	return &Service{p: p}, nil
}

// Invitation is a reader that is to come.
type Invitation struct {
	Name         string // unique among readers that are not revoked
	Organization string // "" is the authority's
	Lifetime     time.Duration
	Actor        string
}

// Invite makes a one-time code for a reader. It is shown once and kept by nobody
// here. Lifetime 0 is CodeLifetime.
func (s *Service) Invite(ctx context.Context, i Invitation) (Reader, string, error) {
	if i.Lifetime == 0 {
		i.Lifetime = CodeLifetime
	}
	if i.Organization == "" {
		i.Organization = s.p.Authority.Organization
	}
	switch {
	case !validName(i.Name):
		return Reader{}, "", problem.New(problem.InvalidRequest, "name: 1 to %d letters, digits, blanks and - _ . are wanted", MaxName)
	case !validName(i.Organization):
		return Reader{}, "", problem.New(problem.InvalidRequest, "organization: 1 to %d letters, digits, blanks and - _ . are wanted", MaxName)
	case i.Lifetime < time.Minute || i.Lifetime > MaxCodeLifetime:
		return Reader{}, "", problem.New(problem.InvalidRequest, "lifetime of the code: between a minute and %d days", MaxCodeLifetime/(24*time.Hour))
	}
	code, err := typedcode.New(s.p.Rand)
	if err != nil {
		return Reader{}, "", unavailable(err)
	}
	digest, ok := typedcode.DigestOf(code)
	if !ok {
		return Reader{}, "", problem.New(problem.Internal, "a code of ours does not read")
	}
	var id [8]byte
	if _, err := io.ReadFull(s.p.Rand, id[:]); err != nil {
		return Reader{}, "", unavailable(err)
	}
	now := s.p.Clock.Now()
	r := Reader{
		ID: "r-" + hex.EncodeToString(id[:]), Name: i.Name, Organization: i.Organization, State: Invited,
		Code: digest, Invited: now, CodeExpires: now.Add(i.Lifetime),
	}
	if err := s.p.Store.PutReader(ctx, r, s.did(ActionInvite, i.Actor, r.ID, nil)); err != nil {
		return Reader{}, "", refusal(err)
	}
	return r, code, nil
}

// validName keeps names to what stands in a certificate, a table and a screen
// without surprises: letters of any script, no marks of direction.
func validName(s string) bool {
	if s == "" || utf8.RuneCountInString(s) > MaxName || len(s) > 4*MaxName || strings.TrimSpace(s) != s || strings.Contains(s, "  ") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune(" -_.", r)
	})
}

// Approve signs the certificate of a reader that asked. key is the fingerprint
// that the human compared, in hexadecimal; "" compares nothing.
func (s *Service) Approve(ctx context.Context, id, key, actor string) (Reader, error) {
	a := s.p.Authority
	if a.Key == nil {
		return Reader{}, problem.New(problem.InvalidRequest, "the key of the reader CA is not on this machine: nobody can be approved here")
	}
	r, err := s.p.Store.Reader(ctx, id)
	if err != nil {
		return Reader{}, refusal(err)
	}
	switch {
	case r.State != Asked:
		return Reader{}, problem.Wrap(problem.Conflict, ErrState, "the reader is %s: only one that has used its code can be approved", r.State)
	case key != "" && !sameFingerprint(key, r.Key):
		return Reader{}, problem.New(problem.AccessDenied, "the fingerprint is another: this is not the key that you looked at")
	}
	cert, err := s.certify(r)
	if err != nil {
		return Reader{}, err
	}
	now := s.p.Clock.Now()
	serial := cert.Cert.SerialNumber.Bytes()
	r, err = s.p.Store.EnrolReader(ctx, id, r.Key, cert.Raw, serial, cert.NotAfter(), now, s.did(ActionApprove, actor, id, map[string]string{
		"serial": hex.EncodeToString(serial), "certificate": hex.EncodeToString(cert.Fingerprint[:]), "until": cert.NotAfter().UTC().Format(time.RFC3339),
	}))
	if err != nil {
		return Reader{}, refusal(err)
	}
	return r, nil
}

// certify signs what the record says of a reader: nothing of the request but its
// key reaches the certificate.
func (s *Service) certify(r Reader) (*pki.Certificate, error) {
	a := s.p.Authority
	public, err := parsePublicKey(r.PublicKey)
	if err != nil {
		return nil, problem.Wrap(problem.Internal, err, "the key of the reader does not read")
	}
	now := s.p.Clock.Now()
	t := pki.Template{
		Profile: pki.ProfileReader, Subject: pki.Name{Country: a.Country, Organization: r.Organization, CommonName: r.Name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(a.Lifetime), IssuerAltName: a.Contact, CRLDistributionPoint: a.CRL, Public: public,
	}
	if end := a.Certificate.NotAfter(); end.Before(t.NotAfter) {
		t.NotAfter = end
	}
	if begin := a.Certificate.NotBefore(); begin.After(t.NotBefore) {
		t.NotBefore = begin
	}
	cert, err := pki.Build(t, a.Certificate, a.Key, s.p.Rand)
	if err != nil {
		return nil, problem.Wrap(problem.InvalidRequest, err, "the reader CA cannot sign this certificate")
	}
	return cert, nil
}

// Revoke ends a reader. A certificate that it has is on the next list, which is
// made at once.
func (s *Service) Revoke(ctx context.Context, id, actor string) (Reader, error) {
	r, err := s.p.Store.RevokeReader(ctx, id, s.p.Clock.Now(), s.did(ActionRevoke, actor, id, nil))
	if err != nil {
		return Reader{}, refusal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
	return r, nil
}

// Readers gives the whole fleet, by name.
func (s *Service) Readers(ctx context.Context) ([]Reader, error) {
	list, err := s.p.Store.Readers(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	return list, nil
}

// Find gives the one reader with this id or, among those that are not revoked,
// this name. Kind Conflict while a reader and its successor have one name.
func (s *Service) Find(ctx context.Context, idOrName string) (Reader, error) {
	r, err := s.p.Store.Reader(ctx, idOrName)
	if err == nil || !errors.Is(err, ErrReader) {
		return r, refusal(err)
	}
	list, err := s.Readers(ctx)
	if err != nil {
		return Reader{}, err
	}
	var found []Reader
	for _, r := range list {
		if r.Name == idOrName && r.State != Revoked {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return Reader{}, refusal(ErrReader)
	case 1:
		return found[0], nil
	}
	return Reader{}, problem.New(problem.Conflict, "a reader and its successor have this name: say which by its id, %s or %s", found[0].ID, found[1].ID)
}

// Sweep forgets what is past its time, in small steps.
func (s *Service) Sweep(ctx context.Context) error {
	for {
		n, err := s.p.Store.SweepReaders(ctx, s.p.Clock.Now(), sweepBatch)
		if err != nil {
			return fmt.Errorf("sweeping readers: %w", err)
		}
		if n < sweepBatch {
			return nil
		}
	}
}

func (s *Service) did(action, actor, id string, more map[string]string) audit.Event {
	return audit.Event{Time: s.p.Clock.Now(), Action: action, Actor: actor, Subject: id, Outcome: audit.Done, Detail: more}
}

// refusal turns what a store says into what a caller may read.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCode):
		return problem.Wrap(problem.AccessDenied, err, "this code is not valid")
	case errors.Is(err, ErrReader):
		return problem.Wrap(problem.NotFound, err, "no such reader")
	case errors.Is(err, ErrName):
		return problem.Wrap(problem.Conflict, err, "another reader has this name: revoke it first, or choose another name")
	case errors.Is(err, ErrState):
		return problem.Wrap(problem.Conflict, err, "the reader is in another state by now")
	case errors.Is(err, ErrFull):
		return problem.Wrap(problem.Conflict, err, "there are %d readers: revoke some, they are forgotten in time", MaxReaders)
	}
	return unavailable(err)
}

// unavailable is for what the store did not say clearly: try again.
func unavailable(err error) error { return problem.Wrap(problem.Unavailable, err, "try again later") }
