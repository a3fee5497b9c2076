package status_test

import (
	"fmt"
	"testing"
	"time"

	"vidimus/internal/status"
)

// filled is an office with so many lists, 1 % of each revoked.
func filled(b *testing.B, lists int) (*simulation, status.Config, func()) {
	w, s, _, cfg := newOffice(b, status.Config{Schedule: status.NewSchedule(time.Minute, 0, 0)})
	cfg.OnError = func(err error) { b.Error(err) }
	for range lists {
		l := s.add(w.Now, status.KindStatus)
		for n := range uint32(status.ListSize / 100) {
			l.released = append(l.released, l.permutation.Index(n))
		}
	}
	return s, cfg, func() { w.Clock.Advance(time.Second) }
}

// BenchmarkPublishAll reads, compresses and signs twice all 42 lists of a small
// state, 40 million entries of which 1 % are revoked: what a start costs.
func BenchmarkPublishAll(b *testing.B) {
	_, cfg, _ := filled(b, 42)
	b.ReportAllocs()
	for b.Loop() {
		p, err := status.New(cfg)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Publish(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPublishOne changes one list of 42, and of 420: what does not change
// costs nothing.
func BenchmarkPublishOne(b *testing.B) {
	for _, lists := range []int{1, 42, 420} {
		b.Run(fmt.Sprint("of-", lists), func(b *testing.B) {
			s, cfg, tick := filled(b, lists)
			cfg.TTL, cfg.Expires = 300*24*time.Hour, 700*24*time.Hour
			p, err := status.New(cfg)
			if err != nil {
				b.Fatal(err)
			}
			if err := p.Publish(b.Context()); err != nil {
				b.Fatal(err)
			}
			n := uint32(status.ListSize / 100)
			b.ReportAllocs()
			for b.Loop() {
				l := s.lists["0000"]
				s.revoke(time.Time{}, []copyOf{{l, l.permutation.Index(n), time.Time{}}}, true)
				n++
				tick()
				if err := p.Publish(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
