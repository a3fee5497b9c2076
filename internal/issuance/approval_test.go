package issuance_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/problem"
	"vidimus/internal/store/storetest"
)

// configured replaces lines of a built-in configuration.
func (w *world) configured(id, more string) {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "catalog", "builtin", id+".yaml"))
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), id+".yaml")
	if err := os.WriteFile(file, []byte(more+string(data)), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.catalog = append(w.catalog, file)
	w.restart()
}

func TestApproval(t *testing.T) {
	ctx := context.Background()
	w := blocking(t)
	w.configured("mdl", "approval: true\n")
	resp := w.waits(w.access(), 2)
	if again, err := w.later(w.access(), resp.TransactionID); err != nil || again.TransactionID != resp.TransactionID {
		t.Fatalf("%+v, %v", again, err)
	}
	all, err := w.service.Awaiting(ctx)
	if err != nil || len(all) != 1 || all[0].Person != "P1" || all[0].Document != "DL-1" || all[0].Configuration != "mdl" || !all[0].Since.Equal(w.clock.Now()) ||
		strings.Contains(all[0].ID, resp.TransactionID) {
		t.Fatalf("%+v, %v", all, err)
	}
	if one, err := w.service.AwaitedRequest(ctx, all[0].ID); err != nil || one != all[0] {
		t.Errorf("%+v, %v", one, err)
	}
	for range 2 {
		if err := w.service.Approve(ctx, all[0].ID, "officer:anna"); err != nil {
			t.Fatal(err)
		}
	}
	_, err = w.service.AwaitedRequest(ctx, all[0].ID)
	wantKind(t, err, problem.Conflict)
	wantKind(t, w.service.Refuse(ctx, all[0].ID, "officer:bert"), problem.Conflict)
	if all, err := w.service.Awaiting(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if got, err := w.later(w.access(), resp.TransactionID); err != nil || len(got.Credentials) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	wantKind(t, w.service.Approve(ctx, all[0].ID, "officer:anna"), problem.NotFound)
	for _, id := range []string{"", "x", strings.Repeat("0", 64), strings.Repeat("0", 66)} {
		wantKind(t, w.service.Approve(ctx, id, "officer:anna"), problem.NotFound)
		_, err := w.service.AwaitedRequest(ctx, id)
		wantKind(t, err, problem.NotFound)
	}

	// What is refused is refused once, and then gone.
	resp = w.waits(w.access(), 1)
	all, err = w.service.Awaiting(ctx)
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	if err := w.service.Refuse(ctx, all[0].ID, "officer:bert"); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []problem.Kind{problem.CredentialRequestDenied, problem.InvalidTransactionID} {
		_, err := w.later(w.access(), resp.TransactionID)
		wantKind(t, err, kind)
	}

	// A ban may come first, and last longer than the decision.
	w.ban(time.Time{})
	resp = w.waits(w.access(), 1)
	if all, err = w.service.Awaiting(ctx); err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	if err := w.service.Approve(ctx, all[0].ID, "officer:anna"); err != nil {
		t.Fatal(err)
	}
	if again, err := w.later(w.access(), resp.TransactionID); err != nil || again.TransactionID == "" {
		t.Fatalf("%+v, %v", again, err)
	}
	w.lift()
	if got, err := w.later(w.access(), resp.TransactionID); err != nil || len(got.Credentials) != 1 {
		t.Errorf("%+v, %v", got, err)
	}

	// Nobody is asked about what cannot be.
	w.apply(storetest.Event("end", 1, "P1", storetest.Annulled("DL-1")))
	_, err = w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.CredentialRequestDenied)
	if all, err := w.service.Awaiting(ctx); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	w.cfg.Defer = false
	w.restart()
	_, err = w.ask(w.access(), "mdl", w.proofs(1, w.nonce())...)
	wantKind(t, err, problem.CredentialRequestDenied)
}

// Two officers at once: one of the words holds.
func TestDecidedOnce(t *testing.T) {
	ctx := context.Background()
	w := blocking(t)
	w.configured("mdl", "approval: true\n")
	id := w.waits(w.access(), 1).TransactionID
	all, err := w.service.Awaiting(ctx)
	if err != nil || len(all) != 1 {
		t.Fatal(err)
	}
	var approved, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if i%2 == 0 && w.service.Approve(ctx, all[0].ID, "officer:anna") == nil {
				approved.Add(1)
			}
			if i%2 == 1 && w.service.Refuse(ctx, all[0].ID, "officer:bert") == nil {
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if (approved.Load() == 0) == (refused.Load() == 0) {
		t.Errorf("approved %d times, refused %d times", approved.Load(), refused.Load())
	}
	got, err := w.later(w.access(), id)
	if (err == nil) != (approved.Load() > 0) {
		t.Errorf("%+v, %v", got, err)
	}
}
