package publication

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/internal/statuslist"
)

// tearing writes files in place, in two halves.
type tearing struct{ unsynced }

func (d tearing) rename(from, to string) error { return d.tear(from, to) }

// torn publishes versions while others read, until somebody has seen a file that
// was neither whole nor as new as the one before.
func torn(t *testing.T, versions uint32, change func(*Folder)) bool {
	w := newWorld(t)
	w.store.set("a", 1)
	f := w.folder()
	change(f)
	p := w.publisher(f)
	w.publish(p)
	var bad atomic.Int64
	var stop atomic.Bool
	var readers sync.WaitGroup
	for _, name := range []string{"a.jwt", "a.cwt", "index.json"} {
		readers.Go(func() {
			last := -1
			for !stop.Load() {
				data, err := os.ReadFile(filepath.Join(w.dir, "status", name))
				if err != nil {
					bad.Add(1)
					continue
				}
				if name == "index.json" {
					if !json.Valid(data) {
						bad.Add(1)
					}
					continue
				}
				token, err := statuslist.ParseToken(data)
				if err != nil || token.Verify(w.StatusSigner.Key.Public()) != nil {
					bad.Add(1)
					continue
				}
				list, err := token.List()
				if err != nil || list.Count() < last {
					bad.Add(1)
					continue
				}
				last = list.Count()
			}
		})
	}
	var revoked []uint32
	for v := uint32(0); v < versions && bad.Load() == 0; v++ {
		revoked = append(revoked, v*100)
		w.store.set("a", uint64(v)+2, revoked...)
		w.Clock.Advance(time.Second)
		w.publish(p)
	}
	stop.Store(true)
	readers.Wait()
	return bad.Load() > 0
}

// A reader sees a whole old or a whole new file, and the control sees halves: on
// a machine with one core not in the first of them.
func TestReadersSeeWholeFiles(t *testing.T) {
	if torn(t, 40, func(*Folder) {}) {
		t.Error("a file was not whole")
	}
	if !torn(t, 2000, func(f *Folder) { f.disk = tearing{f.disk.(unsynced)} }) {
		t.Error("nobody saw the files that were written in place")
	}
}
