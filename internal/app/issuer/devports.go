package issuer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// The ports of DevOnFreePorts: none that the system gives to connections of its
// own accord, which could take it before the office does.
const (
	firstFreePort = 15000
	freePorts     = 16000
)

// lastFreePort was tried last; it begins anywhere, since other processes look
// for ports too.
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
	for range freePorts {
		addr := "127.0.0.1:" + strconv.Itoa(firstFreePort+int(lastFreePort.Add(1)%freePorts))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", err
}
