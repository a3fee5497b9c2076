package mdoc

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
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
	signer         atomic.Pointer[documentSigner] // the chain last signed with
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

// documentSigner is a certificate chain that was looked at.
type documentSigner struct {
	chain [][]byte
	leaf  *pki.Certificate

	headers *cose.Sign1Headers // with that chain
}

// NewTemplate makes a template with SHA-256, salts of DefaultSalt bytes and no
// key authorizations. See [Issuance.Template] for the others.
func NewTemplate(docType string, elements ...NamespaceElements) (*Template, error) {
	return Issuance{DocType: docType, Elements: elements}.Template()
}

// Template checks and encodes what the copies share. An error wraps ErrRule.
func (i Issuance) Template() (*Template, error) {
	t := &Template{docType: i.DocType, algorithm: i.DigestAlgorithm, saltBytes: i.SaltBytes, x5t: i.X5T}
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

// documentSigner returns the leaf of a chain and the headers with it, parsed and
// made once per batch, after
// checking what the profile says of the chain as sent: leaf first, no root.
func (t *Template) documentSigner(chain [][]byte) (*documentSigner, error) {
	if s := t.signer.Load(); s != nil && slices.EqualFunc(s.chain, chain, bytes.Equal) {
		return s, nil
	}
	if len(chain) == 0 || len(chain) > MaxChain {
		return nil, ruleBroken("chain of %d certificates, 1 to %d allowed", len(chain), MaxChain)
	}
	s := &documentSigner{}
	for i, der := range chain {
		certificate, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: certificate %d: %w", ErrRule, i, err)
		}
		if certificate.SelfSigned() {
			return nil, ruleBroken("certificate %d of the chain is self-signed", i)
		}
		if i == 0 {
			s.leaf = certificate
		}
		s.chain = append(s.chain, bytes.Clone(der))
	}
	opt := cose.SignOptions{Unprotected: map[any]any{cose.LabelX5Chain: cose.X5ChainValue(s.chain)}}
	if t.x5t {
		const sha256Label = -16
		opt.Protected = map[any]any{cose.LabelX5T: []any{sha256Label, s.leaf.Fingerprint[:]}}
	}
	var err error
	if s.headers, err = cose.NewSign1Headers(s.leaf.PublicKey(), opt); err != nil {
		return nil, fmt.Errorf("%w: document signer: %w", ErrRule, err)
	}
	t.signer.Store(s)
	return s, nil
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
