//go:build bluez

package ble

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/guesttest"
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
	for name, config := range configurations {
		t.Run(name, func(t *testing.T) {
			initrd := filepath.Join(t.TempDir(), "initrd")
			firstFileSystem(t, root, kernel, config).Write(t, initrd)
			boot(t, kernel, initrd)
		})
	}
}

// boot runs the machine to its end.
func boot(t *testing.T, kernel, initrd string) {
	t.Helper()
	began := time.Now()
	cmd := guesttest.Command(kernel, initrd, "-- -test.v -test.run=^TestRadio -test.timeout=10m", "-cpu", "qemu64", "-m", "512")
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
func firstFileSystem(t *testing.T, root, kernel, config string) *guesttest.Files {
	t.Helper()
	f := guesttest.NewFiles(t, "nomsgpack,bluez")
	f.Dir("var/lib/bluetooth")
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0:root:/:/\n", "etc/group": "root:x:0:\n", "etc/machine-id": "00000000000000000000000000000001\n",
		"etc/dbus-1/system.conf": guestBus, "etc/bluetooth/main.conf": config,
	} {
		f.Add(name, 0o644, []byte(content))
	}
	release := strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-")
	for _, name := range kernelModules {
		f.Module(t, filepath.Join(root, "lib/modules", release, "kernel", name+".ko"))
	}
	for _, program := range []string{"/usr/bin/dbus-daemon", "/usr/bin/btvirt", "/usr/libexec/bluetooth/bluetoothd"} {
		f.Copy(t, program[1:], 0o755, program)
		out, err := exec.Command("ldd", program).Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		if strings.Contains(string(out), "not found") {
			t.Fatalf("%s lacks libraries: install bluez and bluez-test-tools\n%s", program, out)
		}
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
			if !strings.HasSuffix(library, ":") {
				f.Copy(t, library[1:], 0o755, library)
			}
		}
	}
	return f
}
