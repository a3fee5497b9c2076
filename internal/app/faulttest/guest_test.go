//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
	"unsafe"

	"vidimus/internal/app/invariants"
	"vidimus/internal/guesttest"
)

// The variables of the guest come over the command line of the kernel: the
// options with which the disk is mounted, and that an office is on it already.
const (
	guestVariable = "VIDIMUS_GUEST"
	againVariable = "VIDIMUS_GUEST_AGAIN"
)

// inGuest tells that this test program is the first process of the machine
// whose power is cut.
func inGuest() bool { return os.Getpid() == 1 && os.Getenv(guestVariable) != "" }

// Files of the guest's first file system.
const (
	guestIssuer  = "/issuer"
	guestFaulty  = "/issuer-faulty" // for a control
	guestDisk    = "/dev/vda"
	guestJournal = "/dev/hvc0"
	officeOnDisk = "/disk/office"
)

// guest makes an office on the disk and loads it until the power goes. The
// journal goes over a line to the host: what is written there, a client knew.
func guest() int {
	if err := guestRun(); err != nil {
		fmt.Println("GUEST FAILED:", err)
	}
	guesttest.End()
	return 1
}

func guestRun() error {
	if err := guesttest.Begin(); err != nil {
		return err
	}
	if err := linkUp("lo"); err != nil {
		return err
	}
	for range 500 {
		if _, err := os.Stat(guestDisk); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond) // the kernel looks for its devices meanwhile
	}
	if err := os.MkdirAll("/disk", 0o755); err != nil {
		return err
	}
	if err := syscall.Mount(guestDisk, "/disk", "ext4", 0, os.Getenv(guestVariable)); err != nil {
		return fmt.Errorf("mounting the disk: %w", err)
	}
	line, err := os.OpenFile(guestJournal, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if os.Getenv(againVariable) != "" {
		return guestAgain(line)
	}
	program := guestIssuer
	if os.Getenv("VIDIMUS_WRONG") != "" {
		program = guestFaulty
	}
	o, err := createOffice(officeOnDisk, program, 2, line)
	if err != nil {
		return err
	}
	syscall.Sync() // what follows is tested, not how an office begins
	o.load.idle = 500 * time.Millisecond
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	o.patience = 2 * time.Minute // an emulated machine says nothing of how fast an office is
	if err := o.ready(p, false); err != nil {
		return err
	}
	err = o.load.run(context.Background())
	return errors.Join(err, fmt.Errorf("the load ended: %s", p.said()))
}

// guestAgain starts the office that a power cut ended, asks it for its lists
// once it says that it is ready, and waits for the power to go.
func guestAgain(line io.Writer) error {
	o, err := openOffice(officeOnDisk, guestIssuer, nil)
	if err != nil {
		return err
	}
	o.journal, o.patience = invariants.NewJournal(line, time.Now), 2*time.Minute
	p, err := o.start(nil)
	if err != nil {
		return err
	}
	if err := o.ready(p, true); err != nil {
		return err
	}
	res, err := http.Get(o.cfg.PublicURL + "/status")
	if err != nil {
		return err
	}
	res.Body.Close()
	e := invariants.Entry{Kind: invariants.Other, URI: "/status", HTTP: res.StatusCode, State: invariants.Refused}
	if res.StatusCode == http.StatusOK {
		e.State = invariants.Answered
	}
	o.journal.Done(o.journal.Sent(e), e)
	time.Sleep(time.Hour) // until the power goes
	return nil
}

// linkUp switches a network interface on.
func linkUp(name string) error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var request struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = syscall.IFF_UP | syscall.IFF_RUNNING
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); e != 0 {
		return fmt.Errorf("switching on %s: %w", name, e)
	}
	return nil
}
