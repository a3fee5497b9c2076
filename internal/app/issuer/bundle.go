package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/catalog"
	"vidimus/internal/clock"
	"vidimus/internal/diagnosis"
	"vidimus/internal/issuerhttp"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/trust"
)

// bundleNumber keeps the number of the last bundle in the state folder, bundleFile
// the bundle that the office serves.
const (
	bundleNumber = "bundle.sequence"
	bundleFile   = "bundle.cbor"
)

// BundleWish is what goes into a bundle beside the office's own.
type BundleWish struct {
	Output string // "" is the one that the office serves
	Days   int    // how long it lives
	// Trust are folders of other anchors, with trust.yaml each.
	Trust []string
	// CRLs are files with revocation lists of others, Lists files and folders with
	// their status lists, as published.
	CRLs, Lists []string
	Policy      string // file; "" for none
	Countries   []string
	MinReader   uint64
	// After is the highest number that any reader has, by the word of who asks: for an
	// office that lost count. 0 says nothing.
	After uint64
}

// BuildBundle makes the bundle of the office's readers and puts it into a file
// whole: its root with the doctypes and vcts of the catalogue, its lists as they
// are served now, its revoked signers, and what was wished for. Of a running office
// the lists are asked for; else it is opened meanwhile.
func BuildBundle(ctx context.Context, cfg *Config, w BundleWish, now time.Time, rand io.Reader) (*bundle.Built, error) {
	r, err := cfg.loadRoots()
	if err != nil {
		return nil, err
	}
	g, id, err := cfg.current("bundle", r, now)
	if err == nil {
		var ring *keyring
		if ring, err = cfg.openKeyring(ctx, clock.NewFake(now), rand, slog.New(slog.DiscardHandler)); err == nil {
			defer ring.Close()
			err = ring.identify(ctx, g, id)
		}
	}
	if err != nil {
		return nil, err
	}
	c := bundle.Contents{Publisher: cfg.PublicURL, Issued: now, Expires: now.AddDate(0, 0, w.Days), MinReader: w.MinReader, Countries: w.Countries}
	if c.Anchors, err = cfg.bundleAnchors(r, w.Trust, now); err != nil {
		return nil, err
	}
	var notes []string
	own, err := RevokedSigners(cfg)
	if err != nil {
		return nil, err
	}
	for i, list := range own {
		if list == nil {
			notes = append(notes, fmt.Sprintf("the list of revoked signers of %s: there is none yet (issuer crl makes or imports it), so that no document below it will be green", r.iacas()[i]))
			continue
		}
		c.CRLs = append(c.CRLs, list.Raw)
	}
	for _, name := range w.CRLs {
		raw, err := readLimited(name, pki.MaxCRLBytes)
		if err != nil {
			return nil, err
		}
		c.CRLs = append(c.CRLs, bundle.DER(raw))
	}
	if c.Lists, err = cfg.bundleLists(ctx, w.Lists); err != nil {
		return nil, err
	}
	if w.Policy != "" {
		if c.Policy, err = readLimited(w.Policy, maxBundlePolicy); err != nil {
			return nil, err
		}
	}
	unlock, err := cfg.aloneWithLists(ctx, byBundle)
	if err != nil {
		return nil, err
	}
	defer unlock()
	to := w.Output
	if to == "" {
		to = cfg.Path(bundleFile)
	}
	if data, err := readLimited(to, bundle.MaxBundle); err == nil {
		c.Previous, err = bundle.Open(data, []*pki.Certificate{r.operations}, now)
		if errors.Is(err, bundle.ErrClock) { // the next one would be refused by every reader
			return nil, err
		} // what is there and not ours is replaced without a look
	}
	if c.Sequence, err = cfg.bundleNumber(w.After, c.Previous, now); err != nil {
		return nil, err
	}
	built, err := bundle.Build(c, id.key, id.chain, rand)
	if err != nil {
		return nil, err
	}
	built.LeftOut = append(notes, built.LeftOut...)
	// The number is kept first: one that is never used does no harm.
	if err := outfile.Replace(cfg.Path(bundleNumber), bundle.FormatNumber(c.Sequence), 0o600); err != nil {
		return nil, err
	}
	return built, outfile.Replace(to, built.Data, 0o644)
}

// Bundle implements issuerhttp.Bundles: the file as it lies in the state folder.
func (a *App) Bundle(context.Context) ([]byte, string, error) {
	body, etag, err := a.lists.get(a.cfg.Path(bundleFile), bundle.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", problem.New(problem.NotFound, "this office publishes no bundle: issuer bundle build makes it")
	}
	if err != nil {
		return nil, "", problem.Wrap(problem.Unavailable, err, "try again later")
	}
	return body, etag, nil
}

// bundleSoon is how long before its end a bundle should be followed by the next.
const bundleSoon = 3 * 24 * time.Hour

// diagnoseBundle says when the bundle that is served leaves its readers alone. An
// office without one has none to serve.
func (a *App) diagnoseBundle(d *diagnosis.Diagnosis, now time.Time) {
	data, err := readLimited(a.cfg.Path(bundleFile), bundle.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	const remedy = "run issuer bundle build, and see that its timer runs"
	var b *bundle.Bundle
	if err == nil {
		b, err = bundle.Open(data, []*pki.Certificate{a.roots.operations}, now)
	}
	if err != nil {
		d.Add("bundle", bundleFile, diagnosis.Wrong, remedy, "%v", err)
		return
	}
	grade := diagnosis.Good
	switch {
	case b.Ended(now):
		grade = diagnosis.Wrong
	case b.Ended(now.Add(bundleSoon)):
		grade = diagnosis.Look
	}
	d.Add("bundle", bundleFile, grade, remedy, "number %d of %s, until %s", b.Sequence, stamp(b.Issued), stamp(b.Expires))
}

// SeenReader implements issuerhttp.Bundles.
func (a *App) SeenReader(ctx context.Context, token string) {
	if a.fleet == nil {
		return
	}
	if err := a.fleet.Seen(ctx, token); err != nil {
		a.log.Debug("what a reader said of itself does not count", "error", err)
	}
}

// maxBundlePolicy bounds the policy file, as its reader does.
const maxBundlePolicy = 1 << 20

// bundleAnchors are our roots, for what the catalogue issues, and those of folders.
func (c *Config) bundleAnchors(r roots, folders []string, now time.Time) (*trust.Store, error) {
	cat, err := c.loadCatalog()
	if err != nil {
		return nil, err
	}
	scope := trust.Scope{Purposes: []trust.Purpose{trust.StatusList}}
	add := func(list *[]string, p trust.Purpose, typ string) {
		if !slices.Contains(*list, typ) {
			*list = append(*list, typ)
		}
		if !slices.Contains(scope.Purposes, p) {
			scope.Purposes = append(scope.Purposes, p)
		}
	}
	for _, name := range cat.IDs() {
		switch cfg, _ := cat.Configuration(name); cfg.Format {
		case catalog.FormatMDoc:
			add(&scope.DocTypes, trust.IssueMdoc, cfg.DocType)
		case catalog.FormatSDJWT:
			add(&scope.VCTs, trust.IssueSDJWT, cfg.VCT)
		}
	}
	store := &trust.Store{}
	for _, root := range r.iacas() {
		if now.After(root.NotAfter()) {
			continue // whoever signed below it has ended too
		}
		if err := store.Add(trust.Anchor{Cert: root, Scope: scope, Source: c.PublicURL, AsOf: now}); err != nil {
			return nil, fmt.Errorf("%s: %w", root, err)
		}
	}
	for _, dir := range folders {
		others, err := trust.LoadDir(dir, trust.Scope{})
		if err != nil {
			return nil, err
		}
		store.Merge(others)
	}
	return store, nil
}

// bundleLists are our lists as they are served, and those of files and folders.
func (c *Config) bundleLists(ctx context.Context, others []string) ([][]byte, error) {
	folder := c.Path(c.Status.Directory)
	if c.Status.Directory == "" || !exists(folder) {
		dir, err := os.MkdirTemp("", "vidimus-lists-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		desk, err := OpenOffice(ctx, c, Options{})
		if err != nil {
			return nil, err
		}
		_, err = desk.Publish(ctx, dir)
		if err := errors.Join(err, desk.Close()); err != nil {
			return nil, fmt.Errorf("asking the office for its lists: %w", err)
		}
		folder = dir
	}
	// What lies in trust/ beside them says who issues here, and is no list of copies.
	var lists [][]byte
	for _, sub := range []string{"status", "identifiers"} {
		if !exists(filepath.Join(folder, sub)) {
			continue
		}
		more, err := bundle.ReadLists(os.DirFS(folder), sub)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", folder, err)
		}
		lists = append(lists, more...)
	}
	for _, name := range others {
		more, err := bundle.ReadLists(os.DirFS(filepath.Dir(name)), filepath.Base(name))
		if err != nil {
			return nil, err
		}
		lists = append(lists, more...)
	}
	return lists, nil
}

// maxNumberFile bounds a file with one number, in bytes.
const maxNumberFile = 1 << 10

// bundleNumber is the number of the next bundle.
func (c *Config) bundleNumber(after uint64, previous *bundle.Bundle, now time.Time) (uint64, error) {
	kept, err := readLimited(c.Path(bundleNumber), maxNumberFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	n, err := bundle.Numbers{File: kept, Previous: previous, After: after}.Next(now)
	if err != nil {
		return 0, fmt.Errorf("%s: %w. It holds the number of the last bundle, below which readers take none: look for the highest that any of them has (issuer reader list; verifier bundle show), and say it with --after NUMBER", c.Path(bundleNumber), err)
	}
	return n, nil
}

// BundlePath is where the office serves it, below the public URL.
const BundlePath = issuerhttp.BundlePath
