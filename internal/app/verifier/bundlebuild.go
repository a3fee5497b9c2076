package verifier

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/fetch"
	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
)

// Files of a folder of bundle signers.
const (
	signerCAKey   = "bundle-ca.key"
	signerCACert  = "bundle-ca.pem" // what readers pin
	signerKey     = "bundle-signer.key"
	signerCert    = "bundle-signer.pem"
	signerLast    = "bundle.sequence"
	signerYears   = 9
	signerDays    = 450
	publisherPart = "bundle publisher"
)

// CreateBundleSigner makes, in a folder of its own, an authority and a bundle
// signer below it: for whoever makes bundles from public lists and runs no office.
// Readers pin the certificate of the authority, so that the signer can be renewed.
// The folder must not exist.
func CreateBundleSigner(ctx context.Context, dir, country, organization string, now time.Time, rand io.Reader) (anchor string, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	m := soft.New(dir)
	ca, err := m.Create(ctx, "soft:path="+signerCAKey, elliptic.P256())
	if err != nil {
		return "", err
	}
	name := func(part string) pki.Name {
		return pki.Name{Country: country, Organization: organization, CommonName: organization + " " + part}
	}
	root, err := pki.Build(pki.Template{Profile: pki.ProfileOperationsCA, Subject: name("bundle CA"),
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(signerYears, 0, 0)}, nil, ca, rand)
	if err != nil {
		return "", err
	}
	key, err := m.Create(ctx, "soft:path="+signerKey, elliptic.P256())
	if err != nil {
		return "", err
	}
	leaf, err := pki.Build(pki.Template{Profile: pki.ProfileBundleSigner, Subject: name(publisherPart), Public: key.Public(),
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, signerDays)}, root, ca, rand)
	if err != nil {
		return "", err
	}
	if err := outfile.Replace(filepath.Join(dir, signerCert), pki.EncodePEM(leaf), 0o644); err != nil {
		return "", err
	}
	anchor = filepath.Join(dir, signerCACert)
	return anchor, outfile.Replace(anchor, pki.EncodePEM(root), 0o644)
}

// BuildConfig is the flags of bundle build.
type BuildConfig struct {
	Sources string // file
	Signer  string // folder of CreateBundleSigner
	Output  string
	After   uint64 // the highest number that any reader has, for a publisher that lost count; 0 says nothing
	Fetch   fetch.Options
}

// BuildBundle makes a bundle from the sources and puts it into the output whole.
// Its number is that of the second at which it is made, or one more than the last:
// so it rises also when the folder of the signer was restored from a backup.
func BuildBundle(ctx context.Context, cfg BuildConfig, now time.Time, rand io.Reader) (*bundle.Built, error) {
	client := fetch.New(cfg.Fetch)
	defer client.Close()
	sources, err := ReadSources(cfg.Sources, client)
	if err != nil {
		return nil, err
	}
	contents, notes, err := sources.Gather(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Sources, err)
	}
	key, err := soft.New(cfg.Signer).Signer(ctx, "soft:path="+signerKey)
	if err != nil {
		return nil, err
	}
	chain, err := (&files{}).pem(filepath.Join(cfg.Signer, signerCert))
	if err != nil {
		return nil, err
	}
	if err := keys.Prove(key, chain[0].Cert, rand); err != nil {
		return nil, err
	}
	number := filepath.Join(cfg.Signer, signerLast)
	kept, err := os.ReadFile(number)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if contents.Previous, err = previous(cfg, now); err != nil {
		return nil, err
	}
	contents.Sequence, err = bundle.Numbers{File: kept, Previous: contents.Previous, After: cfg.After}.Next(now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w. It holds the number of the last bundle, below which readers take none: look for the highest that any of them has (verifier bundle show), and say it with --after NUMBER", number, err)
	}
	built, err := bundle.Build(contents, key, [][]byte{chain[0].Raw}, rand)
	if err != nil {
		return nil, err
	}
	built.LeftOut = append(notes, built.LeftOut...)
	if err := outfile.Replace(number, bundle.FormatNumber(contents.Sequence), 0o600); err != nil {
		return nil, err
	}
	return built, outfile.Replace(cfg.Output, built.Data, 0o644)
}

// previous is the bundle that is to be replaced, nil where there is none that we
// signed: what is there else is replaced without a look.
func previous(cfg BuildConfig, now time.Time) (*bundle.Bundle, error) {
	f := &files{}
	authority, err := f.pem(filepath.Join(cfg.Signer, signerCACert))
	if err != nil {
		return nil, err
	}
	data, err := f.bundle(cfg.Output)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := bundle.Open(data, authority, now)
	if errors.Is(err, bundle.ErrClock) { // the next one would be refused by every reader
		return nil, err
	}
	return b, nil
}
