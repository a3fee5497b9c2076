package wallet_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/wallet"
	"vidimus/internal/wallet/wallettest"
)

// patient is a world whose issuer makes wallets wait so often, and whose wallet
// sleeps by turning the clock.
func patient(t *testing.T, waits int, change ...func(*world)) *world {
	t.Helper()
	return newWorld(t, "", append([]func(*world){func(w *world) {
		w.issuer.Refreshes = true
		w.issuer.Decide = func(string) wallettest.Decision {
			if waits--; waits >= 0 {
				return wallettest.Later
			}
			return wallettest.Deliver
		}
		w.cfg.Sleep = func(_ context.Context, d time.Duration) error {
			w.pki.Clock.Advance(d)
			return nil
		}
	}}, change...)...)
}

// waiting is what the folder says waits.
func (w *world) waiting() []wallet.Waiting {
	w.t.Helper()
	list, err := w.store.Waiting()
	w.must(err)
	return list
}

// An issuer that delivers later is asked again at its pace, with refreshed
// tokens, and nothing of the request is left when the copies are there.
func TestDeferred(t *testing.T) {
	w := patient(t, 3)
	began := w.pki.Clock.Now()
	batches, err := w.accept(wallet.AcceptOptions{Copies: 2, Wait: time.Hour}, "mdl")
	if err != nil || len(batches) != 1 || len(batches[0].Copies) != 2 || batches[0].Grant == "" {
		t.Fatalf("%+v, %v", batches, err)
	}
	if took := w.pki.Clock.Now().Sub(began); took != 3*wallettest.Interval {
		t.Errorf("it took %s", took)
	}
	if len(w.waiting()) > 0 {
		t.Errorf("%+v", w.waiting())
	}
	said := strings.Join(w.said, "\n")
	for _, step := range []string{"delivers org.iso.18013.5.1.mDL later", "waiting 10m0s", "not yet", "token is refreshed", "2 copies"} {
		if !strings.Contains(said, step) {
			t.Errorf("no %q in %s", step, said)
		}
	}
	w.checkModes()
	if n := len(w.issuer.Notifications()); n != 1 {
		t.Errorf("%d notifications", n)
	}
}

// Whoever does not want to wait collects later, with what is in the folder alone.
func TestCollect(t *testing.T) {
	w := patient(t, 2)
	batches, err := w.accept(wallet.AcceptOptions{Copies: 2, Wait: time.Minute}, "mdl")
	if !errors.Is(err, wallet.ErrWaiting) || len(batches) > 0 {
		t.Fatalf("%+v, %v", batches, err)
	}
	w.checkModes()
	list := w.waiting()
	if len(list) != 1 || list[0].Configuration != "mdl" || !list[0].Next.Equal(w.pki.Clock.Now().Add(wallettest.Interval)) || !strings.Contains(err.Error(), list[0].ID) {
		t.Fatalf("%+v, %v", list, err)
	}
	again, err := wallet.OpenStore(w.dir)
	w.must(err)
	defer again.Close()
	cfg := w.cfg
	cfg.Store = again
	later, err := wallet.New(cfg)
	w.must(err)
	asked := len(w.issuer.Requests())
	// Too early: nothing but metadata is fetched.
	if _, err := later.Collect(t.Context(), nil, 0); !errors.Is(err, wallet.ErrWaiting) || strings.Contains(strings.Join(w.issuer.Requests()[asked:], " "), "deferred") {
		t.Errorf("%v, %q", err, w.issuer.Requests()[asked:])
	}
	if _, err := later.Collect(t.Context(), []string{"other"}, 0); !errors.Is(err, wallet.ErrNotFound) {
		t.Error(err)
	}
	w.pki.Clock.Advance(wallettest.Interval)
	if _, err := later.Collect(t.Context(), []string{list[0].ID}, 0); !errors.Is(err, wallet.ErrWaiting) {
		t.Error(err)
	}
	w.pki.Clock.Advance(wallettest.Interval)
	batches, err = later.Collect(t.Context(), nil, 0)
	if err != nil || len(batches) != 1 || len(batches[0].Copies) != 2 || len(w.waiting()) > 0 {
		t.Fatalf("%+v, %v", batches, err)
	}
	if batches, err := later.Collect(t.Context(), nil, time.Hour); err != nil || len(batches) > 0 {
		t.Errorf("nothing waits: %+v, %v", batches, err)
	}
}

// What is refused for good is dropped with its keys; what cannot be asked now is
// kept.
func TestCollectRefused(t *testing.T) {
	const denied, ended, unreachable, cut, removed = "denied", "grant ended", "not reached", "interrupted", "removed"
	for _, name := range []string{denied, ended, unreachable, cut, removed} {
		t.Run(name, func(t *testing.T) {
			w := patient(t, 1)
			_, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
			if !errors.Is(err, wallet.ErrWaiting) {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			wait, kept := time.Hour, 0
			var want error
			switch name {
			case denied:
				w.issuer.Decide = func(string) wallettest.Decision { return wallettest.Deny }
			case ended:
				w.issuer.EndGrants()
				want = wallet.ErrNoRefresh
			case unreachable:
				w.issuer.Close()
				kept = 1
			case cut:
				w.cfg.Sleep = func(context.Context, time.Duration) error { return context.Canceled }
				w.remake()
				want, kept = wallet.ErrWaiting, 1
			case removed:
				w.must(w.store.Remove(w.waiting()[0].ID))
			}
			batches, err := w.wallet.Collect(ctx, nil, wait)
			if (err == nil) != (name == removed) || want != nil && !errors.Is(err, want) || len(batches) > 0 || len(w.waiting()) != kept {
				t.Errorf("%+v, %v, %d wait", batches, err, len(w.waiting()))
			}
			var refusal *wallet.Refusal
			if name == denied && (!errors.As(err, &refusal) || refusal.Code != "credential_request_denied") {
				t.Error(err)
			}
			if name == ended && (!errors.As(err, &refusal) || refusal.Code != "invalid_grant" || refusal.Endpoint != "refresh") {
				t.Error(err)
			}
			if entries, err := os.ReadDir(w.dir); err != nil || len(entries) != kept {
				t.Errorf("left in the folder: %v, %v", entries, err)
			}
		})
	}
}

// One of an offer waits, the other is there at once and the third refused.
func TestPartlyDeferred(t *testing.T) {
	w := patient(t, 0)
	w.issuer.Decide = func(id string) wallettest.Decision {
		return map[string]wallettest.Decision{"mdl": wallettest.Later, "pid-sd-jwt": wallettest.Deny}[id]
	}
	batches, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl", "pid-mdoc", "pid-sd-jwt")
	var refusal *wallet.Refusal
	if len(batches) != 1 || !errors.Is(err, wallet.ErrWaiting) || !errors.As(err, &refusal) || len(w.waiting()) != 1 {
		t.Fatalf("%+v, %v", batches, err)
	}
}

// A grant that was tampered with.
func TestBrokenGrant(t *testing.T) {
	w := patient(t, 1)
	_, err := w.accept(wallet.AcceptOptions{Copies: 1}, "mdl")
	if !errors.Is(err, wallet.ErrWaiting) {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(w.dir, ".grants", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	good, err := os.ReadFile(files[0])
	w.must(err)
	w.must(os.Chmod(files[0], 0o644))
	if _, err := w.wallet.Collect(t.Context(), nil, 0); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	w.must(os.Chmod(files[0], 0o600))
	for want, text := range map[string]string{
		"parsing": "{", "another grant": strings.Replace(string(good), `"id": "grant-`, `"id": "grunt-`, 1), "incomplete": strings.Replace(string(good), `"transaction_id"`, `"transaction"`, 1),
	} {
		w.must(os.WriteFile(files[0], []byte(text), 0o600))
		if _, err := w.wallet.Collect(t.Context(), nil, 0); err == nil || want != "parsing" && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
