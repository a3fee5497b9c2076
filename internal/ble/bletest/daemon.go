package bletest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
)

type (
	properties = map[string]dbus.Variant
	interfaces = map[string]properties
	objects    = map[dbus.ObjectPath]interfaces
)

const (
	ifAdapter        = "org.bluez.Adapter1"
	ifDevice         = "org.bluez.Device1"
	ifService        = "org.bluez.GattService1"
	ifCharacteristic = "org.bluez.GattCharacteristic1"
	ifGattManager    = "org.bluez.GattManager1"
	ifAdvManager     = "org.bluez.LEAdvertisingManager1"
	ifAdvertisement  = "org.bluez.LEAdvertisement1"
	ifProperties     = "org.freedesktop.DBus.Properties"
	ifObjects        = "org.freedesktop.DBus.ObjectManager"
)

// Options say what kind of machine this is. The zero value has two adapters that
// are on.
type Options struct {
	Adapters     int    // 0: two; below zero: none
	Off          bool   // the adapters are switched off
	CentralOnly  bool   // they cannot be peripherals
	MTU          uint16 // of every connection; 0: 517, as phones ask for
	Version      int    // of bluetoothd; 0: 566
	Deny         string // calls of this member of org.bluez are refused with AccessDenied
	AdvertsFull  bool   // no more advertisements can be registered
	NoAttributes bool   // services are found without characteristics
	WriteOnly    bool   // Client2Server and State are seen without "write-without-response"

	// Cuts break connections: the n-th one when so many values have gone over it in
	// both directions; none beyond the list, and none below zero.
	Cuts []int

	// Refusals is how many Connect calls fail before one succeeds.
	Refusals int
}

// Daemon is the stand-in.
type Daemon struct {
	conn *dbus.Conn
	opt  Options

	mu          sync.Mutex // also: what is read from a socket is queued before anything else is
	objects     objects
	adapters    []*adapter
	connections []*connection
	refusals    int
	connects    int
	seen        []string // calls, for tests
}

// Start puts the stand-in on a bus.
func Start(address string, opt Options) (*Daemon, error) {
	if opt.Adapters == 0 {
		opt.Adapters = 2
	}
	if opt.MTU == 0 {
		opt.MTU = 517
	}
	if opt.Version == 0 {
		opt.Version = 566
	}
	conn, err := dbus.Connect(address, dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err != nil {
		return nil, err
	}
	d := &Daemon{conn: conn, opt: opt, objects: objects{}, refusals: opt.Refusals}
	if err := d.start(); err != nil {
		conn.Close()
		return nil, err
	}
	return d, nil
}

func (d *Daemon) start() error {
	signals := make(chan *dbus.Signal, 64)
	d.conn.Signal(signals)
	err := errors.Join(
		d.conn.AddMatchSignal(dbus.WithMatchInterface(ifProperties), dbus.WithMatchPathNamespace("/vidimus")),
		d.conn.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged")),
		d.conn.Export(manager{d}, "/", ifObjects),
	)
	if err != nil {
		return err
	}
	go func() {
		for s := range signals {
			d.signal(s)
		}
	}()
	for i := range max(d.opt.Adapters, 0) {
		a := &adapter{
			d: d, path: dbus.ObjectPath(fmt.Sprintf("/org/bluez/hci%d", i)), address: fmt.Sprintf("00:AA:01:00:00:%02X", i),
			discovering: map[string]string{}, filters: map[string]string{}, adverts: map[owned][]string{}, apps: map[owned]*application{}, withdrawn: map[owned]bool{},
		}
		has := interfaces{ifAdapter: {
			"Address": dbus.MakeVariant(a.address), "Powered": dbus.MakeVariant(!d.opt.Off), "Discovering": dbus.MakeVariant(false),
			"Modalias": dbus.MakeVariant(fmt.Sprintf("usb:v1D6Bp0246d%04X", d.opt.Version/100<<8|d.opt.Version%100)),
		}}
		if !d.opt.CentralOnly {
			has[ifGattManager], has[ifAdvManager] = properties{}, properties{}
		}
		d.adapters = append(d.adapters, a)
		d.add(a.path, has)
		if err := errors.Join(d.conn.Export(a, a.path, ifAdapter), d.conn.Export(gattManager{a}, a.path, ifGattManager), d.conn.Export(advManager{a}, a.path, ifAdvManager)); err != nil {
			return err
		}
	}
	reply, err := d.conn.RequestName("org.bluez", dbus.NameFlagDoNotQueue)
	if err == nil && reply != dbus.RequestNameReplyPrimaryOwner {
		err = errors.New("the bus has a bluetoothd already")
	}
	return err
}

// Close ends the stand-in, as bluetoothd ends when it is stopped.
func (d *Daemon) Close() error {
	d.Disconnect()
	return d.conn.Close()
}

// SetPowered switches an adapter (hci0) on or off.
func (d *Daemon) SetPowered(name string, on bool) {
	a := d.adapter(name)
	if !on {
		d.Disconnect()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set(a.path, ifAdapter, "Powered", on)
}

// Unplug takes an adapter away.
func (d *Daemon) Unplug(name string) {
	a := d.adapter(name)
	d.Disconnect()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(a.path)
}

// Disconnect breaks every connection.
func (d *Daemon) Disconnect() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range slices.Clone(d.connections) {
		c.disconnect()
	}
}

// Release ends the advertisements of an adapter, as bluetoothd does when it must,
// and says how many there were: one that is still being registered is none.
func (d *Daemon) Release(name string) int {
	a := d.adapter(name)
	d.mu.Lock()
	adverts := maps.Clone(a.adverts)
	maps.DeleteFunc(adverts, func(_ owned, uuids []string) bool { return uuids == nil })
	for id := range adverts {
		delete(a.adverts, id)
	}
	d.mu.Unlock()
	for id := range adverts {
		d.conn.Object(id.sender, id.path).Call(ifAdvertisement+".Release", dbus.FlagNoReplyExpected)
	}
	return len(adverts)
}

// Residue lists what programs have set up and not put back: applications,
// advertisements, discoveries, connections, devices.
func (d *Daemon) Residue() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var left []string
	for _, a := range d.adapters {
		for id := range a.apps {
			left = append(left, fmt.Sprintf("application %s", id.path))
		}
		for id := range a.adverts {
			left = append(left, fmt.Sprintf("advertisement %s", id.path))
		}
		for sender := range a.discovering {
			left = append(left, fmt.Sprintf("discovery of %s", sender))
		}
	}
	for _, c := range d.connections {
		left = append(left, fmt.Sprintf("connection to %s", c.remote))
	}
	for path, has := range d.objects {
		if has[ifDevice] != nil {
			left = append(left, fmt.Sprintf("device %s", path))
		}
	}
	return left
}

// Calls lists the members that were called, in order.
func (d *Daemon) Calls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.seen)
}

func (d *Daemon) adapter(name string) *adapter {
	for _, a := range d.adapters {
		if strings.HasSuffix(string(a.path), "/"+name) {
			return a
		}
	}
	panic("bletest: no adapter " + name)
}

// called notes a call, and refuses it where the machine denies it.
func (d *Daemon) called(member string) *dbus.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = append(d.seen, member)
	if member == d.opt.Deny {
		return dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Rejected send message"})
	}
	return nil
}

// failed is an error of BlueZ.
func failed(name, text string) *dbus.Error {
	return dbus.NewError("org.bluez.Error."+name, []any{text})
}

// signal takes what applications say, and that they leave.
func (d *Daemon) signal(s *dbus.Signal) {
	if s.Name == "org.freedesktop.DBus.NameOwnerChanged" {
		var name, before, now string
		if dbus.Store(s.Body, &name, &before, &now) == nil && now == "" {
			d.left(name)
		}
		return
	}
	var iface string
	var changed properties
	var invalidated []string
	if dbus.Store(s.Body, &iface, &changed, &invalidated) != nil || iface != ifCharacteristic {
		return
	}
	value, ok := changed["Value"].Value().([]byte)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.adapters {
		for _, app := range a.apps {
			if app.sender == s.Sender && app.has[s.Path] != nil {
				a.notify(s.Path, value)
			}
		}
	}
}

// left forgets what a program had, as BlueZ does.
func (d *Daemon) left(sender string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.adapters {
		maps.DeleteFunc(a.apps, func(_ owned, app *application) bool {
			if app.sender == sender {
				app.close()
			}
			return app.sender == sender
		})
		maps.DeleteFunc(a.adverts, func(id owned, _ []string) bool { return id.sender == sender })
		delete(a.discovering, sender)
	}
}

// add, set and remove change an object and say so. d.mu is held, but for add at the
// start.
func (d *Daemon) add(path dbus.ObjectPath, has interfaces) {
	d.objects[path] = has
	_ = d.conn.Export(getter{d, path}, path, ifProperties)
	_ = d.conn.Emit("/", ifObjects+".InterfacesAdded", path, has)
}

func (d *Daemon) set(path dbus.ObjectPath, iface, name string, value any) {
	if has := d.objects[path][iface]; has != nil {
		has[name] = dbus.MakeVariant(value)
		_ = d.conn.Emit(path, ifProperties+".PropertiesChanged", iface, properties{name: dbus.MakeVariant(value)}, []string{})
	}
}

func (d *Daemon) remove(path dbus.ObjectPath) {
	if has := d.objects[path]; has != nil {
		delete(d.objects, path)
		_ = d.conn.Emit("/", ifObjects+".InterfacesRemoved", path, slices.Collect(maps.Keys(has)))
	}
}

type manager struct{ d *Daemon }

func (m manager) GetManagedObjects() (objects, *dbus.Error) {
	if err := m.d.called("GetManagedObjects"); err != nil {
		return nil, err
	}
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	all := objects{}
	for path, has := range m.d.objects {
		all[path] = interfaces{}
		for name, p := range has {
			all[path][name] = maps.Clone(p)
		}
	}
	return all, nil
}

type getter struct {
	d    *Daemon
	path dbus.ObjectPath
}

func (g getter) GetAll(iface string) (properties, *dbus.Error) {
	g.d.mu.Lock()
	defer g.d.mu.Unlock()
	return maps.Clone(g.d.objects[g.path][iface]), nil
}
