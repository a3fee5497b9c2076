// Package outfile puts files into their place whole, and follows no link: who plants
// one where a command is about to write has nothing overwritten elsewhere.
//
// New is for what must not be there yet, Replace for what is made again, SyncFolder for
// who writes files of its own way and makes their names durable.
package outfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// New writes a file that was not there, and makes it and its name durable. What is
// there, a link that leads nowhere too, is an error that matches fs.ErrExist.
func New(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, werr := f.Write(data)
	if err := errors.Join(werr, syncFile(f), f.Close()); err != nil {
		os.Remove(path) // ours, and half written
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := SyncFolder(filepath.Dir(path)); err != nil {
		os.Remove(path) // nobody was told that it is there
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Replace puts a file into its place whole and durable, or leaves the one that was
// there. A link is replaced, and what it led to stays. A pipe, a terminal or
// what this process has open (/dev/stdout) is written to: there is nothing to put in its place.
func Replace(path string, data []byte, mode fs.FileMode) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeCharDevice) != 0 || open(path) {
		return pour(path, data)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type()&^fs.ModeSymlink != 0 {
		return fmt.Errorf("%s is no file: name another one", path) // a folder, a disk, a socket
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the rename
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Chmod(mode), syncFile(f), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// open says whether a path names a file that this process has open, as /dev/stdout does:
// that name is the system's, and whatever is behind it is what is meant.
func open(path string) bool {
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	switch filepath.Dir(path) {
	case "/dev":
		return path == "/dev/stdout" || path == "/dev/stderr"
	case "/dev/fd", "/proc/self/fd":
		return true
	}
	return false
}

func pour(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// syncFile is what waits for the disk; tests look when it does.
var syncFile = (*os.File).Sync

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(syncFile(d), d.Close())
}
