//go:build linux

package guesttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unsafe"
)

// Command is the emulator with a kernel and its first file system; more are arguments
// of QEMU. The console of the guest is its standard output.
func Command(kernel, initrd, arguments string, more ...string) *exec.Cmd {
	return exec.Command("qemu-system-x86_64", append([]string{"-accel", "tcg", "-smp", "1", "-display", "none", "-no-reboot", "-net", "none",
		"-monitor", "none", "-serial", "stdio", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=-1 " + arguments}, more...)...)
}

// Begin mounts what Linux programs look for and loads the modules.
func Begin() error {
	for _, m := range []struct{ what, at string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"}} {
		if err := syscall.Mount(m.what, m.at, m.what, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	files, err := filepath.Glob(modules + "/*.ko")
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := load(file); err != nil {
			return fmt.Errorf("loading %s: %w", file, err)
		}
	}
	return nil
}

const sysFinitModule = 313 // amd64

func load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	none := []byte{0}
	if _, _, e := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), 0); e != 0 && e != syscall.EEXIST {
		return e
	}
	return nil
}

// End switches the machine off, once what was said is on the console.
func End() {
	time.Sleep(time.Second)
	_ = syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}
