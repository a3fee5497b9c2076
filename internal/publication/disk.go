package publication

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"vidimus/internal/faults"
)

// disk is the folder as Folder uses it: slashed names below it. A test puts one
// in its place that fails.
type disk interface {
	// read gives a whole file of at most max octets.
	read(name string, max int64) ([]byte, error)
	// write makes or replaces a file and syncs it.
	write(name string, data []byte) error
	rename(from, to string) error
	// remove is no error when there is no such file.
	remove(name string) error
	sync(dir string) error
	// names lists a folder.
	names(dir string) ([]string, error)
	// stamp tells a file from the one that takes its place; "" when there is
	// none.
	stamp(name string) (string, error)
	// lock keeps other processes out until unlock.
	lock() (unlock func(), err error)
}

// folderDisk is the real one.
type folderDisk struct {
	root *os.Root
	dir  string // where root was opened
}

// openDisk makes the folder and those in it.
func openDisk(dir string) (*folderDisk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{statusDir, identifiersDir} {
		err := root.Mkdir(sub, 0o755)
		if err == nil {
			err = root.Chmod(sub, 0o755) // whatever the umask is
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			_ = root.Close()
			return nil, err
		}
	}
	d := &folderDisk{root, dir}
	return d, d.sync(".")
}

// errMoved: what is written would lie where nobody serves it from.
var errMoved = errors.New("the folder was moved, removed or replaced while it was in use: put it back or restart")

// inPlace refuses a folder that is no longer the one of its name: an open
// folder goes on to take files wherever it was moved to.
func (d *folderDisk) inPlace() error {
	here, err := d.root.Stat(".")
	if err != nil {
		return err
	}
	named, err := os.Stat(d.dir)
	if err != nil {
		return errors.Join(errMoved, err)
	}
	if !os.SameFile(here, named) {
		return errMoved
	}
	return nil
}

func (d *folderDisk) read(name string, max int64) ([]byte, error) {
	f, err := d.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(data)) > max {
		err = fmt.Errorf("%s has more than %d bytes", name, max)
	}
	return data, err
}

// open opens a regular file: a fifo that somebody put in its place would keep
// us waiting.
func (d *folderDisk) open(name string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := d.root.OpenFile(name, flag|nonBlocking, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (d *folderDisk) write(name string, data []byte) error {
	f, err := d.open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	for _, step := range []func() error{func() error { return f.Chmod(0o644) }, f.Sync} {
		if err == nil {
			err = step()
		}
	}
	return errors.Join(err, f.Close())
}

func (d *folderDisk) rename(from, to string) error {
	if faults.Wrong("publication.torn") {
		return d.tear(from, to)
	}
	return d.root.Rename(from, to)
}

// tear is what rename must never do: who reads meanwhile gets half a file.
func (d *folderDisk) tear(from, to string) error {
	data, err := d.read(from, maxManifest)
	if err == nil {
		err = d.write(to, data[:len(data)/2])
	}
	faults.Point("publication.half-written")
	if err == nil {
		err = d.write(to, data)
	}
	return errors.Join(err, d.remove(from))
}

func (d *folderDisk) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *folderDisk) sync(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *folderDisk) names(dir string) ([]string, error) {
	f, err := d.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Readdirnames(-1)
}

func (d *folderDisk) stamp(name string) (string, error) {
	info, err := d.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size(), inode(info)), nil
}

// beside is the name under which a file waits for its place.
func beside(name string) string {
	dir, base := path.Split(name)
	return dir + "." + base + ".new"
}

// isBeside tells such a name.
func isBeside(base string) bool {
	return strings.HasPrefix(base, ".") && strings.HasSuffix(base, ".new")
}
