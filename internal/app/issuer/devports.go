package issuer

import (
	"errors"
	"fmt"
	"net"
)

// DevOnFreePorts is a configuration for development in a state folder, with
// listeners on ports of this machine that are free now: for the demo and for
// tests, which must know the public URL before the listeners are bound.
func DevOnFreePorts(stateDir string) (Config, error) {
	cfg := Defaults()
	cfg.StateDir = stateDir
	var held []net.Listener
	var errs []error
	for _, addr := range []*string{&cfg.Listen.Public, &cfg.Listen.Registry, &cfg.Listen.Office, &cfg.Listen.Metrics, &cfg.Listen.Console} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		held = append(held, l) // all at once, so that no two are the same
		*addr = l.Addr().String()
	}
	for _, l := range held {
		errs = append(errs, l.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("finding free ports: %w", err)
	}
	cfg.Dev = true
	cfg.fillDev()
	return cfg, nil
}
