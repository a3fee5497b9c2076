package pkcs11

import (
	"testing"
	"time"
)

// Calls that compute and calls that wait are told apart.
func TestMeasured(t *testing.T) {
	for name, want := range map[string]int{"computes": 1, "waits": maxParallel} {
		l := newLanes(2)
		for range paceCalls {
			w := newWork(func() error {
				if name == "waits" {
					time.Sleep(time.Millisecond)
				} else {
					for end := threadTime() + 2*time.Millisecond; threadTime() < end; {
					}
				}
				return nil
			})
			w.of = l
			if err := l.do(t.Context(), &w.job); err != nil {
				t.Fatal(err)
			}
		}
		if l.mu.Lock(); l.most != want {
			t.Errorf("%s: %d lanes, expected %d", name, l.most, want)
		}
		l.mu.Unlock()
	}
}
