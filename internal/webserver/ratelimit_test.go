package webserver

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var instant = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

func TestLimiter(t *testing.T) {
	l := NewLimiter(1, 2)
	for i, want := range []bool{true, true, false} {
		if got := l.Allow("a", instant); got != want {
			t.Errorf("request %d: %v", i, got)
		}
	}
	if !l.Exhausted("a", instant) || l.Exhausted("b", instant) || !l.Allow("b", instant) {
		t.Error("one key's bucket is another's")
	}
	if !l.Allow("a", instant.Add(time.Second)) {
		t.Error("the bucket does not fill again")
	}
	var none *Limiter
	if !none.Allow("a", instant) || none.Exhausted("a", instant) {
		t.Error("the nil limiter limits")
	}
}

func TestLimiterForgetsTheOldest(t *testing.T) {
	l := NewLimiter(0, 1)
	l.keys = 3
	for i := range 100 {
		l.Allow(fmt.Sprint(i), instant)
	}
	if len(l.byKey) != 3 || l.recent.Len() != 3 {
		t.Fatalf("%d keys are kept, want 3", len(l.byKey))
	}
	if l.Allow("99", instant) || !l.Allow("0", instant) {
		t.Error("the newest key was forgotten, or the oldest kept")
	}
}

func TestClientKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
	} {
		if got := clientKey(netip.MustParseAddr(in)); got != want {
			t.Errorf("clientKey(%s) = %s, want %s", in, got, want)
		}
	}
}
