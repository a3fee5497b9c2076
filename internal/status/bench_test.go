package status_test

import (
	"testing"

	"vidimus/internal/status"
)

// One list of 2^20 with 1 % set: bits, compression, two signatures.
func BenchmarkPublish(b *testing.B) {
	_, s, cfg := newWorld(b)
	p, err := status.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	var revoked []uint32
	for i := uint32(0); i < status.ListSize; i += 100 {
		revoked = append(revoked, i)
	}
	version := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		version++
		s.set("a", version, revoked...)
		if err := p.Publish(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
