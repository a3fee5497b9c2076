package sdjwt

import (
	"crypto"
	"fmt"
	"slices"
	"sync/atomic"

	"vidimus/internal/jose"
)

// Options says how a credential is built. The zero value is right for a PID:
// dc+sd-jwt, sha-256, everything selectively disclosable, no decoys.
type Options struct {
	Type      string   // typ of the issuer-signed JWT; "" means dc+sd-jwt
	Algorithm string   // of the digests; "" means sha-256
	Policy    Policy   // nil means Everything
	AlsoKnown []string // aka_vcts
	Integrity string   // vct#integrity
	// Decoys is the number of digests without disclosure added to every object
	// and array that holds digests, so that their number tells less.
	Decoys int
}

// Template is what the copies of one credential share: claims in their encoded
// form, with places for salts and digests. Safe for concurrent use.
type Template struct {
	vct    string
	typ    string
	name   string // of the digest algorithm
	hash   crypto.Hash
	decoys int
	head   []byte         // the visible members before those of the copy
	tree   *node          // the claims
	count  int            // disclosures per copy
	size   int            // of the disclosures of a copy, about
	want   map[string]any // what a verifier has to find in every copy
	chain  atomic.Pointer[checkedChain]
}

// node is a value of the claims, encoded as far as all copies agree.
type node struct {
	static   []byte // whole JSON when no disclosure lies inside
	members  []branch
	elements []branch
	array    bool
}

// branch is a member of an object or an element of an array.
type branch struct {
	name      string
	selective bool
	node      *node
	// open is what stands before the value: "name": in an object; in a
	// disclosure the closing quote of the salt, a comma and the name.
	open []byte
	// tail is the base64url of the disclosure after its salt, when static. The
	// 24 characters before it encode to 32 by themselves.
	tail []byte
}

// NewTemplate encodes the claims of a credential of type vct. Claims of the
// issuer's own making (vct, iss, iat, nbf, exp, cnf, status and such) come
// from the options and the copy and must not be among them.
func NewTemplate(vct string, claims Object, opt Options) (*Template, error) {
	t := &Template{vct: vct, typ: opt.Type, name: opt.Algorithm, decoys: opt.Decoys}
	if t.typ == "" {
		t.typ = Type
	}
	if t.name == "" {
		t.name = SHA256
	}
	var known bool
	if t.hash, known = hashes[t.name]; !known {
		return nil, fmt.Errorf("digest algorithm %q is none of sha-256, sha-384, sha-512", opt.Algorithm)
	}
	if opt.Decoys < 0 || opt.Decoys > maxDecoys {
		return nil, fmt.Errorf("%w: %d decoys, at most %d", ErrLimit, opt.Decoys, maxDecoys)
	}
	for _, m := range claims {
		if neverSelective[m.Name] || m.Name == "iat" {
			return nil, fmt.Errorf("claim %q is set by options or copy", m.Name)
		}
	}
	b := templateBuilder{policy: opt.Policy}
	if b.policy == nil {
		b.policy = Everything
	}
	var err error
	if t.tree, err = b.node(claims); err != nil {
		return nil, err
	}
	t.count, t.size = b.count, b.size
	if t.count > maxDisclosures {
		return nil, fmt.Errorf("%w: %d disclosures, at most %d", ErrLimit, t.count, maxDisclosures)
	}
	if err := t.encodeHead(vct, opt); err != nil {
		return nil, err
	}
	return t, t.expect(claims)
}

// encodeHead writes the members that name the type.
func (t *Template) encodeHead(vct string, opt Options) error {
	head := Object{{"vct", vct}}
	if opt.Integrity != "" {
		head = append(head, Member{"vct#integrity", opt.Integrity})
	}
	if opt.AlsoKnown != nil {
		head = append(head, Member{"aka_vcts", opt.AlsoKnown})
	}
	text, err := (&templateBuilder{policy: Nothing}).node(head)
	if err != nil {
		return err
	}
	t.head = text.static[:len(text.static)-1] // open for more members
	return nil
}

// expect decodes the claims as a verifier would see them.
func (t *Template) expect(claims Object) error {
	plain, err := (&templateBuilder{policy: Nothing}).node(claims)
	if err != nil {
		return err
	}
	text := slices.Clone(t.head)
	if len(claims) > 0 {
		text = append(text, ',')
	}
	text = append(text, plain.static[1:]...)
	if t.want, err = decodeObject(text); err != nil {
		return fmt.Errorf("claims: %w", err)
	}
	_, _, err = readVCT(t.want)
	return err
}

// templateBuilder encodes claims under a policy.
type templateBuilder struct {
	policy Policy
	path   Path
	count  int
	size   int
}

func (b *templateBuilder) node(v any) (*node, error) {
	if len(b.path) > maxDepth-1 {
		return nil, fmt.Errorf("%w: claims nested deeper than %d", ErrLimit, maxDepth)
	}
	if object, ok := members(v); ok {
		return b.object(object)
	}
	if list, ok := elements(v); ok {
		return b.array(list)
	}
	text, err := appendScalar(nil, v)
	if err != nil {
		return nil, fmt.Errorf("claim %s: %w", b.path, err)
	}
	return &node{static: text}, nil
}

func (b *templateBuilder) object(o Object) (*node, error) {
	n := &node{members: make([]branch, len(o))}
	names := make(map[string]bool, len(o))
	for i, m := range o {
		if reserved(m.Name) {
			return nil, fmt.Errorf("claim named %q", m.Name)
		}
		if names[m.Name] {
			return nil, fmt.Errorf("claim %q twice", m.Name)
		}
		names[m.Name] = true
		name, err := appendScalar(nil, m.Name)
		if err != nil {
			return nil, fmt.Errorf("name of a claim: %w", err)
		}
		br := &n.members[i]
		br.name = m.Name
		if err := b.branch(br, Name(m.Name), m.Value); err != nil {
			return nil, err
		}
		if br.selective {
			br.open = slices.Concat([]byte(`",`), name, []byte{','})
		} else {
			br.open = append(name, ':')
		}
		b.encodeTail(br)
	}
	n.settle('{', '}', n.members)
	return n, nil
}

func (b *templateBuilder) array(list []any) (*node, error) {
	n := &node{array: true, elements: make([]branch, len(list))}
	for i, v := range list {
		br := &n.elements[i]
		if err := b.branch(br, Index(i), v); err != nil {
			return nil, err
		}
		if br.selective {
			br.open = []byte(`",`)
		}
		b.encodeTail(br)
	}
	n.settle('[', ']', n.elements)
	return n, nil
}

func (b *templateBuilder) branch(br *branch, step Step, v any) (err error) {
	b.path = append(b.path, step)
	if br.selective = b.policy(slices.Clone(b.path)); br.selective {
		b.count++
	}
	br.node, err = b.node(v)
	b.path = b.path[:len(b.path)-1]
	return err
}

// encodeTail prepares the part of a disclosure that all copies share, and
// counts how much room a disclosure takes.
func (b *templateBuilder) encodeTail(br *branch) {
	if !br.selective {
		return
	}
	b.size += 64 // salt, name, "~"
	if br.node.static == nil {
		b.size += 96 * (len(br.node.members) + len(br.node.elements)) // digests
		return
	}
	br.tail = []byte(jose.EncodeBase64URL(slices.Concat(br.open, br.node.static, []byte{']'})))
	b.size += len(br.tail)
}

// settle makes a node static when nothing inside is selective.
func (n *node) settle(left, right byte, branches []branch) {
	text := []byte{left}
	for i := range branches {
		br := &branches[i]
		if br.selective || br.node.static == nil {
			return
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(text, br.open...), br.node.static...)
	}
	n.static = append(text, right)
}

// Decode gives claims read from JSON as an Object in order of names. For
// callers that hold decoded JSON rather than ordered claims.
func Decode(data []byte) (Object, error) {
	claims, err := decodeObject(data)
	if err != nil {
		return nil, err
	}
	o, _ := members(claims)
	return o, nil
}
