package officer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Question is what an officer looks for, and why.
type Question struct {
	// Person is a person number, or Document a document's number: one of them.
	Person, Document string
	// Purpose is a word of audit.Purposes, Reference the number of the case:
	// letters, digits and . _ - / : of at most MaxReference characters. Only a
	// request by the person, and a fault, may have none.
	Purpose, Reference string
}

// FieldError names a field of a form and what is wrong with it, as a key of the
// message catalogue below "error.".
type FieldError struct{ Field, Key string }

// Invalid is a refusal of what an officer typed. It is a problem of kind
// InvalidRequest.
type Invalid struct{ Fields []FieldError }

func (e *Invalid) Error() string {
	if len(e.Fields) == 0 {
		return "invalid"
	}
	return "field " + e.Fields[0].Field + ": " + e.Fields[0].Key
}

func (e *Invalid) add(field, key string) { e.Fields = append(e.Fields, FieldError{field, key}) }

func (e *Invalid) err() error {
	if len(e.Fields) == 0 {
		return nil
	}
	return problem.Wrap(problem.InvalidRequest, e, "the form is not filled in as it should be")
}

// NeedsReference says whether a purpose goes with the number of a case.
func NeedsReference(purpose string) bool {
	switch purpose {
	case audit.PurposeHolder, audit.PurposeAccess, audit.PurposeFault, audit.PurposeControl:
		return false
	}
	return true
}

func (q Question) check() error {
	var bad Invalid
	switch {
	case q.Person == "" && q.Document == "":
		bad.add("number", "number-missing")
	case !within(q.Person+q.Document, document.MaxNumber, visibleByte):
		bad.add("number", "number-form")
	}
	if !slices.Contains(audit.Purposes(), q.Purpose) {
		bad.add("purpose", "purpose-missing")
	} else {
		checkReference(&bad, q.Reference, NeedsReference(q.Purpose))
	}
	return bad.err()
}

func checkReference(bad *Invalid, reference string, needed bool) {
	switch {
	case reference == "" && needed:
		bad.add("reference", "reference-missing")
	case reference != "" && !within(reference, MaxReference, referenceByte):
		bad.add("reference", "reference-form")
	}
}

// Access is a look-up that is open: whom it is about, and why.
type Access struct {
	Person    string
	Purpose   string
	Reference string
	At        time.Time

	login Login
}

// LookUp opens the record of a person. It is written into the audit record
// before anything is read of the person: what cannot be written does not
// happen. ref is the look-up's name for this session, of no use to another; it
// goes into addresses, in which the number of the person does not stand.
// Refusals: AccessDenied, InvalidRequest with an Invalid, NotFound.
func (s *Service) LookUp(ctx context.Context, l Login, q Question) (ref string, err error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return "", err
	}
	if err := q.check(); err != nil {
		return "", err
	}
	a := Access{Person: q.Person, Purpose: q.Purpose, Reference: q.Reference, At: s.p.Clock.Now(), login: l}
	if a.Person == "" {
		person, err := s.p.Records.Holder(ctx, q.Document)
		if problem.KindOf(err) == problem.NotFound {
			e := s.event(audit.ActionSearch, l.Officer.ID, "nobody", audit.Failed, a.detail())
			if auditErr := s.p.Audit.Append(ctx, e); auditErr != nil {
				return "", unavailable(auditErr)
			}
		}
		if err != nil {
			return "", unavailable(err)
		}
		a.Person = person
	}
	if err := s.note(ctx, a, audit.ActionSearch); err != nil {
		return "", err
	}
	if _, err := s.p.Records.Subject(ctx, a.Person); err != nil {
		return "", unavailable(err)
	}
	return s.seal(l, a)
}

// Open reads a look-up back for one more deed within it, which action of
// package audit names, and records it. Refusals: AccessDenied when the roles do
// not cover it; NotFound when the name is not one of this session, or too old.
func (s *Service) Open(ctx context.Context, l Login, ref, action string) (Access, error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return Access{}, err
	}
	a, err := s.unseal(l, ref)
	if err != nil {
		return Access{}, err
	}
	return a, s.note(ctx, a, action)
}

// Subject reads the record that an access is about.
func (s *Service) Subject(ctx context.Context, a Access) (document.Subject, error) {
	subject, err := s.p.Records.Subject(ctx, a.Person)
	if err != nil {
		return document.Subject{}, unavailable(err)
	}
	return subject, nil
}

// note records a deed within a look-up.
func (s *Service) note(ctx context.Context, a Access, action string) error {
	if err := s.p.Audit.Append(ctx, s.about(action, a.login.Officer.ID, a.Person, audit.Done, a.detail())); err != nil {
		return unavailable(err)
	}
	return nil
}

func (a Access) detail() map[string]string {
	d := map[string]string{"purpose": a.Purpose, "role": a.login.Officer.roles()}
	if a.Reference != "" {
		d[detailReference] = a.Reference
	}
	return d
}

// detailReference is where the number of a case stands in the audit record.
const detailReference = "reference"

// sealed is what a name hides.
type sealed struct {
	Kind      string `json:"k"`
	Person    string `json:"p"`
	Purpose   string `json:"w,omitempty"`
	Reference string `json:"r,omitempty"`
	At        int64  `json:"t"`
	Source    string `json:"s,omitempty"`
	JTI       string `json:"j,omitempty"`
}

func (s *Service) seal(l Login, a Access) (string, error) {
	return s.hide(l, sealed{Kind: "person", Person: a.Person, Purpose: a.Purpose, Reference: a.Reference, At: a.At.Unix()})
}

func (s *Service) unseal(l Login, ref string) (Access, error) {
	v, err := s.reveal(l, ref, "person")
	if err != nil {
		return Access{}, err
	}
	return Access{Person: v.Person, Purpose: v.Purpose, Reference: v.Reference, At: time.Unix(v.At, 0).UTC(), login: l}, nil
}

// NameEvent gives the name, for this session, of an event that an access
// showed.
func (s *Service) NameEvent(a Access, id document.EventID) (string, error) {
	return s.hide(a.login, sealed{
		Kind: "event", Person: a.Person, Purpose: a.Purpose, Reference: a.Reference, At: a.At.Unix(), Source: id.Source, JTI: id.JTI,
	})
}

// OpenEvent reads it back; as Open.
func (s *Service) OpenEvent(ctx context.Context, l Login, ref, action string) (Access, document.EventID, error) {
	if err := s.allow(ctx, l, PowerLookUp); err != nil {
		return Access{}, document.EventID{}, err
	}
	v, err := s.reveal(l, ref, "event")
	if err != nil {
		return Access{}, document.EventID{}, err
	}
	a := Access{Person: v.Person, Purpose: v.Purpose, Reference: v.Reference, At: time.Unix(v.At, 0).UTC(), login: l}
	return a, document.EventID{Source: v.Source, JTI: v.JTI}, s.note(ctx, a, action)
}

// Name gives the name of the access for addresses.
func (s *Service) NameAccess(a Access) (string, error) { return s.seal(a.login, a) }

// hide encrypts under the key of this process, for one session.
func (s *Service) hide(l Login, v sealed) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.sealer.NonceSize())
	if _, err := io.ReadFull(s.p.Rand, nonce); err != nil {
		return "", unavailable(err)
	}
	return jose.EncodeBase64URL(s.sealer.Seal(nonce, nonce, text, l.session[:])), nil
}

var errAccess = problem.New(problem.NotFound, "this look-up has ended: look the person up again")

func (s *Service) reveal(l Login, ref, kind string) (sealed, error) {
	var v sealed
	raw, err := jose.DecodeBase64URL(ref)
	if err == nil && len(raw) < s.sealer.NonceSize() {
		err = errors.New("too short")
	}
	if err != nil {
		return v, errAccess
	}
	n := s.sealer.NonceSize()
	text, err := s.sealer.Open(nil, raw[:n], raw[n:], l.session[:])
	if err != nil || jose.DecodeJSON(text, &v) != nil || v.Kind != kind {
		return sealed{}, errAccess
	}
	if age := s.p.Clock.Now().Sub(time.Unix(v.At, 0)); age < -time.Minute || age > AccessLifetime {
		return sealed{}, errAccess
	}
	return v, nil
}

// RevealEvent reads the name of an event of a person back, without opening the
// event: for the pages of a history.
func (s *Service) RevealEvent(l Login, ref, person string) (document.EventID, error) {
	v, err := s.reveal(l, ref, "event")
	if err != nil || v.Person != person {
		return document.EventID{}, errAccess
	}
	return document.EventID{Source: v.Source, JTI: v.JTI}, nil
}
