package publication

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"

	"vidimus/internal/faults"
	"vidimus/internal/pki"
	"vidimus/internal/status"
)

// ErrBackwards: what is there is newer than what was to be written.
var ErrBackwards = errors.New("older than what is published")

// Folder is a folder of lists. It implements status.Sink and is safe for
// concurrent use, also by several processes.
type Folder struct {
	disk    disk
	anchors []*pki.Certificate

	mu    sync.Mutex
	files map[string]File // by path; nil when a step has failed half way
	stamp string          // of the manifest that files was read from
}

// Open makes the folder, or repairs what a crash has left. Anchors are those of
// the signer of the lists: Published believes nobody else.
func Open(dir string, anchors []*pki.Certificate) (*Folder, error) {
	d, err := openDisk(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder of lists: %w", err)
	}
	return open(d, anchors)
}

func open(d disk, anchors []*pki.Certificate) (*Folder, error) {
	f := &Folder{disk: d, anchors: anchors}
	return f, f.locked(func() error { return nil })
}

// locked does one thing with the folder as it is now.
func (f *Folder) locked(do func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	unlock, err := f.disk.lock()
	if err != nil {
		return fmt.Errorf("folder of lists: %w", err)
	}
	defer unlock()
	stamp, err := f.disk.stamp(manifestName)
	if err != nil {
		return fmt.Errorf("folder of lists: %w", err)
	}
	if f.files == nil || stamp != f.stamp {
		if err := f.repair(); err != nil {
			return fmt.Errorf("folder of lists: %w", err)
		}
	}
	return do()
}

// Put implements status.Sink.
func (f *Folder) Put(ctx context.Context, e status.Edition) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.locked(func() error { return f.put(e) })
}

// put is one step: all is checked and waits beside its place before anything
// changes, and from the journal on a crash is made good by repair.
func (f *Folder) put(e status.Edition) error {
	step, bodies, err := f.plan(e)
	if err != nil {
		return err
	}
	if len(step.Put)+len(step.Remove) == 0 {
		return nil
	}
	if err := f.stage(bodies); err != nil {
		return err
	}
	files := f.files
	f.files = nil // until all is done, nobody knows what is there
	if err := f.replace(journalName, step); err != nil {
		return err
	}
	faults.Point("publication.staged")
	dirs := map[string]bool{}
	for _, p := range step.Put {
		if err := f.disk.rename(beside(p.Path), p.Path); err != nil {
			return err
		}
		faults.Point("publication.file-renamed")
		dirs[path.Dir(p.Path)] = true
	}
	faults.Point("publication.renamed")
	for _, name := range step.Remove {
		if err := f.disk.remove(name); err != nil {
			return err
		}
		dirs[path.Dir(name)] = true
	}
	for dir := range dirs {
		if err := f.disk.sync(dir); err != nil {
			return err
		}
	}
	faults.Point("publication.dir-synced")
	return f.finish(apply(files, step))
}

// plan says what an edition changes, and refuses what goes back.
func (f *Folder) plan(e status.Edition) (journal, map[string][]byte, error) {
	var step journal
	bodies := map[string][]byte{}
	take := func(name string, o *status.Object) error {
		next, old := describe(name, o), f.files[name]
		if faults.Wrong("publication.backwards") && next.Version > 1 {
			next.Version = 1
		} else if err := old.before(next); err != nil {
			return err
		}
		if sha256.Sum256(o.Body) != o.Digest {
			return fmt.Errorf("%s: the bytes are not those of the digest", name)
		}
		if next != old {
			step.Put, bodies[name] = append(step.Put, next), o.Body
		}
		return nil
	}
	for _, l := range e.Lists {
		for _, o := range l.Objects {
			name, err := pathOf(l.ID, l.Kind, o.MediaType)
			if err == nil {
				err = take(name, o)
			}
			if err != nil {
				return step, nil, err
			}
		}
	}
	for _, id := range e.Retired {
		for _, name := range []string{statusDir + "/" + id + ".jwt", statusDir + "/" + id + ".cwt", identifiersDir + "/" + id + ".cwt"} {
			if _, found := f.files[name]; found {
				step.Remove = append(step.Remove, name)
			}
		}
	}
	if e.Aggregation != nil {
		if err := take(aggregationName, e.Aggregation); err != nil {
			return step, nil, err
		}
	}
	return step, bodies, nil
}

// before refuses what must not take the place of f.
func (f File) before(next File) error {
	switch {
	case next.URI == "" || len(next.SHA256) != 2*sha256.Size || next.Size == 0 || next.Size > maxFile:
		return fmt.Errorf("%s: no address, or %d bytes", next.Path, next.Size)
	case next.Path == aggregationName:
		return nil
	case next.Version == 0 || next.Expires <= next.IssuedAt:
		return fmt.Errorf("%s: version %d, iat %d, exp %d", next.Path, next.Version, next.IssuedAt, next.Expires)
	case f.Path == "":
		return nil
	case f.URI != next.URI:
		return fmt.Errorf("%w: %s has another address", ErrBackwards, next.Path)
	case next.Version < f.Version:
		return fmt.Errorf("%w: %s has version %d, version %d came", ErrBackwards, next.Path, f.Version, next.Version)
	case next.IssuedAt < f.IssuedAt:
		return fmt.Errorf("%w: %s was issued at %d, one of %d came", ErrBackwards, next.Path, f.IssuedAt, next.IssuedAt)
	}
	return nil
}

// stage writes what is new beside its place. When the disk is full nothing has
// changed.
func (f *Folder) stage(bodies map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(bodies)) {
		if err := f.disk.write(beside(name), bodies[name]); err != nil {
			for name := range bodies {
				_ = f.disk.remove(beside(name)) // what stays is cleared by repair
			}
			return err
		}
	}
	return nil
}

// replace writes a file of our own beside its place and puts it there.
func (f *Folder) replace(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return f.place(name, data)
}

// place is replace for what is encoded.
func (f *Folder) place(name string, data []byte) error {
	err := f.disk.write(beside(name), data)
	if err == nil {
		err = f.disk.rename(beside(name), name)
	}
	if err == nil {
		err = f.disk.sync(".")
	}
	return err
}

// apply gives the files after a step.
func apply(files map[string]File, step journal) map[string]File {
	files = maps.Clone(files)
	for _, p := range step.Put {
		files[p.Path] = p
	}
	for _, name := range step.Remove {
		delete(files, name)
	}
	return files
}

// finish writes the manifest and ends the step.
func (f *Folder) finish(files map[string]File) error {
	f.files = nil
	data, err := encodeManifest(files)
	if err == nil {
		err = f.place(manifestName, data)
	}
	if err != nil {
		return err
	}
	faults.Point("publication.manifest-written")
	if err := f.disk.remove(journalName); err != nil {
		return err
	}
	faults.Point("publication.step-ended")
	stamp, err := f.disk.stamp(manifestName)
	if err != nil {
		return err
	}
	f.files, f.stamp = files, stamp
	return nil
}
