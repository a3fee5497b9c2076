//go:build bluez

package ble

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/guesttest"
)

// Tests with the tag bluez run against a real bluetoothd: TestGuest boots a
// machine without Bluetooth hardware, whose first process is this test program. It
// loads the kernel's Bluetooth, has btvirt of BlueZ make two controllers that hear
// each other, starts dbus-daemon and bluetoothd, and runs the tests of
// radio_test.go.

// maxLog is how much of the log of bluetoothd is shown when tests fail, in bytes.
const maxLog = 32 << 10

// inGuest tells that this is the first process of the machine.
func inGuest() bool { return os.Getpid() == 1 }

// guestEnded is what the guest says last, with the exit code of its tests.
const guestEnded = "GUEST ENDED"

func TestMain(m *testing.M) {
	if !inGuest() {
		os.Exit(m.Run())
	}
	code := 1
	if err := guest(); err != nil {
		fmt.Println("GUEST FAILED:", err)
	} else {
		code = m.Run()
	}
	if code != 0 {
		log, _ := os.ReadFile("/tmp/bluetoothd.log")
		fmt.Printf("bluetoothd:\n%s\n", log[max(0, len(log)-maxLog):])
	}
	fmt.Println(guestEnded, code)
	guesttest.End()
}

// guest makes a machine with Bluetooth.
func guest() error {
	if err := guesttest.Begin(); err != nil {
		return err
	}
	if err := os.MkdirAll("/run/dbus", 0o755); err != nil {
		return err
	}
	os.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/dbus/system_bus_socket")
	for _, program := range [][]string{
		{"/usr/bin/dbus-daemon", "--config-file=/etc/dbus-1/system.conf", "--nofork", "--nopidfile", "--nosyslog"},
		{"/usr/bin/btvirt", "-L", "-l2"},
		{"/usr/libexec/bluetooth/bluetoothd", "-n"},
	} {
		cmd := exec.Command(program[0], program[1:]...)
		log, err := os.Create("/tmp/" + filepath.Base(program[0]) + ".log")
		if err != nil {
			return err
		}
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Start(); err != nil {
			return err
		}
		if program[0] == "/usr/bin/dbus-daemon" {
			if err := until(func() bool { _, err := os.Stat("/run/dbus/system_bus_socket"); return err == nil }); err != nil {
				return fmt.Errorf("dbus-daemon: %w", err)
			}
		}
	}
	err := until(func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, adapter := range []string{"hci0", "hci1"} {
			r, err := Open(ctx, Options{Adapter: adapter})
			if err != nil {
				return false
			}
			r.Close()
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("bluetoothd: %w", err)
	}
	return nil
}

// until waits for what an emulated machine does at its own pace.
func until(done func() bool) error {
	for range 600 {
		if done() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return context.DeadlineExceeded
}

// setPowered switches an adapter of the guest.
func setPowered(adapter string, on bool) error {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Object(bluez, dbus.ObjectPath("/org/bluez/"+adapter)).SetProperty(ifAdapter+".Powered", dbus.MakeVariant(on))
}
