package pkcs11

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// fingerprint tells one PIN file from its successor, by content and time of
// change. It is of no use outside of this process.
type fingerprint uint64

var fingerprintSeed = maphash.MakeSeed()

// readPIN reads a PIN from a file that its owner alone may read; a newline at the
// end is not part of it. The caller clears it. Errors match ErrPIN.
func readPIN(path string) ([]byte, fingerprint, error) {
	link, err := os.Lstat(path)
	if err != nil {
		return nil, 0, noPIN("opening it: %w", err)
	}
	if !link.Mode().IsRegular() {
		return nil, 0, noPIN("%s is not a regular file: name the file itself", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, noPIN("opening it: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, noPIN("opening it: %w", err)
	}
	if !os.SameFile(link, info) {
		return nil, 0, noPIN("%s was exchanged while it was opened", path)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && !credential(info) {
		return nil, 0, noPIN("%s has mode %04o, others may read or write it: run chmod 600 %s, and change the PIN if others had access", path, perm, path)
	}
	data := make([]byte, maxPIN+2) // with a newline, and one to see that it is too long
	n, err := io.ReadFull(f, data)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		clear(data)
		return nil, 0, noPIN("reading %s: %w", path, err)
	}
	pin := bytes.TrimSuffix(data[:n], []byte("\n"))
	if len(pin) == 0 || len(pin) > maxPIN {
		clear(data)
		return nil, 0, noPIN("%s holds no PIN of 1 to %d bytes", path, maxPIN)
	}
	var h maphash.Hash
	h.SetSeed(fingerprintSeed)
	fmt.Fprintf(&h, "%d %d ", info.ModTime().UnixNano(), info.Size())
	h.Write(pin)
	return pin, fingerprint(h.Sum64()), nil
}

// credential says whether a file is as systemd hands one to a service
// (LoadCredential=): it stays root's, and an entry of its access control list lets the
// service read it, which shows as a right of root's group.
func credential(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0 && st.Gid == 0 && info.Mode().Perm() == 0o440
}

// attempts is the rule of K01 for one token: what was refused is tried once more,
// for a token may err, and then not until the file is another; a locked PIN is not
// tried again by this process.
type attempts struct {
	file   fingerprint
	wrong  int
	locked bool
}

// allow says whether the PIN of this file may be tried.
func (a *attempts) allow(file fingerprint) error {
	switch {
	case a.locked:
		return fmt.Errorf("%w: the token has locked it: unlock it with the security officer's PIN, then start this program again", ErrPIN)
	case a.file == file && a.wrong >= 2:
		return fmt.Errorf("%w: the token refused it twice: put the right one into its file", ErrPIN)
	}
	return nil
}

// refused counts an answer of the token, also one that came too late.
func (a *attempts) refused(file fingerprint) {
	if a.file != file {
		a.file, a.wrong = file, 0
	}
	a.wrong++
}

// accepted forgets what was refused before.
func (a *attempts) accepted() { a.wrong = 0 }
