//go:build bluez

package ble

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kernelVariable names the folder into which t.sh unpacked the Debian package of a
// kernel with Bluetooth (linux-image-amd64; the one for clouds has none).
const kernelVariable = "BLE_KERNEL"

// kernelModules are what Bluetooth needs, each after what it needs itself.
var kernelModules = []string{
	"net/rfkill/rfkill", "crypto/ecc", "crypto/ecdh_generic", "crypto/cmac", "crypto/ecb", "lib/crc16",
	"crypto/af_alg", "crypto/algif_hash", "crypto/algif_skcipher", "net/bluetooth/bluetooth", "drivers/bluetooth/hci_vhci",
}

// configurations of bluetoothd: as doc.go asks for it, and with the MTU that Debian
// leaves it. With Debian's three channels values overtake each other, and
// bluetoothd 5.66 ends with a damaged heap.
var configurations = map[string]string{
	"set up":    "[Policy]\nAutoEnable=true\n[GATT]\nExchangeMTU=512\nChannels=1\n",
	"large MTU": "[Policy]\nAutoEnable=true\n[GATT]\nChannels=1\n",
}

const guestBus = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
</policy></busconfig>
`

// TestGuest boots the machine and takes over what its tests say.
func TestGuest(t *testing.T) {
	if inGuest() {
		return // it is running
	}
	root := os.Getenv(kernelVariable)
	kernels, _ := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*-amd64"))
	if root == "" || len(kernels) == 0 {
		t.Fatalf("no kernel with Bluetooth: run ./t.sh ble, or unpack Debian's linux-image-amd64 into a folder and name it in %s", kernelVariable)
	}
	kernel := kernels[len(kernels)-1]
	self := filepath.Join(t.TempDir(), "init")
	build := exec.Command("go", "test", "-c", "-tags", "nomsgpack,bluez", "-o", self, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the guest: %v\n%s", err, out)
	}
	for name, config := range configurations {
		t.Run(name, func(t *testing.T) {
			initrd := filepath.Join(t.TempDir(), "initrd")
			if err := os.WriteFile(initrd, firstFileSystem(t, root, kernel, self, config), 0o600); err != nil {
				t.Fatal(err)
			}
			boot(t, kernel, initrd)
		})
	}
}

// boot runs the machine to its end, without KVM.
func boot(t *testing.T, kernel, initrd string) {
	t.Helper()
	began := time.Now()
	cmd := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-cpu", "qemu64", "-m", "512", "-smp", "1", "-display", "none", "-no-reboot", "-net", "none",
		"-kernel", kernel, "-initrd", initrd, "-monitor", "none", "-serial", "stdio",
		"-append", "console=ttyS0 quiet panic=-1 -- -test.v -test.run=^TestRadio -test.timeout=10m")
	var console bytes.Buffer
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(15*time.Minute, func() { _ = cmd.Process.Kill() }) // a machine that hangs
	err := cmd.Wait()
	stop.Stop()
	said := console.String()
	t.Logf("the machine ran for %v\n%s", time.Since(began).Round(100*time.Millisecond), said)
	ran := len(regexp.MustCompile(`(?m)^--- PASS: TestRadio`).FindAllString(said, -1))
	if err != nil || !strings.Contains(said, guestEnded+" 0") || ran == 0 {
		t.Errorf("the tests of the guest failed (%v), %d passed", err, ran)
	}
}

// firstFileSystem is what the kernel unpacks: this program, BlueZ, the bus, and the
// libraries of these.
func firstFileSystem(t *testing.T, root, kernel, self, config string) []byte {
	t.Helper()
	a := &archive{made: map[string]bool{}}
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run", "modules", "var/lib/bluetooth"} {
		a.dir(dir)
	}
	a.device("dev/console", 5, 1)
	a.file("init", 0o755, read(t, self))
	a.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/:/\n"))
	a.file("etc/group", 0o644, []byte("root:x:0:\n"))
	a.file("etc/machine-id", 0o644, []byte("00000000000000000000000000000001\n"))
	a.file("etc/dbus-1/system.conf", 0o644, []byte(guestBus))
	a.file("etc/bluetooth/main.conf", 0o644, []byte(config))
	release := strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-")
	for i, name := range kernelModules {
		a.file(fmt.Sprintf("modules/%02d-%s.ko", i, filepath.Base(name)), 0o644, read(t, filepath.Join(root, "lib/modules", release, "kernel", name+".ko")))
	}
	for _, program := range []string{"/usr/bin/dbus-daemon", "/usr/bin/btvirt", "/usr/libexec/bluetooth/bluetoothd"} {
		a.file(program[1:], 0o755, read(t, program))
		out, err := exec.Command("ldd", program).Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		if strings.Contains(string(out), "not found") {
			t.Fatalf("%s lacks libraries: install bluez and bluez-test-tools\n%s", program, out)
		}
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
			if !strings.HasSuffix(library, ":") {
				a.file(library[1:], 0o755, read(t, library))
			}
		}
	}
	return a.end()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// archive is a cpio archive of the form newc.
type archive struct {
	bytes.Buffer
	made map[string]bool
}

func (a *archive) dir(name string) {
	if name == "." || a.made[name] {
		return
	}
	a.dir(filepath.Dir(name))
	a.made[name] = true
	a.header(name, syscall.S_IFDIR|0o755, 0, 0, 0)
}

func (a *archive) file(name string, mode uint32, data []byte) {
	if a.made[name] {
		return
	}
	a.dir(filepath.Dir(name))
	a.made[name] = true
	a.header(name, syscall.S_IFREG|mode, len(data), 0, 0)
	a.Write(data)
	a.pad()
}

func (a *archive) device(name string, major, minor int) {
	a.made[name] = true
	a.header(name, syscall.S_IFCHR|0o600, 0, major, minor)
}

func (a *archive) header(name string, mode uint32, size, major, minor int) {
	fmt.Fprintf(a, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", len(a.made), mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0)
	a.WriteString(name + "\x00")
	a.pad()
}

func (a *archive) pad() {
	for a.Len()%4 != 0 {
		a.WriteByte(0)
	}
}

func (a *archive) end() []byte {
	a.header("TRAILER!!!", 0, 0, 0, 0)
	return a.Bytes()
}
