//go:build linux

package ble

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// socket is our end of a SEQPACKET pair whose other end BlueZ has: one packet is
// one value.
type socket struct {
	fd   int
	file *os.File

	mu     sync.Mutex
	closed bool
	theirs *os.File // the end that was given away, until it has arrived; else nil
}

// adopt takes a descriptor that BlueZ gave.
func adopt(fd int) (*socket, error) {
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return nil, fmt.Errorf("socket of BlueZ: %w", err)
	}
	return &socket{fd: fd, file: os.NewFile(uintptr(fd), "bluez")}, nil
}

// pair makes both ends. BlueZ's does not block: a reader that is stopped must not
// stop the Bluetooth of the machine.
func pair() (*socket, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket for BlueZ: %w", err)
	}
	return &socket{fd: fds[0], file: os.NewFile(uintptr(fds[0]), "bluez"), theirs: os.NewFile(uintptr(fds[1]), "bluez")}, nil
}

// given is the descriptor to send. It is kept until arrived says that BlueZ has
// its own: the library sends a reply after the method that answers has returned.
func (s *socket) given() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	fd := -1
	if s.theirs == nil {
		return fd // closed meanwhile
	}
	if raw, err := s.theirs.SyscallConn(); err == nil {
		_ = raw.Control(func(d uintptr) { fd = int(d) })
	}
	return fd
}

// arrived closes our copy of BlueZ's end, so that we notice when BlueZ closes its.
func (s *socket) arrived() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.theirs != nil {
		s.theirs.Close()
		s.theirs = nil
	}
}

// errEmpty: nothing to read now.
var errEmpty = errors.New("nothing to read")

// read takes a packet that is there: errEmpty when there is none, zero bytes when
// the other end is closed.
func (s *socket) read(buf []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, os.ErrClosed
	}
	for {
		n, err := syscall.Read(s.fd, buf)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return 0, errEmpty
		default:
			return max(n, 0), err
		}
	}
}

// each calls drain when there may be something to read, until it returns false or
// the socket is closed. drain reads everything that is there.
func (s *socket) each(drain func() bool) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(uintptr) bool { return !drain() })
}

// write hands over a packet, and waits while the other end is full.
func (s *socket) write(ctx context.Context, value []byte) error {
	if err := s.file.SetWriteDeadline(time.Time{}); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.file.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := s.file.Write(value)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && s.unread() == 0 {
		s.arrived()
	}
	return err
}

// unread is how much of what was written the other end has not read yet, in bytes
// and some; -1 when the socket is closed.
func (s *socket) unread() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return -1
	}
	var n int32
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(s.fd), syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n))); e != 0 {
		return -1
	}
	return int(n)
}

// drained waits until the other end has read everything.
func (s *socket) drained(ctx context.Context) error {
	for {
		switch s.unread() {
		case -1:
			return os.ErrClosed
		case 0:
			return nil
		}
		timer := time.NewTimer(drainPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (s *socket) close() {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if !closed {
		s.file.Close()
	}
	s.arrived()
}
