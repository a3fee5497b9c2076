package bletest

import (
	"os"
	"syscall"
)

// stream is a SEQPACKET socket of which the program has the other end.
type stream struct {
	fd    int
	file  *os.File
	given int // the program's end, which is sent some time after a method has returned; 0: none
}

func newStream(fd int) *stream {
	_ = syscall.SetNonblock(fd, true)
	return &stream{fd: fd, file: os.NewFile(uintptr(fd), "stand-in")}
}

// socketpair makes a stream whose other end is to be given away.
func socketpair() (*stream, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	s := newStream(fds[0])
	s.given = fds[1]
	return s, nil
}

// each hands every packet over, under d.mu like all that happens in BlueZ: what was
// read is sent before anything else is. It returns when the stream ends.
func (s *stream) each(d *Daemon, take func(value []byte)) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1024)
	_ = raw.Read(func(uintptr) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		for {
			n, err := syscall.Read(s.fd, buf)
			switch {
			case err == syscall.EINTR:
			case err == syscall.EAGAIN:
				return false
			case err != nil || n == 0:
				return true
			default:
				take(append([]byte(nil), buf[:n]...))
			}
		}
	})
}

func (s *stream) close() {
	if s == nil {
		return
	}
	if s.given != 0 {
		syscall.Close(s.given)
		s.given = 0
	}
	go s.file.Close() // which waits for each, which may wait for who calls
}
