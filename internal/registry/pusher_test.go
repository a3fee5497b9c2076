package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/registry"
)

// hook is a source's webhook.
type hook struct {
	w     *world
	mu    sync.Mutex
	down  bool
	tries []time.Time
	got   []string // "event state version", verified
}

func (h *hook) Send(_ context.Context, url, contentType string, body []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tries = append(h.tries, time.Now())
	if h.down {
		return errors.New("nobody there")
	}
	r, err := h.w.client(driving).VerifyReceipt(string(body), &h.w.receipt.PublicKey)
	if err != nil || contentType != registryclient.ReceiptType || url != "https://hook.example" {
		h.w.t.Errorf("%s, %s: %v", url, contentType, err)
		return err
	}
	h.got = append(h.got, fmt.Sprint(r.Event, " ", r.State, " ", r.Version))
	return nil
}

func (h *hook) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down, h.tries = down, nil
}

func (h *hook) taken() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.got)
}

func (h *hook) run(t *testing.T) (stop func()) {
	t.Helper()
	p, err := registry.NewPusher(registry.PusherConfig{Inbox: h.w.inbox, Sender: h, Hooks: map[string]string{driving: "https://hook.example"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestPusher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		h := &hook{w: w}
		stop := h.run(t)
		w.erika()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := h.taken(); len(got) != 1 {
			t.Fatalf("%v", got)
		}
		// While the hook is down it is tried again, ever more seldom.
		h.set(true)
		w.store.copies["DL-1"] = 1
		w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, JTI: "annul", Payload: registryclient.DocumentAnnulled{Number: "DL-1"}})
		w.store.covered(start)
		time.Sleep(time.Hour)
		synctest.Wait()
		h.mu.Lock()
		for i := 2; i < len(h.tries); i++ {
			gap, least := h.tries[i].Sub(h.tries[i-1]), min(time.Second<<(i-1), 5*time.Minute)/2
			if gap < least || gap > 2*least {
				t.Errorf("try %d came after %v, want from %v to twice that", i, gap, least)
			}
		}
		if n := len(h.tries); n < 18 || n > 36 {
			t.Errorf("%d tries in an hour", n)
		}
		h.mu.Unlock()
		// It stops and begins again where it was.
		stop()
		w.restart()
		h.set(false)
		stop = h.run(t)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		stop()
		if got := h.taken(); !slices.Equal(got[1:], []string{"annul applied 3", "annul covered 3"}) {
			t.Errorf("%q", got)
		}
		h.got = nil
		stop = h.run(t)
		time.Sleep(time.Minute)
		stop()
		if got := h.taken(); len(got) != 0 {
			t.Errorf("again: %q", got)
		}
	})
}

// A store that fails ends it, with an error.
func TestPusherStoreFails(t *testing.T) {
	w := newWorld(t)
	w.store.fail = errors.New("disk")
	p, err := registry.NewPusher(registry.PusherConfig{Inbox: w.inbox, Sender: &hook{w: w}, Hooks: map[string]string{driving: "x", identity: "y"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(t.Context()); !errors.Is(err, w.store.fail) {
		t.Errorf("%v", err)
	}
	for _, cfg := range []registry.PusherConfig{{}, {Inbox: w.inbox}, {Inbox: w.inbox, Sender: &hook{}, Hooks: map[string]string{"nobody": "z"}}} {
		if _, err := registry.NewPusher(cfg); err == nil {
			t.Errorf("%+v: taken", cfg)
		}
	}
}

func TestFeed(t *testing.T) {
	w := newWorld(t)
	w.erika()
	for seq := uint64(2); seq <= 130; seq++ {
		w.send(driving, registryclient.Event{Subject: "P-1", Seq: seq, JTI: fmt.Sprint("J", seq), Payload: licence(fmt.Sprint("DL-", seq))})
	}
	after, seen := uint64(0), 0
	for {
		p, err := w.inbox.Feed(t.Context(), driving, after, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Receipts {
			seen++
			got, err := w.client(driving).VerifyReceipt(r.Receipt, &w.receipt.PublicKey)
			if err != nil || r.Number != uint64(seen) || seen > 1 && got.Event != fmt.Sprint("J", seen) {
				t.Fatalf("%d: %+v, %v", seen, got, err)
			}
		}
		after = p.Next
		if !p.More {
			break
		}
		if len(p.Receipts) != registry.DefaultPage {
			t.Errorf("a page of %d", len(p.Receipts))
		}
	}
	if seen != 130 || after != 130 {
		t.Errorf("%d receipts, next %d", seen, after)
	}
	if p, err := w.inbox.Feed(t.Context(), driving, 130, 5); err != nil || p.Receipts == nil || len(p.Receipts) != 0 || p.Next != 130 || p.More {
		t.Errorf("at the end: %+v, %v", p, err)
	}
	if p, err := w.inbox.Feed(t.Context(), driving, 1<<63, 1); err != nil || p.Next != 1<<63 {
		t.Errorf("beyond: %+v, %v", p, err)
	}
}

type published struct{ took []time.Duration }

func (p *published) Published(_ string, _ bool, took time.Duration) { p.took = append(p.took, took) }

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		w.store.copies["DL-1"] = 1
		w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, JTI: "annul", Payload: registryclient.DocumentAnnulled{Number: "DL-1"}})
		w.store.covered(start.Add(7 * time.Second))
		var out published
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- registry.NewMeter(w.inbox, &out).Run(ctx) }()
		time.Sleep(5 * time.Second)
		cancel()
		if err := <-done; err != nil || !slices.Equal(out.took, []time.Duration{7 * time.Second}) {
			t.Errorf("%v, %v", out.took, err)
		}
	})
}
