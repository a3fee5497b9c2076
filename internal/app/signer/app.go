package signer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/keys"
	"vidimus/internal/keys/pkcs11"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// Options are what tests turn; the zero value is right.
type Options struct {
	Logger *slog.Logger
	Clock  clock.Clock
	Rand   io.Reader
}

func (o *Options) fill() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
}

// App is a signer: keys, record, socket.
type App struct {
	cfg      Config
	log      *slog.Logger
	keys     *vault
	record   *record
	service  *signer.Service
	server   *socket.Server
	listener *net.UnixListener

	once  sync.Once
	ended chan error // the record has failed
}

// New opens the record and every key, proves the keys, and makes the socket: nobody is
// answered before Run.
func New(ctx context.Context, cfg Config, opts Options) (app *App, err error) {
	opts.fill()
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := onlyOurs(cfg.StateDir); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: opts.Logger, ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	// The socket comes first: two signers that write one record would break it.
	group, err := cfg.socketGroup()
	if err != nil {
		return nil, err
	}
	if a.listener, err = socket.Listen(cfg.Path(cfg.Socket), group); err != nil {
		return nil, err
	}
	var torn int64
	if a.record, torn, err = openRecord(&cfg); err != nil {
		return nil, err
	}
	if torn > 0 {
		a.log.Warn("the last line of the record was torn, as a crash leaves it: nothing was signed for it", "bytes", torn)
	}
	a.record.failed = a.fail
	if a.keys, err = openKeys(ctx, &cfg, a.log); err != nil {
		return nil, err
	}
	lists := listFolder(cfg.Path(cfg.Lists))
	if err = lists.begin(&cfg); err != nil {
		return nil, err
	}
	a.service, err = signer.New(signer.Config{Keys: a.keys.keys, Audit: a.record, Memory: lists, Clock: opts.Clock, Rand: opts.Rand, OnError: func(err error) {
		a.log.Error("signing", "error", err)
	}})
	if err != nil {
		return nil, err
	}
	users, groups, err := cfg.peers()
	if err != nil {
		return nil, err
	}
	a.server, err = socket.NewServer(socket.Config{Service: a.service, UIDs: users, GIDs: groups, Notes: a.keys.notes, Configuration: cfg.file, OnError: func(err error) {
		a.log.Warn("socket", "error", err)
	}})
	return a, err
}

// collectAt is by how many percent the heap grows between two collections: what is held
// here is small, and most of what is made is for one request.
const collectAt = 400

// fail ends Run: what the record holds is unknown, and the next start finds out.
func (a *App) fail(err error) {
	select {
	case a.ended <- err:
	default:
	}
}

// Run answers until the context is done, and then finishes what is under way. The
// error is for a signer that cannot go on.
func (a *App) Run(ctx context.Context) error {
	syscall.Umask(0o077)
	defer debug.SetGCPercent(debug.SetGCPercent(collectAt))
	// The server ends when it is told to, and not beside this: an end that was asked for is
	// said to systemd, each time.
	serving, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	served := make(chan error, 1)
	go func() { served <- a.server.Serve(serving, a.listener) }()
	a.log.Info("signing", "socket", a.cfg.Path(a.cfg.Socket), "keys", len(a.cfg.Keys), "record", a.record.file.Head().Seq)
	if err := notify("READY=1"); err != nil {
		a.log.Warn("telling systemd", "error", err)
	}
	tick := time.NewTicker(markEvery)
	defer tick.Stop()
	var failed error
	for {
		select {
		case <-tick.C:
			if err := a.record.remember(); err != nil {
				a.log.Error("record", "error", err)
			}
			continue
		case failed = <-a.ended:
			a.log.Error("the record cannot be written: nothing is signed any more", "error", failed)
		case <-ctx.Done():
		case err := <-served:
			return errors.Join(err, a.Close())
		}
		break
	}
	if err := notify("STOPPING=1"); err != nil {
		a.log.Warn("telling systemd", "error", err)
	}
	halt()
	return errors.Join(failed, <-served, a.Close())
}

// Close lets go of everything; Run calls it.
func (a *App) Close() (err error) {
	a.once.Do(func() {
		if a.listener != nil {
			if cerr := a.listener.Close(); !errors.Is(cerr, net.ErrClosed) {
				err = cerr
			}
		}
		if a.keys != nil {
			err = errors.Join(err, a.keys.close())
		}
		if a.record != nil {
			err = errors.Join(err, a.record.close())
		}
	})
	return err
}

// vault is the keys of a configuration, opened.
type vault struct {
	keys   []signer.Key
	soft   keys.Manager
	tokens pkcs11.Manager // nil without keys in tokens
}

// tokenParallel is how many signatures a token is asked for at once: it has sessions
// for as many.
const tokenParallel = 64

// openKeys opens every key; what is wrong is told at once.
func openKeys(ctx context.Context, cfg *Config, log *slog.Logger) (v *vault, err error) {
	v = &vault{soft: soft.New(cfg.StateDir)}
	defer func() {
		if err != nil {
			v.close()
		}
	}()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		k, err := v.open(ctx, cfg, name, log)
		if err != nil {
			errs = append(errs, fmt.Errorf("keys.%s: %w", name, err))
			continue
		}
		v.keys = append(v.keys, k)
	}
	return v, errors.Join(errs...)
}

func (v *vault) open(ctx context.Context, cfg *Config, name string, log *slog.Logger) (signer.Key, error) {
	c := cfg.Keys[name]
	policy, err := cfg.policy(name)
	if err != nil {
		return signer.Key{}, err
	}
	k := signer.Key{Name: name, Policy: policy}
	if k.Chain, err = readChain(cfg.Path(c.Chain)); err != nil {
		return signer.Key{}, err
	}
	u, err := keys.ParseURI(c.Key)
	if err != nil {
		return signer.Key{}, err
	}
	var m keys.Manager = v.soft
	if u.Scheme == keys.SchemePKCS11 {
		if v.tokens == nil {
			if v.tokens, err = pkcs11.New(pkcs11.Options{Changed: func(s pkcs11.Status) {
				log.Warn("token", "token", s.Token, "state", s.State, "fault", s.Fault)
			}}); err != nil {
				return signer.Key{}, err
			}
		}
		m, k.Parallel = v.tokens, tokenParallel
	}
	k.Signer, err = m.Signer(ctx, c.Key)
	return k, err
}

// readChain reads the certificates of a key. Anchors do not travel: only a root that is
// the key's own may stand there.
func readChain(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("chain: %s: %w", path, err)
	}
	out := make([][]byte, len(certs))
	for i, c := range certs {
		if c.SelfSigned() && len(certs) > 1 {
			return nil, fmt.Errorf("chain: %s: certificate %d is a root: anchors never travel with a signature, take it out", path, i+1)
		}
		out[i] = c.Raw
	}
	return out, nil
}

// notes tell how the tokens are.
func (v *vault) notes() []string {
	if v.tokens == nil {
		return nil
	}
	var out []string
	for _, t := range v.tokens.Status() {
		out = append(out, fmt.Sprintf("token %s: %s, fault %q, %d in flight, %d stuck, %d keys, found again %d times, %d lies, %d wrong PINs",
			t.Token, t.State, t.Fault, t.InFlight, t.Stuck, t.Keys, t.Returned, t.Lies, t.WrongPINs))
	}
	return out
}

func (v *vault) close() error {
	err := v.soft.Close()
	if v.tokens != nil {
		err = errors.Join(err, v.tokens.Close())
	}
	return err
}
