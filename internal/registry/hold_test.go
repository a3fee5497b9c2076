package registry_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

// holding is a world that holds events, within a bubble of its own time.
func holding(t *testing.T, change func(*registry.Config)) *world {
	t.Helper()
	w := newWorld(t)
	cfg := w.config()
	cfg.HoldFor = 0
	if change != nil {
		change(&cfg)
	}
	inbox, err := registry.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.inbox = inbox
	w.erika()
	return w
}

func (w *world) token(seq uint64) string {
	w.t.Helper()
	p := licence(fmt.Sprint("DL-", seq%50))
	p.IssuingAuthority = fmt.Sprint("Office ", seq)
	return w.sign(driving, registryclient.Event{Subject: "P-1", Seq: seq, JTI: fmt.Sprint("J", seq), Payload: p}).Token
}

// later sends an event and gives what becomes of it.
func (w *world) later(ctx context.Context, seq uint64) <-chan error {
	token, done := w.token(seq), make(chan error, 1)
	go func() {
		o, err := w.inbox.Accept(ctx, driving, token)
		if err == nil && o.Seq != seq {
			err = fmt.Errorf("outcome of %d for %d", o.Seq, seq)
		}
		done <- err
	}()
	synctest.Wait()
	return done
}

func unsettled(t *testing.T, list ...<-chan error) {
	t.Helper()
	for i, c := range list {
		select {
		case err := <-c:
			t.Errorf("number %d is settled: %v", i, err)
		default:
		}
	}
}

// gapWaits: what came too early waits, is refused after its time with the gap
// named, and has left no trace.
func gapWaits(t *testing.T) {
	w := holding(t, nil)
	before := w.state()
	a, b := w.later(t.Context(), 8), w.later(t.Context(), 12)
	unsettled(t, a, b)
	if g := w.inbox.Gaps()[0]; g.Next != 2 || g.Held != 2 || !g.Oldest.Equal(start) {
		t.Errorf("%+v", g)
	}
	time.Sleep(59 * time.Second)
	synctest.Wait()
	unsettled(t, a, b)
	time.Sleep(time.Second)
	synctest.Wait()
	for _, c := range []<-chan error{a, b} {
		if err := <-c; problem.KindOf(err) != problem.Conflict || !strings.Contains(problem.Detail(err), "seq 2 to 7 are missing: ") && !strings.Contains(problem.Detail(err), "seq 2 to 11 are missing: 12 waits") {
			t.Errorf("%v", err)
		}
	}
	if w.state() != before || w.inbox.Gaps()[0].Held != 0 || len(w.audited("conflict")) != 2 {
		t.Errorf("%+v, %d audited", w.inbox.Gaps(), len(w.audited("conflict")))
	}
}

func TestGapNamesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := holding(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var list []<-chan error
		for seq := uint64(3); seq <= 7; seq++ {
			list = append(list, w.later(t.Context(), seq))
			time.Sleep(time.Second)
		}
		gone := w.later(ctx, 9)
		cancel()
		synctest.Wait()
		if err := <-gone; problem.KindOf(err) != problem.Unavailable {
			t.Errorf("a request that went away: %v", err)
		}
		time.Sleep(time.Minute)
		if err := <-list[0]; problem.Detail(err) != "seq 2 is missing: 3 to 7 wait" {
			t.Errorf("%v", err)
		}
	})
}

// Whatever the order in which they come, and by whatever request, they are
// applied in the order of seq, in few steps.
func TestHeldEventsAreReleasedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := holding(t, nil)
		var mu sync.Mutex
		var applied []uint64
		w.store.before = func(apps []registry.Application) {
			mu.Lock()
			defer mu.Unlock()
			for _, a := range apps {
				applied = append(applied, a.Record.Seq)
			}
		}
		var list []<-chan error
		for seq := uint64(200); seq > 2; seq-- {
			list = append(list, w.later(t.Context(), seq))
		}
		again := w.later(t.Context(), 100) // by another connection: another token, same jti
		mu.Lock()
		applied = nil
		mu.Unlock()
		steps := w.store.steps
		time.Sleep(30 * time.Second)
		if err := <-w.later(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
		if err := <-again; problem.KindOf(err) != problem.InvalidRequest || !strings.Contains(err.Error(), "another token") {
			t.Errorf("%v", err)
		}
		for i, seq := range applied {
			if want := uint64(i + 2); seq != want && (seq != want-1 || want <= 100) {
				t.Fatalf("%d was applied where %d was due", seq, want)
			}
		}
		if n := w.store.steps - steps; n > 4 {
			t.Errorf("%d steps of the store for 200 events", n)
		}
		if v := w.subject().Version; v != 201 {
			t.Errorf("version %d", v)
		}
	})
}

// A batch that came too early is answered when the one before it has come.
func TestHeldBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := holding(t, nil)
		sets := map[string]string{}
		for seq := uint64(2); seq <= 60; seq++ {
			if seq != 5 && seq != 40 {
				sets[fmt.Sprint("J", seq)] = w.token(seq)
			}
		}
		done := make(chan registry.Batch, 1)
		go func() {
			b, err := w.inbox.AcceptBatch(t.Context(), driving, sets)
			if err != nil {
				t.Error(err)
			}
			done <- b
		}()
		synctest.Wait()
		if v := w.subject().Version; v != 5 {
			t.Errorf("what is in order is applied at once: version %d", v)
		}
		if err := <-w.later(t.Context(), 5); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if v := w.subject().Version; v != 40 {
			t.Errorf("version %d", v)
		}
		time.Sleep(time.Minute)
		b := <-done
		if len(b.Acks) != 37 || len(b.Errors) != 20 || problem.Detail(b.Errors["J41"]) == "" || !strings.HasPrefix(problem.Detail(b.Errors["J60"]), "seq 40") {
			t.Errorf("%d acks, %v", len(b.Acks), b.Errors)
		}
	})
}

// What waits behind an event that is refused waits on, for a better one.
func TestHeldBehindARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := holding(t, nil)
		old := uint64(1)
		bad := w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 3, Prev: &old, Payload: licence("DL-3")}).Token
		refused := make(chan error, 1)
		go func() {
			_, err := w.inbox.Accept(t.Context(), driving, bad)
			refused <- err
		}()
		synctest.Wait()
		four := w.later(t.Context(), 4)
		if err := <-w.later(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if err := <-refused; problem.KindOf(err) != problem.Conflict || !strings.Contains(err.Error(), "prev") {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		unsettled(t, four)
		if err := <-w.later(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		if err := <-four; err != nil {
			t.Error(err)
		}
	})
}

func TestHoldingIsBounded(t *testing.T) {
	for name, limit := range map[string]func(*registry.Config){
		"events": func(c *registry.Config) { c.HoldEvents = 3 },
		"octets": func(c *registry.Config) { c.HoldBytes = 3000 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := holding(t, limit)
				var list []<-chan error
				full := false
				for seq := uint64(3); seq < 10 && !full; seq++ {
					c := w.later(t.Context(), seq)
					select {
					case err := <-c:
						if full = true; problem.KindOf(err) != problem.Conflict || !strings.HasPrefix(problem.Detail(err), "seq 2") {
							t.Errorf("%v", err)
						}
					default:
						list = append(list, c)
					}
				}
				if !full || len(list) < 2 {
					t.Fatalf("%d are held", len(list))
				}
				// Another source has room of its own.
				other := make(chan error, 1)
				go func() {
					_, err := w.inbox.Accept(t.Context(), identity, w.sign(identity, registryclient.Event{Subject: "P-2", Seq: 3, Payload: facts("B")}).Token)
					other <- err
				}()
				synctest.Wait()
				unsettled(t, other)
				w.inbox.Close()
				for _, c := range append(list, other) {
					if err := <-c; problem.KindOf(err) != problem.Unavailable {
						t.Errorf("closing: %v", err)
					}
				}
				if err := <-w.later(t.Context(), 3); problem.KindOf(err) != problem.Conflict {
					t.Errorf("held by an inbox that is closed: %v", err)
				}
			})
		})
	}
}

// A thousand requests of one source in any order, and each waits for its own.
func TestDisorder(t *testing.T) {
	w := holding(t, nil)
	const n = 400
	tokens := make([]string, n)
	for i := range tokens {
		tokens[i] = w.token(uint64(i) + 2)
	}
	done := make(chan error)
	for i := range tokens {
		go func() {
			_, err := w.inbox.Accept(t.Context(), driving, tokens[(i*167)%n])
			done <- err
		}()
	}
	for range tokens {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if v := w.subject().Version; v != n+2 {
		t.Errorf("version %d", v)
	}
}
