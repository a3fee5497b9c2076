package issuer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/clock"
	"vidimus/internal/fetch"
	"vidimus/internal/issuance"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/trust"
)

// TrustedList is a signed list of wallet providers, and of who else attests the
// keys of wallets.
type TrustedList struct {
	Source   string   `yaml:"source"`
	Signers  []string `yaml:"signers"`
	Subjects []string `yaml:"subjects"`
	Type     string   `yaml:"type"`
	For      []string `yaml:"for"`
}

// What a list is for.
const (
	forWallets = "wallets" // who attests wallet units
	forKeys    = "keys"    // who attests their keys
)

// trustedListsDir keeps what was fetched, for the next start.
const trustedListsDir = "trusted-lists"

// A list is read anew every day, and sooner after a failure or when it ends
// within two days: an operator who is late by hours then shuts out nobody.
const (
	trustedListsEvery = 24 * time.Hour
	trustedListsAgain = time.Hour
	trustedListsSoon  = 2 * trustedListsEvery
)

// trustedListsKept is how long it is remembered how far a list was read: no list
// is good for longer than half a year.
const trustedListsKept = 2 * 366 * 24 * time.Hour

// remote says whether a list is fetched; else it is a file.
func (l TrustedList) remote() bool { return strings.Contains(l.Source, "://") }

// serves says whether a list is for a use; one that says nothing is for all.
func (l TrustedList) serves(use string) bool { return len(l.For) == 0 || slices.Contains(l.For, use) }

// trustedLists are the lists of the configuration, each as it was read last.
// Safe for concurrent use.
type trustedLists struct {
	lists  []*trustedList
	client *fetch.Client
	marks  issuance.MarkStore // nil for who only looks
	clock  clock.Clock
	log    *slog.Logger
	failed func() // counts
}

// trustedList is one of them.
type trustedList struct {
	TrustedList
	path    string // of the file, or of what was fetched last
	signers []*pki.Certificate

	mu   sync.RWMutex
	held *trust.EntityList // nil before the first
}

// openTrustedLists reads what is at hand: files, and what was fetched before.
// A file that is no list of its signer is a mistake of the configuration; one
// that has ended, or is older than what was read before, is not, since its
// successor may come any time.
func (c *Config) openTrustedLists(ctx context.Context, client *fetch.Client, marks issuance.MarkStore, now clock.Clock, log *slog.Logger) (*trustedLists, error) {
	all := &trustedLists{client: client, marks: marks, clock: now, log: log, failed: func() {}}
	for i, cfg := range c.Wallets.TrustedLists {
		l := &trustedList{TrustedList: cfg, path: c.Path(cfg.Source)}
		if l.Type == "" {
			l.Type = trust.WalletProviders
		}
		if l.remote() {
			digest := sha256.Sum256([]byte(cfg.Source))
			l.path = filepath.Join(c.Path(trustedListsDir), hex.EncodeToString(digest[:16])+".jws")
		}
		for _, name := range cfg.Signers {
			certs, err := readChain(c.Path(name))
			if err != nil {
				return nil, fmt.Errorf("wallets.trusted_lists[%d].signers: %w", i, err)
			}
			l.signers = append(l.signers, certs...)
		}
		if len(l.Subjects) == 0 && slices.ContainsFunc(l.signers, (*pki.Certificate).IsCA) {
			log.Warn("whoever has a certificate of the authority that is named may sign a trusted list: name the certificate of the signer, or subjects", "source", cfg.Source)
		}
		data, err := readLimited(l.path, trust.MaxEntityList)
		if err == nil {
			err = all.take(ctx, l, data)
		}
		switch {
		case errors.Is(err, issuance.ErrListOlder):
			log.Error("a trusted list is older than one that was read before: the wallets that it vouches for have to wait for the newer one", "source", cfg.Source, "error", err)
		case err == nil || l.remote():
		case errors.Is(err, trust.ErrEntityListExpired), errors.Is(err, pki.ErrExpired):
			log.Error("a trusted list has ended: the wallets that it vouches for have to wait", "source", cfg.Source, "error", err)
		default:
			return nil, fmt.Errorf("wallets.trusted_lists[%d].source: %w", i, err)
		}
		all.lists = append(all.lists, l)
	}
	return all, nil
}

// take makes a list the one that is held, unless it is older: also than one of
// before the last start.
func (t *trustedLists) take(ctx context.Context, l *trustedList, data []byte) error {
	now := t.clock.Now()
	list, err := trust.ParseEntityList(data, l.signers, now)
	if err != nil {
		return err
	}
	// No standard gives signers of lists a usage of their own: who they are is
	// said by their name.
	if by := list.Signer.Leaf.Cert.Subject.String(); len(l.Subjects) > 0 && !slices.Contains(l.Subjects, by) {
		return fmt.Errorf("the list is signed by %.200q, who is none of subjects", by)
	}
	if list.Type != l.Type {
		return fmt.Errorf("the list is of type %.200q, want %s", list.Type, l.Type)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := list.Follows(l.held); err != nil {
		return err
	}
	if t.marks != nil {
		name := sha256.Sum256([]byte("trusted list\x00" + l.Source))
		err := t.marks.AdvanceList(ctx, issuance.ListMark{List: name, Sequence: list.Sequence, Issued: list.Issued, Expires: now.Add(trustedListsKept)})
		if err != nil {
			return fmt.Errorf("list %d of %s: %w", list.Sequence, list.Issued.Format(time.RFC3339), err)
		}
	}
	l.held = list
	return nil
}

// inForce is the list at an instant, nil when it has ended or was never read.
func (l *trustedList) inForce(now time.Time) *trust.EntityList {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.held == nil || !now.Before(l.held.NextUpdate) {
		return nil
	}
	return l.held
}

// anchors gives the certificates of the services of these types on the lists for
// one of these uses, each as of its entity, and whether all these lists are in
// force.
func (t *trustedLists) anchors(now time.Time, uses []string, types ...string) (anchors []authserver.Anchor, whole bool) {
	whole = true
	for _, l := range t.lists {
		if !slices.ContainsFunc(uses, l.serves) {
			continue
		}
		list := l.inForce(now)
		if list == nil {
			whole = false
			continue
		}
		for _, s := range list.Services {
			if !slices.Contains(types, s.Type) {
				continue
			}
			for _, c := range s.Certificates {
				anchors = append(anchors, authserver.Anchor{Certificate: c, Provider: l.provider(s, c)})
			}
		}
	}
	return anchors, whole
}

// provider names the entity of a service: an entity may change its keys, and
// each of its services has other ones. One without a name is known by its
// certificate.
func (l *trustedList) provider(s trust.EntityService, c *pki.Certificate) string {
	if s.Entity == "" {
		return providerName("unnamed", []byte(l.Source), c.Cert.Raw)
	}
	return providerName("entity", []byte(l.Source), []byte(s.Entity))
}

// serves says whether there is a list for a use.
func (t *trustedLists) serves(use string) bool {
	return slices.ContainsFunc(t.lists, func(l *trustedList) bool { return l.serves(use) })
}

// refresh reads every list anew; what fails is logged and the last good one
// kept until it ends. It says when to come again.
func (t *trustedLists) refresh(ctx context.Context) time.Duration {
	again := trustedListsEvery
	for _, l := range t.lists {
		if err := t.read(ctx, l); err != nil && ctx.Err() == nil {
			t.failed()
			t.log.Error("reading a trusted list: the last good one is kept until it ends", "source", l.Source, "error", err)
			again = trustedListsAgain
		}
		if t.clock.Now().Add(trustedListsSoon).After(l.ends()) {
			again = trustedListsAgain
		}
	}
	return again
}

// ends is when the list that is held does, zero when there is none.
func (l *trustedList) ends() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.held == nil {
		return time.Time{}
	}
	return l.held.NextUpdate
}

// left is how many seconds the first of them still has.
func (t *trustedLists) left() float64 {
	first := math.Inf(1)
	for _, l := range t.lists {
		first = min(first, max(l.ends().Sub(t.clock.Now()).Seconds(), 0))
	}
	return first
}

func (t *trustedLists) read(ctx context.Context, l *trustedList) error {
	if !l.remote() {
		data, err := readLimited(l.path, trust.MaxEntityList)
		if err != nil {
			return err
		}
		return t.take(ctx, l, data)
	}
	data, _, err := t.client.Get(ctx, l.Source, trust.MaxEntityList)
	if err != nil {
		return err
	}
	if err := t.take(ctx, l, data); err != nil {
		return err
	}
	if list := l.inForce(t.clock.Now()); list != nil {
		for _, r := range list.Refused {
			t.log.Warn("a service on a trusted list is not trusted", "source", l.Source, "entity", r.Entity, "service", r.Service, "reason", r.Reason)
		}
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	return outfile.Replace(l.path, data, 0o600)
}

// run refreshes until ctx ends.
func (t *trustedLists) run(ctx context.Context) {
	for {
		timer := time.NewTimer(t.refresh(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// trustedLists checks their keys.
func (k *checker) trustedLists() {
	for i, l := range k.c.Wallets.TrustedLists {
		key := fmt.Sprintf("wallets.trusted_lists[%d]", i)
		switch {
		case l.Source == "":
			k.bad(key+".source", "missing: a file, or the https address of the list")
		case l.remote() && !strings.HasPrefix(l.Source, "https://") && !k.devURL(l.Source):
			k.bad(key+".source", "a file or an https address is wanted, got %q", l.Source)
		}
		if len(l.Signers) == 0 {
			k.bad(key+".signers", "missing: PEM files with the certificates of who signs the list, or of the authorities over them")
		}
		if slices.Contains(l.Subjects, "") {
			k.bad(key+".subjects", "a subject is empty: it is written as openssl x509 -subject -nameopt RFC2253 does")
		}
		for _, use := range l.For {
			if use != forWallets && use != forKeys {
				k.bad(key+".for", "%s or %s, got %q", forWallets, forKeys, use)
			}
		}
	}
}

// devURL says whether an address is that of a server on this machine, which
// development reaches without TLS.
func (k *checker) devURL(address string) bool {
	u, err := url.Parse(address)
	return k.c.Dev && err == nil && u.Scheme == "http" && loopback(u.Host)
}
