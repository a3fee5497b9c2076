package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// Lists of revoked signers lie beside the certificates, each under its number: a
// number is given once, so that two who write at the same time cannot undo each
// other's revocation. The last few are kept.
const (
	crlFolder = "certs"
	crlKept   = 5
	crlPrefix = "iaca-"
	crlSuffix = ".crl"
)

// A list is written anew every day, so that readers have a fresh one, and counts
// for 30 days, so that an office that is down harms nobody for a month
// (ISO/IEC 18013-5, B.1.3: at least every 90 days).
const (
	crlRenew = 24 * time.Hour
	crlLife  = 30 * 24 * time.Hour
)

// errNoIACAKey is for an office whose IACA signs elsewhere.
var errNoIACAKey = errors.New("the key of the IACA is not on this machine: have the list signed where it is, and put it in the state folder as " + crlFolder + "/" + crlPrefix + "NUMBER" + crlSuffix)

// crlWriting lets one of this process write at a time.
var crlWriting sync.Mutex

// RevokedSigners gives the newest list of revoked signers of the office, nil when
// there is none yet. Lists that the IACA did not sign are refused.
func RevokedSigners(cfg *Config) (*pki.CRL, error) {
	iaca, err := readRoot(cfg.Path(cfg.IACA.Certificate))
	if err != nil {
		return nil, err
	}
	paths, err := crlPaths(cfg)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	path := paths[len(paths)-1]
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	list, err := pki.ParseCRL(raw)
	if err == nil {
		err = list.Verify(iaca, false)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// crlPaths gives the lists on disk, the newest last: their names have the same
// length.
func crlPaths(cfg *Config) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(cfg.Path(crlFolder), crlPrefix+strings.Repeat("[0-9]", 20)+crlSuffix))
	slices.Sort(paths)
	return paths, err
}

// RevokeSigners writes the next list: everybody on the last one and the serial
// numbers given, from now on. Without any it renews the list. Revoking is for
// good.
func RevokeSigners(ctx context.Context, cfg *Config, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	km := soft.New(cfg.StateDir)
	defer km.Close()
	return revokeSigners(ctx, cfg, km, serials, now, rand)
}

func revokeSigners(ctx context.Context, cfg *Config, km keys.Manager, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	if cfg.IACA.Key == "" {
		return nil, errNoIACAKey
	}
	iaca, err := readRoot(cfg.Path(cfg.IACA.Certificate))
	if err != nil {
		return nil, err
	}
	key, err := km.Signer(ctx, cfg.IACA.Key)
	if err != nil {
		return nil, fmt.Errorf("iaca.key: %w", err)
	}
	crlWriting.Lock()
	defer crlWriting.Unlock()
	for range 5 { // another writer may take the number
		list, err := writeCRL(cfg, iaca, key, serials, now.UTC(), rand)
		if !errors.Is(err, fs.ErrExist) {
			return list, err
		}
	}
	return nil, errors.New("others write the list of revoked signers at the same time: try again")
}

// writeCRL makes the list after the newest one; an error that matches fs.ErrExist
// means that somebody else did.
func writeCRL(cfg *Config, iaca *pki.Certificate, key crypto.Signer, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	last, err := RevokedSigners(cfg)
	if err != nil {
		return nil, err
	}
	// By the clock, so that an office restored from a backup does not step back.
	next := pki.Revocations{Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(crlLife)}
	if last != nil {
		next.Revoked = last.Entries()
		if after := new(big.Int).Add(last.Number, big.NewInt(1)); after.Cmp(next.Number) > 0 {
			next.Number = after
		}
	}
	for _, serial := range serials {
		if !slices.ContainsFunc(next.Revoked, func(e pki.RevokedCertificate) bool { return e.Serial.Cmp(serial) == 0 }) {
			next.Revoked = append(next.Revoked, pki.RevokedCertificate{Serial: serial, At: now})
		}
	}
	list, err := pki.BuildCRL(next, iaca, key, rand)
	if err != nil {
		return nil, err
	}
	m := &maker{cfg: *cfg}
	if err := m.write(filepath.Join(crlFolder, fmt.Sprintf("%s%020d%s", crlPrefix, next.Number, crlSuffix)), list.Raw, 0o644); err != nil {
		return nil, err
	}
	paths, err := crlPaths(cfg)
	for len(paths) > crlKept && err == nil {
		err, paths = os.Remove(paths[0]), paths[1:]
	}
	return list, err
}

// RevokedSigners implements issuerhttp.SignerRevocation: the list as it stands,
// renewed once a day where the key is here.
func (a *App) RevokedSigners(ctx context.Context) ([]byte, error) {
	now := a.opts.Clock.Now()
	list, err := RevokedSigners(&a.cfg)
	if err == nil && a.cfg.IACA.Key != "" && (list == nil || now.Sub(list.ThisUpdate) >= crlRenew) {
		list, err = revokeSigners(ctx, &a.cfg, a.keys, nil, now, a.opts.Rand)
	}
	switch {
	case err != nil:
		return nil, problem.Wrap(problem.Unavailable, err, "try again later")
	case list == nil:
		return nil, problem.New(problem.NotFound, "this office publishes no list of revoked signers")
	}
	return list.Raw, nil
}
