package verifier

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
)

// Files of a state folder.
const (
	stateBundle = "bundle.cbor"
	stateAnchor = "bundle-anchor.pem" // whom the reader believes its bundles
	stateMark   = "mark"              // how far it got: it never goes back
	stateLock   = "lock"
)

// ErrState is for a state folder that may not be used as it lies there.
var ErrState = errors.New("state folder refused")

// State is the folder in which a reader keeps what it must not forget between two
// starts: who signs its bundles, the bundle that it took last, and how far it got.
// No value of a document is ever written there. Several processes may use one
// folder.
type State struct{ dir string }

// OpenState opens a folder that CreateState or enrolment made.
func OpenState(dir string) (*State, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; `verifier bundle import --state %s --bundle-anchor FILE BUNDLE` makes it", err, dir)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%w: %s is a file", ErrState, dir)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%w: %s has mode %04o, others may put an old bundle in its place: run chmod 700 %s", ErrState, dir, info.Mode().Perm(), dir)
	}
	return &State{dir}, nil
}

// CreateState opens the folder, and makes it where there is none.
func CreateState(dir string) (*State, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return OpenState(dir)
}

func (s *State) path(name string) string { return filepath.Join(s.dir, name) }

// Anchors gives the pinned bundle signers, or the authorities over them; none when
// nobody was pinned yet.
func (s *State) Anchors() ([]*pki.Certificate, error) {
	data, err := ReadFile(s.path(stateAnchor), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certs, err := pki.ParsePEM(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is damaged: %w", ErrState, s.path(stateAnchor), err)
	}
	return certs, nil
}

// Pin says whose bundles count from now on. Whoever was pinned before is forgotten.
func (s *State) Pin(certs []*pki.Certificate) error {
	return s.locked(func() error { return s.replace(stateAnchor, pki.EncodePEM(certs...)) })
}

// mark reads how far the reader got. A folder with a bundle and without a mark was
// tampered with, or is a part of a copy.
func (s *State) mark() (*bundle.Mark, error) {
	data, err := ReadFile(s.path(stateMark), nil)
	remedy := "this device no longer knows how far it got, so that an old bundle would pass: fetch the newest one and run `verifier bundle import --start-over`"
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(s.path(stateBundle)); err == nil {
			return nil, fmt.Errorf("%w: %s is missing beside a bundle; %s", ErrState, s.path(stateMark), remedy)
		}
		return &bundle.Mark{}, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := bundle.ParseMark(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; %s", ErrState, s.path(stateMark), err, remedy)
	}
	return m, nil
}

// take keeps a bundle as the newest. The mark follows the bundle: a crash between
// the two leaves a bundle that is newer than the mark, which is taken.
func (s *State) take(b *bundle.Bundle, data []byte, now time.Time, startOver bool) error {
	return s.locked(func() error {
		m, err := s.mark()
		if startOver {
			m, err = &bundle.Mark{}, nil
		}
		if err != nil {
			return err
		}
		if err := m.Accept(b, now); err != nil {
			return err
		}
		if err := s.replace(stateBundle, data); err != nil {
			return err
		}
		return s.replace(stateMark, m.Marshal())
	})
}

// see moves the clock of the mark on.
func (s *State) see(now time.Time, instants ...time.Time) error {
	return s.locked(func() error {
		m, err := s.mark()
		if err != nil {
			return err
		}
		moved := false
		for _, at := range instants {
			moved = m.See(at, now) || moved
		}
		if !moved {
			return nil
		}
		return s.replace(stateMark, m.Marshal())
	})
}

// locked runs while no other process changes the folder.
func (s *State) locked(change func() error) error {
	f, err := os.OpenFile(s.path(stateLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking %s: %w", s.dir, err)
	}
	return change()
}

// replace puts a file into its place whole, or leaves the one that was there.
func (s *State) replace(name string, data []byte) error {
	return outfile.Replace(s.path(name), data, 0o600)
}
