package sdjwt

import (
	"crypto"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"time"

	"vidimus/internal/jose"
)

// Copy is what one copy of a credential has for itself. Times are cut to whole
// seconds and left out when zero.
type Copy struct {
	Issuer, Subject              string // left out when empty
	IssuedAt, NotBefore, Expires time.Time
	Confirmation                 crypto.PublicKey // the holder's key; nil for none
	Status                       *StatusReference // nil for none
}

// Prepared is one copy, complete but for the signature. It can be signed once.
type Prepared struct {
	payload     []byte // what will be signed
	disclosures []byte // each followed by "~"
	typ         string
	t           *Template
	used        atomic.Bool
}

// Payload is what will be signed, for whoever notes it down. It must not be
// changed.
func (p *Prepared) Payload() []byte { return p.payload }

// Prepare builds the exact bytes of one copy, with a fresh salt for every
// disclosure, and processes them as a verifier will: an error means that
// nothing of it may be signed. The same rand gives the same bytes.
func (t *Template) Prepare(c Copy, rand io.Reader) (*Prepared, error) {
	b := builder{t: t, hash: t.hash.New(), rand: rand}
	b.salts = make([]byte, t.count*saltBytes)
	if _, err := io.ReadFull(rand, b.salts); err != nil {
		return nil, fmt.Errorf("reading salts: %w", err)
	}
	b.width = base64.RawURLEncoding.EncodedLen(t.hash.Size())
	b.digests = make([]byte, 0, t.count*b.width)
	b.out = make([]byte, 0, t.size)
	own, cnf, err := c.encode()
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, len(t.head)+len(own)+t.count*(b.width+3)+256)
	payload = append(append(payload, t.head...), own...)
	payload = b.object(payload, t.tree, true)
	if b.err != nil {
		return nil, b.err
	}
	p := &Prepared{payload: payload, disclosures: b.out, typ: t.typ, t: t}
	if err := p.lint(c, cnf); err != nil {
		return nil, fmt.Errorf("checking the prepared credential: %w", err)
	}
	return p, nil
}

// encode writes the members of the copy, each after a comma, and returns the
// value of cnf apart.
func (c Copy) encode() (text, cnf []byte, err error) {
	appendString := func(name, value string) {
		if value == "" || err != nil {
			return
		}
		text = append(appendText(append(text, ','), name), ':')
		text, err = appendScalar(text, value)
	}
	appendString("iss", c.Issuer)
	appendString("sub", c.Subject)
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"iat", c.IssuedAt}, {"nbf", c.NotBefore}, {"exp", c.Expires}} {
		if !t.at.IsZero() {
			text = append(appendText(append(text, ','), t.name), ':')
			text = strconv.AppendInt(text, t.at.Unix(), 10)
		}
	}
	if c.Confirmation != nil && err == nil {
		// Only kty, crv, x and y: kid, use and alg would link the copies.
		var jwk []byte
		if jwk, err = jose.MarshalPublicKey(c.Confirmation); err == nil {
			cnf = append(append([]byte(`{"jwk":`), jwk...), '}')
			text = append(append(text, `,"cnf":`...), cnf...)
		}
	}
	if c.Status != nil {
		if c.Status.URI == "" && err == nil {
			err = fmt.Errorf("status without uri")
		}
		text = append(text, `,"status":{"status_list":{"idx":`...)
		text = strconv.AppendUint(text, c.Status.Index, 10)
		text = append(text, `,"uri":`...)
		if err == nil {
			text, err = appendScalar(text, c.Status.URI)
		}
		text = append(text, "}}"...)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the copy: %w", err)
	}
	return text, cnf, nil
}

// builder writes one copy, depth first: a disclosure is hashed before what
// holds its digest is written (RFC 9901, section 4.2.6).
type builder struct {
	t       *Template
	hash    digester
	rand    io.Reader
	salts   []byte // left
	width   int    // of an encoded digest
	digests []byte // arena
	out     []byte // disclosures so far
	err     error
}

type digester interface {
	io.Writer
	Reset()
	Sum([]byte) []byte
}

// digest hashes text into the arena.
func (b *builder) digest(text []byte) []byte {
	var sum [64]byte
	b.hash.Reset()
	b.hash.Write(text)
	start := len(b.digests)
	b.digests = base64.RawURLEncoding.AppendEncode(b.digests, b.hash.Sum(sum[:0]))
	return b.digests[start:len(b.digests):len(b.digests)]
}

// decoy is the digest of nothing that anyone can disclose.
func (b *builder) decoy() []byte {
	var random [32]byte
	if _, err := io.ReadFull(b.rand, random[:]); err != nil && b.err == nil {
		b.err = fmt.Errorf("reading a decoy: %w", err)
	}
	return b.digest(random[:])
}

func (b *builder) value(dst []byte, n *node) []byte {
	switch {
	case n.static != nil:
		return append(dst, n.static...)
	case n.array:
		return b.array(dst, n)
	}
	return b.object(append(dst, '{'), n, false)
}

// object writes the members and the closing brace. At the top, members stand
// before already, and _sd_alg goes with _sd.
func (b *builder) object(dst []byte, n *node, top bool) []byte {
	digests := make([][]byte, 0, len(n.members)+b.t.decoys)
	first := !top
	comma := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
	}
	for i := range n.members {
		br := &n.members[i]
		if br.selective {
			digests = append(digests, b.disclose(br))
			continue
		}
		comma()
		dst = b.value(append(dst, br.open...), br.node)
	}
	if len(digests) > 0 {
		for range b.t.decoys {
			digests = append(digests, b.decoy())
		}
	}
	if top && b.t.count > 0 {
		comma()
		dst = append(append(append(dst, `"_sd_alg":"`...), b.t.name...), '"')
	}
	if len(digests) > 0 {
		comma()
		dst = appendDigests(dst, digests)
	}
	return append(dst, '}')
}

func (b *builder) array(dst []byte, n *node) []byte {
	dst = append(dst, '[')
	first := true
	comma := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
	}
	placeholder := func(digest []byte) {
		comma()
		dst = append(append(append(dst, `{"...":"`...), digest...), `"}`...)
	}
	decoys := b.places(n)
	for i := range n.elements {
		for range decoys[i] {
			placeholder(b.decoy())
		}
		br := &n.elements[i]
		if br.selective {
			placeholder(b.disclose(br))
			continue
		}
		comma()
		dst = b.value(dst, br.node)
	}
	for range decoys[len(n.elements)] {
		placeholder(b.decoy())
	}
	return append(dst, ']')
}

// places draws how many decoys stand before each element and after the last.
func (b *builder) places(n *node) []int {
	decoys := make([]int, len(n.elements)+1)
	selective := false
	for i := range n.elements {
		selective = selective || n.elements[i].selective
	}
	if !selective || b.t.decoys == 0 {
		return decoys
	}
	random := make([]byte, 2*b.t.decoys)
	if _, err := io.ReadFull(b.rand, random); err != nil && b.err == nil {
		b.err = fmt.Errorf("reading places of decoys: %w", err)
	}
	for i := 0; i < len(random); i += 2 {
		decoys[(int(random[i])<<8|int(random[i+1]))%len(decoys)]++
	}
	return decoys
}

// disclose writes the disclosure of a branch, after those inside it, and
// returns its digest.
func (b *builder) disclose(br *branch) []byte {
	var rest []byte
	if br.tail == nil {
		rest = b.value(append(make([]byte, 0, 256), br.open...), br.node)
		rest = append(rest, ']')
	}
	start := len(b.out)
	var opening [2 + minSalt]byte
	opening[0], opening[1] = '[', '"'
	base64.RawURLEncoding.Encode(opening[2:], b.salts[:saltBytes])
	b.salts = b.salts[saltBytes:]
	b.out = base64.RawURLEncoding.AppendEncode(b.out, opening[:])
	if br.tail != nil {
		b.out = append(b.out, br.tail...)
	} else {
		b.out = base64.RawURLEncoding.AppendEncode(b.out, rest)
	}
	digest := b.digest(b.out[start:])
	b.out = append(b.out, '~')
	return digest
}
