package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/problem"
)

// A ban with a begin in the future does nothing until then; its end too comes
// without an event. What time did belongs to the event that announced it.
func TestFutureMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w = prepared(t, full(driving, w.keys[driving].Public()))
		w.store.copies["DL-1"] = 2
		begin, end := w.clock.Now().Add(time.Hour), w.clock.Now().Add(3*time.Hour)
		body := `"id":"M-9","kind":"provisional-withdrawal","right":{"kind":"driving","territory":"UT"},"orders":{"authority":"Police","until":"` + end.UTC().Format(time.RFC3339) + `"}`
		token := w.say(identity, "P-1", "measure-added", 6, body)
		token = w.raw(identity, strings.Replace(payloadOf(t, token), `"jti"`, `"toe":`+jsonInt(begin.Unix())+`,"jti"`, 1), nil)
		o := w.accept(identity, token)
		if o.Copies != 0 || w.kicks.Load() != 0 {
			t.Fatalf("before it begins: %+v", o)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.inbox.RunDue(ctx) }()
		pass := func(d time.Duration) {
			t.Helper()
			for end := time.Now().Add(d); time.Now().Before(end); {
				time.Sleep(time.Second)
				w.clock.Advance(time.Second)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
		pass(time.Hour - 10*time.Second)
		if w.kicks.Load() != 0 {
			t.Error("it begins too early")
		}
		pass(10 * time.Second)
		if w.kicks.Load() != 1 || w.urgent.Load() != 1 {
			t.Errorf("%d kicks, %d urgent", w.kicks.Load(), w.urgent.Load())
		}
		r := w.receiptOf(t, identity, o.JTI)
		if r.Version <= o.Version || r.State != "applied" {
			t.Errorf("after its begin: %+v, was version %d", r, o.Version)
		}
		w.store.copies["DL-1"] = 1
		pass(2 * time.Hour)
		if again := w.receiptOf(t, identity, o.JTI); again.Version <= r.Version || w.kicks.Load() != 2 {
			t.Errorf("after its end: %+v, %d kicks", again, w.kicks.Load())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		n := 0
		for _, e := range w.store.audit {
			if e.Action == "registry.time" && e.Subject == "somebody" {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d audit entries of time", n)
		}
		w.store.fail = errors.New("disk")
		if err := w.inbox.RunDue(t.Context()); !errors.Is(err, w.store.fail) {
			t.Errorf("%v", err)
		}
	})
}

func TestEffectiveIsBounded(t *testing.T) {
	w := newWorld(t)
	w.erika()
	now := w.clock.Now()
	for _, toe := range []time.Time{now.AddDate(10, 0, 1), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1849, 12, 31, 0, 0, 0, 0, time.UTC)} {
		w.refused(t, driving, w.raw(driving, claims(now, `"jti"`, `"toe":`+jsonInt(toe.Unix())+`,"jti"`), nil), problem.InvalidRequest, "toe")
	}
	for i, toe := range []time.Time{now.AddDate(10, 0, 0), time.Date(1850, 1, 2, 0, 0, 0, 0, time.UTC), now} {
		token := w.say(driving, "P-1", "measure-added", uint64(i)+2, `"id":"M-`+jsonInt(int64(i))+`","kind":"court-ban",`+ban)
		w.accept(driving, w.raw(driving, strings.Replace(payloadOf(t, token), `"jti"`, `"toe":`+jsonInt(toe.Unix())+`,"jti"`, 1), nil))
	}
}
