package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/elements"
	"vidimus/internal/faults"
	"vidimus/internal/mdoc"
	"vidimus/internal/problem"
	"vidimus/internal/sdjwt"
)

// Terms is what the issuer and its signing certificate impose on a batch. The
// zero value imposes nothing.
type Terms struct {
	// Issuer is the iss of an SD-JWT VC; left out when empty.
	Issuer string
	// NotBefore and NotAfter are the validity of the signing certificate: no copy
	// is signed before the one nor lives beyond the other.
	NotBefore, NotAfter time.Time
	// Until is when the status of the wallet that asks ends: no copy lives beyond.
	// It is rounded down to a midnight, and to an hour where nothing would be left,
	// lest the end of validity tell the copies of one wallet from others.
	Until time.Time
	// Country and State are subject C and ST of it. Where Country is set, an mdoc
	// whose issuing_country or issuing_jurisdiction differs is refused (ISO/IEC
	// 18013-5, B.1.4), as every reader would.
	Country, State string
	// Effects tells which measures block new copies; nil is the default table.
	Effects document.Table
}

// Batch is the values of one document, resolved, checked and encoded once, for
// any number of copies. It does not change and may be used concurrently.
type Batch struct {
	cfg         *Configuration
	terms       Terms
	from, until time.Time
	mdoc        *mdoc.Template
	sdjwt       *sdjwt.Template
	issued      []string
	warnings    []string
}

// resolved is one element with its value, in neutral form.
type resolved struct {
	element
	value any
}

// NewBatch resolves the elements of the configuration for one document of a
// person at an instant. Refusals are of the kinds of document.Table.Issuable, or
// credential_request_denied with the element at fault; they hold no value.
//
// Values are those of the beginning of validity, rights those of the instant. An
// age statement that will change ends the validity of the whole batch; an
// optional age in years that would change within it is left out instead, since
// the end of validity would tell every reader the birthday.
func (cfg *Configuration) NewBatch(s document.Subject, doc document.Document, at time.Time, terms ...Terms) (*Batch, error) {
	b := &Batch{cfg: cfg}
	if len(terms) > 0 {
		b.terms = terms[0]
	}
	if doc.Type != cfg.DocumentType {
		return nil, problem.New(problem.CredentialRequestDenied, "the document is of another type than the credential")
	}
	if err := b.terms.Effects.Issuable(s, doc.Number, at); err != nil {
		return nil, err
	}
	b.begin(at, doc)
	r := newRecord(s, doc, at, b.from)
	b.endBeforeFlip(r)
	if !b.until.After(at) || !b.until.After(b.from) || at.Before(b.from) {
		return nil, problem.New(problem.CredentialRequestDenied, "nothing is left of the validity of the document or of the signing certificate")
	}
	values, err := b.resolve(r)
	if err == nil {
		err = b.check(values, at)
	}
	if err == nil {
		err = b.template(values)
	}
	if err != nil {
		return nil, problem.Wrap(problem.CredentialRequestDenied, err, "the record does not allow this credential: %s", safe(err))
	}
	return b, nil
}

// safe tells a peer which element is at fault; other errors stay with us.
func safe(err error) string {
	var e *elements.Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return "internal"
}

// begin computes the validity but for birthdays.
func (b *Batch) begin(at time.Time, doc document.Document) {
	y, m, d := at.UTC().Date()
	b.from = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	b.until = b.from.AddDate(0, 0, b.cfg.ValidityDays)
	// A certificate made today: its own beginning is the same for all copies of
	// the day. Certificates know whole seconds.
	if b.from.Before(b.terms.NotBefore) {
		b.from = b.terms.NotBefore.UTC()
	}
	b.endBefore(b.terms.NotAfter)
	if faults.Wrong("catalog.outlives") {
		b.until = b.terms.NotAfter.AddDate(0, 0, 1)
	}
	if last, ok := elements.Day(doc.ExpiryDate); ok {
		b.endBefore(last.AddDate(0, 0, 1))
	}
	if until := b.terms.Until; !until.IsZero() {
		rounded := until.Truncate(24 * time.Hour)
		if !rounded.After(at) {
			rounded = until.Truncate(time.Hour)
		}
		b.endBefore(rounded)
	}
}

// endBefore shortens the validity; the zero time does not.
func (b *Batch) endBefore(t time.Time) {
	if !t.IsZero() && t.Before(b.until) {
		b.until = t.UTC()
	}
}

// endBeforeFlip ends the validity where an age statement changes, or a mandatory
// age in years.
func (b *Batch) endBeforeFlip(r record) {
	if r.birth.IsZero() {
		return
	}
	var ages []int
	inYears := false
	for _, e := range b.cfg.elements {
		if e.ageOver >= 0 {
			ages = append(ages, e.ageOver)
		}
		inYears = inYears || e.isAgeInYears() && e.mandatory
	}
	if flip, ok := elements.NextFlip(r.birth, ages, inYears, b.from); ok {
		b.endBefore(flip)
	}
}

func (e element) isAgeInYears() bool {
	return slices.ContainsFunc(e.sources, func(s source) bool { return s.kind == sourceInYears })
}

// resolve reads, adapts and normalises every value.
func (b *Batch) resolve(r record) ([]resolved, error) {
	var values []resolved
	for _, e := range b.cfg.elements {
		value, ok := r.value(e)
		if ok && e.isAgeInYears() && !e.mandatory {
			flip, found := elements.NextFlip(r.birth, nil, true, b.from)
			ok = !found || !flip.Before(b.until)
		}
		missing := noValue
		if ok {
			before := value
			if value, ok = e.transform(before); !ok && needsLatin(e, before) {
				missing = "no transliteration to Latin-1 in the record"
			}
		}
		if !ok || empty(value) && !e.EmptyAllowed {
			if e.mandatory {
				return nil, &elements.Error{Element: e.label(), Reason: missing, Kind: elements.ErrMissing}
			}
			if missing != noValue {
				b.warn(e, "left out: "+missing)
			}
			continue
		}
		neutral, err := e.Normalize(dated(e, value))
		if err != nil {
			return nil, err
		}
		if picture, isBytes := neutral.([]byte); isBytes && len(picture) > elements.MaxPortraitIssue && (e.Kind == elements.KindImage || e.Kind == elements.KindJPEG) {
			b.warn(e, fmt.Sprintf("larger than %d KiB, slow to show over Bluetooth", elements.MaxPortraitIssue>>10))
		}
		values = append(values, resolved{e, neutral})
	}
	return values, nil
}

const noValue = "no value in the record"

func (b *Batch) warn(e element, what string) {
	b.warnings = append(b.warnings, e.label()+": "+what)
}

// needsLatin says whether a transform gave up for want of a transliteration.
func needsLatin(e element, value any) bool {
	s, ok := placeText(value).(string)
	return e.Kind == elements.KindLatin1 && ok && !elements.IsLatin1(s)
}

// empty values of a record count as absent, but where they have a meaning.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case []elements.Privilege:
		return false // may drive nothing
	case string:
		return v == ""
	}
	rv := reflect.ValueOf(value)
	return (rv.Kind() == reflect.Slice || rv.Kind() == reflect.Map) && rv.Len() == 0
}

// dated makes an instant of a date where the element has no plain dates: the
// midnight that begins it.
func dated(e element, value any) any {
	if s, ok := value.(string); ok && e.Kind == elements.KindDateTime && len(s) == len(time.DateOnly) {
		return s + "T00:00:00Z"
	}
	return value
}

// check compares the values with each other and with the signer.
func (b *Batch) check(values []resolved, at time.Time) error {
	byName := make(map[string]any, len(values))
	for _, v := range values {
		byName[v.Data] = v.value
	}
	if byName["family_name"] == "" && byName["given_name"] == "" {
		return &elements.Error{Element: "family_name", Reason: "neither family name nor given name", Kind: elements.ErrMissing}
	}
	if b.cfg.Format == FormatMDoc && b.terms.Country != "" {
		if err := elements.CheckIssuer(byName, b.terms.Country, b.terms.State); err != nil {
			return err
		}
		if _, ok := byName["issuing_jurisdiction"]; ok && b.terms.State == "" {
			b.warnings = append(b.warnings, "issuing_jurisdiction: the signing certificate names no state, and some readers then refuse the document")
		}
	}
	return elements.Check(byName, elements.Moments{ValidFrom: b.from, Now: at})
}

// template encodes the values, once for all copies.
func (b *Batch) template(values []resolved) (err error) {
	var tree mdocElements
	var claims sdjwt.Object
	for _, v := range values {
		b.issued = append(b.issued, v.label())
		if b.cfg.Format == FormatMDoc {
			raw, err := v.Encode(v.value)
			if err != nil {
				return err
			}
			tree.add(v.element, raw)
			continue
		}
		claim, err := v.ClaimValue(v.value)
		if err != nil {
			return err
		}
		claims = insert(claims, v.path, claim)
	}
	if b.cfg.Format == FormatMDoc {
		b.mdoc, err = mdoc.Issuance{DocType: b.cfg.DocType, Elements: tree, Chains: b.cfg.chains}.Template()
		return err
	}
	b.sdjwt, err = sdjwt.NewTemplate(b.cfg.VCT, claims, sdjwt.Options{Policy: b.cfg.policy})
	return err
}

// Validity is that of every copy of the batch: validFrom and validUntil of an
// mdoc, nbf and exp of an SD-JWT VC. See the package comment for the rounding.
func (b *Batch) Validity() (from, until time.Time) { return b.from, b.until }

// Issued names the elements of the copies, in their order, for the record of what
// was issued.
func (b *Batch) Issued() []string { return slices.Clone(b.issued) }

// Warnings tell an operator what was left out or is unusual; no values.
func (b *Batch) Warnings() []string { return slices.Clone(b.warnings) }
