package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"slices"
	"sync"
	"time"

	"vidimus/internal/keys"
	"vidimus/internal/keys/soft"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// A list is written anew every day, so that readers have a fresh one, and counts
// for 30 days, so that an office that is down harms nobody for a month
// (ISO/IEC 18013-5, B.1.3: at least every 90 days).
const (
	crlRenew = 24 * time.Hour
	crlLife  = 30 * 24 * time.Hour
)

// errNoIACAKey is for an office whose IACA signs elsewhere.
var errNoIACAKey = errors.New("the key of the IACA is not on this machine: have the list signed where it is, and put it in the state folder as " + crlFolder + "/iaca-NUMBER" + crlSuffix)

// crlWriting lets one of this process write at a time.
var crlWriting sync.Mutex

// RevokedSigners gives the newest list of revoked signers of the office, nil when
// there is none yet. Lists that the IACA did not sign are refused.
func RevokedSigners(cfg *Config) (*pki.CRL, error) {
	iaca, err := readRoot(cfg.Path(cfg.IACA.Certificate))
	if err != nil {
		return nil, err
	}
	kept, err := cfg.signerShelf(iaca).Kept()
	if err != nil || len(kept) == 0 {
		return nil, err
	}
	return kept[len(kept)-1], nil
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

// writeCRL makes the list after the newest one, with whom any of those that are kept
// names; an error that matches fs.ErrExist means that somebody else did.
func writeCRL(cfg *Config, iaca *pki.Certificate, key crypto.Signer, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	shelf := cfg.signerShelf(iaca)
	kept, err := shelf.Kept()
	if err != nil {
		return nil, err
	}
	// By the clock, so that an office that lost its lists does not step back.
	next := pki.Revocations{Number: big.NewInt(now.Unix()), ThisUpdate: now, NextUpdate: now.Add(crlLife), Revoked: united(kept)}
	if len(kept) > 0 {
		if after := new(big.Int).Add(kept[len(kept)-1].Number, big.NewInt(1)); after.Cmp(next.Number) > 0 {
			next.Number = after
		}
	}
	for _, serial := range serials {
		if !slices.ContainsFunc(next.Revoked, func(e pki.RevokedCertificate) bool { return e.Serial.Cmp(serial) == 0 }) {
			next.Revoked = append(next.Revoked, pki.RevokedCertificate{Serial: serial, At: now})
		}
	}
	for i := range next.Revoked {
		if next.Revoked[i].At.After(now) { // a clock that was set back
			next.Revoked[i].At = now
		}
	}
	list, err := pki.BuildCRL(next, iaca, key, rand)
	if err != nil {
		return nil, err
	}
	return list, shelf.Keep(list)
}

// RevokedSigners implements issuerhttp.SignerRevocation.
func (a *App) RevokedSigners(ctx context.Context) ([]byte, string, error) {
	list, err := a.signerList(ctx)
	switch {
	case err != nil:
		return nil, "", problem.Wrap(problem.Unavailable, err, "try again later")
	case list == nil:
		return nil, "", problem.New(problem.NotFound, "this office publishes no list of revoked signers")
	}
	return list.Raw, crlTag(list), nil
}

// signerList is the list as it stands, renewed once a day where the key is here; nil
// when there is none.
func (a *App) signerList(ctx context.Context) (*pki.CRL, error) {
	now := a.opts.Clock.Now()
	list, short, err := a.crl.get(a.cfg.signerShelf(a.roots.iaca))
	if err == nil && a.cfg.IACA.Key != "" && (list == nil || short || now.Sub(list.ThisUpdate) >= crlRenew) {
		list, err = revokeSigners(ctx, &a.cfg, a.keys, nil, now, a.opts.Rand)
	}
	return list, err
}

// revocationEvery is how often the office looks at its revocation lists by itself:
// nobody may ask it for them, where the files are served.
const revocationEvery = time.Hour

// tendRevocations renews the revocation lists until ctx ends, and sees that they lie
// among the published lists.
func (a *App) tendRevocations(ctx context.Context) {
	tick := time.NewTicker(revocationEvery)
	defer tick.Stop()
	for {
		a.TendRevocations(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// TendRevocations does once what the office does every hour.
func (a *App) TendRevocations(ctx context.Context) {
	lists, err := a.revocationLists(ctx)
	for _, l := range lists {
		err = errors.Join(err, l.shelf.publish(l.list))
	}
	if err != nil && ctx.Err() == nil {
		a.log.Error("renewing the lists of revoked signers and readers", "error", err)
	}
}

// shelvedCRL is a list and its place.
type shelvedCRL struct {
	shelf crlShelf
	list  *pki.CRL
}

// revocationLists gives the newest list of each authority that has one, renewed.
func (a *App) revocationLists(ctx context.Context) (out []shelvedCRL, err error) {
	add := func(shelf crlShelf, list *pki.CRL, failed error) {
		if failed == nil && list != nil {
			out = append(out, shelvedCRL{shelf, list})
		} else if problem.KindOf(failed) != problem.NotFound {
			err = errors.Join(err, failed)
		}
	}
	list, failed := a.signerList(ctx)
	add(a.cfg.signerShelf(a.roots.iaca), list, failed)
	if a.fleet != nil {
		list, failed := a.fleet.RevocationList(ctx)
		add(a.cfg.readerShelf(a.fleet.Authority()), list, failed)
	}
	return out, err
}

// adoptRevocations takes back what an old state folder does not know: lists that were
// published and are not on their shelf, and readers whom a list has revoked.
func (a *App) adoptRevocations(ctx context.Context) error {
	shelves := []crlShelf{a.cfg.signerShelf(a.roots.iaca)}
	if a.fleet != nil {
		shelves = append(shelves, a.cfg.readerShelf(a.fleet.Authority()))
	}
	for _, shelf := range shelves {
		if a.cfg.Status.Directory == "" {
			break
		}
		list, err := shelf.published(a.cfg.Path(a.cfg.Status.Directory))
		if err != nil {
			a.log.Error("the published list of revoked certificates is not ours and is written anew", "error", err)
		}
		if list == nil {
			continue
		}
		kept, err := shelf.Kept()
		if err != nil {
			return err
		}
		if len(kept) > 0 && kept[len(kept)-1].Number.Cmp(list.Number) >= 0 {
			continue
		}
		if err := shelf.adopt(list); err != nil {
			return fmt.Errorf("taking over the published revocation list %s: %w", list.Number, err)
		}
	}
	if a.fleet == nil {
		return nil
	}
	n, err := a.fleet.Adopt(ctx)
	if n > 0 {
		a.log.Warn("readers were revoked that the database did not know as revoked: it is of a time before", "readers", n)
	}
	return err
}
