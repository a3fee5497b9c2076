package publication

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"vidimus/internal/pki/pkitest"
	"vidimus/internal/status"
)

const office = "https://office.example"

// lists is a store of lists that a test turns as it likes.
type lists struct {
	status.Store // what is not asked for
	mu           sync.Mutex
	all          map[string]*status.List
	revoked      map[string][]uint32
	covered      []status.Published
	retired      []string
}

func (s *lists) set(id string, version uint64, revoked ...uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &status.List{ID: id, URI: status.URI(office, id), Key: make([]byte, status.KeySize), Version: version}
	if id[0] == 'i' {
		l.Kind, l.URI = status.KindIdentifier, status.IdentifierURI(office, id)
	}
	s.all[id], s.revoked[id] = l, revoked
}

func (s *lists) Lists(context.Context) ([]status.List, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []status.List
	for _, l := range s.all {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b status.List) int { return len(a.ID) - len(b.ID) })
	return out, nil
}

func (s *lists) Revoked(_ context.Context, id string) ([]uint32, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revoked[id], s.all[id].Version, nil
}

func (s *lists) Release(context.Context, time.Time) ([]status.Released, error) { return nil, nil }

func (s *lists) MarkCovered(_ context.Context, p []status.Published, _ time.Time) (int, error) {
	s.covered = p
	return 0, nil
}

func (s *lists) Retire(context.Context, time.Time) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.all {
		if l.Closed {
			delete(s.all, id)
			s.retired = append(s.retired, id)
		}
	}
	return s.retired, nil
}

// world is a store, and a publisher that writes a folder.
type world struct {
	*pkitest.World
	t     testing.TB
	dir   string
	store *lists
	alarm []error
}

func newWorld(t testing.TB) *world {
	return &world{World: pkitest.NewWorld(t), t: t, dir: filepath.Join(t.TempDir(), "lists"), store: &lists{all: map[string]*status.List{}, revoked: map[string][]uint32{}}}
}

// folder is Open without waiting for the disk: tests kill no machine.
func (w *world) folder() *Folder {
	w.t.Helper()
	d, err := openDisk(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	f, err := open(unsynced{d}, w.Anchors)
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// unsynced leaves out what waits for the disk.
type unsynced struct{ *folderDisk }

func (unsynced) sync(string) error { return nil }

func (d unsynced) write(name string, data []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		_, err = f.Write(data)
		_ = f.Close()
	}
	return err
}

// publisher is one after a restart: it knows what the sink tells it.
func (w *world) publisher(sink status.Sink) *status.Publisher {
	w.t.Helper()
	p, err := status.New(status.Config{
		Store: w.store, Signer: w.StatusSigner.Key, Chain: w.StatusSigner.Chain, Clock: w.Clock, Rand: rand.Reader, PublicURL: office,
		Sink: sink, OnError: func(err error) { w.alarm = append(w.alarm, err) },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) publish(p *status.Publisher) {
	w.t.Helper()
	if err := p.Publish(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// snapshot is every file of the folder.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// edition makes tokens of one list, as a publisher does.
func (w *world) edition(id string, version uint64, revoked ...uint32) status.Edition {
	w.t.Helper()
	s := &lists{all: map[string]*status.List{}, revoked: map[string][]uint32{}}
	s.set(id, version, revoked...)
	catch := &catcher{}
	other := *w
	other.store = s
	other.publish(other.publisher(catch))
	return catch.edition
}

type catcher struct{ edition status.Edition }

func (c *catcher) Published(context.Context) (map[string]status.Past, error) { return nil, nil }
func (c *catcher) Put(_ context.Context, e status.Edition) error {
	c.edition = e
	return nil
}

// failing is a disk that stops at one step: it fails, with the step half done
// or not, and nothing works after it.
type failing struct {
	disk
	left   int
	before bool
	down   bool
	steps  []string
}

var errDown = fmt.Errorf("no space left on device")

func (d *failing) step(name string, do func() error, half func()) error {
	d.steps = append(d.steps, name)
	if d.down {
		return errDown
	}
	d.left--
	if d.left != 0 {
		return do()
	}
	d.down = true
	switch {
	case half != nil && d.before:
		half()
	case !d.before:
		_ = do() // done, but nobody hears of it
	}
	return errDown
}

func (d *failing) write(name string, data []byte) error {
	return d.step("write "+name, func() error { return d.disk.write(name, data) }, func() { _ = d.disk.write(name, data[:len(data)/2]) })
}

func (d *failing) rename(from, to string) error {
	return d.step("rename "+to, func() error { return d.disk.rename(from, to) }, nil)
}

func (d *failing) remove(name string) error {
	return d.step("remove "+name, func() error { return d.disk.remove(name) }, nil)
}

func (d *failing) sync(dir string) error {
	return d.step("sync "+dir, func() error { return d.disk.sync(dir) }, nil)
}
