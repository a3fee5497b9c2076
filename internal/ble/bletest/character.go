package bletest

import (
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// character is org.bluez.GattCharacteristic1: what a client sees of a server's.
type character struct {
	*connection
	app   *application
	at    dbus.ObjectPath // in the application
	has   properties
	flags []string
	path  dbus.ObjectPath

	subscribed bool
	write      *stream // where the client's values come from
	notify     *stream // where the server's go; nil: by signal
}

// lacks refuses what the characteristic does not offer.
func (ch *character) lacks(flag string) *dbus.Error {
	if slices.Contains(ch.flags, flag) {
		return nil
	}
	return failed("NotSupported", "Operation is not supported")
}

func (ch *character) ReadValue(_ properties) ([]byte, *dbus.Error) {
	if err := ch.d.called("ReadValue"); err != nil {
		return nil, err
	}
	if err := ch.lacks("read"); err != nil {
		return nil, err
	}
	var value []byte
	if err := ch.app.call(ch.at, "ReadValue", ch.options()).Store(&value); err != nil {
		return nil, failed("Failed", err.Error())
	}
	return value, nil
}

func (ch *character) WriteValue(value []byte, options properties) *dbus.Error {
	if err := ch.d.called("WriteValue"); err != nil {
		return err
	}
	kind, _ := options["type"].Value().(string)
	if err := ch.lacks(map[string]string{"command": "write-without-response", "request": "write"}[kind]); err != nil {
		return err
	}
	ch.d.mu.Lock()
	defer ch.d.mu.Unlock()
	switch {
	case ch.over:
		return failed("Failed", "Not connected")
	case ch.write != nil:
		return failed("NotPermitted", "Write acquired")
	}
	ch.send(value)
	return nil
}

func (ch *character) AcquireWrite(_ properties) (dbus.UnixFD, uint16, *dbus.Error) {
	if err := ch.d.called("AcquireWrite"); err != nil {
		return 0, 0, err
	}
	if err := ch.lacks("write-without-response"); err != nil {
		return 0, 0, err
	}
	ours, err := socketpair()
	if err != nil {
		return 0, 0, failed("Failed", err.Error())
	}
	ch.d.mu.Lock()
	defer ch.d.mu.Unlock()
	if ch.over || ch.write != nil {
		return 0, 0, failed("NotPermitted", "Write acquired")
	}
	ch.write = ours
	go ours.each(ch.d, ch.send)
	return dbus.UnixFD(ours.given), ch.d.opt.MTU, nil
}

func (ch *character) AcquireNotify(_ properties) (dbus.UnixFD, uint16, *dbus.Error) {
	if err := ch.d.called("AcquireNotify"); err != nil {
		return 0, 0, err
	}
	if err := ch.lacks("notify"); err != nil {
		return 0, 0, err
	}
	ours, err := socketpair()
	if err != nil {
		return 0, 0, failed("Failed", err.Error())
	}
	ch.d.mu.Lock()
	taken := ch.over || ch.notify != nil || ch.subscribed
	if !taken {
		ch.notify = ours
	}
	ch.d.mu.Unlock()
	if taken {
		return 0, 0, failed("NotPermitted", "Notify acquired")
	}
	if err := ch.subscribe(); err != nil {
		return 0, 0, err
	}
	return dbus.UnixFD(ours.given), ch.d.opt.MTU, nil
}

func (ch *character) StartNotify() *dbus.Error {
	if err := ch.d.called("StartNotify"); err != nil {
		return err
	}
	if err := ch.lacks("notify"); err != nil {
		return err
	}
	return ch.subscribe()
}

func (ch *character) StopNotify() *dbus.Error {
	ch.d.mu.Lock()
	defer ch.d.mu.Unlock()
	ch.subscribed = false
	return nil
}

// subscribe writes the CCCD: the application is asked for a socket once for all
// clients, where it has one.
func (ch *character) subscribe() *dbus.Error {
	ch.d.mu.Lock()
	ch.subscribed = true
	acquire := ch.has["NotifyAcquired"].Value() != nil && ch.app.notifies[ch.at] == nil
	ch.d.mu.Unlock()
	if ch.has["NotifyAcquired"].Value() == nil {
		_ = ch.app.call(ch.at, "StartNotify").Err
	}
	if !acquire {
		return nil
	}
	var fd dbus.UnixFD
	var mtu uint16
	if err := ch.app.call(ch.at, "AcquireNotify", ch.options()).Store(&fd, &mtu); err != nil {
		return failed("Failed", err.Error())
	}
	s := newStream(int(fd))
	ch.d.mu.Lock()
	ch.app.notifies[ch.at] = s
	ch.d.mu.Unlock()
	go s.each(ch.d, func(value []byte) { ch.server.notify(ch.at, value) })
	return nil
}

// send takes a value of the client to the server. d.mu is held.
func (ch *character) send(value []byte) {
	if len(value) > int(ch.d.opt.MTU)-3 || len(value) > 510 && ch.d.opt.Version < 570 {
		return // lost without a word, as BlueZ does it
	}
	if ch.pass() {
		ch.up <- func() { ch.deliver(value) }
	}
}

// deliver gives a value to the application. An application that has BlueZ acquire a
// socket for it loses what is written meanwhile: not one that this package takes.
func (ch *character) deliver(value []byte) {
	if ch.has["WriteAcquired"].Value() != nil {
		return
	}
	_ = ch.app.call(ch.at, "WriteValue", value, ch.options()).Err
}

// arrive gives a value to the client's program.
func (ch *character) arrive(value []byte) {
	if ch.notify != nil {
		_, _ = ch.notify.file.Write(value)
		return
	}
	ch.d.mu.Lock()
	defer ch.d.mu.Unlock()
	if !strings.HasPrefix(string(ch.path), string(ch.remote)) {
		return
	}
	ch.d.set(ch.path, ifCharacteristic, "Value", value)
}
