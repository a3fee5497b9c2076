package publication

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/status"
)

// Bad input S04: the writer dies, or its disk is full, at any step. What is
// served stays whole, old or new; after the next start all is new, nothing is
// left over, and nothing goes back.
func TestCrash(t *testing.T) { t.Run("S04", crash) }

func crash(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 1, 3)
	w.store.set("b", 1)
	w.store.set("gone", 1)
	w.publish(w.publisher(w.folder()))
	old := snapshot(t, w.dir)
	saved := filepath.Join(t.TempDir(), "old")
	copyFolder(t, w.dir, saved)

	w.Clock.Advance(time.Minute)
	change := func() {
		w.store.set("a", 2, 3, 4)
		w.store.set("b", 1)
		w.store.set("c", 1, 9)
		w.store.set("gone", 1)
		w.store.all["gone"].Closed = true
	}
	steps, kinds := 0, map[string]int{}
	for n := 1; ; n++ {
		for _, before := range []bool{true, false} {
			if err := os.RemoveAll(w.dir); err != nil {
				t.Fatal(err)
			}
			copyFolder(t, saved, w.dir)
			change()
			f := w.folder()
			bad := &failing{disk: f.disk, left: n, before: before}
			f.disk = bad
			p := w.publisher(f)
			published := p.Publish(t.Context())
			if published != nil && w.store.all["gone"] == nil {
				t.Errorf("step %d: the store forgot a list whose files are there", n)
			}
			name := fmt.Sprintf("step %d of %q", n, bad.steps)

			// While nobody repairs: every file is an old one or the new one.
			for file, body := range snapshot(t, w.dir) {
				if strings.HasPrefix(filepath.Base(file), ".") || file == manifestName {
					continue
				}
				if body != old[file] && body != served(t, p, file) {
					t.Fatalf("%s: %s is neither old nor new", name, file)
				}
			}
			if lists, err := Read(w.dir, w.Anchors); err != nil && !strings.Contains(err.Error(), "no such file") { // one that is removed
				t.Errorf("%s: %v", name, err)
			} else if err == nil && lists[office+"/status/a"].Version < 1 {
				t.Errorf("%s: %+v", name, lists)
			}

			// The next process.
			w.Clock.Advance(time.Second)
			again := w.folder()
			if damaged := again.Damaged(); len(damaged) != 0 {
				t.Errorf("%s: damaged %q", name, damaged)
			}
			w.publish(w.publisher(again))
			lists, err := Read(w.dir, w.Anchors)
			if err != nil || len(lists) != 3 || lists[office+"/status/a"].Version != 2 || len(lists[office+"/status/c"].Invalid()) != 1 {
				t.Fatalf("%s: %+v, %v", name, lists, err)
			}
			for file := range snapshot(t, w.dir) {
				if isBeside(filepath.Base(file)) || file == journalName || strings.Contains(file, "gone") {
					t.Errorf("%s: %s is left over", name, file)
				}
			}
			if published == nil { // the step does not exist: all were tried
				if steps < 20 {
					t.Errorf("only %d steps", steps)
				}
				t.Logf("%d steps failed: %v", steps, kinds)
				return
			}
			steps++
			kind, _, _ := strings.Cut(bad.steps[n-1], " ")
			kinds[kind]++
		}
	}
}

// served is what the publisher that died served in the end, which is what it
// wrote or would have written.
func served(t *testing.T, p *status.Publisher, file string) string {
	t.Helper()
	var o *status.Object
	id := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	switch {
	case file == aggregationName:
		return string(p.Aggregation().Body)
	case filepath.Ext(file) == ".jwt":
		o, _ = p.Token(t.Context(), id, "jwt")
	default:
		o, _ = p.Token(t.Context(), id, "cwt")
	}
	if o == nil {
		return ""
	}
	return string(o.Body)
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// The same process goes on when the disk works again.
func TestDiskFullThenFreed(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 1)
	f := w.folder()
	p := w.publisher(f)
	w.publish(p)
	real := f.disk
	whole := snapshot(t, w.dir)
	for n := 1; n < 12; n++ {
		w.Clock.Advance(time.Second)
		w.store.set("a", uint64(n)+1)
		f.disk = &failing{disk: real, left: n, before: true}
		if err := p.Publish(t.Context()); err == nil {
			t.Fatalf("step %d does not exist", n)
		}
		if n < 3 && !sameLists(whole, snapshot(t, w.dir)) {
			t.Errorf("step %d: changed before all was written", n)
		}
		if len(w.store.covered) != 0 {
			t.Errorf("step %d: covers %v", n, w.store.covered)
		}
		f.disk = real
		w.publish(p)
		if l, err := Read(w.dir, w.Anchors); err != nil || l[office+"/status/a"].Version != uint64(n)+1 || len(w.store.covered) != 1 {
			t.Fatalf("step %d: %+v, %v, covers %v", n, l, err, w.store.covered)
		}
		whole = snapshot(t, w.dir)
	}
}

// sameLists compares what is served.
func sameLists(a, b map[string]string) bool {
	hidden := func(name, _ string) bool { return strings.HasPrefix(filepath.Base(name), ".") }
	a, b = maps.Clone(a), maps.Clone(b)
	maps.DeleteFunc(a, hidden)
	maps.DeleteFunc(b, hidden)
	return equal(a, b)
}
