package bletest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// adapter is org.bluez.Adapter1 and its two managers.
type adapter struct {
	d       *Daemon
	path    dbus.ObjectPath
	address string

	filters     map[string]string // by the name of the program: a service UUID
	discovering map[string]string
	adverts     map[owned][]string // service UUIDs; nil while they are not known
	apps        map[owned]*application
	withdrawn   map[owned]bool // taken back before the call that registers was dispatched
}

// owned is an object of a program.
type owned struct {
	sender string
	path   dbus.ObjectPath
}

func (a *adapter) powered() bool {
	on, _ := a.d.objects[a.path][ifAdapter]["Powered"].Value().(bool)
	return on
}

// sees returns the object of another adapter as a device.
func (a *adapter) sees(address string) dbus.ObjectPath {
	return a.path + "/dev_" + dbus.ObjectPath(strings.ReplaceAll(address, ":", "_"))
}

// device adds the object of another adapter when it is not there.
func (a *adapter) device(of *adapter, uuids []string) dbus.ObjectPath {
	path := a.sees(of.address)
	if a.d.objects[path] == nil {
		_ = a.d.conn.Export(device{a, of}, path, ifDevice)
		a.d.add(path, interfaces{ifDevice: {
			"Address": dbus.MakeVariant(of.address), "Adapter": dbus.MakeVariant(a.path), "UUIDs": dbus.MakeVariant(uuids), "Paired": dbus.MakeVariant(false),
			"Trusted": dbus.MakeVariant(false), "Connected": dbus.MakeVariant(false), "ServicesResolved": dbus.MakeVariant(false),
		}})
	} else if uuids != nil {
		a.d.set(path, ifDevice, "UUIDs", uuids)
	}
	return path
}

// hear lets every discovery see what is advertised. d.mu is held.
func (d *Daemon) hear() {
	for _, a := range d.adapters {
		for _, uuid := range a.discovering {
			for _, b := range d.adapters {
				if b == a || !b.powered() {
					continue
				}
				for _, uuids := range b.adverts {
					if slices.Contains(uuids, uuid) {
						a.device(b, uuids)
					}
				}
			}
		}
	}
}

func (a *adapter) SetDiscoveryFilter(sender dbus.Sender, filter properties) *dbus.Error {
	if err := a.d.called("SetDiscoveryFilter"); err != nil {
		return err
	}
	uuids, _ := filter["UUIDs"].Value().([]string)
	if transport, _ := filter["Transport"].Value().(string); transport != "le" || len(uuids) != 1 {
		return failed("InvalidArguments", "Invalid arguments in method call")
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	a.filters[string(sender)] = uuids[0]
	return nil
}

func (a *adapter) StartDiscovery(sender dbus.Sender) *dbus.Error {
	if err := a.d.called("StartDiscovery"); err != nil {
		return err
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	switch {
	case !a.powered():
		return failed("NotReady", "Resource Not Ready")
	case a.discovering[string(sender)] != "":
		return failed("InProgress", "Operation already in progress")
	}
	a.discovering[string(sender)] = a.filters[string(sender)]
	a.d.set(a.path, ifAdapter, "Discovering", true)
	a.d.hear()
	return nil
}

func (a *adapter) StopDiscovery(sender dbus.Sender) *dbus.Error {
	if err := a.d.called("StopDiscovery"); err != nil {
		return err
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if a.discovering[string(sender)] == "" {
		return failed("Failed", "No discovery started")
	}
	delete(a.discovering, string(sender))
	a.d.set(a.path, ifAdapter, "Discovering", len(a.discovering) > 0)
	return nil
}

func (a *adapter) RemoveDevice(path dbus.ObjectPath) *dbus.Error {
	if err := a.d.called("RemoveDevice"); err != nil {
		return err
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if a.d.objects[path] == nil {
		return failed("DoesNotExist", "Does Not Exist")
	}
	for _, c := range slices.Clone(a.d.connections) {
		if c.remote == path || c.local == path {
			c.disconnect()
		}
	}
	a.d.remove(path)
	return nil
}

type advManager struct{ a *adapter }

func (m advManager) RegisterAdvertisement(sender dbus.Sender, path dbus.ObjectPath, _ properties) *dbus.Error {
	if err := m.a.d.called("RegisterAdvertisement"); err != nil {
		return err
	}
	if m.a.d.opt.AdvertsFull {
		return failed("NotPermitted", "Maximum advertisements reached")
	}
	// It is known before it has said what it is, so that it can be taken back.
	id := owned{string(sender), path}
	m.a.d.mu.Lock()
	if m.a.withdrawn[id] {
		m.a.d.mu.Unlock()
		return failed("Failed", "Withdrawn")
	}
	m.a.adverts[id] = nil
	m.a.d.mu.Unlock()
	var has properties
	err := m.a.d.conn.Object(id.sender, path).Call(ifProperties+".GetAll", 0, ifAdvertisement).Store(&has)
	uuids, _ := has["ServiceUUIDs"].Value().([]string)
	kind, _ := has["Type"].Value().(string)
	m.a.d.mu.Lock()
	defer m.a.d.mu.Unlock()
	_, there := m.a.adverts[id]
	if !there || err != nil || kind != "peripheral" || len(uuids) != 1 {
		delete(m.a.adverts, id)
		return failed("Failed", "Failed to parse advertisement.")
	}
	m.a.adverts[id] = uuids
	m.a.d.hear()
	return nil
}

func (m advManager) UnregisterAdvertisement(sender dbus.Sender, path dbus.ObjectPath) *dbus.Error {
	if err := m.a.d.called("UnregisterAdvertisement"); err != nil {
		return err
	}
	m.a.d.mu.Lock()
	defer m.a.d.mu.Unlock()
	id := owned{string(sender), path}
	if _, ok := m.a.adverts[id]; !ok {
		m.a.withdrawn[id] = true
		return failed("DoesNotExist", "Does Not Exist")
	}
	delete(m.a.adverts, id)
	return nil
}

type gattManager struct{ a *adapter }

func (m gattManager) RegisterApplication(sender dbus.Sender, path dbus.ObjectPath, _ properties) *dbus.Error {
	if err := m.a.d.called("RegisterApplication"); err != nil {
		return err
	}
	id := owned{string(sender), path}
	app := &application{d: m.a.d, sender: id.sender, notifies: map[dbus.ObjectPath]*stream{}}
	m.a.d.mu.Lock()
	if m.a.withdrawn[id] {
		m.a.d.mu.Unlock()
		return failed("Failed", "Withdrawn")
	}
	m.a.apps[id] = app
	m.a.d.mu.Unlock()
	var has objects
	err := m.a.d.conn.Object(id.sender, path).Call(ifObjects+".GetManagedObjects", 0).Store(&has)
	m.a.d.mu.Lock()
	defer m.a.d.mu.Unlock()
	if m.a.apps[id] != app || err != nil || len(has) == 0 {
		delete(m.a.apps, id)
		return failed("Failed", "No object received")
	}
	app.has = has
	return nil
}

func (m gattManager) UnregisterApplication(sender dbus.Sender, path dbus.ObjectPath) *dbus.Error {
	if err := m.a.d.called("UnregisterApplication"); err != nil {
		return err
	}
	m.a.d.mu.Lock()
	defer m.a.d.mu.Unlock()
	id := owned{string(sender), path}
	app := m.a.apps[id]
	if app == nil {
		m.a.withdrawn[id] = true
		return failed("DoesNotExist", "Does Not Exist")
	}
	for _, c := range m.a.d.connections {
		c.withdraw(app)
	}
	app.close()
	delete(m.a.apps, id)
	return nil
}

// device is org.bluez.Device1: another adapter as this one sees it.
type device struct{ a, of *adapter }

func (v device) Connect() *dbus.Error {
	if err := v.a.d.called("Connect"); err != nil {
		return err
	}
	d := v.a.d
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case !v.a.powered():
		return failed("NotReady", "Resource Not Ready")
	case d.refusals > 0:
		d.refusals--
		return failed("Failed", "le-connection-abort-by-local")
	case len(v.of.adverts) == 0 || !v.of.powered():
		return failed("Failed", "le-connection-abort-by-local")
	}
	for _, c := range d.connections {
		if c.remote == v.a.sees(v.of.address) {
			return failed("AlreadyConnected", "Already Connected")
		}
	}
	d.connect(v.a, v.of)
	return nil
}

func (v device) Disconnect() *dbus.Error {
	if err := v.a.d.called("Disconnect"); err != nil {
		return err
	}
	d := v.a.d
	d.mu.Lock()
	defer d.mu.Unlock()
	path := v.a.sees(v.of.address)
	for _, c := range slices.Clone(d.connections) {
		if c.remote == path || c.local == path {
			c.disconnect()
			return nil
		}
	}
	return failed("NotConnected", fmt.Sprintf("%s is not connected", path))
}
