package issuer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"syscall"
)

// stateFolders are those that Init makes. Who may write into one of them can
// put another database, certificate or registry key in place.
var stateFolders = []string{".", "keys", "certs", "secrets", "sources", auditKeysDir}

// owned refuses a state folder that is not ours alone: what Init made with mode
// 0700 must be so at every start.
func (c *Config) owned() error {
	var errs []error
	for _, dir := range stateFolders {
		err := onlyOurs(c.Path(dir), 0o077, "others may look into it", "chmod 700")
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// onlyOurs refuses a file or folder with any of the permissions in no, or one
// that belongs neither to us nor to root, and says what remedies it.
func onlyOurs(path string, no fs.FileMode, why, remedy string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if perm := info.Mode().Perm(); perm&no != 0 {
		return fmt.Errorf("%s has mode %04o, %s: run %s %s", path, perm, why, remedy, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return notOurs(path, st.Uid)
	}
	return nil
}

// notOurs names the user that a command is to be run as, by name where it has one.
func notOurs(path string, uid uint32) error {
	name := fmt.Sprint("#", uid) // as sudo takes a number
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		name = u.Username
	}
	return fmt.Errorf("%s belongs to user %s: run this as user %s: sudo -u '%s' issuer ...; or run chown to the user that the office runs as", path, name, name, name)
}
