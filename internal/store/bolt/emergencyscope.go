package bolt

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"vidimus/internal/authserver"
	"vidimus/internal/emergency"
	"vidimus/internal/issuance"
)

// scoping tells which batches are in a scope.
type scoping struct {
	*tx
	emergency.Scope
	now   time.Time
	units map[string]bool // whether a unit showed an attestation of the provider
}

// has is the definition of emergency.Store.
func (s *scoping) has(b *batchValue) (bool, error) {
	if b.State == issuance.StateBurned || !b.Expires.After(s.now) {
		return false, nil
	}
	switch s.Kind {
	case emergency.OfWalletProvider:
		return s.attested(b.Wallet)
	case emergency.OfRegistry:
		return s.ofSource(s.Scope, b.Person, b.Document)
	}
	return s.Covers(b.SignerKeyID), nil
}

func (s *scoping) attested(unit string) (bool, error) {
	if unit == "" {
		return false, nil
	}
	if in, known := s.units[unit]; known {
		return in, nil
	}
	w, err := s.wallet(unit)
	if err != nil {
		return false, err
	}
	in := slices.ContainsFunc(w.last.Attestations, func(a issuance.StatusIndex) bool { return a.Provider == s.Value })
	s.units[unit] = in
	return in, nil
}

// each calls do for the batches in scope from after a key on, and gives the
// key to go on from, "" at the end. It looks at no more than limit batches, and
// ends as well when do says enough.
func (s *scoping) each(after string, limit int, do func(*batchValue) (enough bool, err error)) (next string, err error) {
	seen := 0
	var from []byte
	if after != "" {
		from = append([]byte(after), 0)
	}
	err = s.scanFrom(copyBucket, nil, from, func(key, value []byte) error {
		b, err := decodeBatch(key, value)
		if err != nil {
			return err
		}
		seen++
		in, err := s.has(b)
		if err != nil {
			return err
		}
		enough := seen == limit
		if in {
			stop, err := do(b)
			if err != nil {
				return err
			}
			enough = enough || stop
		}
		if enough {
			next = string(key)
			return errEnough
		}
		return nil
	})
	return next, err
}

func newScoping(t *tx, scope emergency.Scope, now time.Time) *scoping {
	return &scoping{tx: t, Scope: scope, now: now, units: map[string]bool{}}
}

// ScanScope implements emergency.Store.
func (s *Store) ScanScope(ctx context.Context, scope emergency.Scope, now time.Time, after string, limit int) (batches []emergency.Batch, next string, err error) {
	err = s.view(ctx, func(t *tx) error {
		next, err = newScoping(t, scope, now).each(after, limit, func(b *batchValue) (bool, error) {
			out := emergency.Batch{Document: b.Document, Person: b.Person, Configuration: b.Configuration, Key: b.SignerKeyID}
			if b.Kind == issuance.StatusNone {
				out.Ending = b.Count
				batches = append(batches, out)
				return false, nil
			}
			places, err := s.places(t, b)
			if err != nil {
				return false, err
			}
			for _, p := range places {
				if p.list == nil {
					continue
				}
				if _, known, err := t.flip(flipKey(p.list.number, p.index)); err != nil || known {
					if err != nil {
						return false, err
					}
					continue
				}
				out.Open++
				if !slices.Contains(out.Lists, p.list.URI) {
					out.Lists = append(out.Lists, p.list.URI)
				}
			}
			if out.Open > 0 {
				batches = append(batches, out)
			}
			return false, nil
		})
		return err
	})
	return batches, next, err
}

// KnownScopes implements emergency.Store. It walks over all there is of a kind.
func (s *Store) KnownScopes(ctx context.Context, kind emergency.Kind) ([]string, error) {
	known := map[string]bool{}
	err := s.view(ctx, func(t *tx) error {
		switch kind {
		case emergency.OfWalletProvider:
			return t.scan(walletBucket, nil, func(key, value []byte) error {
				v, err := decodeWallet(string(key), value)
				for _, a := range v.last.Attestations {
					known[a.Provider] = true
				}
				return err
			})
		case emergency.OfRegistry:
			return t.scan(sourceBucket, nil, func(key, _ []byte) error {
				known[string(key)] = true
				return nil
			})
		}
		return t.scan(copyBucket, nil, func(key, value []byte) error {
			b, err := decodeBatch(key, value)
			if err == nil {
				known[b.SignerKeyID] = true
			}
			return err
		})
	})
	delete(known, "")
	return slices.Sorted(maps.Keys(known)), err
}

// RefreshingDocuments implements emergency.Store.
func (s *Store) RefreshingDocuments(ctx context.Context, now time.Time, after string, limit int) (documents []string, next string, err error) {
	err = s.view(ctx, func(t *tx) error {
		seen := 0
		var from []byte
		if after != "" {
			from = append([]byte(after), 0)
		}
		return t.scanFrom(refreshBucket, nil, from, func(key, value []byte) error {
			var r authserver.RefreshRecord
			if err := decode(value, &r); err != nil {
				return err
			}
			if r.Expires.After(now) {
				documents = slices.AppendSeq(documents, maps.Values(r.Documents))
			}
			if seen++; seen == limit {
				next = string(key)
				return errEnough
			}
			return nil
		})
	})
	return documents, next, err
}

// ConcernedBy implements emergency.Store.
func (s *Store) ConcernedBy(ctx context.Context, id string, now time.Time, after string, limit int) (concerned []emergency.Concerned, next string, err error) {
	prefix := pair(id, nil)
	err = s.view(ctx, func(t *tx) error {
		from := prefix
		if after != "" {
			from = append(pair(id, []byte(after)), 0)
		}
		return t.scanFrom(concernedBucket, prefix, from, func(key, value []byte) error {
			c, err := decodeConcerned(string(key[len(prefix):]), value)
			if err == nil {
				c.Anew, err = s.anew(t, c.Document, now)
			}
			if err != nil {
				return err
			}
			if concerned = append(concerned, c); len(concerned) == limit {
				next = c.Document
				return errEnough
			}
			return nil
		})
	})
	return concerned, next, err
}

// anew counts the copies of a document that are good now.
func (s *Store) anew(t *tx, number string, now time.Time) (n int, err error) {
	err = t.eachBatch(number, func(b *batchValue) error {
		if b.State != issuance.StateSigned || !b.Expires.After(now) || t.stopped(emergency.OfKey, b.SignerKeyID) {
			return nil
		}
		if b.Kind == issuance.StatusNone {
			n += b.Count
			return nil
		}
		places, err := s.places(t, b)
		if err != nil {
			return err
		}
		for _, p := range places {
			invalid, _, err := t.invalid(p)
			if err != nil {
				return err
			}
			if p.list != nil && !invalid {
				n++
			}
		}
		return nil
	})
	return n, err
}

func encodeConcerned(c emergency.Concerned) []byte {
	p := packer{b: make([]byte, 0, sealSize+16+len(c.Person))}
	p.text(c.Person)
	p.uint(uint64(c.Revoked))
	p.bool(c.Told)
	return p.b
}

func decodeConcerned(document string, b []byte) (emergency.Concerned, error) {
	u := unpacker{b: bytes.Clone(b)}
	c := emergency.Concerned{Document: strings.Clone(document), Person: u.text(), Revoked: int(u.uint()), Told: u.bool()}
	return c, u.end()
}
