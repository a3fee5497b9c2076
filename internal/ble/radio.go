package ble

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity/gatt"
)

// Options say which radio to open. The zero value is the first adapter of this
// machine that is switched on.
type Options struct {
	// Bus is the D-Bus address at which bluetoothd is found (unix:path=...); "" is
	// the system bus, or DBUS_SYSTEM_BUS_ADDRESS of the environment.
	Bus string

	// Adapter is the name of an adapter (hci0).
	Adapter string

	// Warn is told, in a sentence, what may go wrong with the machine's set-up; nil
	// is told nothing. It is called from any goroutine and does not block.
	Warn func(string)
}

// Radio is an adapter. It implements gatt.Radio; its Connect functions may run
// beside each other.
type Radio struct {
	conn    *dbus.Conn
	tree    *tree
	adapter dbus.ObjectPath
	version int // of bluetoothd, 566 for 5.66; 0 when it does not say
	warn    func(string)

	scanning sync.Mutex // a bus connection has one discovery filter

	mu       sync.Mutex
	owner    string                  // the bus name of bluetoothd
	servers  map[*server]bool        // to whom writes of State go
	links    map[dbus.ObjectPath]int // links of a device: it is disconnected after the last
	services int                     // counts paths
}

var _ gatt.Radio = (*Radio)(nil)

// Open connects to bluetoothd and picks an adapter. Every error that is not of ctx
// matches ErrUnavailable and says what to do.
func Open(ctx context.Context, opt Options) (*Radio, error) {
	r, err := open(ctx, opt)
	if err != nil {
		return nil, fmt.Errorf("opening the radio: %w", err)
	}
	return r, nil
}

func open(ctx context.Context, opt Options) (*Radio, error) {
	r := &Radio{tree: newTree(), warn: opt.Warn, servers: map[*server]bool{}, links: map[dbus.ObjectPath]int{}}
	if r.warn == nil {
		r.warn = func(string) {}
	}
	options := []dbus.ConnOption{
		dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()), // the default one loses the order
		dbus.WithIncomingInterceptor(r.intercept),
	}
	var err error
	if opt.Bus == "" {
		r.conn, err = dbus.ConnectSystemBus(options...)
	} else {
		r.conn, err = dbus.Connect(opt.Bus, options...)
	}
	if err != nil {
		return nil, busError(opt.Bus, err)
	}
	if err := r.start(ctx, opt.Adapter); err != nil {
		r.conn.Close()
		return nil, err
	}
	return r, nil
}

// start follows what BlueZ has and picks the adapter.
func (r *Radio) start(ctx context.Context, adapter string) error {
	signals := make(chan *dbus.Signal, 64)
	r.conn.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchSender(bluez), dbus.WithMatchInterface(ifObjects)},
		{dbus.WithMatchSender(bluez), dbus.WithMatchInterface(ifProperties)},
		{dbus.WithMatchInterface(ifBus), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, bluez)},
	} {
		if err := r.conn.AddMatchSignalContext(ctx, match...); err != nil {
			return explain(ctx, "listening to BlueZ", err)
		}
	}
	var all objects
	if err := r.call(ctx, "/", ifObjects+".GetManagedObjects").Store(&all); err != nil {
		return explain(ctx, "asking BlueZ", err)
	}
	var owner string
	if err := r.conn.BusObject().CallWithContext(ctx, ifBus+".GetNameOwner", 0, bluez).Store(&owner); err != nil {
		return explain(ctx, "asking BlueZ", err)
	}
	r.owner = owner
	r.tree.load(all)
	go r.tree.follow(signals)
	var err error
	r.tree.see(func(all objects) { r.adapter, err = pick(all, adapter) })
	if err != nil {
		return err
	}
	r.version = r.daemonVersion()
	return nil
}

// pick finds the adapter: the one of this name, or the first that is on.
func pick(all objects, name string) (dbus.ObjectPath, error) {
	var adapters []dbus.ObjectPath
	for p, has := range all {
		if has[ifAdapter] != nil {
			adapters = append(adapters, p)
		}
	}
	if len(adapters) == 0 {
		return "", unavailable("this machine has no Bluetooth adapter", "plug one in (4.2 or newer), or see whether its driver is loaded")
	}
	slices.Sort(adapters)
	var names []string
	var found dbus.ObjectPath
	for _, p := range adapters {
		names = append(names, path.Base(string(p)))
		if name == "" && found == "" && property[bool](all, p, ifAdapter, "Powered") || name == path.Base(string(p)) {
			found = p
		}
	}
	switch {
	case found == "" && name == "":
		return "", poweredOff(strings.Join(names, ", "))
	case found == "":
		return "", unavailable("there is no adapter "+name, "name one of "+strings.Join(names, ", "))
	case !property[bool](all, found, ifAdapter, "Powered"):
		return "", poweredOff(name)
	}
	return found, nil
}

// Close disconnects the devices of links that nobody has closed, and ends the
// connection to the bus, and with it whatever was set up over it.
func (r *Radio) Close() error {
	r.mu.Lock()
	left := slices.Collect(maps.Keys(r.links))
	r.mu.Unlock()
	for _, device := range left {
		r.forget(device)
	}
	return r.conn.Close()
}

// Adapter is the name of the adapter (hci0).
func (r *Radio) Adapter() string { return path.Base(string(r.adapter)) }

func (r *Radio) call(ctx context.Context, p dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return r.conn.Object(bluez, p).CallWithContext(ctx, method, 0, args...)
}

// clean is call after the end: nobody waits for its outcome but for a moment.
func (r *Radio) clean(p dbus.ObjectPath, method string, args ...any) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTime)
	defer cancel()
	_ = r.call(ctx, p, method, args...).Err
}

// ready says why the adapter cannot be used any more.
func (r *Radio) ready(all objects) error {
	switch {
	case all[r.adapter][ifAdapter] == nil:
		return unavailable("the adapter "+r.Adapter()+" is gone", "see whether it is still plugged in")
	case !property[bool](all, r.adapter, ifAdapter, "Powered"):
		return poweredOff(r.Adapter())
	}
	return nil
}

// failed is explain for what an adapter refuses: one that is switched off in the
// meantime fails in many ways, and says so a little later.
func (r *Radio) failed(ctx context.Context, doing string, err error) error {
	explained := explain(ctx, doing, err)
	if err == nil || ctx.Err() != nil || errors.Is(explained, ErrUnavailable) {
		return explained
	}
	waiting, cancel := context.WithTimeout(ctx, releaseTime)
	defer cancel()
	lost := r.tree.wait(waiting, func(all objects) (bool, error) { return false, r.ready(all) })
	if errors.Is(lost, ErrUnavailable) {
		return lost
	}
	return explained
}

// daemonVersion reads the version of bluetoothd out of the identity that it gives
// adapters (usb:v1D6Bp0246d0542: 5.66).
func (r *Radio) daemonVersion() int {
	var modalias string
	r.tree.see(func(all objects) { modalias = property[string](all, r.adapter, ifAdapter, "Modalias") })
	var device uint16
	if _, err := fmt.Sscanf(modalias, "usb:v1D6Bp0246d%04X", &device); err != nil {
		return 0
	}
	return int(device>>8)*100 + int(device&0xff)
}

// hold counts a link of a device.
func (r *Radio) hold(device dbus.ObjectPath) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.links[device]++
}

// release ends a link of a device. After the last one the device is disconnected
// and, when nobody has paired it, forgotten: names and services of a transaction
// are of no use in the next. A device that uses a service of ours meanwhile, over the
// same connection, is left to its server.
func (r *Radio) release(device dbus.ObjectPath) {
	r.mu.Lock()
	r.links[device]--
	last := r.links[device] <= 0
	if last {
		delete(r.links, device)
	}
	for s := range r.servers {
		last = last && !s.serves(device)
	}
	r.mu.Unlock()
	if last {
		r.forget(device)
	}
}

func (r *Radio) forget(device dbus.ObjectPath) {
	known := false
	r.tree.see(func(all objects) {
		known = property[bool](all, device, ifDevice, "Paired") || property[bool](all, device, ifDevice, "Trusted")
	})
	r.clean(device, ifDevice+".Disconnect")
	if !known {
		r.clean(r.adapter, ifAdapter+".RemoveDevice", device)
	}
}
