package socket

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
)

// Options are those of a client; the zero value is right.
type Options struct {
	// Timeout is how long one request may take, 3 s when 0; LargeTimeout that of
	// one above a megabyte, a bundle, 30 s when 0.
	Timeout, LargeTimeout time.Duration
}

// Client asks a signer in another process. It implements keys.Manager for
// "signer:key=NAME". Safe for concurrent use; its keys share one connection, which is
// made again by itself when the signer comes back.
//
// Errors are problem.Errors: what the signer refused has the kind that it gave, and
// matches signer.ErrRefused; Unavailable is for a signer that is away, and for an
// answer that was lost.
type Client struct {
	path string
	opts Options

	mu      sync.Mutex
	wire    *wire
	backoff time.Duration
	again   time.Time // until then everybody fails at once
	why     error     // what the last attempt failed with
	closed  bool
}

var _ keys.Manager = (*Client)(nil)

// Dial makes a client of the signer at path, and finds out that it is there. A signer
// that is not is an error that matches problem.Unavailable; the client may be used all
// the same, and finds it when it comes.
func Dial(ctx context.Context, path string, opts Options) (*Client, error) {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.LargeTimeout == 0 {
		opts.LargeTimeout = largeTimeout
	}
	if path == "" || opts.Timeout < 0 || opts.LargeTimeout < 0 {
		return nil, errors.New("socket: a path is required, and timeouts above zero")
	}
	c := &Client{path: path, opts: opts}
	ctx, cancel := context.WithTimeoutCause(ctx, opts.Timeout, errLate)
	defer cancel()
	_, err := c.connected(ctx)
	return c, err
}

// Signer opens a key, which proves that it is that of the certificate that the signer
// names, and does so again on every connection; fs.ErrNotExist when the signer has none
// of this name. That it is the certificate that the caller means, keys.Prove finds out.
func (c *Client) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	name, err := signer.KeyName(uri)
	if err != nil {
		return nil, err
	}
	chain, err := c.Chain(ctx, name)
	if err != nil {
		return nil, err
	}
	leaf, err := pki.ParseCertificate(chain[0])
	if err != nil {
		return nil, away(fmt.Errorf("the certificate of %s: %w", uri, err))
	}
	k := newKnown(name, leaf)
	if err := c.prove(ctx, k); err != nil {
		return nil, err
	}
	return &signer.Far{Key: leaf.PublicKey(), Name: uri, Do: func(ctx context.Context, messages [][]byte) ([][]byte, error) {
		return c.sign(ctx, k, messages)
	}}, nil
}

// Create refuses: a signer makes no keys for others.
func (c *Client) Create(context.Context, string, elliptic.Curve) (crypto.Signer, error) {
	return nil, fmt.Errorf("%w: a signer makes no keys: make one with signer key, and name it in the signer's configuration", keys.ErrURI)
}

// Chain gives the certificates of a key, DER, leaf first.
func (c *Client) Chain(ctx context.Context, name string) ([][]byte, error) {
	a, err := c.ask(ctx, &request{op: opDescribe, key: name}, nil)
	if problem.KindOf(err) == problem.NotFound {
		return nil, fmt.Errorf("%s: %w: %w", signer.URI(name), err, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	if len(a.items) == 0 || len(a.items) > pki.MaxChain {
		return nil, away(fmt.Errorf("%w: a chain of %d certificates", ErrFrame, len(a.items)))
	}
	return a.items, nil
}

// Status asks how the signer stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	a, err := c.ask(ctx, &request{op: opStatus}, nil)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if err := jose.DecodeJSON(a.data, &s); err != nil {
		return Status{}, away(fmt.Errorf("%w: %w", ErrFrame, err))
	}
	return s, nil
}

// known is a key as it was when it was opened. A signer that was started again may have
// another one of the same name, and whoever listens in its place has none: nothing of
// that may get out under the certificate of this one.
type known struct {
	name string
	leaf *pki.Certificate
	turn chan struct{} // held by the one who looks, and while seen is read
	seen *wire         // the connection on which it has proven itself

	answers atomic.Uint64 // since then
}

func newKnown(name string, leaf *pki.Certificate) *known {
	return &known{name: name, leaf: leaf, turn: make(chan struct{}, 1)}
}

func (c *Client) sign(ctx context.Context, k *known, messages [][]byte) ([][]byte, error) {
	r := &request{op: opSign, key: k.name, messages: messages}
	if r.size() > maxFrame || len(messages) > signer.MaxMessages {
		return nil, signer.Refused(signer.ReasonSize, "more than goes into one request")
	}
	a, err := c.ask(ctx, r, k.prove)
	if err != nil {
		return nil, err
	}
	if len(a.items) != len(messages) {
		return nil, away(fmt.Errorf("%w: %d signatures for %d messages", ErrFrame, len(a.items), len(messages)))
	}
	if n := k.answers.Add(1) - 1; n%looked == 0 {
		if i := mathrand.IntN(len(messages)); !k.verifies(messages[i], a.items[i]) {
			return nil, k.impostor()
		}
	}
	return a.items, nil
}

// verifies holds a signature against the key.
func (k *known) verifies(message, signature []byte) bool {
	pub, ok := k.leaf.PublicKey().(*ecdsa.PublicKey)
	hash, err := signer.HashFor(pub, message)
	if !ok || err != nil {
		return false
	}
	h := hash.New()
	h.Write(message)
	return ecdsa.VerifyASN1(pub, h.Sum(nil), signature)
}

func (k *known) impostor() error {
	return away(fmt.Errorf("%w: who answers for %s does not have its key", keys.ErrSignature, signer.URI(k.name)))
}

// prove has a key prove itself on the connection that there is.
func (c *Client) prove(ctx context.Context, k *known) error {
	_, err := c.ask(ctx, &request{op: opDescribe, key: k.name}, k.prove)
	return err
}

// prove finds out, once for each connection, that a key is the one that was opened.
func (k *known) prove(ctx context.Context, w *wire) error {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return away(context.Cause(ctx))
	}
	if k.seen == w {
		return nil
	}
	a, err := w.ask(ctx, &request{op: opDescribe, key: k.name})
	if err != nil {
		return err
	}
	if len(a.items) == 0 || !slices.Equal(a.items[0], k.leaf.Raw) {
		return away(fmt.Errorf("the signer has another certificate for %s than when this program started: start it again", signer.URI(k.name)))
	}
	message := make([]byte, len(keys.ProofPrefix)+signer.ProofNonce, len(keys.ProofPrefix)+signer.ProofNonce+len(k.leaf.Raw))
	rand.Read(message[copy(message, keys.ProofPrefix):]) // never fails: crypto/rand
	message = append(message, k.leaf.Raw...)
	if a, err = w.ask(ctx, &request{op: opSign, key: k.name, messages: [][]byte{message}}); err != nil {
		return err
	}
	if len(a.items) != 1 || !k.verifies(message, a.items[0]) {
		return k.impostor()
	}
	k.answers.Store(0)
	k.seen = w
	return nil
}

// ask sends a request and waits for its answer. before, if any, is called with the
// connection on which it will go. What found its connection dead before a byte of it
// was written is asked once more.
func (c *Client) ask(ctx context.Context, r *request, before func(context.Context, *wire) error) (*answer, error) {
	timeout := c.opts.Timeout
	if r.size() > largeRequest {
		timeout = c.opts.LargeTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errLate)
	defer cancel()
	for attempt := 0; ; attempt++ {
		w, err := c.connected(ctx)
		if err != nil {
			return nil, err
		}
		if err = w.trusted(ctx); err == nil && before != nil {
			err = before(ctx, w)
		}
		var a *answer
		if err == nil {
			a, err = w.ask(ctx, r)
		}
		if err != nil {
			w.untried()
		}
		if err != nil && errors.Is(err, errUnsent) && attempt == 0 {
			continue
		}
		return a, err
	}
}

// connected gives the connection, made anew if there is none.
func (c *Client) connected(ctx context.Context) (*wire, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, away(net.ErrClosed)
	}
	if c.wire != nil && !c.wire.dead() {
		return c.wire, nil
	}
	if now := time.Now(); now.Before(c.again) {
		return nil, away(fmt.Errorf("%s: %w", c.path, c.why))
	}
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", c.path)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			c.wait(err)
		}
		return nil, away(fmt.Errorf("%s: %w", c.path, err))
	}
	c.wire = newWire(nc.(*net.UnixConn), c, c.backoff > 0)
	return c.wire, nil
}

// worked is told of an answer: whoever waits longer after the next failure.
func (c *Client) worked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backoff = 0
}

// lost is told of a connection that ended: a peer that is turned away is not to come
// back at once, and again.
func (c *Client) lost(w *wire, answered bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wire != w {
		return
	}
	c.wire = nil
	if !answered {
		c.wait(err)
	}
}

// wait lets everybody fail at once for a while. It is called with mu held.
func (c *Client) wait(why error) {
	c.backoff = min(max(2*c.backoff, firstBackoff), lastBackoff)
	c.again, c.why = time.Now().Add(c.backoff), why
}

// Close ends the connection; what is under way fails.
func (c *Client) Close() error {
	c.mu.Lock()
	w := c.wire
	c.closed = true
	c.mu.Unlock()
	if w != nil {
		w.fail(net.ErrClosed)
	}
	return nil
}

// away is the error for a signer that cannot be asked now.
func away(err error) error { return problem.Wrap(problem.Unavailable, err, "the signer is away") }

// told is an answer that is a refusal, as an error.
func (a *answer) told() error {
	if a.reason != "" && slices.Contains(signer.Reasons(), signer.Reason(a.reason)) {
		return signer.Refused(signer.Reason(a.reason), a.text)
	}
	kind := problem.Unavailable
	for _, k := range problem.Kinds() {
		if string(k) == a.problem && k != problem.Internal {
			kind = k
		}
	}
	return problem.New(kind, "%s", a.text)
}
