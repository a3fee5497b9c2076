package issuer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"slices"
	"time"

	"vidimus/internal/clock"
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

// RevokedSigners gives the newest list of revoked signers of each IACA, in the order of
// the configuration, nil for one that has none yet. Lists that their root did not sign
// are refused.
func RevokedSigners(cfg *Config) ([]*pki.CRL, error) {
	r, err := cfg.loadRoots()
	if err != nil {
		return nil, err
	}
	var out []*pki.CRL
	for _, v := range cfg.revokers(r)[:len(r.iacas())] {
		kept, err := v.shelf.Kept()
		if err != nil {
			return nil, err
		}
		var newest *pki.CRL
		if len(kept) > 0 {
			newest = kept[len(kept)-1]
		}
		out = append(out, newest)
	}
	return out, nil
}

// RevokeSigners writes the next list of the root of a list's name, "" is the IACA:
// everybody on the last one and the serial numbers given, from now on. Without any it
// renews the list. Revoking is for good. An error beside a list says that it was made and
// not put among the published lists.
func RevokeSigners(ctx context.Context, cfg *Config, list string, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	r, err := cfg.loadRoots()
	if err != nil {
		return nil, err
	}
	for _, v := range cfg.revokers(r) {
		if list == "" || v.shelf.name == list {
			ring, err := cfg.openKeyring(ctx, clock.NewFake(now), rand, slog.New(slog.DiscardHandler))
			if err != nil {
				return nil, err
			}
			defer ring.Close()
			return v.revoke(ctx, byCRL, ring, serials, now, rand)
		}
	}
	return nil, cfg.noList(r, list)
}

// revoke is RevokeSigners for one root.
func (v revoker) revoke(ctx context.Context, by writer, ring *keyring, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	if v.key == "" {
		return nil, fmt.Errorf("%s.key is empty: the key of %s is not on this machine. Have the list signed where it is, and take it over with `issuer crl --import FILE`", v.label, v.shelf.root)
	}
	key, err := ring.root(ctx, v.name, v.profile, v.key, v.shelf.root)
	if err != nil {
		return nil, fmt.Errorf("%s.key: %w", v.label, err)
	}
	unlock, err := v.shelf.cfg.aloneWithLists(ctx, by)
	if err != nil {
		return nil, err
	}
	defer unlock()
	list, err := v.shelf.write(key, serials, now.UTC(), rand)
	if err != nil {
		return nil, err
	}
	return list, v.shelf.publish(list)
}

// write makes the list after the newest one, with whom any of those that are kept
// names. The caller is alone with the lists.
func (s crlShelf) write(key crypto.Signer, serials []*big.Int, now time.Time, rand io.Reader) (*pki.CRL, error) {
	kept, err := s.Kept()
	if err != nil {
		return nil, err
	}
	var last *pki.CRL
	if len(kept) > 0 {
		last = kept[len(kept)-1]
	}
	next := pki.Revocations{Number: pki.NextNumber(last, now), ThisUpdate: now, NextUpdate: now.Add(crlLife), Revoked: united(kept)}
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
	list, err := pki.BuildCRL(next, s.root, key, rand)
	if err != nil {
		return nil, err
	}
	return list, s.Keep(list)
}

// SignerLists implements issuerhttp.SignerRevocation.
func (a *App) SignerLists() []string {
	var out []string
	for _, v := range a.cfg.revokers(a.roots) {
		out = append(out, v.shelf.name)
	}
	return out
}

// RevokedSigners implements issuerhttp.SignerRevocation.
func (a *App) RevokedSigners(ctx context.Context, name string) ([]byte, string, error) {
	for _, v := range a.cfg.revokers(a.roots) {
		if v.shelf.name != name {
			continue
		}
		list, err := a.newestCRL(ctx, v)
		if err != nil {
			return nil, "", problem.Wrap(problem.Unavailable, err, "try again later")
		}
		if list != nil {
			return list.Raw, crlTag(list), nil
		}
	}
	return nil, "", problem.New(problem.NotFound, "this office publishes no such list of revoked signers")
}

// newestCRL is a list as it stands, renewed once a day where the key is here; nil when
// there is none. One that cannot be renewed stands until its end, but for one that
// lacks somebody.
func (a *App) newestCRL(ctx context.Context, v revoker) (*pki.CRL, error) {
	now := a.opts.Clock.Now()
	var short bool
	due := func() (list *pki.CRL, renew bool, err error) {
		list, short, err = a.crl.get(v.shelf)
		return list, v.key != "" && (list == nil || short || now.Sub(list.ThisUpdate) >= crlRenew), err
	}
	list, renew, err := due()
	if err != nil || !renew {
		return list, err
	}
	a.crl.renewing.Lock()
	defer a.crl.renewing.Unlock()
	if list, renew, err = due(); err != nil || !renew {
		return list, err
	}
	next, err := a.crl.renew(v.shelf.name, now, func() (*pki.CRL, error) {
		next, err := v.revoke(ctx, byOffice, a.keys, nil, now, a.opts.Rand)
		if errors.Is(err, ErrUnpublished) { // the list is good all the same
			a.unpublished(err)
			return next, nil
		}
		if err != nil {
			a.log.Error("renewing a list of revoked signers", "list", v.shelf.name, "error", err)
		}
		return next, err
	})
	if err != nil && counts(list, now) && !short {
		return list, nil
	}
	return next, err
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
	a.crl.again()
	lists, err := a.revocationLists(ctx)
	a.alarmCRLs(lists)
	if err != nil && ctx.Err() == nil {
		a.log.Error("renewing the lists of revoked signers and readers", "error", err)
	}
	if dir := a.cfg.Status.Directory; dir == "" || !exists(a.cfg.Path(dir)) {
		return
	}
	if err := a.publishNumbered(ctx, a.cfg.Path(a.cfg.Status.Directory), lists); err != nil && ctx.Err() == nil {
		a.unpublished(err)
	}
}

// publishNumbered puts the lists that have numbers into a folder of published lists,
// but where newer ones lie there.
func (a *App) publishNumbered(ctx context.Context, directory string, lists []shelvedCRL) error {
	unlock, err := a.cfg.aloneWithLists(ctx, byOffice)
	if err != nil {
		return err
	}
	defer unlock()
	for _, l := range lists {
		err = errors.Join(err, l.shelf.publishIn(directory, l.list))
	}
	return errors.Join(err, a.cfg.publishTrustLists(directory))
}

// shelvedCRL is a list and its place.
type shelvedCRL struct {
	shelf crlShelf
	list  *pki.CRL
}

// revocationLists gives the newest list of each authority that has one, renewed where
// that is possible: one that is not renewed is told of as it nears its end.
func (a *App) revocationLists(ctx context.Context) (out []shelvedCRL, err error) {
	add := func(shelf crlShelf, list *pki.CRL, failed error) {
		if failed != nil {
			list, _, _ = a.crl.get(shelf) // why it cannot be read is said below
		}
		if list != nil {
			out = append(out, shelvedCRL{shelf, list})
		}
		if failed != nil && problem.KindOf(failed) != problem.NotFound {
			err = errors.Join(err, failed)
		}
	}
	for _, v := range a.cfg.revokers(a.roots) {
		list, failed := a.newestCRL(ctx, v)
		add(v.shelf, list, failed)
	}
	if a.fleet != nil {
		list, failed := a.readerList(ctx)
		add(a.cfg.readerShelf(a.fleet.Authority()), list, failed)
	}
	return out, err
}

// adoptRevocations takes back what an old state folder does not know: lists that were
// published and are not on their shelf, and readers whom a list has revoked.
func (a *App) adoptRevocations(ctx context.Context) error {
	var shelves []crlShelf
	for _, v := range a.cfg.revokers(a.roots) {
		shelves = append(shelves, v.shelf)
	}
	if a.fleet != nil {
		shelves = append(shelves, a.cfg.readerShelf(a.fleet.Authority()))
	}
	if err := a.adoptPublished(ctx, shelves); err != nil {
		return err
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

// adoptPublished takes the published lists that are newer into their shelves.
func (a *App) adoptPublished(ctx context.Context, shelves []crlShelf) error {
	if a.cfg.Status.Directory == "" {
		return nil
	}
	unlock, err := a.cfg.aloneWithLists(ctx, byOffice)
	if err != nil {
		return err
	}
	defer unlock()
	for _, shelf := range shelves {
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
	return nil
}
