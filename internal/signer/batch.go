package signer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"

	"vidimus/internal/keys"
)

// Far is a key that signs messages and no digests: one of this process's service, or
// of another's. It is what both have in common.
type Far struct {
	// Key is the public key, Name what people call the key.
	Key  crypto.PublicKey
	Name string
	// Do signs messages in one request, in their order.
	Do func(ctx context.Context, messages [][]byte) ([][]byte, error)
}

var (
	_ keys.Batcher         = (*Far)(nil)
	_ crypto.MessageSigner = (*Far)(nil)
)

// Public gives the public key.
func (f *Far) Public() crypto.PublicKey { return f.Key }

// Sign refuses: nobody can read a digest. Errors match keys.ErrDigest.
func (f *Far) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("%w: %s reads what it signs, and signs no digests", keys.ErrDigest, f.Name)
}

// SignMessage signs one message; rand is the signer's own. opts names the hash of
// HashFor.
func (f *Far) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := checkHash(f.Key, message, opts); err != nil {
		return nil, err
	}
	signatures, err := f.ask(context.Background(), [][]byte{message})
	if err != nil {
		return nil, err
	}
	return signatures[0], nil
}

// ask does not trust the length of an answer.
func (f *Far) ask(ctx context.Context, messages [][]byte) ([][]byte, error) {
	signatures, err := f.Do(ctx, messages)
	if err == nil && len(signatures) != len(messages) {
		err = fmt.Errorf("%w: %d signatures for %d messages", keys.ErrSignature, len(signatures), len(messages))
	}
	return signatures, err
}

// String names the key for people.
func (f *Far) String() string { return f.Name }

func checkHash(pub crypto.PublicKey, message []byte, opts crypto.SignerOpts) error {
	hash, err := HashFor(pub, message)
	if err != nil {
		return err
	}
	if opts == nil || opts.HashFunc() != hash {
		return fmt.Errorf("%w: this key signs with %s", keys.ErrDigest, hash)
	}
	return nil
}

// Batch implements keys.Batcher.
func (f *Far) Batch(ctx context.Context, n int) keys.Batch {
	return &batch{far: f, ctx: ctx, open: n, done: make(chan struct{})}
}

// batch gathers messages until nobody is missing, and asks once.
type batch struct {
	far  *Far
	ctx  context.Context
	done chan struct{} // closed when the answer is there

	mu         sync.Mutex
	open       int // how many may still come
	sent       bool
	messages   [][]byte
	signatures [][]byte
	err        error
}

var errLate = errors.New("the batch has been signed")

func (b *batch) Public() crypto.PublicKey { return b.far.Key }

func (b *batch) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return b.far.Sign(rand, digest, opts)
}

// SignMessage waits until the others are there or have left.
func (b *batch) SignMessage(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := checkHash(b.far.Key, message, opts); err != nil {
		return nil, err
	}
	b.mu.Lock()
	if b.sent || b.open == 0 {
		b.mu.Unlock()
		return nil, errLate
	}
	at := len(b.messages)
	b.messages = append(b.messages, message)
	b.leave()
	<-b.done
	if b.err != nil {
		return nil, b.err
	}
	return b.signatures[at], nil
}

// Leave implements keys.Batch.
func (b *batch) Leave() {
	b.mu.Lock()
	if b.sent || b.open == 0 {
		b.mu.Unlock()
		return
	}
	b.leave()
}

// leave counts one down and, for the last, asks. It is called with mu held and
// gives it back.
func (b *batch) leave() {
	b.open--
	if b.open > 0 {
		b.mu.Unlock()
		return
	}
	b.sent = true
	b.mu.Unlock()
	if len(b.messages) > 0 {
		b.signatures, b.err = b.far.ask(b.ctx, b.messages)
	}
	close(b.done)
}
