package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/emergency"
	"vidimus/internal/publication"
	"vidimus/internal/status"
	"vidimus/internal/store/bolt"
)

// rehearsalFile marks a folder in which an emergency was rehearsed: what lies
// there is revoked, and no office starts in it.
const rehearsalFile = "REHEARSAL"

// RehearsalOptions say what is rehearsed, on what and where.
type RehearsalOptions struct {
	Wish              emergency.Wish
	Archive, Identity string // a backup, and the age secret key that opens it
	Folder            string // new or empty: everything happens below it
	Clock             clock.Clock
	Rand              io.Reader
	Rates             emergency.Rates
	Progress          func(emergency.Plan)
}

// Rehearsal is how long it took.
type Rehearsal struct {
	Draft                             emergency.Draft
	Keys                              emergency.KeyNames
	Restored, Counted, Ran, Published time.Duration // Published is the part of Ran that publishing took
	Plan                              emergency.Plan
	Progress                          emergency.Progress
	// Estimate is of what was measured, but Reissue: that is of ReissueRate, copies
	// a second, which is assumed.
	Estimate    emergency.Estimate
	ReissueRate float64
}

// Rehearse restores a backup into a scratch folder and does the whole of an
// emergency to it, with two humans and a key for the lists that exist for the
// rehearsal alone. Nothing is delivered, nothing leaves the folder, no key of the
// office is touched. It refuses a folder in which anything lies.
func Rehearse(ctx context.Context, cfg Config, opts RehearsalOptions) (*Rehearsal, error) {
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if err := cfg.scratch(opts.Folder); err != nil {
		return nil, err
	}
	live := cfg.StateDir
	cfg.StateDir, cfg.Status.Directory = opts.Folder, "published"
	cfg.Notices, cfg.Audit.Checkpoints = Notices{Language: cfg.Notices.Language}, nil
	began := opts.Clock.Now()
	if err := ownFolder(cfg.StateDir); err != nil {
		return nil, err
	}
	unlock, err := alone(cfg.Path(lockFile))
	if err != nil {
		return nil, err
	}
	defer unlock()
	mark := "A backup of the office in " + live + " was restored here to rehearse an emergency. No office is to start in this folder.\n"
	if err := os.WriteFile(cfg.Path(rehearsalFile), []byte(mark), 0o600); err != nil {
		return nil, err
	}
	if _, err := cfg.restore(ctx, RestoreOptions{Archive: opts.Archive, Identity: opts.Identity, Now: began, Rand: opts.Rand}); err != nil {
		return nil, err
	}
	r := &Rehearsal{Restored: opts.Clock.Now().Sub(began)}
	names, err := openPeriodKeys(cfg.Path(auditKeysDir), opts.Rand)
	if err != nil {
		return nil, err
	}
	schedule := status.NewSchedule(cfg.Status.Tick, cfg.Status.Mix, cfg.Status.Leave)
	store, err := bolt.Open(cfg.Path(databaseFile), cfg.storeOptions(opts.Rand, schedule, names, nil))
	if err != nil {
		return nil, err
	}
	err = cfg.rehearse(ctx, store, schedule, opts, r)
	return r, errors.Join(err, store.Close())
}

// scratch refuses a folder that is not ours to spoil.
func (c *Config) scratch(folder string) error {
	if folder == "" {
		return errors.New("a folder for the rehearsal is wanted")
	}
	within := func(inner, outer string) bool {
		rel, err := filepath.Rel(followed(outer), followed(inner))
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	if within(folder, c.StateDir) || within(c.StateDir, folder) {
		return fmt.Errorf("%s is the folder of the office, or within it, or around it: a rehearsal revokes everything that it finds, name another folder", folder)
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == databaseFile {
			return fmt.Errorf("%s holds a database: a rehearsal restores a backup into a new folder, and touches no office", folder)
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: a rehearsal wants a new folder", folder)
	}
	return nil
}

// followed follows links as far as the path exists.
func followed(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for rest := ""; ; {
		if found, err := filepath.EvalSymlinks(absolute); err == nil {
			return filepath.Join(found, rest)
		}
		parent := filepath.Dir(absolute)
		if parent == absolute {
			return filepath.Join(absolute, rest)
		}
		rest, absolute = filepath.Join(filepath.Base(absolute), rest), parent
	}
}

// rehearse does it on the restored database.
func (c *Config) rehearse(ctx context.Context, store *bolt.Store, schedule *status.Mixing, opts RehearsalOptions, r *Rehearsal) error {
	publisher, err := c.rehearsalPublisher(store, schedule, opts)
	if err != nil {
		return err
	}
	humans := map[string]OfficerKey{}
	for _, id := range []string{"rehearsal-1", "rehearsal-2"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), opts.Rand)
		if err != nil {
			return err
		}
		humans[id] = OfficerKey{Officer: id, Key: key}
	}
	clk := opts.Clock
	announced, err := c.openAnnouncements()
	if err != nil {
		return err
	}
	r.Keys = announced.names()
	service, err := c.newEmergency(store, clk, opts.Rand, func(p *emergency.Parts) {
		p.Rates, p.Keys = opts.Rates, announced.names
		p.Officers = func(id string) (emergency.Officer, bool) {
			k, known := humans[id]
			if !known {
				return emergency.Officer{}, false
			}
			der, err := x509.MarshalPKIXPublicKey(k.Key.Public())
			sum := sha256.Sum256(der)
			return emergency.Officer{ID: id, Human: id, Pins: []string{hex.EncodeToString(sum[:])}}, err == nil
		}
		p.Publish = func(ctx context.Context) error {
			began := clk.Now()
			defer func() { r.Published += clk.Now().Sub(began) }()
			return publisher.Publish(ctx)
		}
	})
	if err != nil {
		return err
	}
	if err := publisher.Publish(ctx); err != nil { // as the office had them
		return err
	}
	if opts.Wish.Reference == "" { // of a case that is none
		opts.Wish.Reference = "rehearsal"
	}
	began := clk.Now()
	if r.Draft, err = service.Draft(ctx, opts.Wish); err != nil {
		return err
	}
	r.Counted = clk.Now().Sub(began)
	word, err := humans["rehearsal-1"].say(emergency.Propose, r.Draft)
	if err != nil {
		return err
	}
	plan, err := service.Propose(ctx, r.Draft, word)
	if err != nil {
		return err
	}
	if word, err = humans["rehearsal-2"].say(emergency.Approve, plan.Draft); err != nil {
		return err
	}
	if _, err = service.Approve(ctx, plan.ID, word); err != nil {
		return err
	}
	began = clk.Now()
	if r.Plan, err = service.Run(ctx, plan.ID, "rehearsal", opts.Progress); err != nil {
		return err
	}
	r.Ran = clk.Now().Sub(began)
	if err := service.Tend(ctx); err != nil { // the first wave, into an outbox that nobody empties
		return err
	}
	if r.Progress, err = service.Progress(ctx, plan.ID); err != nil {
		return err
	}
	r.Estimate, r.ReissueRate = r.Progress.Estimate, opts.Rates.Reissue
	if r.ReissueRate <= 0 {
		r.ReissueRate = emergency.DefaultReissueRate
	}
	r.Estimate.Revoke, r.Estimate.Publish = r.Ran-r.Published, r.Published
	return nil
}

// rehearsalPublisher signs with a key of its own: no list of the rehearsal is one
// of the office.
func (c *Config) rehearsalPublisher(store *bolt.Store, schedule *status.Mixing, opts RehearsalOptions) (*status.Publisher, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), opts.Rand)
	if err != nil {
		return nil, err
	}
	above, err := ecdsa.GenerateKey(elliptic.P256(), opts.Rand) // nobody has it when this returns
	if err != nil {
		return nil, err
	}
	now := opts.Clock.Now()
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		}
	}
	der, err := x509.CreateCertificate(opts.Rand, template("REHEARSAL, NOT OF THE OFFICE"), template("REHEARSAL"), key.Public(), above)
	if err != nil {
		return nil, err
	}
	folder, err := publication.Open(c.Path(c.Status.Directory), nil)
	if err != nil {
		return nil, err
	}
	return status.New(status.Config{
		Store: store, Signer: key, Chain: [][]byte{der}, Clock: opts.Clock, Rand: opts.Rand, PublicURL: c.PublicURL, Schedule: schedule,
		Sink: folder, TTL: c.Status.TTL, Expires: c.Status.Lifetime,
	})
}

// String is the rehearsal for a human.
func (r *Rehearsal) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	b.WriteString(r.Draft.Text(r.Keys))
	rate := float64(r.Plan.Revoked) / max(r.Estimate.Revoke.Seconds(), 1e-3)
	line("restored in %s, counted in %s", r.Restored.Round(time.Millisecond), r.Counted.Round(time.Millisecond))
	line("revoked %d copies of %d documents in %s in %d steps: %.0f copies a second; %d lists published in %s",
		r.Plan.Revoked, r.Plan.Documents, r.Estimate.Revoke.Round(time.Millisecond), r.Plan.Steps, rate, len(r.Plan.Lists), r.Published.Round(time.Millisecond))
	line("left in scope: %d", r.Progress.Left)
	line("an emergency of this size: %s", r.Estimate)
	line("measured was all but the signing anew, for which %.0f copies a second are assumed (--reissue-rate)", r.ReissueRate)
	line("nothing was delivered or published outside of the folder; remove it")
	return b.String()
}
