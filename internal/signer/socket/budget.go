package socket

import (
	"sync"
	"time"
)

// budget bounds the bytes of frames that are in memory.
type budget struct {
	mu          sync.Mutex
	more        sync.Cond
	whole, free int64
}

func (b *budget) fill(n int64) {
	b.whole, b.free = n, n
	b.more.L = &b.mu
}

// take waits until there are n bytes, for as long as within says, 0 for ever; it says
// whether they were taken.
func (b *budget) take(n int, within time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.free < int64(n) {
		late := false
		if within > 0 {
			timer := time.AfterFunc(within, func() {
				b.mu.Lock()
				late = true
				b.mu.Unlock()
				b.more.Broadcast()
			})
			defer timer.Stop()
		}
		for b.free < int64(n) {
			if late {
				return false
			}
			b.more.Wait()
		}
	}
	b.free -= int64(n)
	return true
}

func (b *budget) give(n int) {
	b.mu.Lock()
	b.free += int64(n)
	b.mu.Unlock()
	b.more.Broadcast()
}

func (b *budget) taken() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole - b.free
}
