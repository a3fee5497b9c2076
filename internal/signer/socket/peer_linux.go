package socket

import (
	"errors"
	"net"
	"syscall"

	"vidimus/internal/signer"
)

// peerOf asks the kernel who is at the other end (unix(7), SO_PEERCRED): who opened the
// socket, whoever holds it now.
func peerOf(c *net.UnixConn) (signer.Caller, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return signer.Caller{}, err
	}
	var peer *syscall.Ucred
	var perr error
	if err := raw.Control(func(fd uintptr) {
		peer, perr = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		return signer.Caller{}, err
	}
	if perr != nil {
		return signer.Caller{}, perr
	}
	if peer.Pid <= 0 {
		return signer.Caller{}, errors.New("the peer has no process here")
	}
	return signer.Caller{UID: peer.Uid, GID: peer.Gid, PID: peer.Pid}, nil
}
