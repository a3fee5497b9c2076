package ble

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/godbus/dbus/v5"

	"vidimus/internal/proximity/gatt"
)

// discover scans for a device that advertises the service, and returns it once the
// scan has been stopped: connecting while scanning fails on many controllers.
func (r *Radio) discover(ctx context.Context, service string) (device dbus.ObjectPath, err error) {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	filter := properties{"UUIDs": dbus.MakeVariant([]string{service}), "Transport": dbus.MakeVariant("le")}
	if err := r.call(ctx, r.adapter, ifAdapter+".SetDiscoveryFilter", filter).Err; err != nil {
		return "", r.failed(ctx, "setting the scan filter", err)
	}
	// A start whose answer was not awaited may have happened: stop in every case.
	defer r.clean(r.adapter, ifAdapter+".StopDiscovery")
	if err := r.call(ctx, r.adapter, ifAdapter+".StartDiscovery").Err; err != nil {
		return "", r.failed(ctx, "starting the scan", err)
	}
	err = r.tree.wait(ctx, func(all objects) (bool, error) {
		device = advertising(all, r.adapter, service)
		return device != "", r.ready(all)
	})
	if err != nil {
		return "", fmt.Errorf("scanning: %w", err)
	}
	return device, nil
}

// advertising finds a device of the adapter with the service.
func advertising(all objects, adapter dbus.ObjectPath, service string) dbus.ObjectPath {
	for path, has := range all {
		if below(path, adapter) && slices.Contains(option[[]string](has[ifDevice], "UUIDs"), service) {
			return path
		}
	}
	return ""
}

// resolve connects and waits until the services are known. The device is held
// then; on an error it is not.
func (r *Radio) resolve(ctx context.Context, device dbus.ObjectPath) (err error) {
	r.hold(device)
	defer func() {
		if err != nil {
			r.release(device)
		}
	}()
	if err := r.call(ctx, device, ifDevice+".Connect").Err; err != nil {
		return nearer(peerError(ctx, "connecting", err))
	}
	r.refresh(ctx, device)
	connected := false
	err = r.tree.wait(ctx, func(all objects) (bool, error) {
		now := property[bool](all, device, ifDevice, "Connected")
		if connected && !now || all[device][ifDevice] == nil {
			return false, fmt.Errorf("%w: it disconnected while its services were read", ErrPeer)
		}
		connected = now
		return property[bool](all, device, ifDevice, "ServicesResolved"), r.ready(all)
	})
	if err != nil {
		return nearer(fmt.Errorf("reading services: %w", err))
	}
	return nil
}

// nearer says what to do about a device that is hard to reach.
func nearer(err error) error {
	if errors.Is(err, ErrPeer) {
		return fmt.Errorf("%w: hold the devices nearer and show the code again", err)
	}
	return err
}

// refresh asks what a device is: when a connection and its report cross, bluetoothd
// does not say that the device is connected.
func (r *Radio) refresh(ctx context.Context, device dbus.ObjectPath) {
	var now properties
	if r.call(ctx, device, ifProperties+".GetAll", ifDevice).Store(&now) == nil {
		r.tree.change(device, ifDevice, now)
	}
}

// peerError tells an adapter that is gone from a device that does not answer.
func peerError(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	explained := explain(ctx, doing, err)
	if ctx.Err() != nil || errors.Is(explained, ErrUnavailable) {
		return explained
	}
	return fmt.Errorf("%w: %w", ErrPeer, explained)
}

// remote are the characteristics of a service of a device.
type remote map[gatt.Characteristic]remoteCharacteristic

type remoteCharacteristic struct {
	path  dbus.ObjectPath
	flags []string
}

// find asks which characteristics the service has; all of the mode but Ident must be
// there.
func (r *Radio) find(ctx context.Context, device dbus.ObjectPath, offer gatt.Offer) (remote, error) {
	// The signals may lag behind the answer that services are resolved.
	var all objects
	if err := r.call(ctx, "/", ifObjects+".GetManagedObjects").Store(&all); err != nil {
		return nil, explain(ctx, "reading services", err)
	}
	found := remote{}
	for path, has := range all {
		service := option[dbus.ObjectPath](has[ifCharacteristic], "Service")
		if !below(path, device) || property[string](all, service, ifService, "UUID") != offer.Service.String() {
			continue
		}
		for c := gatt.State; c <= gatt.Ident; c++ {
			if id, ok := offer.Mode.UUID(c); ok && option[string](has[ifCharacteristic], "UUID") == id.String() {
				found[c] = remoteCharacteristic{path, option[[]string](has[ifCharacteristic], "Flags")}
				r.tree.add(path, has)
			}
		}
	}
	for c := gatt.State; c <= gatt.ServerClient; c++ {
		if _, ok := found[c]; !ok {
			return nil, fmt.Errorf("%w: its service has no %v", ErrPeer, c)
		}
	}
	return found, nil
}
