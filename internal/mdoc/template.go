package mdoc

import (
	"fmt"
	"slices"
	"sync"

	"vidimus/internal/cbor"
)

// Element is a data element to be issued or device-signed. Value is anything
// that package cbor encodes: string, bool, integers, []byte, cbor.FullDate,
// cbor.DateTime, slices, maps, structs, or a cbor.RawMessage.
type Element struct {
	Identifier string
	Value      any
}

// NamespaceElements is the elements of one namespace, in the order of issuing.
type NamespaceElements struct {
	NameSpace string
	Elements  []Element
}

// Issuance is what all copies of a batch share.
type Issuance struct {
	DocType  string
	Elements []NamespaceElements

	// KeyAuthorizations lets the device sign elements of its own; zero for none.
	KeyAuthorizations KeyAuthorizations

	DigestAlgorithm string // SHA256 when empty
	SaltBytes       int    // DefaultSalt when 0, otherwise MinSalt to MaxSalt

	// X5T adds the digest of the certificate to the protected header, as the second
	// edition recommends. The first edition wants nothing but alg there.
	X5T bool

	// Chains is shared by the batches of one document signer; nil for one of the
	// template's own.
	Chains *Chains
}

// Template is a batch of copies to be: the values, checked and encoded once. It
// may be used by several goroutines.
type Template struct {
	docType        string
	nameSpaces     []templateNameSpace // sorted as they are encoded
	elements       int                 // of all namespaces
	size           int                 // of the encoded namespaces, at most
	digestsSize    int                 // of the encoded valueDigests, at most
	buffers        sync.Pool           // *[]byte for encoded namespaces: a portrait makes them large
	authorizations cbor.RawMessage     // nil for none
	algorithm      string
	saltBytes      int
	x5t            bool
	chains         *Chains // where those signed with are kept
}

// itemOverhead is what an encoded item has besides salt, value and tail: heads of
// tag, string and map, three member names, digestID.
const itemOverhead = 64

// headRoom is what the heads of a few items take at most.
const headRoom = 16

type templateNameSpace struct {
	name     string
	elements []templateElement
}

type templateElement struct {
	identifier string
	value      cbor.RawMessage
	tail       []byte // the member elementIdentifier, which sorts after the value
}

// NewTemplate makes a template with SHA-256, salts of DefaultSalt bytes and no
// key authorizations. See [Issuance.Template] for the others.
func NewTemplate(docType string, elements ...NamespaceElements) (*Template, error) {
	return Issuance{DocType: docType, Elements: elements}.Template()
}

// Template checks and encodes what the copies share. An error wraps ErrRule.
func (i Issuance) Template() (*Template, error) {
	t := &Template{docType: i.DocType, algorithm: i.DigestAlgorithm, saltBytes: i.SaltBytes, x5t: i.X5T, chains: i.Chains}
	if t.chains == nil {
		t.chains = new(Chains)
	}
	if t.algorithm == "" {
		t.algorithm = SHA256
	}
	if t.saltBytes == 0 {
		t.saltBytes = DefaultSalt
	}
	switch {
	case t.docType == "":
		return nil, ruleBroken("no docType")
	case digestSize(t.algorithm) == 0:
		return nil, ruleBroken("digest algorithm %.16q", t.algorithm)
	case t.saltBytes < MinSalt || t.saltBytes > MaxSalt:
		return nil, ruleBroken("salts of %d bytes, %d to %d allowed", t.saltBytes, MinSalt, MaxSalt)
	case len(i.Elements) == 0 || len(i.Elements) > MaxNameSpaces:
		return nil, ruleBroken("%d namespaces, 1 to %d allowed", len(i.Elements), MaxNameSpaces)
	}
	if err := i.KeyAuthorizations.check(); err != nil {
		return nil, err
	}
	if !i.KeyAuthorizations.empty() {
		var err error
		if t.authorizations, err = cbor.Marshal(keyAuthorizationsWire(i.KeyAuthorizations)); err != nil {
			return nil, err
		}
	}
	for _, ns := range i.Elements {
		encoded, err := encodeTemplateNameSpace(ns)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(t.nameSpaces, func(other templateNameSpace) bool { return other.name == ns.NameSpace }) {
			return nil, ruleBroken("namespace %.64q occurs twice", ns.NameSpace)
		}
		t.nameSpaces = append(t.nameSpaces, encoded)
		t.elements += len(encoded.elements)
		t.size += len(ns.NameSpace) + headRoom
		t.digestsSize += len(ns.NameSpace) + headRoom
		for _, e := range encoded.elements {
			if err := t.lintItem(e); err != nil {
				return nil, err
			}
			t.size += len(e.value) + len(e.tail) + t.saltBytes + itemOverhead
			t.digestsSize += digestSize(t.algorithm) + headRoom
		}
	}
	slices.SortFunc(t.nameSpaces, func(a, b templateNameSpace) int { return compareText(a.name, b.name) })
	return t, nil
}

func encodeTemplateNameSpace(ns NamespaceElements) (templateNameSpace, error) {
	t := templateNameSpace{name: ns.NameSpace}
	if ns.NameSpace == "" || len(ns.Elements) == 0 || len(ns.Elements) > MaxItems {
		return t, ruleBroken("namespace %.64q with %d elements, 1 to %d allowed", ns.NameSpace, len(ns.Elements), MaxItems)
	}
	for _, e := range ns.Elements {
		if e.Identifier == "" || slices.ContainsFunc(t.elements, func(other templateElement) bool { return other.identifier == e.Identifier }) {
			return t, ruleBroken("element %.64q of %.64q occurs twice or has no name", e.Identifier, ns.NameSpace)
		}
		value, err := cbor.Marshal(e.Value)
		if err != nil {
			return t, fmt.Errorf("%w: element %.64q: %w", ErrRule, e.Identifier, err)
		}
		// A RawMessage comes as the caller made it.
		if findings := cbor.Lint(value); findings != nil {
			return t, ruleBroken("element %.64q is not encoded deterministically: %s", e.Identifier, findings[0])
		}
		tail := cbor.AppendText(cbor.AppendText(nil, "elementIdentifier"), e.Identifier)
		t.elements = append(t.elements, templateElement{e.Identifier, value, tail})
	}
	return t, nil
}

// keyAuthorizationsWire carries the member names.
type keyAuthorizationsWire struct {
	NameSpaces   []string            `cbor:"nameSpaces,omitempty"`
	DataElements map[string][]string `cbor:"dataElements,omitempty"`
}

// buffer returns an empty buffer for the encoded namespaces of a copy, and
// release takes it back when the copy was handed out.
func (t *Template) buffer() []byte {
	if b, ok := t.buffers.Get().(*[]byte); ok {
		return (*b)[:0]
	}
	return make([]byte, 0, t.size)
}

func (t *Template) release(b []byte) { t.buffers.Put(&b) }

// ruleBroken makes an error of our own issuing.
func ruleBroken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRule}, args...)...)
}
