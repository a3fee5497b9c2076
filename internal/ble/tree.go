package ble

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

// tree is what BlueZ has: adapters, devices, and what was found in them. It
// follows the signals, in their order.
type tree struct {
	mu       sync.Mutex
	objects  objects
	gone     bool // bluetoothd or the bus has left; it does not come back
	changed  chan struct{}
	watchers map[*watcher]bool
}

// watcher is told of every change of one interface of one object, from one
// goroutine and in order; removed ends it.
type watcher struct {
	path    dbus.ObjectPath
	iface   string
	changed func(properties)
	removed func()
}

func newTree() *tree {
	return &tree{objects: objects{}, changed: make(chan struct{}), watchers: map[*watcher]bool{}}
}

// follow takes the signals until the channel ends.
func (t *tree) follow(signals <-chan *dbus.Signal) {
	for s := range signals {
		t.signal(s)
	}
	t.leave()
}

func (t *tree) signal(s *dbus.Signal) {
	switch s.Name {
	case ifObjects + ".InterfacesAdded":
		var path dbus.ObjectPath
		var added interfaces
		if dbus.Store(s.Body, &path, &added) == nil {
			t.add(path, added)
		}
	case ifObjects + ".InterfacesRemoved":
		var path dbus.ObjectPath
		var names []string
		if dbus.Store(s.Body, &path, &names) == nil {
			t.remove(path, names)
		}
	case ifProperties + ".PropertiesChanged":
		var iface string
		var changed properties
		var invalidated []string
		if dbus.Store(s.Body, &iface, &changed, &invalidated) == nil {
			t.change(s.Path, iface, changed)
		}
	case ifBus + ".NameOwnerChanged":
		var name, before, now string
		if dbus.Store(s.Body, &name, &before, &now) == nil && name == bluez && before != "" {
			t.leave()
		}
	}
}

// load puts in what was there before the signals.
func (t *tree) load(all objects) {
	for path, added := range all {
		t.add(path, added)
	}
}

func (t *tree) add(path dbus.ObjectPath, added interfaces) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.objects[path] == nil {
		if len(t.objects) >= maxObjects {
			return
		}
		t.objects[path] = interfaces{}
	}
	maps.Copy(t.objects[path], added)
	t.tell()
}

func (t *tree) remove(path dbus.ObjectPath, names []string) {
	t.mu.Lock()
	for _, name := range names {
		delete(t.objects[path], name)
	}
	if len(t.objects[path]) == 0 {
		delete(t.objects, path)
	}
	t.tell()
	watchers := t.watching(path, names...)
	t.mu.Unlock()
	for _, w := range watchers {
		w.removed()
	}
}

func (t *tree) change(path dbus.ObjectPath, iface string, changed properties) {
	t.mu.Lock()
	if has := t.objects[path][iface]; has != nil {
		maps.Copy(has, changed)
	}
	t.tell()
	watchers := t.watching(path, iface)
	t.mu.Unlock()
	for _, w := range watchers {
		w.changed(changed)
	}
}

// leave ends everything.
func (t *tree) leave() {
	t.mu.Lock()
	t.gone, t.objects = true, objects{}
	t.tell()
	watchers := slices.Collect(maps.Keys(t.watchers))
	t.mu.Unlock()
	for _, w := range watchers {
		w.removed()
	}
}

// tell wakes who waits. t.mu is held.
func (t *tree) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// watching lists the watchers of an object. t.mu is held.
func (t *tree) watching(path dbus.ObjectPath, names ...string) []*watcher {
	var found []*watcher
	for w := range t.watchers {
		if w.path == path && slices.Contains(names, w.iface) {
			found = append(found, w)
		}
	}
	return found
}

// watch begins; stop may be called twice. A watcher may still be in a call when
// stop returns. Without the object, nothing is watched and false returned.
func (t *tree) watch(w *watcher) (stop func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.objects[w.path][w.iface] == nil {
		return func() {}, false
	}
	t.watchers[w] = true
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watchers, w)
	}, true
}

// wait waits until found returns true or an error; it sees the objects while
// nothing changes them.
func (t *tree) wait(ctx context.Context, found func(objects) (bool, error)) error {
	for {
		t.mu.Lock()
		if t.gone {
			t.mu.Unlock()
			return noDaemon()
		}
		done, err := found(t.objects)
		changed := t.changed
		t.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// see looks once, as wait does.
func (t *tree) see(look func(objects)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	look(t.objects)
}

// property reads a property; the zero value when it is absent or of another type.
func property[T any](all objects, path dbus.ObjectPath, iface, name string) T {
	return option[T](all[path][iface], name)
}

// below reports whether path lies in the object above.
func below(path, above dbus.ObjectPath) bool {
	return strings.HasPrefix(string(path), string(above)+"/")
}
