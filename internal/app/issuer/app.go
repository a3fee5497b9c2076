package issuer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/authserver"
	"vidimus/internal/backup"
	"vidimus/internal/citizen"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/emergency"
	"vidimus/internal/faults"
	"vidimus/internal/fleet"
	"vidimus/internal/issuance"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
	"vidimus/internal/webserver"
	"vidimus/internal/webserver/metrics"
)

// Banner is what a start with --dev prints first.
const Banner = `
*******************************************************************
*  NOT SAFE FOR PRODUCTION USE: --dev                             *
*  Soft keys, a sample registry whose key lies here, wallets      *
*  without a name. What is issued here proves nothing.            *
*******************************************************************
`

// Options are what a program or a test decides beside the configuration. The
// zero value is right for production.
type Options struct {
	Clock  clock.Clock
	Rand   io.Reader // safe for concurrent use
	Logger *slog.Logger
	// Statfs tells how much room there is where the database lies; nil asks the
	// system.
	Statfs func(dir string, into *syscall.Statfs_t) error
	// HoldFor is how long an event waits for one before it that is missing;
	// zero is registry.DefaultHoldFor.
	HoldFor time.Duration
	// Fatal is called when the outcome of a commit is unknown and must end the
	// process; nil exits with status 1.
	Fatal func(error)
	// DeclareRestore signs that lines of the audit record are lost since a
	// backup was restored: an operator's word, never a default.
	DeclareRestore bool
}

func (o *Options) fill() {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Fatal == nil {
		o.Fatal = func(error) { os.Exit(1) }
	}
}

// App is an office whose listeners are bound. Run serves.
type App struct {
	cfg     Config
	opts    Options
	log     *slog.Logger
	keys    *keyring // nil before the certificates are read
	signer  signerWatch
	metrics *metrics.Metrics

	signers     *documentSigners
	successions map[string]*succession
	announced   *announcements
	listeners   []listenerEnd
	roots       roots
	effects     document.Table
	sources     []registry.Source // without the console
	pseudonyms  *audit.PeriodKeys
	schedule    *status.Mixing
	crl         crlServed
	crlAlarms   crlAlarms
	unlisted    func()      // counts lists that could not be published
	lists       servedFiles // that say who issues here, and the bundle
	receipt     *identity
	store       *bolt.Store
	unlock      func()      // of the state folder
	sink        status.Sink // nil without status.directory
	publisher   *status.Publisher
	tokens      *authserver.Server   // nil with external
	external    *authserver.External // nil when we give tokens ourselves
	issuance    *issuance.Service
	inbox       *registry.Inbox
	own         *ownSource
	holders     *citizen.Service
	fleet       *fleet.Service // nil without a reader CA
	providers   *walletProviders
	sweeps      *walletSweeps    // nil when no status of wallets is read
	pusher      *registry.Pusher // nil without webhooks
	meter       *registry.Meter
	tree        *audit.Tree
	emergency   *emergency.Service
	notices     *notice.Service
	desk        *officer.Service
	records     records
	metadata    *metadata

	servers []*webserver.Server // public, registry, office, metrics, console
	close   sync.Once
	closed  error
}

// New joins everything and binds the listeners. It refuses what the package
// comment says; nothing is served before Run.
func New(ctx context.Context, cfg Config, opts Options) (*App, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	opts.fill()
	a, err := assembled(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	if err = a.listen(); err == nil {
		err = a.store.Append(ctx, a.event("issuer.start"))
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// open joins everything but the listeners, for what an operator does while no
// office runs.
func open(ctx context.Context, cfg Config, opts Options) (*App, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	opts.fill()
	return assembled(ctx, cfg, opts)
}

func assembled(ctx context.Context, cfg Config, opts Options) (*App, error) {
	a := &App{cfg: cfg, opts: opts, log: opts.Logger, metrics: metrics.New()}
	if err := a.assemble(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context) error {
	db := a.cfg.Path(databaseFile)
	unfinished, err := backup.Unfinished(a.cfg.StateDir)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run this as the user of the office (sudo -u USER issuer ...)", err)
	}
	if err != nil {
		return err
	}
	if unfinished {
		return errors.New("a restore into this folder began and did not end: run the same `issuer restore` again")
	}
	if !exists(db) && exists(db+restoring) {
		return errors.New("a restore of a database into this folder began and did not end: run the same `issuer restore --database` again")
	}
	if exists(a.cfg.Path(rehearsalFile)) {
		return fmt.Errorf("an emergency was rehearsed in %s: what lies there is revoked, and no office starts in it", a.cfg.StateDir)
	}
	if !exists(db) {
		return fmt.Errorf("%s does not exist: run `issuer init` first, once", db)
	}
	if err := a.cfg.owned(); err != nil {
		return err
	}
	if a.pseudonyms, err = openPeriodKeys(a.cfg.Path(auditKeysDir), a.opts.Rand); err != nil {
		return err
	}
	a.schedule = status.NewSchedule(a.cfg.Status.Tick, a.cfg.Status.Mix, a.cfg.Status.Leave)
	opts := a.cfg.storeOptions(a.opts.Rand, a.schedule, a.pseudonyms, a.fatal)
	opts.Statfs = a.opts.Statfs
	if a.store, err = bolt.Open(db, opts); err != nil {
		if errors.Is(err, bolt.ErrDev) {
			err = fmt.Errorf("%w: it was made with%s --dev and opens only so", err, map[bool]string{true: "out", false: ""}[a.cfg.Dev])
		}
		return err
	}
	// The database is locked; but another process may work on this folder with
	// a database that was moved aside meanwhile.
	if a.unlock, err = alone(a.cfg.Path(lockFile)); err != nil {
		return err
	}
	cat, err := a.identify(ctx)
	if err != nil {
		return err
	}
	if err := a.services(cat); err != nil {
		return err
	}
	if a.metadata, err = a.newMetadata(cat, a.signing("access")); err != nil {
		return err
	}
	for _, f := range a.metadata.findings {
		a.log.Info("issuer metadata is short of HAIP 1.0", "finding", f)
	}
	a.gauges()
	if err := a.rolledBack(ctx); err != nil {
		return err
	}
	return a.adoptRevocations(ctx)
}

// fatal ends the process: what a commit has done is not known, and an answer
// that is a guess would be worse than none.
func (a *App) fatal(err error) {
	a.log.Error("the database failed: the process ends, and what was under way is to be asked for again", "error", err)
	a.opts.Fatal(err)
}

func (a *App) event(action string) audit.Event {
	return audit.Event{Time: a.opts.Clock.Now(), Action: action, Actor: "issuer", Subject: a.cfg.PublicURL, Outcome: audit.Done}
}

// Addresses are where the listeners are bound, host:port.
type Addresses struct{ Public, Registry, Office, Metrics, Console string }

// Addresses tells where the App listens; port 0 of the configuration has
// become a real one.
func (a *App) Addresses() Addresses {
	at := Addresses{
		Public: a.servers[0].Addr().String(), Registry: a.servers[1].Addr().String(),
		Office: a.servers[2].Addr().String(), Metrics: a.servers[3].Addr().String(),
	}
	if len(a.servers) > 4 {
		at.Console = a.servers[4].Addr().String()
	}
	return at
}

// Run serves until ctx ends or a listener fails, lets the requests under way
// finish (10 s), stops publisher and sweeper, and closes. Nil is a clean end.
func (a *App) Run(ctx context.Context) error {
	at := a.Addresses()
	a.log.Info("serving", "public_url", a.cfg.PublicURL, "public", at.Public, "registry", at.Registry, "office", at.Office, "metrics", at.Metrics, "console", at.Console, "dev", a.cfg.Dev)
	if a.cfg.Dev {
		a.log.Warn("NOT SAFE FOR PRODUCTION USE", "reason", "--dev")
	}
	// The background works until the last request has been answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	// Nobody is answered before the lists are there: what was revoked right
	// before the last end counts from the first answer on.
	if faults.Wrong("issuer.ready-anyway") {
		a.log.Warn("nothing is published before the first answer")
	} else if err := a.publisher.Publish(background); err != nil {
		a.log.Error("publishing status lists at the start", "error", err)
	}
	a.TendSigners(background)
	a.work(background, &wg)
	// Those whose events wait for earlier ones are told to try again.
	held := context.AfterFunc(ctx, a.inbox.Close)
	defer held()
	err := webserver.Run(ctx, a.servers...)
	stop()
	wg.Wait()
	err = errors.Join(err, a.store.Append(context.WithoutCancel(ctx), a.event("issuer.stop")))
	// The last word: everything that was done is under a signature that lies
	// outside the database.
	if _, cerr := a.tree.Checkpoint(context.WithoutCancel(ctx)); cerr != nil {
		err = errors.Join(err, fmt.Errorf("the last checkpoint of the audit record: %w", cerr))
	}
	err = errors.Join(err, a.Close())
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// Close unbinds the listeners, finishes what the store has queued and lets go
// of it. Run does it at its end; a second call does nothing.
func (a *App) Close() error {
	a.close.Do(func() {
		var errs []error
		for _, s := range a.servers {
			errs = append(errs, s.Close())
		}
		if a.store != nil {
			errs = append(errs, a.store.Close())
		}
		if a.unlock != nil {
			a.unlock()
		}
		if a.keys != nil {
			errs = append(errs, a.keys.Close())
		}
		a.closed = errors.Join(errs...)
	})
	return a.closed
}
