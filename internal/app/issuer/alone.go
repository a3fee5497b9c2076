package issuer

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"vidimus/internal/faults"
)

// lockFile is held by whoever works on the state folder. The database has a lock
// of its own, which goes with the file when somebody moves it.
const lockFile = "state.lock"

// alone keeps others out until unlock, or the end of the process however that
// comes. The file stays.
func alone(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if faults.Wrong("issuer.unlocked") {
		return func() { _ = f.Close() }, nil
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the state folder is locked: a restore is at work, or an office whose database was moved aside still runs: stop it first (%s: %w)", path, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
