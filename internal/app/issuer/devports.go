package issuer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
)

// The ports of DevOnFreePorts: none that the system gives to connections of its
// own accord, which could take it before the office does. A process takes a block
// of them, since a port is free between being found and being bound, and while an
// office starts again.
const (
	firstFreePort = 15000
	freePortBlock = 1000
	freePorts     = 16 * freePortBlock
)

// freePortsOf finds the block of this process, whose first port it keeps open
// until it ends: other processes pass it over. When all blocks are taken, or
// something else has their ports, it is all of them and luck.
var freePortsOf = sync.OnceValues(func() (first, count int) {
	begin := rand.IntN(freePorts / freePortBlock)
	for i := range freePorts / freePortBlock {
		first := firstFreePort + (begin+i)%(freePorts/freePortBlock)*freePortBlock
		if held, err := net.Listen("tcp", local(first)); err == nil {
			go hold(held)
			return first + 1, freePortBlock - 1
		}
	}
	return firstFreePort, freePorts
})

// hold keeps a port: forgotten, it would be closed. Nobody has anything to say to
// it.
func hold(port net.Listener) {
	for {
		conn, err := port.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// lastFreePort was tried last; it begins anywhere.
var lastFreePort atomic.Uint32

func init() { lastFreePort.Store(rand.Uint32N(freePorts)) }

// DevOnFreePorts is a configuration for development in a state folder, with
// listeners on ports of this machine that are free now: for the demo and for
// tests, which must know the public URL before the listeners are bound.
func DevOnFreePorts(stateDir string) (Config, error) {
	cfg := Defaults()
	cfg.StateDir = stateDir
	for _, addr := range []*string{&cfg.Listen.Public, &cfg.Listen.Registry, &cfg.Listen.Office, &cfg.Listen.Metrics, &cfg.Listen.Console} {
		var err error
		if *addr, err = freePort(); err != nil {
			return Config{}, fmt.Errorf("finding free ports: %w", err)
		}
	}
	cfg.Dev = true
	cfg.fillDev()
	return cfg, nil
}

// freePort finds an address of this machine that nobody listens on. One
// process gets each only once a round.
func freePort() (string, error) {
	err := errors.New("none is free")
	first, count := freePortsOf()
	for range count {
		addr := local(first + int(lastFreePort.Add(1))%count)
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", err
}

func local(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }
