//go:build faults

package faulttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"vidimus/internal/app/invariants"
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
	guestModules = "/modules"       // kernel modules, in the order of their names
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
	time.Sleep(time.Second) // for the console
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	return 1
}

func guestRun() error {
	for _, m := range []struct{ what, at string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.what, m.at, m.what, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	if err := loadModules(); err != nil {
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

func loadModules() error {
	files, err := filepath.Glob(guestModules + "/*.ko")
	if err != nil {
		return err
	}
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		none := []byte{0}
		_, _, e := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), 0)
		f.Close()
		if e != 0 && e != syscall.EEXIST {
			return fmt.Errorf("loading %s: %w", file, e)
		}
	}
	return nil
}

const sysFinitModule = 313 // amd64

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

// archive is a cpio archive of the form newc, which the kernel unpacks.
type archive struct {
	strings.Builder
	inode int
}

func (a *archive) add(name string, mode uint32, data []byte) {
	a.inode++
	a.header(name, mode, len(data), 0, 0)
	a.Write(data)
	a.pad()
}

// device adds a character device.
func (a *archive) device(name string, major, minor int) {
	a.inode++
	a.header(name, syscall.S_IFCHR|0o600, 0, major, minor)
}

func (a *archive) header(name string, mode uint32, size, major, minor int) {
	fmt.Fprintf(a, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a.inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0)
	a.WriteString(name + "\x00")
	a.pad()
}

func (a *archive) pad() {
	for a.Len()%4 != 0 {
		a.WriteByte(0)
	}
}

func (a *archive) end() string {
	a.header("TRAILER!!!", 0, 0, 0, 0)
	return a.String()
}
