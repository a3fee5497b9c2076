package ble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
)

var (
	// ErrUnavailable: this machine has no Bluetooth that can be used. The text says
	// what is missing and what to do.
	ErrUnavailable = errors.New("bluetooth cannot be used")

	// ErrPeer: a device was found or came, and is not what it should be, or could
	// not be connected to.
	ErrPeer = errors.New("bluetooth device")
)

// unavailable says cause and remedy.
func unavailable(cause, remedy string) error {
	return fmt.Errorf("%w: %s: %s", ErrUnavailable, cause, remedy)
}

// busError is what an error of dialling means.
func busError(address string, err error) error {
	if address == "" {
		address = "the system bus"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return unavailable("no D-Bus at "+address, "install and start dbus")
	case errors.Is(err, fs.ErrPermission):
		return unavailable("no access to D-Bus at "+address, "run as a user who may talk to it")
	}
	return fmt.Errorf("%w: D-Bus at %s: %w: see whether dbus is installed and runs", ErrUnavailable, address, err)
}

// Names of D-Bus errors.
const (
	errNoOwner       = "org.freedesktop.DBus.Error.NameHasNoOwner"
	errNoService     = "org.freedesktop.DBus.Error.ServiceUnknown"
	errSpawn         = "org.freedesktop.DBus.Error.Spawn"
	errAccess        = "org.freedesktop.DBus.Error.AccessDenied"
	errAuth          = "org.freedesktop.DBus.Error.AuthFailed"
	errNoReply       = "org.freedesktop.DBus.Error.NoReply"
	errUnknownObject = "org.freedesktop.DBus.Error.UnknownObject"
	errUnknownMethod = "org.freedesktop.DBus.Error.UnknownMethod"
	errNotReady      = "org.bluez.Error.NotReady"
	errNotPermitted  = "org.bluez.Error.NotPermitted"
	errNotAuthorized = "org.bluez.Error.NotAuthorized"
)

// explain is what an error of a call to BlueZ means.
func explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if errors.Is(err, dbus.ErrClosed) || errors.Is(err, io.EOF) {
		return unavailable(doing+": the connection to D-Bus is gone", "see whether dbus runs")
	}
	var e dbus.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch {
	case strings.HasPrefix(e.Name, errNoOwner), e.Name == errNoService, e.Name == errNoReply, strings.HasPrefix(e.Name, errSpawn):
		return noDaemon()
	case e.Name == errAccess, e.Name == errNotAuthorized, e.Name == errAuth:
		return unavailable(doing+": permission denied", "this user may not use Bluetooth: put it into the group bluetooth (usermod -aG bluetooth USER, then log in anew), or run as root")
	case e.Name == errNotReady:
		return poweredOff("the adapter")
	case e.Name == errUnknownObject, e.Name == errUnknownMethod:
		return unavailable(doing+": the adapter is gone", "see whether it is still plugged in")
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func noDaemon() error {
	return unavailable("bluetoothd does not run", "install bluez and start it (systemctl start bluetooth)")
}

func poweredOff(adapter string) error {
	return unavailable(adapter+" is switched off", "switch it on (rfkill unblock bluetooth; bluetoothctl power on)")
}
