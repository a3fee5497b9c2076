package verifier

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/statuslist"
	"vidimus/internal/verification"
)

// ReaderConfig is what a reader is made of. Of its files one may be "-".
type ReaderConfig struct {
	// Check says what the reader knows: trust, lists, bundle, policy, Notes. File,
	// session and profile are not looked at; At is the instant at which bundles and
	// lists are opened.
	Check CheckConfig
	// Reader is the state folder of an enrolled reader; "" takes that of the bundle
	// and, where nobody is enrolled there, asks without a name.
	Reader string
	// Anonymous asks without a name in any case.
	Anonymous bool

	Clock clock.Clock // nil is the system's
	Rand  io.Reader   // nil is crypto/rand
	// Connect and Answer are those of ReadOptions.
	Connect, Answer time.Duration
}

// Ready is a reader that can ask: what it knows, and who it is. It may be used for
// many readings; what it knows ages meanwhile, and each Report says how old it is.
type Ready struct {
	Verify   verification.Options
	Identity *Identity // nil asks without a name
	cfg      ReaderConfig
	knows    *Knowledge
	used     *codes // outlives what a terminal reads anew
}

// ErrUsed is in the chain of the error for a code that began a session already.
var ErrUsed = errors.New("this code was read before: the phone makes a new one for each reading")

// Prepare opens what a reader needs, once.
func Prepare(ctx context.Context, cfg ReaderConfig, stdin io.Reader) (*Ready, error) {
	f := &files{stdin}
	c := cfg.Check
	knows, err := c.knowledge(f)
	if err != nil {
		return nil, err
	}
	opt, err := c.options(f, knows)
	if err != nil {
		return nil, err
	}
	lists, err := loadLists(f, c.Lists)
	if err != nil {
		return nil, err
	}
	opt.Profile = nil
	opt.DecodePortrait = true
	opt.Chains = pki.NewCache(cachedPaths)
	lists.into(&opt, knows, statuslist.FormatCWT)
	r := &Ready{Verify: opt, cfg: cfg, knows: knows, used: &codes{}}
	if cfg.Anonymous {
		return r, nil
	}
	folder, must := cfg.Reader, true
	if folder == "" {
		folder, must = c.Bundle.State, false
	}
	if folder == "" {
		return r, nil
	}
	state, err := OpenState(folder)
	if err != nil {
		return nil, err
	}
	r.Identity, err = state.Identity(ctx, c.At)
	if errors.Is(err, ErrNotEnrolled) && !must {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("who asks: %w", err)
	}
	return r, nil
}

// Profile finds what to ask, in the policy of the reader.
func (r *Ready) Profile(id, category string) (policy.Profile, error) {
	return ChooseProfile(r.Verify.Policy, id, category)
}

// Read is one reading with what the reader knows; see the function Read. A code that
// began a session is refused from then on (ErrUsed): its key was for that one. One
// whose phone was not reached may be tried again.
func (r *Ready) Read(ctx context.Context, e *proximity.Engagement, link Link, profile policy.Profile, progress func(Step)) (*Reading, error) {
	code := sha256.Sum256(e.Raw)
	out, err := Read(ctx, ReadOptions{
		begin:      func() error { return r.used.use(code) },
		Engagement: e, Link: link, Profile: profile, Verify: r.Verify, Reader: r.Identity.Reader(),
		Connect: r.cfg.Connect, Answer: r.cfg.Answer, Clock: r.cfg.Clock, Rand: r.cfg.Rand,
	}, progress)
	if err != nil {
		return nil, err
	}
	if err := r.knows.Saw(out.Report); err != nil && r.cfg.Check.Notes != nil {
		fmt.Fprintf(r.cfg.Check.Notes, "note: %s\n", CleanLines(err.Error()))
	}
	return out, nil
}

// usedCodes is how many codes a reader remembers, as hashes: those of a day.
const usedCodes = 1000

// codes are those that began a session. Safe for concurrent use.
type codes struct {
	mu   sync.Mutex
	used [usedCodes][sha256.Size]byte // a ring
	next int
}

func (c *codes) use(code [sha256.Size]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.used[:], code) {
		return ErrUsed
	}
	c.used[c.next] = code
	c.next = (c.next + 1) % usedCodes
	return nil
}

// cachedPaths is how many certificate paths a reader remembers: one for each
// signer that it meets.
const cachedPaths = 256
