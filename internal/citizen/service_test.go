package citizen_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/citizen"
	"vidimus/internal/clock"
	"vidimus/internal/problem"
	"vidimus/internal/store/memory"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// wallets counts deeds by their keys.
type wallets struct {
	mu   sync.Mutex
	done map[string]string // key -> person and unit
	fail error
}

func (w *wallets) Lost(_ context.Context, person, unit, key string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	w.done[key] = person + " " + unit
	return nil
}

type world struct {
	*citizen.Service
	store   *memory.Store
	wallets *wallets
	clock   *clock.Fake
}

func newWorld(t *testing.T) *world {
	t.Helper()
	store, err := memory.New(memory.Options{PublicURL: "https://issuer.example", Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{store: store, wallets: &wallets{done: map[string]string{}}, clock: clock.NewFake(now)}
	if w.Service, err = citizen.New(citizen.Parts{Store: store, Wallets: w.wallets, Clock: w.clock, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) make(t *testing.T, person, unit string) string {
	t.Helper()
	code, err := w.Make(t.Context(), person, unit)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func wantCode(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, citizen.ErrCode) || problem.KindOf(err) != problem.AccessDenied {
		t.Errorf("%s: %v", what, err)
	}
}

func TestCode(t *testing.T) {
	w := newWorld(t)
	code := w.make(t, "P1", "one")
	if !regexp.MustCompile(`^([0-9A-HJKMNP-TV-Z]{4}-){4}[0-9A-HJKMNP-TV-Z]{4}$`).MatchString(code) {
		t.Fatalf("code %s", code)
	}
	other := w.make(t, "P1", "two")
	for name, bad := range map[string]string{
		"nothing": "", "short": code[:23], "long": code + "0", "much too long": strings.Repeat("0", 1<<20), "no letter of ours": "U" + code[1:],
		"another": w.make(t, "P2", "three")[:19] + "-0000", "a look-alike": "\u0410" + code[1:],
	} {
		wantCode(t, name, w.Use(t.Context(), bad))
	}
	if len(w.wallets.done) != 0 {
		t.Fatalf("revoked %v", w.wallets.done)
	}
	typed := " " + strings.ToLower(strings.ReplaceAll(code, "-", "\u00a0")) + "\t"
	typed = strings.NewReplacer("0", "o", "1", "i").Replace(typed)
	if err := w.Use(t.Context(), typed); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "used", w.Use(t.Context(), code))
	if err := w.Use(t.Context(), other); err != nil || len(w.wallets.done) != 2 {
		t.Errorf("the other wallet's: %v, %v", err, w.wallets.done)
	}
	var record bytes.Buffer
	if err := w.store.WriteAudit(t.Context(), &record); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{code, strings.ReplaceAll(code, "-", ""), `"P1"`} {
		if strings.Contains(record.String(), s) {
			t.Errorf("the record holds %s", s)
		}
	}
	if n := strings.Count(record.String(), citizen.ActionUse); n != 2 {
		t.Errorf("%d uses are recorded", n)
	}
}

func TestReplacedAndExpired(t *testing.T) {
	w := newWorld(t)
	first := w.make(t, "P1", "one")
	second := w.make(t, "P1", "one")
	others := w.make(t, "P2", "one")
	wantCode(t, "replaced", w.Use(t.Context(), first))
	w.clock.Advance(citizen.CodeLifetime)
	wantCode(t, "expired", w.Use(t.Context(), second))
	if err := w.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.Set(now)
	wantCode(t, "swept", w.Use(t.Context(), others))
	if len(w.wallets.done) != 0 {
		t.Errorf("revoked %v", w.wallets.done)
	}
}

// What could not be revoked leaves the code good.
func TestCutShort(t *testing.T) {
	w := newWorld(t)
	code := w.make(t, "P1", "one")
	for _, fail := range []error{errors.New("disk"), problem.New(problem.Unavailable, "later")} {
		w.wallets.fail = fail
		if err := w.Use(t.Context(), code); problem.KindOf(err) != problem.Unavailable {
			t.Errorf("%v", err)
		}
		if err := w.Revoke(t.Context(), "P1", "one"); problem.KindOf(err) != problem.Unavailable {
			t.Errorf("%v", err)
		}
	}
	w.wallets.fail = problem.New(problem.NotFound, "nothing left")
	if err := w.Use(t.Context(), code); err != nil {
		t.Errorf("a wallet that holds nothing: %v", err)
	}
	if err := w.Revoke(t.Context(), "P1", "one"); problem.KindOf(err) != problem.NotFound {
		t.Errorf("%v", err)
	}
}

// However many use a code at once: one of them does, and the deed has one name.
func TestRace(t *testing.T) {
	w := newWorld(t)
	code := w.make(t, "P1", "one")
	var won atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch err := w.Use(t.Context(), code); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, citizen.ErrCode):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || len(w.wallets.done) != 1 {
		t.Errorf("%d won, %v", won.Load(), w.wallets.done)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		if err := w.Revoke(t.Context(), "P1", "one"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Revoke(t.Context(), "P1", "two"); err != nil || len(w.wallets.done) != 2 {
		t.Errorf("%v, %v", err, w.wallets.done)
	}
	for _, c := range [][2]string{{"", "one"}, {"P1", ""}} {
		if err := w.Revoke(t.Context(), c[0], c[1]); problem.KindOf(err) != problem.NotFound {
			t.Errorf("%v: %v", c, err)
		}
		if _, err := w.Make(t.Context(), c[0], c[1]); problem.KindOf(err) != problem.NotFound {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := citizen.New(citizen.Parts{}); err == nil {
		t.Error("a service without parts")
	}
}
