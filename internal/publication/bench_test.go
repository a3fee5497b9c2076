package publication

import (
	"fmt"
	"testing"
	"time"

	"vidimus/internal/status"
)

// BenchmarkPublishAll rebuilds, signs twice and writes all 42 lists of a small
// state, 1 % of 2^20 revoked in each; with and without waiting for the disk.
func BenchmarkPublishAll(b *testing.B) {
	for _, synced := range []bool{false, true} {
		b.Run(fmt.Sprint("synced-", synced), func(b *testing.B) {
			w := newWorld(b)
			permutation, err := status.NewPermutation(make([]byte, status.KeySize))
			if err != nil {
				b.Fatal(err)
			}
			var revoked []uint32
			for n := range uint32(status.ListSize / 100) {
				revoked = append(revoked, permutation.Index(n))
			}
			f := w.folder()
			if synced {
				f.disk = f.disk.(unsynced).folderDisk
			}
			version := uint64(0)
			p := w.publisher(f)
			for b.Loop() {
				version++
				for l := range 42 {
					w.store.set(fmt.Sprint("list", l), version, revoked...)
				}
				w.Clock.Advance(time.Second)
				w.publish(p)
			}
		})
	}
}

// BenchmarkPublishOne changes one list of 42 and of 420.
func BenchmarkPublishOne(b *testing.B) {
	for _, lists := range []int{42, 420} {
		b.Run(fmt.Sprint("of-", lists), func(b *testing.B) {
			w := newWorld(b)
			for l := range lists {
				w.store.set(fmt.Sprint("list", l), 1)
			}
			f := w.folder()
			p := w.publisher(f)
			w.publish(p)
			version := uint64(1)
			var revoked []uint32
			for b.Loop() {
				version++
				revoked = append(revoked, uint32(version))
				w.store.set("list0", version, revoked...)
				w.Clock.Advance(time.Millisecond) // below half of ttl for long
				w.publish(p)
			}
		})
	}
}
