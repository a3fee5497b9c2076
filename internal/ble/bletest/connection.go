package bletest

import (
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"
)

// application is what a program has registered.
type application struct {
	d        *Daemon
	sender   string
	has      objects
	notifies map[dbus.ObjectPath]*stream // of all devices together, as BlueZ has it
}

func (app *application) close() {
	for _, s := range app.notifies {
		s.close()
	}
}

func (app *application) call(path dbus.ObjectPath, member string, args ...any) *dbus.Call {
	return app.d.conn.Object(app.sender, path).Call(ifCharacteristic+"."+member, 0, args...)
}

// connection is one of the air: values go up to the server and down to the client,
// each in order.
type connection struct {
	d             *Daemon
	client        *adapter
	server        *adapter
	remote, local dbus.ObjectPath // the server as the client sees it, and the reverse
	characters    []*character
	up, down      chan func()
	left          int // values until it breaks; below zero it does not
	over          bool
	used          bool // the server was told of the client
}

// connect makes a connection. d.mu is held.
func (d *Daemon) connect(client, server *adapter) {
	c := &connection{
		d: d, client: client, server: server, left: -1, up: make(chan func(), 1<<16), down: make(chan func(), 1<<16),
		remote: client.device(server, nil), local: server.device(client, nil),
	}
	if d.connects < len(d.opt.Cuts) {
		c.left = d.opt.Cuts[d.connects]
	}
	d.connects++
	d.connections = append(d.connections, c)
	for _, path := range []dbus.ObjectPath{c.remote, c.local} {
		d.set(path, ifDevice, "Connected", true)
	}
	for _, queue := range []chan func(){c.up, c.down} {
		go func() {
			for f := range queue {
				f()
			}
		}()
	}
	if !d.opt.NoAttributes {
		c.discover()
	}
	d.set(c.remote, ifDevice, "ServicesResolved", true)
}

// discover adds the services of the server as the client finds them.
func (c *connection) discover() {
	n := 0
	for _, app := range c.server.apps {
		for path, has := range app.has {
			service := has[ifService]
			if service == nil {
				continue
			}
			n++
			found := dbus.ObjectPath(fmt.Sprintf("%s/service%04x", c.remote, n))
			c.d.add(found, interfaces{ifService: {"UUID": service["UUID"], "Primary": service["Primary"], "Device": dbus.MakeVariant(c.remote)}})
			for at, has := range app.has {
				if has[ifCharacteristic] == nil || has[ifCharacteristic]["Service"].Value() != path {
					continue
				}
				n++
				ch := &character{connection: c, app: app, at: at, has: has[ifCharacteristic], path: dbus.ObjectPath(fmt.Sprintf("%s/char%04x", found, n))}
				ch.flags, _ = ch.has["Flags"].Value().([]string)
				if c.d.opt.WriteOnly {
					ch.flags = slices.DeleteFunc(slices.Clone(ch.flags), func(flag string) bool { return flag == "write-without-response" })
				}
				c.characters = append(c.characters, ch)
				_ = c.d.conn.Export(ch, ch.path, ifCharacteristic)
				c.d.add(ch.path, interfaces{ifCharacteristic: {
					"UUID": ch.has["UUID"], "Service": dbus.MakeVariant(found), "Flags": dbus.MakeVariant(ch.flags), "Notifying": dbus.MakeVariant(false),
				}})
			}
		}
	}
}

// withdraw takes away what an application had, which the client is told of. d.mu is
// held.
func (c *connection) withdraw(app *application) {
	c.characters = slices.DeleteFunc(slices.Clone(c.characters), func(ch *character) bool {
		if ch.app != app {
			return false
		}
		c.down <- func() {
			c.d.mu.Lock()
			defer c.d.mu.Unlock()
			ch.notify.close()
			ch.write.close()
			c.d.remove(ch.path)
		}
		return true
	})
}

// disconnect ends the connection for both, and what the server finds in the client:
// that is the same connection. d.mu is held.
func (c *connection) disconnect() {
	if c.over {
		return
	}
	c.over = true
	c.d.connections = slices.DeleteFunc(c.d.connections, func(other *connection) bool { return other == c })
	for _, other := range slices.Clone(c.d.connections) {
		if other.client == c.server && other.server == c.client {
			other.disconnect()
		}
	}
	// What was on its way arrives before the end.
	end := func() {
		c.d.mu.Lock()
		defer c.d.mu.Unlock()
		c.d.set(c.remote, ifDevice, "ServicesResolved", false)
		for _, ch := range c.characters {
			ch.notify.close()
			ch.write.close()
			c.d.remove(ch.path)
		}
		c.d.set(c.remote, ifDevice, "Connected", false)
	}
	gone := func() {
		c.d.mu.Lock()
		defer c.d.mu.Unlock()
		for _, ch := range c.characters {
			if ch.subscribed && !c.server.subscribed(ch.at) {
				ch.app.notifies[ch.at].close()
				delete(ch.app.notifies, ch.at)
			}
		}
		c.d.set(c.local, ifDevice, "Connected", false)
		if !c.used {
			c.d.remove(c.local) // of itself, after half a minute
		}
	}
	c.down <- end
	c.up <- gone
	close(c.down)
	close(c.up)
}

// pass counts a value and reports whether it gets through. d.mu is held.
func (c *connection) pass() bool {
	if c.over {
		return false
	}
	if c.left < 0 {
		return true
	}
	if c.left == 0 {
		c.disconnect()
		return false
	}
	c.left--
	return true
}

// options are what a server is told of a client.
func (c *connection) options() properties {
	c.d.mu.Lock()
	c.used = true
	c.d.mu.Unlock()
	return properties{"device": dbus.MakeVariant(c.local), "mtu": dbus.MakeVariant(c.d.opt.MTU), "link": dbus.MakeVariant("LE")}
}

// subscribed reports whether a client of the adapter takes notifications of a
// characteristic.
func (a *adapter) subscribed(at dbus.ObjectPath) bool {
	for _, c := range a.d.connections {
		for _, ch := range c.characters {
			if c.server == a && ch.at == at && ch.subscribed {
				return true
			}
		}
	}
	return false
}

// notify sends a value to every client that takes it. d.mu is held.
func (a *adapter) notify(at dbus.ObjectPath, value []byte) {
	// BlueZ cuts to fit, two bytes more for clients that take several at once, as
	// new ones do; those keep no smallest MTU.
	room := int(a.d.opt.MTU) - 3
	if room > 20 {
		room -= 2
	}
	value = value[:min(len(value), 512, room)]
	for _, c := range slices.Clone(a.d.connections) {
		for _, ch := range c.characters {
			if c.server == a && ch.at == at && ch.subscribed && c.pass() {
				c.down <- func() { ch.arrive(value) }
			}
		}
	}
}
