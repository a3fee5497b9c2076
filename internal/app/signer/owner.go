package signer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"syscall"

	"vidimus/internal/keys/pkcs11"
)

// stranger says as whom a command is to be run, when this process is not of the user to
// whom the state folder belongs: keys, tokens and PIN files are that user's. "" when it is.
func stranger(dir string, euid int) string {
	info, err := os.Stat(dir)
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == euid {
		return ""
	}
	name := fmt.Sprint("#", st.Uid) // as sudo takes a number
	if u, err := user.LookupId(fmt.Sprint(st.Uid)); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s belongs to user %s: run this as that user: sudo -u '%s' signer ...", dir, name, name)
}

// strangers adds that to what another user cannot read, or no token that only its owner
// can open.
func strangers(err error, dir string, euid int) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, pkcs11.ErrUnavailable) && !errors.Is(err, pkcs11.ErrPIN) {
		return err
	}
	if hint := stranger(dir, euid); hint != "" {
		return fmt.Errorf("%w\n%s", err, hint)
	}
	return err
}

// readable says whether a file of the signer is there, or why nobody can tell: to another
// user its folder is closed.
func readable(path string) (bool, error) {
	f, err := os.Open(path)
	switch {
	case err == nil:
		return true, f.Close()
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	}
	return exists(path), err
}
