package bolt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"vidimus/internal/document"
	"vidimus/internal/registry"
)

// largeAttribute is from how many octets on a binary attribute is kept apart,
// so that an event about a measure does not write a portrait again.
const largeAttribute = 1 << 10

// subjectValue is a subject as it is kept. What steps ask for most stands
// before the body, so that they need not read that.
type subjectValue struct {
	version uint64 // 0: not heard of, only in the history of an event
	last    uint64 // number of the last event of its history, 0 for none
	due     uint64 // moment in the agenda, 0 for none
	images  []imageRef
	body    []byte // document.Subject.AppendBinary without the images; JSON in older files
}

// imageRef stands for an attribute that is kept apart.
type imageRef struct {
	document string // number; "" when it is the person's
	name     string
	digest   [sha256.Size]byte
}

func (v subjectValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+len(v.body)+16+64*len(v.images))}
	p.uint(v.version)
	p.uint(v.last)
	p.uint(v.due)
	p.uint(uint64(len(v.images)))
	for _, i := range v.images {
		p.text(i.document)
		p.text(i.name)
		p.fixed(i.digest[:])
	}
	p.fixed(v.body)
	return p.b
}

func decodeSubject(b []byte) (subjectValue, error) {
	u := unpacker{b: b}
	v := subjectValue{version: u.uint(), last: u.uint(), due: u.uint()}
	for range u.count() {
		var i imageRef
		i.document, i.name = u.text(), u.text()
		u.fixed(i.digest[:])
		v.images = append(v.images, i)
	}
	v.body = u.b
	if u.bad {
		return v, fmt.Errorf("subject: %w", errRecord)
	}
	return v, nil
}

// decodeBody reads a subject in either of its forms.
func decodeBody(b []byte, s *document.Subject) error {
	if len(b) > 0 && b[0] == '{' {
		return decode(b, s)
	}
	if err := s.UnmarshalBinary(b); err != nil {
		return fmt.Errorf("decoding a subject: %w", err)
	}
	return nil
}

// known is a subject with what is kept beside it.
type known struct {
	subjectValue
	subject document.Subject
	// apart: the attributes of the person are not in subject, nor are the
	// images among them, but here as they are written.
	apart      bool
	attributes string
}

// head reads what stands before the body.
func (t *tx) head(person string) (subjectValue, error) {
	if person == "" {
		return subjectValue{}, nil
	}
	b := t.get(subjectBucket, []byte(person))
	if b == nil {
		return subjectValue{}, nil
	}
	return decodeSubject(b)
}

// subject reads a subject with its images, which hold until the transaction
// ends: who keeps them clones them. One not heard of has its number.
func (t *tx) subject(person string) (known, error) { return t.subjectFor(person, true) }

// subjectFor reads a subject, without the attributes of the person when those
// are not asked for.
func (t *tx) subjectFor(person string, attributes bool) (known, error) {
	v, err := t.head(person)
	k := known{subjectValue: v, subject: document.Subject{Number: person}}
	if err != nil || v.version == 0 {
		return k, err
	}
	if k.apart = !attributes && len(v.body) > 0 && v.body[0] != '{'; k.apart {
		if k.attributes, err = k.subject.UnmarshalBinaryApart(v.body); err != nil {
			return k, fmt.Errorf("decoding a subject: %w", err)
		}
	} else if err := decodeBody(v.body, &k.subject); err != nil {
		return k, err
	}
	for _, i := range v.images {
		if k.apart && i.document == "" {
			continue
		}
		image := t.get(imageBucket, pair(person, i.digest[:]))
		if image == nil {
			return k, fmt.Errorf("%w: an image is gone", ErrDamaged)
		}
		at := attributesOf(&k.subject, i.document)
		if at == nil {
			return k, fmt.Errorf("image: %w", errRecord)
		}
		if *at == nil {
			*at = document.Attributes{}
		}
		(*at)[i.name] = image
	}
	return k, nil
}

// kept is the subject with images of its own, for who keeps it longer than the
// transaction.
func (k *known) kept() document.Subject {
	for _, i := range k.images {
		if at := attributesOf(&k.subject, i.document); at != nil {
			(*at)[i.name] = bytes.Clone(at.Bytes(i.name))
		}
	}
	return k.subject
}

// attributesOf points to the attributes of a document, or of the person.
func attributesOf(s *document.Subject, number string) *document.Attributes {
	if number != "" {
		if d := s.Document(number); d != nil {
			return &d.Attributes
		}
		return nil
	}
	if s.Person != nil {
		return &s.Person.Attributes
	}
	return nil
}

// putSubject writes the state of a person, whose record was before: images
// apart, the agenda, and whom each document belongs to.
func (t *tx) putSubject(person string, before known, next document.Subject, last uint64, due time.Time) error {
	v := subjectValue{version: next.Version, last: last}
	bare := t.withoutImages(person, before, next, &v)
	var err error
	v.body = make([]byte, 0, len(before.body)+1024)
	if before.apart {
		v.body, err = bare.AppendBinaryApart(v.body, before.attributes)
	} else {
		v.body, err = bare.AppendBinary(v.body)
	}
	if err != nil {
		return fmt.Errorf("encoding a subject: %w", err)
	}
	for _, i := range before.images {
		if !slices.ContainsFunc(v.images, func(j imageRef) bool { return j.digest == i.digest }) {
			t.delete(imageBucket, pair(person, i.digest[:]))
		}
	}
	if !due.IsZero() {
		v.due = max(moment(due), 1)
	}
	if v.due != before.due {
		if before.due != 0 {
			t.delete(agendaBucket, after(before.due, []byte(person)))
		}
		if v.due != 0 {
			t.put(agendaBucket, after(v.due, []byte(person)), nil)
		}
	}
	t.put(subjectBucket, []byte(person), v.encode())
	return nil
}

// putLast writes that an event is in the history of a person whose state it
// did not change.
func (t *tx) putLast(person string, before known, last uint64) {
	v := before.subjectValue
	v.last = last
	t.put(subjectBucket, []byte(person), v.encode())
}

// withoutImages puts large attributes apart and gives the subject without
// them, sharing the rest. One that did not change is not hashed again.
func (t *tx) withoutImages(person string, before known, s document.Subject, v *subjectValue) document.Subject {
	bare := func(number string, all document.Attributes) document.Attributes {
		var rest document.Attributes
		for name, value := range all {
			octets, ok := value.([]byte)
			if !ok || len(octets) <= largeAttribute {
				continue
			}
			if rest == nil {
				rest = maps.Clone(all)
			}
			delete(rest, name)
			v.images = append(v.images, imageRef{number, name, t.putImage(person, before, number, name, octets)})
		}
		if rest == nil {
			return all
		}
		return rest
	}
	switch {
	case before.apart:
		for _, i := range before.images {
			if i.document == "" {
				v.images = append(v.images, i)
			}
		}
	case s.Person != nil:
		p := *s.Person
		p.Attributes = bare("", p.Attributes)
		s.Person = &p
	}
	apart := false
	for i, d := range s.Documents {
		rest := bare(d.Number, d.Attributes)
		if len(rest) == len(d.Attributes) {
			continue
		}
		if !apart {
			s.Documents, apart = slices.Clone(s.Documents), true
		}
		s.Documents[i].Attributes = rest
	}
	slices.SortFunc(v.images, func(a, b imageRef) int {
		return cmp.Or(cmp.Compare(a.document, b.document), cmp.Compare(a.name, b.name))
	})
	return s
}

func (t *tx) putImage(person string, before known, number, name string, octets []byte) [sha256.Size]byte {
	for _, i := range before.images {
		if i.document != number || i.name != name {
			continue
		}
		if at := attributesOf(&before.subject, number); at != nil && bytes.Equal(at.Bytes(name), octets) {
			return i.digest
		}
	}
	digest := sha256.Sum256(octets)
	if key := pair(person, digest[:]); !t.has(imageBucket, key) {
		t.put(imageBucket, key, bytes.Clone(octets))
	}
	return digest
}

// hold writes that the documents of these states belong to their persons, and
// that what they had before and have no more belongs to nobody.
func (t *tx) hold(before []known, next []document.Subject) {
	same := func(k known, s document.Subject) bool {
		return k.version > 0 && slices.EqualFunc(k.subject.Documents, s.Documents, func(a, b document.Document) bool { return a.Number == b.Number })
	}
	if slices.EqualFunc(before, next, same) {
		return
	}
	for _, k := range before {
		for _, d := range k.subject.Documents {
			if !slices.ContainsFunc(next, func(s document.Subject) bool { return s.Document(d.Number) != nil }) {
				t.delete(holderBucket, []byte(d.Number))
			}
		}
	}
	for _, s := range next {
		for _, d := range s.Documents {
			if string(t.get(holderBucket, []byte(d.Number))) != s.Number {
				t.put(holderBucket, []byte(d.Number), []byte(s.Number))
			}
		}
	}
}

// Subject implements registry.Records.
func (s *Store) Subject(ctx context.Context, person string) (document.Subject, error) {
	var found document.Subject
	err := s.view(ctx, func(t *tx) error {
		k, err := t.subject(person)
		if err == nil && k.version == 0 {
			err = registry.ErrSubjectNotFound
		}
		if err == nil {
			found = k.kept()
		}
		return err
	})
	return found, err
}

// Holder implements registry.Records.
func (s *Store) Holder(ctx context.Context, document string) (person string, err error) {
	err = s.view(ctx, func(t *tx) error {
		holder := t.get(holderBucket, []byte(document))
		if holder == nil {
			return registry.ErrSubjectNotFound
		}
		person = string(holder)
		return nil
	})
	return person, err
}
