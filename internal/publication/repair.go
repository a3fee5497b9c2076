package publication

import (
	"crypto/sha256"
	"fmt"
	"path"
)

// repair finds out what is there: it reads the manifest, makes the step of the
// journal good, and takes away what nobody waits for.
func (f *Folder) repair() error {
	files, err := readManifest(f.disk)
	if err != nil {
		return err
	}
	stamp, err := f.disk.stamp(manifestName)
	if err != nil {
		return err
	}
	begun, err := f.disk.stamp(journalName)
	if err != nil {
		return err
	}
	var step journal
	if begun != "" {
		if err := readJSON(f.disk, journalName, &step); err != nil {
			return fmt.Errorf("%w; move the folder away to begin anew", err)
		}
		if files, err = f.recover(files, step); err != nil {
			return err
		}
	}
	for name, file := range files {
		file.damaged = !f.holds(file)
		files[name] = file
	}
	if err := f.clear(); err != nil {
		return err
	}
	if begun != "" {
		return f.finish(files)
	}
	f.files, f.stamp = files, stamp
	return nil
}

// recover makes a step good that was begun: each file is the old or the new
// one, and what was to be removed goes.
func (f *Folder) recover(files map[string]File, step journal) (map[string]File, error) {
	for _, next := range step.Put {
		if _, _, err := parsePath(next.Path); err != nil {
			return nil, err
		}
		old, known := files[next.Path]
		stamp, err := f.disk.stamp(next.Path)
		switch {
		case err != nil:
			return nil, err
		case f.holds(next):
			files[next.Path] = next
		case known && f.holds(old), !known && stamp == "":
			// It has not come to this file.
		default:
			// Neither: it counts as the new one, and as damaged. It is written
			// anew, and never with an older list.
			files[next.Path] = next
		}
	}
	for _, name := range step.Remove {
		if _, _, err := parsePath(name); err != nil {
			return nil, err
		}
		if err := f.disk.remove(name); err != nil {
			return nil, err
		}
		delete(files, name)
	}
	for _, dir := range []string{statusDir, identifiersDir} {
		if err := f.disk.sync(dir); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// holds says whether a file is the one that the manifest means.
func (f *Folder) holds(file File) bool {
	data, err := f.disk.read(file.Path, maxFile)
	return err == nil && fmt.Sprintf("%x", sha256.Sum256(data)) == file.SHA256
}

// clear removes what waits beside its place.
func (f *Folder) clear() error {
	for _, dir := range []string{".", statusDir, identifiersDir} {
		names, err := f.disk.names(dir)
		if err != nil {
			return err
		}
		for _, name := range names {
			if isBeside(name) {
				if err := f.disk.remove(path.Join(dir, name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
