package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
)

// walletValue is what is kept of a wallet unit.
type walletValue struct {
	version uint64    // counts the events about it
	revoked time.Time // since when it gets no copy; zero while it may
	end     time.Time // when its last copy, or what it showed, has expired
	ending  uint64    // number in walletEndBucket
	last    issuance.Wallet
}

func (v walletValue) encode() []byte {
	p := packer{b: make([]byte, 0, sealSize+64)}
	p.uint(v.version)
	p.time(v.revoked)
	p.time(v.end)
	p.uint(v.ending)
	p.time(v.last.Expires)
	p.uint(uint64(len(v.last.Attestations)))
	for _, a := range v.last.Attestations {
		p.text(a.List)
		p.uint(a.Index)
		p.octets(a.Identifier)
	}
	// Behind all that there was before it was kept.
	if slices.ContainsFunc(v.last.Attestations, func(a issuance.StatusIndex) bool { return a.Provider != "" }) {
		for _, a := range v.last.Attestations {
			p.text(a.Provider)
		}
	}
	return p.b
}

// wallet reads a unit; one not heard of is zero.
func (t *tx) wallet(unit string) (walletValue, error) {
	b := t.get(walletBucket, []byte(unit))
	if b == nil {
		return walletValue{last: issuance.Wallet{Unit: unit}}, nil
	}
	return decodeWallet(unit, b)
}

func decodeWallet(unit string, b []byte) (walletValue, error) {
	v := walletValue{last: issuance.Wallet{Unit: unit}}
	u := unpacker{b: b}
	v.version, v.revoked, v.end, v.ending, v.last.Expires = u.uint(), u.time(), u.time(), u.uint(), u.time()
	for range u.count() {
		a := issuance.StatusIndex{List: u.text(), Index: u.uint()}
		if id := u.octets(); len(id) > 0 {
			a.Identifier = id
		}
		v.last.Attestations = append(v.last.Attestations, a)
	}
	if len(u.b) > 0 { // there are all, or none
		for i := range v.last.Attestations {
			v.last.Attestations[i].Provider = u.text()
		}
	}
	if err := u.end(); err != nil {
		return v, fmt.Errorf("wallet: %w", err)
	}
	return v, nil
}

func (t *tx) putWallet(unit string, v walletValue) {
	if b := v.encode(); !bytes.Equal(b, t.get(walletBucket, []byte(unit))) {
		t.put(walletBucket, []byte(unit), b)
	}
}

// meetWallet keeps what a unit showed last, and until when it has copies.
func (t *tx) meetWallet(w issuance.Wallet, expires time.Time) error {
	v, err := t.wallet(w.Unit)
	if err != nil {
		return err
	}
	before := v.end
	for _, end := range []time.Time{expires, w.Expires} {
		if end.After(v.end) {
			v.end = end
		}
	}
	if !v.end.Equal(before) {
		if v.ending != 0 {
			t.delete(walletEndBucket, after(moment(before), number(v.ending)))
		}
		v.ending = t.nextNumber(endCountKey)
		t.put(walletEndBucket, after(moment(v.end), number(v.ending)), []byte(w.Unit))
	}
	w.Attestations = issuance.MergeAttestations(w.Attestations, v.last.Attestations)
	v.last = w
	t.putWallet(w.Unit, v)
	return nil
}

// checkWallets refuses units that have copies, none of them of these people.
func (t *tx) checkWallets(units, people []string) error {
	for _, unit := range units {
		foreign := false
		prefix := pair(unit, nil)
		err := t.scan(unitCopyBucket, prefix, func(key, _ []byte) error {
			b, err := t.batch(string(key[len(prefix):]))
			if err != nil || b == nil || b.State == issuance.StateBurned {
				return err
			}
			holder := t.get(holderBucket, []byte(b.Document))
			if slices.Contains(people, string(holder)) {
				return errOwn
			}
			foreign = true
			return nil
		})
		if err != nil && !errors.Is(err, errOwn) {
			return err
		}
		if err == nil && foreign {
			return registry.ErrForeignWallet
		}
	}
	return nil
}

var errOwn = errors.New("a copy of theirs")

// revokeWallet writes that a unit gets no copy any more. That is never
// forgotten.
func (t *tx) revokeWallet(unit string, at time.Time) error {
	v, err := t.wallet(unit)
	if err != nil || !v.revoked.IsZero() {
		return err
	}
	if v.ending != 0 {
		t.delete(walletEndBucket, after(moment(v.end), number(v.ending)))
	}
	v.revoked, v.ending = at, 0
	t.putWallet(unit, v)
	return nil
}

// Wallet gives what a unit showed when it last got copies, and since when it
// gets none any more, zero while it may.
func (s *Store) Wallet(ctx context.Context, unit string) (issuance.Wallet, time.Time, error) {
	var v walletValue
	err := s.view(ctx, func(t *tx) (err error) {
		v, err = t.wallet(unit)
		return err
	})
	return v.last, v.revoked, err
}
