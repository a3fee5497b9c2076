package publication

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/status"
)

// What stands in the folder is what is served, byte for byte.
func TestPublish(t *testing.T) {
	w := newWorld(t)
	old := umask(0o077)
	f, err := Open(w.dir, w.Anchors)
	if err != nil {
		t.Fatal(err)
	}
	p := w.publisher(f)
	w.store.set("a", 1)
	w.store.set("b", 4, 5, 77)
	w.store.set("i", 2, 9)
	w.publish(p)
	umask(old)
	got := snapshot(t, w.dir)
	names := []string{}
	for name, body := range got {
		names = append(names, name)
		info, err := os.Stat(filepath.Join(w.dir, filepath.FromSlash(name)))
		if err != nil || name != ".lock" && info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		var o *status.Object
		id := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
		switch {
		case name == aggregationName:
			o = p.Aggregation()
		case filepath.Ext(name) == ".jwt":
			o, err = p.Token(t.Context(), id, "jwt")
		case strings.HasPrefix(name, "status/"):
			o, err = p.Token(t.Context(), id, "cwt")
		case strings.HasPrefix(name, "identifiers/"):
			o, err = p.Identifiers(t.Context(), id)
		default:
			continue
		}
		if err != nil || string(o.Body) != body {
			t.Errorf("%s is not what is served: %v", name, err)
		}
	}
	slices.Sort(names)
	want := []string{".lock", "identifiers/i.cwt", "manifest.json", "status/a.cwt", "status/a.jwt", "status/b.cwt", "status/b.jwt", "status/index.json"}
	if !slices.Equal(names, want) {
		t.Errorf("files %q", names)
	}
	for _, dir := range []string{"status", "identifiers"} {
		if info, err := os.Stat(filepath.Join(w.dir, dir)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", dir, info.Mode(), err)
		}
	}
	var m struct{ Files []map[string]any }
	if err := json.Unmarshal([]byte(got["manifest.json"]), &m); err != nil || len(m.Files) != 6 {
		t.Fatalf("%s %v", got["manifest.json"], err)
	}
	b, _ := p.Token(t.Context(), "b", "jwt")
	if e := m.Files[4]; e["path"] != "status/b.jwt" || e["uri"] != office+"/status/b" || e["version"] != 4.0 || e["iat"] != float64(w.Now.Unix()) ||
		e["exp"] != float64(b.Expires.Unix()) || e["media_type"] != "application/statuslist+jwt" || e["etag"] != b.ETag || len(e["sha256"].(string)) != 64 {
		t.Errorf("%v", e)
	}

	// One list changes: its files, and the manifest.
	w.Clock.Advance(time.Second)
	w.store.set("b", 5, 5, 77, 78)
	w.publish(p)
	changed := []string{}
	for name, body := range snapshot(t, w.dir) {
		if got[name] != body {
			changed = append(changed, name)
		}
	}
	slices.Sort(changed)
	if !slices.Equal(changed, []string{"manifest.json", "status/b.cwt", "status/b.jwt"}) {
		t.Errorf("changed %q", changed)
	}
	// A list goes.
	w.Clock.Advance(time.Second)
	w.store.all["b"].Closed = true
	w.publish(p)
	after := snapshot(t, w.dir)
	for name, body := range after {
		if strings.Contains(name, "/b.") || strings.Contains(body, "status/b") {
			t.Errorf("%s has the list that is gone", name)
		}
	}
	if len(after) != 6 || len(w.alarm) != 0 {
		t.Errorf("%d files, alarms %v", len(after), w.alarm)
	}
}

func TestRead(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 1)
	w.store.set("b", 4, 5, 77)
	w.store.set("i", 2, 9)
	w.publish(w.publisher(w.folder()))
	got, err := Read(w.dir, w.Anchors)
	if err != nil {
		t.Fatal(err)
	}
	b, i := got[office+"/status/b"], got[office+"/identifiers/i"]
	if len(got) != 3 || b.Version != 4 || !slices.Equal(b.Invalid(), []uint32{5, 77}) || !b.IssuedAt.Equal(w.Now) || b.ID != "b" || len(got[office+"/status/a"].Invalid()) != 0 {
		t.Errorf("%+v", got)
	}
	if want := status.Identifier(make([]byte, status.KeySize), 9); i.Kind != status.KindIdentifier || i.Version != 2 || len(i.Identifiers) != 1 || string(i.Identifiers[0]) != string(want) || i.Invalid() != nil {
		t.Errorf("%+v", i)
	}
	if _, err := Read(w.dir, newWorld(t).Anchors); err == nil {
		t.Error("signed by somebody else, and believed")
	}
	if _, err := Read(filepath.Join(w.dir, "nowhere"), w.Anchors); err == nil {
		t.Error("no folder is no error")
	}
	file := filepath.Join(w.dir, "status", "b.cwt")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data[:len(data)-1], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(w.dir, w.Anchors); err == nil || !strings.Contains(err.Error(), "status/b.cwt") {
		t.Errorf("a damaged file: %v", err)
	}
}

// A copy that was taken in two steps, with a publication between them, is read:
// what is signed counts, at a version that nobody has seen.
func TestReadMixed(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 1)
	w.store.set("b", 4, 5, 77)
	p := w.publisher(w.folder())
	w.publish(p)
	before := snapshot(t, w.dir)
	w.Clock.Advance(time.Second)
	w.store.set("b", 5, 5, 77, 78)
	w.store.set("new", 1)
	w.publish(p)
	after := snapshot(t, w.dir)
	for name, c := range map[string]struct {
		files, manifest map[string]string
		invalid         int
		lists           int
	}{"files before, manifest after": {before, after, 2, 0}, "files after, manifest before": {after, before, 3, 3}} {
		dir := t.TempDir()
		for file, body := range c.files {
			if file == manifestName {
				body = c.manifest[file]
			}
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), []byte(body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		lists, err := Read(dir, w.Anchors)
		if c.lists == 0 { // one that the manifest names was never copied
			if err == nil || !strings.Contains(err.Error(), "status/new.") {
				t.Errorf("%s: %v", name, err)
			}
			for _, form := range []string{"jwt", "cwt"} {
				if err := os.WriteFile(filepath.Join(dir, "status", "new."+form), []byte(after["status/new."+form]), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			lists, err = Read(dir, w.Anchors)
		}
		b := lists[office+"/status/b"]
		if err != nil || len(lists) != 3 || len(b.Invalid()) != c.invalid || b.Version < 1<<20 || !b.Mixed {
			t.Errorf("%s: %d lists, %+v, %v", name, len(lists), b, err)
		}
		// A file of another list in its place is not signed for it.
		if err := os.WriteFile(filepath.Join(dir, "status", "b.jwt"), []byte(after["status/a.jwt"]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir, w.Anchors); err == nil || !strings.Contains(err.Error(), "status/b.jwt") {
			t.Errorf("%s: another list: %v", name, err)
		}
	}
}

// Bad inputs of publishers. A database that was put back (T03) shows as S01 or
// S02 against the folder.
func TestNeverBackward(t *testing.T) {
	t.Run("S01", func(t *testing.T) {
		// Two updaters race: each has read the store, the slower one is late.
		w := newWorld(t)
		four, five := w.edition("a", 4, 1), w.edition("a", 5, 1, 2)
		first, second := w.folder(), w.folder()
		if err := first.Put(t.Context(), five); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, w.dir)
		for _, f := range []*Folder{first, second} {
			if err := f.Put(t.Context(), four); !errors.Is(err, ErrBackwards) {
				t.Errorf("%v", err)
			}
		}
		if after := snapshot(t, w.dir); !equal(before, after) {
			t.Error("the files have changed")
		}
		var together sync.WaitGroup
		for v := range 20 {
			e := w.edition("r", uint64(v+1))
			together.Go(func() {
				if err := []*Folder{first, second}[v%2].Put(t.Context(), e); err != nil && !errors.Is(err, ErrBackwards) {
					t.Error(err)
				}
			})
		}
		together.Wait()
		if l, err := Read(w.dir, w.Anchors); err != nil || l[office+"/status/r"].Version != 20 {
			t.Errorf("%+v, %v", l, err)
		}
	})
	t.Run("T03", func(t *testing.T) {
		for name, back := range map[string]func(*lists){
			"version": func(s *lists) { s.set("a", 4, 1, 2) },
			"bit":     func(s *lists) { s.set("a", 6, 1) },
			"names":   func(s *lists) { s.set("i", 6, 1) },
		} {
			w := newWorld(t)
			w.store.set("a", 5, 1, 2)
			w.store.set("i", 5, 1, 2)
			w.publish(w.publisher(w.folder()))
			before := snapshot(t, w.dir)
			back(w.store)
			w.Clock.Advance(time.Hour)
			if err := w.publisher(w.folder()).Publish(t.Context()); !errors.Is(err, status.ErrBackwards) {
				t.Errorf("%s: %v", name, err)
			}
			kind := map[string]string{"version": "status/a.", "bit": "status/a.", "names": "identifiers/i."}[name]
			for file, body := range snapshot(t, w.dir) {
				if strings.HasPrefix(file, kind) && before[file] != body {
					t.Errorf("%s: %s has changed", name, file)
				}
			}
		}
	})
	t.Run("S03", func(t *testing.T) {
		w := newWorld(t)
		f := w.folder()
		good := w.edition("a", 5, 1)
		if err := f.Put(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, w.dir)
		for name, spoil := range map[string]func(o *status.Object){
			"sub":    func(o *status.Object) { o.URI += "/" },
			"iat":    func(o *status.Object) { o.IssuedAt = o.IssuedAt.Add(-time.Second) },
			"exp":    func(o *status.Object) { o.Expires = o.IssuedAt },
			"no exp": func(o *status.Object) { o.Expires = time.Time{} },
			"zero":   func(o *status.Object) { o.Version = 0 },
			"digest": func(o *status.Object) { o.Digest[0]++ },
			"form":   func(o *status.Object) { o.MediaType = status.MediaTypeIdentifiers },
			"empty":  func(o *status.Object) { o.Body = nil },
		} {
			o := *good.Lists[0].Objects[1]
			spoil(&o)
			e := status.Edition{Lists: []status.Tokens{{ID: "a", Objects: []*status.Object{good.Lists[0].Objects[0], &o}}}}
			if err := f.Put(t.Context(), e); err == nil {
				t.Errorf("%s: written", name)
			}
		}
		for _, id := range []string{"", "..", "a/b", ".hidden", strings.Repeat("a", 65)} {
			if err := f.Put(t.Context(), status.Edition{Lists: []status.Tokens{{ID: id, Objects: good.Lists[0].Objects}}}); err == nil {
				t.Errorf("id %q: written", id)
			}
		}
		if !equal(before, snapshot(t, w.dir)) {
			t.Error("the files have changed")
		}
	})
	// S05 is in package status; the folder refuses an older iat as S03 has it.
}

func equal(a, b map[string]string) bool {
	for name, body := range a {
		if b[name] != body {
			return false
		}
	}
	return len(a) == len(b)
}

// A file that somebody changed or took away is found at the start, named, and
// written anew; its version still counts.
func TestDamage(t *testing.T) {
	w := newWorld(t)
	w.store.set("a", 5, 1, 2)
	w.publish(w.publisher(w.folder()))
	if err := os.WriteFile(filepath.Join(w.dir, "status", "a.jwt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.dir, "status", "a.cwt")); err != nil {
		t.Fatal(err)
	}
	f := w.folder()
	if d := f.Damaged(); !slices.Equal(d, []string{"status/a.cwt", "status/a.jwt"}) {
		t.Errorf("%q", d)
	}
	if err := f.Put(t.Context(), w.edition("a", 4)); !errors.Is(err, ErrBackwards) {
		t.Errorf("%v", err)
	}
	w.publish(w.publisher(f))
	if l, err := Read(w.dir, w.Anchors); err != nil || l[office+"/status/a"].Version != 5 || len(f.Damaged()) != 0 {
		t.Errorf("%+v, %v, %q", l, err, f.Damaged())
	}
	for _, text := range []string{"", "{", `{"files":[{"path":"../x"}]}`, `{"files":[{"path":"status/a.txt"}]}`, `{"files":[{"path":"status/a.jwt"},{"path":5}]}`} {
		if err := os.WriteFile(filepath.Join(w.dir, manifestName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(w.dir, w.Anchors); err == nil || !strings.Contains(err.Error(), "move the folder away") {
			t.Errorf("manifest %q: %v", text, err)
		}
	}
}
