package issuerhttp

import "sync"

// maxUnderWay is how many bytes of bodies one source may have under way: eight
// batches of the largest size. Read and taken apart they need twice as much.
const maxUnderWay = 64 << 20

// allowance bounds what each key holds at once.
type allowance struct {
	max int64

	mu   sync.Mutex
	used map[string]int64
}

func newAllowance(max int64) *allowance { return &allowance{max: max, used: map[string]int64{}} }

// take reports whether n more fit; release gives them back.
func (a *allowance) take(key string, n int64) (release func(), ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.used[key]+n > a.max {
		return nil, false
	}
	a.used[key] += n
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.used[key] -= n; a.used[key] == 0 {
			delete(a.used, key)
		}
	}, true
}
