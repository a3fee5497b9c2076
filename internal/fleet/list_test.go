package fleet_test

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"testing"
	"time"

	"vidimus/internal/fleet"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// shelf keeps lists in memory.
type shelf struct {
	lists []*pki.CRL
	err   error
}

func (s *shelf) Alone(context.Context) (func(), error) { return func() {}, nil }

func (s *shelf) Kept() ([]*pki.CRL, error) { return s.lists, s.err }

func (s *shelf) Keep(list *pki.CRL) error {
	if s.err == nil {
		s.lists = append(s.lists, list)
	}
	return s.err
}

// What a list has said is said by the next one, whatever became of the store, until
// the certificate has ended; numbers rise, also with a clock that was set back.
func TestListsGoOn(t *testing.T) {
	w := newWorld(t)
	kept := &shelf{}
	service := func() *fleet.Service {
		t.Helper()
		s, err := fleet.New(fleet.Parts{Store: w.store, Lists: kept, Clock: w.clock, Rand: rand.Reader, Authority: fleet.Authority{
			Certificate: w.pki.ReaderCA.Cert, Key: w.pki.ReaderCA.Key, Country: "UT", Organization: "Utopia Police",
			Contact: "https://issuer.example", CRL: "https://issuer.example/crl/readers.crl",
		}})
		if err != nil {
			t.Fatal(err)
		}
		w.Service = s
		return s
	}
	list := func(want int) *pki.CRL {
		t.Helper()
		l, err := w.RevocationList(t.Context())
		if err != nil || l.Len() != want {
			t.Fatalf("%v, %v, want %d", l, err, want)
		}
		return l
	}
	service()
	well, lost := w.enrolled(t, "Patrol 7"), w.enrolled(t, "Patrol 8")
	first := list(0)
	w.clock.Advance(time.Minute)
	stranger := big.NewInt(4711) // of whom the store knows nothing
	others, err := pki.BuildCRL(pki.Revocations{Number: new(big.Int).Add(first.Number, big.NewInt(1<<40)), ThisUpdate: w.clock.Now(), NextUpdate: w.clock.Now().Add(time.Hour),
		Revoked: []pki.RevokedCertificate{{Serial: stranger, At: w.clock.Now()}, {Serial: new(big.Int).SetBytes(lost.Serial), At: w.clock.Now()}}}, w.pki.ReaderCA.Cert, w.pki.ReaderCA.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kept.lists = append(kept.lists, others)

	service() // a store of before
	if n, err := w.Adopt(t.Context()); n != 1 || err != nil {
		t.Errorf("%d adopted, %v", n, err)
	}
	if n, err := w.Adopt(t.Context()); n != 0 || err != nil {
		t.Errorf("%d adopted again, %v", n, err)
	}
	if r, err := w.Find(t.Context(), lost.ID); err != nil || r.State != fleet.Revoked {
		t.Errorf("%s, %v", r.State, err)
	}
	if r, err := w.Find(t.Context(), well.ID); err != nil || r.State != fleet.Enrolled {
		t.Errorf("%s, %v", r.State, err)
	}
	if l := list(2); l != others {
		t.Error("signed anew though nothing changed")
	}
	// Somebody else keeps a list beside the running office: it counts, and stays.
	another, err := pki.BuildCRL(pki.Revocations{Number: new(big.Int).Add(others.Number, big.NewInt(1)), ThisUpdate: w.clock.Now(), NextUpdate: w.clock.Now().Add(time.Hour),
		Revoked: append(others.Entries(), pki.RevokedCertificate{Serial: big.NewInt(4712), At: w.clock.Now()})}, w.pki.ReaderCA.Cert, w.pki.ReaderCA.Key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	kept.lists = append(kept.lists, another)
	w.clock.Advance(2 * time.Minute)
	if l := list(3); l != another {
		t.Error("signed anew though another list was kept")
	}
	w.clock.Advance(25 * time.Hour)
	if l := list(3); l.Number.Cmp(another.Number) <= 0 {
		t.Errorf("number %s after %s", l.Number, another.Number)
	}
	kept.lists = kept.lists[:len(kept.lists)-2]
	w.clock.Advance(-25*time.Hour - 2*time.Minute)
	service()
	w.clock.Advance(-24 * time.Hour)
	service()
	if l := list(2); l.Number.Cmp(others.Number) <= 0 {
		t.Errorf("number %s after %s", l.Number, others.Number)
	}
	w.clock.Advance(25 * time.Hour)
	if l := list(2); l.Number.Cmp(others.Number) <= 0 {
		t.Errorf("number %s after %s", l.Number, others.Number)
	}
	// The certificate of the one ends; of the stranger nobody knows when. Whoever signs
	// the list knows of neither.
	w.clock.Set(lost.Expires.Add(time.Hour))
	list(2)
	w.clock.Set(others.ThisUpdate.Add(fleet.MaxLifetime + time.Hour))
	list(0)
}

// A list that cannot be kept is given to nobody, and lists that cannot be read stop
// the next one: it would forget what they said.
func TestListsThatFail(t *testing.T) {
	w := newWorld(t)
	kept := &shelf{err: errors.New("disk full")}
	s, err := fleet.New(fleet.Parts{Store: w.store, Lists: kept, Clock: w.clock, Rand: rand.Reader, Authority: fleet.Authority{Certificate: w.pki.ReaderCA.Cert, Key: w.pki.ReaderCA.Key}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err = s.RevocationList(t.Context())
		wantKind(t, "list", err, problem.Unavailable)
	}
	if n, err := s.Adopt(t.Context()); n != 0 || err == nil {
		t.Errorf("%d adopted, %v", n, err)
	}
	kept.err = nil
	if l, err := s.RevocationList(t.Context()); err != nil || len(kept.lists) != 1 || kept.lists[0] != l {
		t.Errorf("%v, %v", l, err)
	}
}
