package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"vidimus/internal/faults"
)

const (
	// unfinished is a file that is there while Install is at work.
	unfinished = "restore-unfinished"
	// asideFolder takes what was there before, in a folder per restore.
	asideFolder = "before-restore"
)

// Unfinished says that an Install into this folder began and did not end: what
// is there is of two times. The office must not start; the restore is to be
// done again.
func Unfinished(target string) (bool, error) {
	_, err := os.Lstat(filepath.Join(target, unfinished))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Install puts the unpacked files where they belong and says where those that
// were there before are now, "" when there were none. Files of the office that
// the archive does not have stay. The caller may have changed the unpacked
// files meanwhile; they are synced again. After an error it may be called
// again; before it ended, Unfinished.
//
// Once the files are in place, last does what belongs to the restore beside
// them, durably; nil does nothing.
func (u *Unpacked) Install(last func() error) (aside string, err error) {
	if err := syncTree(u.dir); err != nil {
		return "", fmt.Errorf("installing a backup: %w", err)
	}
	mark := filepath.Join(u.target, unfinished)
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("installing a backup: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close(), syncDir(u.target)); err != nil {
		return "", fmt.Errorf("installing a backup: %w", err)
	}
	faults.Point("backup.install-begun")
	parent := filepath.Join(u.target, asideFolder)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return "", fmt.Errorf("installing a backup: %w", err)
	}
	old, err := os.MkdirTemp(parent, u.Manifest.Created.UTC().Format("20060102-150405-"))
	if err != nil {
		return "", fmt.Errorf("installing a backup: %w", err)
	}
	kept := false
	folders := map[string]bool{filepath.Dir(u.target): true, parent: true}
	for _, file := range u.Files {
		moved, err := u.install(file.Name, old)
		if err != nil {
			return old, fmt.Errorf("installing a backup: %w", err)
		}
		kept = kept || moved
		for _, root := range []string{old, u.target} {
			for name := filepath.FromSlash(file.Name); name != "."; {
				name = filepath.Dir(name)
				folders[filepath.Join(root, name)] = true
			}
		}
		faults.Point("backup.file-installed")
	}
	for dir := range folders {
		if err := syncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return old, fmt.Errorf("installing a backup: %w", err)
		}
	}
	if last != nil {
		if err := last(); err != nil {
			return old, fmt.Errorf("installing a backup: %w", err)
		}
	}
	if err := errors.Join(os.RemoveAll(u.dir), os.Remove(mark), syncDir(u.target)); err != nil {
		return old, fmt.Errorf("installing a backup: %w", err)
	}
	faults.Point("backup.installed")
	if !kept {
		// Nothing was there: no folder is left either, if it is the only one.
		os.Remove(old)
		os.Remove(parent)
		return "", nil
	}
	return old, nil
}

// install renames one file, and the one that was there before it.
func (u *Unpacked) install(name, old string) (moved bool, err error) {
	from, to := u.Path(name), filepath.Join(u.target, filepath.FromSlash(name))
	if _, err := os.Lstat(from); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(to); err == nil {
			return true, nil // a call before this one came so far
		}
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return false, err
	}
	if _, err := os.Lstat(to); err == nil {
		away := filepath.Join(old, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(away), 0o700); err != nil {
			return false, err
		}
		if err := os.Rename(to, away); err != nil {
			return false, err
		}
		moved = true
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	return moved, os.Rename(from, to)
}

// Discard takes the unpacked files away.
func (u *Unpacked) Discard() error {
	if err := os.RemoveAll(u.dir); err != nil {
		return fmt.Errorf("discarding an unpacked backup: %w", err)
	}
	return nil
}

// syncTree makes files and names below a folder durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return syncDir(path)
	})
}

// syncDir syncs a folder, or a file.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
