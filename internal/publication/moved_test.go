package publication

import (
	"errors"
	"os"
	"testing"
	"time"
)

// A folder that is moved away under us, or replaced by another, takes nothing
// and covers nothing: nobody serves what is written there.
func TestMoved(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 1)
	p := w.publisher(w.folder())
	w.publish(p)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Rename(w.dir, w.dir+".away"))
	for version, replace := range []func(){
		func() {},
		func() { must(os.WriteFile(w.dir, nil, 0o600)) },
		func() { must(os.Remove(w.dir)); must(os.Mkdir(w.dir, 0o755)) },
	} {
		replace()
		w.Clock.Advance(time.Second)
		w.store.set("a", uint64(version)+2)
		if err := p.Publish(t.Context()); !errors.Is(err, errMoved) {
			t.Errorf("%d: %v", version, err)
		}
		if len(w.store.covered) != 0 {
			t.Errorf("%d: covers %v", version, w.store.covered)
		}
	}
	must(os.Remove(w.dir))
	must(os.Rename(w.dir+".away", w.dir))
	w.publish(p)
	if l, err := Read(w.dir, w.Anchors); err != nil || l[office+"/status/a"].Version != 4 || len(w.store.covered) != 1 {
		t.Errorf("%+v, %v, covers %v", l, err, w.store.covered)
	}
}
