//go:build unix

package publication

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// nonBlocking opens without waiting for whoever has the other end of a fifo.
const nonBlocking = syscall.O_NONBLOCK

// lock waits for other processes. It goes with the process, however that ends.
func (d *folderDisk) lock() (func(), error) {
	if err := d.inPlace(); err != nil {
		return nil, err
	}
	f, err := d.open(".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for left := lockWait; ; left -= lockPause {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fmt.Errorf("locking the folder: %w", err), f.Close())
		case left <= 0:
			return nil, errors.Join(errors.New("another process has been writing the folder for long"), f.Close())
		}
		time.Sleep(lockPause)
	}
}

// inode tells files of the same age and size apart.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
