package ble

import (
	"context"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity/gatt"
)

// The objects of a server on the bus: what BlueZ asks an application
// (org.bluez.GattManager.rst, org.bluez.LEAdvertisement.rst).

// flags are what a peer may do, and what some do: the standard has writing without
// response alone, and there are phones that write with one.
var flags = map[gatt.Characteristic][]string{
	gatt.State:        {"notify", "write-without-response", "write"},
	gatt.ClientServer: {"write-without-response", "write"},
	gatt.ServerClient: {"notify"},
	gatt.Ident:        {"read"},
}

func (s *server) service() dbus.ObjectPath       { return s.root + "/service0" }
func (s *server) advertisement() dbus.ObjectPath { return s.root + "/advertisement" }
func (s *server) path(c gatt.Characteristic) dbus.ObjectPath {
	return s.service() + dbus.ObjectPath(fmt.Sprintf("/char%d", c))
}

// characteristics of the mode; Ident only with a value.
func (s *server) characteristics() []gatt.Characteristic {
	all := []gatt.Characteristic{gatt.State, gatt.ClientServer, gatt.ServerClient}
	if _, ok := s.offer.Mode.UUID(gatt.Ident); ok && s.ident != nil {
		all = append(all, gatt.Ident)
	}
	return all
}

// managed is the application as BlueZ reads it.
func (s *server) managed() objects {
	all := objects{s.service(): {ifService: {
		"UUID": dbus.MakeVariant(s.offer.Service.String()), "Primary": dbus.MakeVariant(true),
	}}}
	for _, c := range s.characteristics() {
		id, _ := s.offer.Mode.UUID(c)
		has := properties{
			"UUID": dbus.MakeVariant(id.String()), "Service": dbus.MakeVariant(s.service()), "Flags": dbus.MakeVariant(flags[c]),
		}
		// What is named so, BlueZ acquires. Not so WriteAcquired: what is written
		// while it acquires, it keeps by a pointer into a buffer that the next value
		// overwrites (gatt-database.c, to this day), and it has one socket for all
		// devices. Values that come over the bus are whole, in order, and say whose
		// they are.
		if c == gatt.ServerClient {
			has["NotifyAcquired"] = dbus.MakeVariant(false)
		}
		all[s.path(c)] = interfaces{ifCharacteristic: has}
	}
	return all
}

// advertised is the advertisement: the service alone, which takes 18
// of 31 bytes.
func (s *server) advertisedProperties() interfaces {
	return interfaces{ifAdvertisement: {
		"Type": dbus.MakeVariant("peripheral"), "ServiceUUIDs": dbus.MakeVariant([]string{s.offer.Service.String()}),
	}}
}

// export puts the objects on the bus.
func (s *server) export() error {
	managed := s.managed()
	exports := []struct {
		object any
		path   dbus.ObjectPath
		iface  string
	}{
		{manager{managed}, s.root, ifObjects},
		{getter{managed[s.service()]}, s.service(), ifProperties},
		{getter{s.advertisedProperties()}, s.advertisement(), ifProperties},
		{advertisement{s}, s.advertisement(), ifAdvertisement},
	}
	for _, c := range s.characteristics() {
		exports = append(exports, []struct {
			object any
			path   dbus.ObjectPath
			iface  string
		}{{characteristic{s, c}, s.path(c), ifCharacteristic}, {getter{managed[s.path(c)]}, s.path(c), ifProperties}}...)
	}
	for _, e := range exports {
		if err := s.radio.conn.Export(e.object, e.path, e.iface); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) unexport() {
	paths := []dbus.ObjectPath{s.root, s.service(), s.advertisement()}
	for c := gatt.State; c <= gatt.Ident; c++ {
		paths = append(paths, s.path(c))
	}
	for _, path := range paths {
		for _, iface := range []string{ifObjects, ifProperties, ifAdvertisement, ifCharacteristic} {
			_ = s.radio.conn.Export(nil, path, iface)
		}
	}
}

// notifyState sends a value of State.
func (s *server) notifyState(ctx context.Context, value []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.radio.conn.Emit(s.path(gatt.State), ifProperties+".PropertiesChanged", ifCharacteristic,
		properties{"Value": dbus.MakeVariant(slices.Clone(value))}, []string{})
}

// intercept sees every message of the bus, in order, before it is dispatched to
// goroutines of their own. What peers write is taken here, where no value overtakes
// another, nor a start the notifications that go before it.
func (r *Radio) intercept(m *dbus.Message) {
	if m.Type != dbus.TypeMethodCall || m.Headers[dbus.FieldInterface].Value() != ifCharacteristic {
		return
	}
	path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	sender, _ := m.Headers[dbus.FieldSender].Value().(string)
	var options properties
	switch m.Headers[dbus.FieldMember].Value() {
	case "WriteValue":
		var value []byte
		if dbus.Store(m.Body, &value, &options) != nil {
			return
		}
		device := option[dbus.ObjectPath](options, "device")
		if s := r.serverOf(path, gatt.State, sender); s != nil {
			s.written(value, device, int(option[uint16](options, "mtu")))
		} else if s := r.serverOf(path, gatt.ClientServer, sender); s != nil {
			s.wrote(value, device, int(option[uint16](options, "offset")))
		}
	case "AcquireNotify":
		if s := r.serverOf(path, gatt.ServerClient, sender); s != nil && dbus.Store(m.Body, &options) == nil {
			s.subscribing(option[dbus.ObjectPath](options, "device"))
		}
	}
}

// serverOf finds the server whose characteristic this is; nil when the message is
// not from bluetoothd.
func (r *Radio) serverOf(path dbus.ObjectPath, c gatt.Characteristic, sender string) *server {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sender != r.owner {
		return nil
	}
	for s := range r.servers {
		if s.path(c) == path {
			return s
		}
	}
	return nil
}

type manager struct{ managed objects }

func (m manager) GetManagedObjects() (objects, *dbus.Error) { return m.managed, nil }

type getter struct{ has interfaces }

func (g getter) GetAll(iface string) (properties, *dbus.Error) { return g.has[iface], nil }

func (g getter) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	v, ok := g.has[iface][name]
	if !ok {
		return dbus.Variant{}, dbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{"no such property"})
	}
	return v, nil
}

type advertisement struct{ s *server }

func (a advertisement) Release() *dbus.Error {
	a.s.released()
	return nil
}

// characteristic answers BlueZ for one characteristic.
type characteristic struct {
	s *server
	c gatt.Characteristic
}

var (
	notSupported  = dbus.NewError("org.bluez.Error.NotSupported", nil)
	notAuthorized = dbus.NewError(errNotAuthorized, nil)
)

func (c characteristic) ReadValue(options properties) ([]byte, *dbus.Error) {
	if c.c != gatt.Ident {
		return nil, notSupported
	}
	c.s.touch(option[dbus.ObjectPath](options, "device"))
	return c.s.ident[min(len(c.s.ident), int(option[uint16](options, "offset"))):], nil
}

// WriteValue acknowledges what intercept has taken.
func (c characteristic) WriteValue(_ []byte, _ properties) *dbus.Error {
	if c.c != gatt.State && c.c != gatt.ClientServer {
		return notSupported
	}
	return nil
}

func (c characteristic) AcquireWrite(_ properties) (dbus.UnixFD, uint16, *dbus.Error) {
	return 0, 0, notSupported
}

func (c characteristic) AcquireNotify(options properties) (dbus.UnixFD, uint16, *dbus.Error) {
	if c.c != gatt.ServerClient {
		return 0, 0, notSupported
	}
	socket, err := c.s.acquireNotify(option[dbus.ObjectPath](options, "device"))
	if err != nil {
		return 0, 0, notAuthorized
	}
	return dbus.UnixFD(socket.given()), max(gatt.MinMTU, option[uint16](options, "mtu")), nil
}

func (c characteristic) StartNotify() *dbus.Error {
	if c.c != gatt.State {
		return notSupported
	}
	return nil
}

func (c characteristic) StopNotify() *dbus.Error { return nil }
