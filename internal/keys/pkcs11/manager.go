//go:build pkcs11

package pkcs11

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"vidimus/internal/keys"
)

// manager holds the modules and tokens that were asked for.
type manager struct {
	changed func(Status)
	ctx     context.Context
	cancel  context.CancelFunc
	tables  atomic.Int64

	mu      sync.Mutex
	modules map[string]*module
	tokens  map[[2]string]*token
}

// New makes a manager. No module is loaded before a key of it is asked for.
func New(o Options) (Manager, error) {
	ctx, cancel := context.WithCancel(context.Background())
	return &manager{changed: o.Changed, ctx: ctx, cancel: cancel, modules: map[string]*module{}, tokens: map[[2]string]*token{}}, nil
}

// token gives the token of an address, connected.
func (m *manager) token(ctx context.Context, a address) (*token, error) {
	m.mu.Lock()
	t, err := m.known(a)
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return t, t.first(ctx)
}

// known gives the token of an address, connected or not; mu is held.
func (m *manager) known(a address) (*token, error) {
	if m.ctx.Err() != nil {
		return nil, fs.ErrClosed
	}
	name := [2]string{a.module, a.token}
	if t := m.tokens[name]; t != nil {
		if t.pinSource != a.pinSource {
			return nil, fmt.Errorf("%w: token %q is named with two pin-source", keys.ErrURI, a.token)
		}
		return t, nil
	}
	mod := m.modules[a.module]
	if mod == nil {
		var err error
		if mod, err = loadModule(a.module); err != nil {
			return nil, unavailable(err)
		}
		m.modules[a.module] = mod
	}
	t := &token{
		m: mod, label: a.token, pinSource: a.pinSource, lanes: newLanes(runtime.GOMAXPROCS(0)), tables: &m.tables, changed: m.changed, ctx: m.ctx,
		state: StateNew, keys: map[string]*key{},
	}
	m.tokens[name] = t
	return t, nil
}

// Signer opens a key, checks what the token says of it, and has it prove itself.
func (m *manager) Signer(ctx context.Context, uri string) (crypto.Signer, error) {
	a, err := parseAddress(uri)
	if err != nil {
		return nil, err
	}
	t, err := m.token(ctx, a)
	if err != nil {
		return nil, err
	}
	return t.key(ctx, a)
}

// key opens a key that the token has; once for all who ask.
func (t *token) key(ctx context.Context, a address) (*key, error) {
	name := a.object + "\x00" + a.id
	t.mu.Lock()
	k := t.keys[name]
	t.mu.Unlock()
	if k != nil {
		return k, nil
	}
	k = &key{t: t, label: a.object, id: a.id, finds: make(chan struct{}, 1)}
	for again := false; ; again = true {
		c, err := t.connected(ctx)
		if err != nil {
			return nil, err
		}
		bounded, cancel := context.WithTimeout(ctx, 2*callTime)
		err = k.prove(bounded, c)
		cancel()
		if err == nil {
			break
		}
		if k.pub == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, &wording{fmt.Sprintf("%s: the token has no private key of this name: name one that is there as object or id of its URI; only a key that has no certificate yet is made (signer key create)", k), []error{fs.ErrNotExist}}
		}
		switch fault := faultOf(err); {
		case fault == FaultKey:
			return nil, err
		case fault == FaultLie:
			return nil, fmt.Errorf("%w: %q: its halves are of two keys, or the token lies: %w", ErrKey, a.object, err)
		default:
			if ctx.Err() != nil { // the caller's doing, not the token's
				return nil, unavailable(ctx.Err())
			}
			t.failed(c, fault, err)
			if again {
				return nil, unavailable(err)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if other := t.keys[name]; other != nil {
		return other, nil
	}
	t.keys[name] = k
	if t.probe == nil {
		t.probe = k
	}
	return k, nil
}

// Status tells of every token.
func (m *manager) Status() []Status {
	m.mu.Lock()
	all := make([]Status, 0, len(m.tokens))
	for _, t := range m.tokens {
		all = append(all, t.status())
	}
	m.mu.Unlock()
	slices.SortFunc(all, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Token, b.Token))
	})
	return all
}

// Close ends the searches and the modules, with their sessions.
func (m *manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tokens {
		t.mu.Lock() // no search begins that is not waited for
	}
	m.cancel()
	for _, t := range m.tokens {
		t.mu.Unlock()
	}
	for _, t := range m.tokens {
		t.searches.Wait()
		t.mu.Lock()
		c := t.now
		t.now, t.state, t.why = nil, StateOpen, fs.ErrClosed
		t.m.serve(t, nil)
		t.mu.Unlock()
		if c != nil {
			c.dead.Store(true)
		}
	}
	for _, mod := range m.modules {
		if err := mod.close(); err != nil {
			return fmt.Errorf("closing %s: %w", mod.path, err)
		}
	}
	return nil
}
