package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// listsLock is held by whoever makes, takes over or publishes what is numbered: lists
// of revoked certificates, lists that say who issues here, bundles. Two who read the
// same last one and each write the next would lose a revocation, or sign two lists
// with one number. Unlike lockFile it is held for a moment, beside a running office.
const listsLock = "lists.lock"

// writer is who writes lists, as those who wait are told, and how long it waits itself:
// a list is read, signed, perhaps by a slow token, and written while the lock is held.
type writer struct {
	name string
	wait time.Duration
}

// The office waits less than commands: requests wait with it.
var (
	byOffice  = writer{"issuer serve", 5 * time.Second}
	byCRL     = writer{"issuer crl", 30 * time.Second}
	byImport  = writer{"issuer crl --import", 30 * time.Second}
	byTrust   = writer{"issuer trust", 30 * time.Second}
	byBundle  = writer{"issuer bundle build", 30 * time.Second}
	byRestore = writer{"issuer restore", 30 * time.Second}
)

// listsPause is how often who waits looks.
const listsPause = 10 * time.Millisecond

// maxHolder bounds what is read of who holds it, in bytes.
const maxHolder = 100

// aloneWithLists waits until nobody else is at the lists, in this process or another,
// and keeps others out until unlock, or the end of the process however that comes.
// It is not to be asked for twice.
func (c *Config) aloneWithLists(ctx context.Context, by writer) (unlock func(), err error) {
	// Of another user than the office's the file would keep the office out.
	if err := onlyOurs(c.StateDir, 0, "", ""); err != nil {
		return nil, err
	}
	path := c.Path(listsLock)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the lock of the lists: %w", err)
	}
	tick := time.NewTicker(listsPause)
	defer tick.Stop()
	for left := by.wait; ; left -= listsPause {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			// Who holds it is said to people alone: a full disk is no reason to stop here.
			if f.Truncate(0) == nil {
				_, _ = f.WriteAt(fmt.Appendf(nil, "%s, process %d", by.name, os.Getpid()), 0)
			}
			return func() { _ = errors.Join(f.Truncate(0), f.Close()) }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
		case left <= 0:
			return nil, errors.Join(fmt.Errorf("the lists of this office are being written by %s for longer than %s: wait until that has ended and try again, or end it if it hangs (%s)", holder(f), by.wait, path), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting for %s, which writes the lists of this office: %w", holder(f), ctx.Err()), f.Close())
		case <-tick.C:
		}
	}
}

// holder is who says to hold the lock.
func holder(f *os.File) string {
	said := make([]byte, maxHolder)
	n, err := f.ReadAt(said, 0)
	if text := strings.TrimSpace(string(said[:n])); text != "" && (err == nil || errors.Is(err, io.EOF)) {
		return fmt.Sprintf("%q", text)
	}
	return "another process"
}
