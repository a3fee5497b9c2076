package bolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"vidimus/internal/issuance"
)

// A file of before some bucket was thought of opens, with all that is in it.
func TestYoungerBuckets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.db")
	if err := Create(path, options()); err != nil {
		t.Fatal(err)
	}
	s := reopened(t, path, options())
	if err := errors.Join(s.Append(t.Context(), storeEvent("x")), s.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range younger {
			if err := tx.DeleteBucket([]byte(b.String())); err != nil {
				return err
			}
		}
		return nil
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Compact(path, options()); err != nil {
		t.Errorf("compacting: %v", err)
	}
	for range 2 {
		s := reopened(t, path, options())
		if err := s.AdvanceList(t.Context(), issuance.ListMark{Sequence: 1, Expires: time.Now()}); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A wallet unit as it was kept before it was known whose attestations these are.
func TestWalletWithoutProviders(t *testing.T) {
	v := walletValue{version: 3, last: issuance.Wallet{Unit: "U", Attestations: []issuance.StatusIndex{{List: "a", Index: 1}, {List: "b", Index: 2}}}}
	old := v.encode()
	for i := range v.last.Attestations {
		v.last.Attestations[i].Provider = "one"
	}
	for b, provider := range map[string]string{string(old): "", string(v.encode()): "one"} {
		got, err := decodeWallet("U", []byte(b))
		if err != nil || got.version != 3 || len(got.last.Attestations) != 2 || got.last.Attestations[1].Provider != provider || got.last.Attestations[1].Index != 2 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if _, err := decodeWallet("U", v.encode()[:len(v.encode())-1]); !errors.Is(err, errRecord) {
		t.Errorf("cut short: %v", err)
	}
}

// A bucket whose name was damaged is not one that an older version did not
// have: an empty one in its place would say that no key is stopped.
func TestYoungerBucketsDamaged(t *testing.T) {
	for _, large := range []bool{false, true} {
		opts := options()
		opts.unread = large
		path := filepath.Join(t.TempDir(), "v.db")
		if err := Create(path, opts); err != nil {
			t.Fatal(err)
		}
		s := reopened(t, path, opts)
		sample(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range younger {
			name := []byte(b.String())
			bad, found := slices.Clone(good), 0
			for at := 2 * 4096; at+len(name) <= len(bad); at++ {
				if bytes.Equal(bad[at:at+len(name)], name) {
					bad[at+len(name)-1] ^= 1
					found++
				}
			}
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, opts); found == 0 || !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, found %d times: %v", b, found, err)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, bad) {
				t.Errorf("%s: a damaged file was written to, %v", b, err)
			}
		}
	}
}
