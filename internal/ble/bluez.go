package ble

import "github.com/godbus/dbus/v5"

// Names of BlueZ (doc/org.bluez.*.rst of its sources) and of D-Bus.
const (
	bluez = "org.bluez"

	ifAdapter        = "org.bluez.Adapter1"
	ifDevice         = "org.bluez.Device1"
	ifService        = "org.bluez.GattService1"
	ifCharacteristic = "org.bluez.GattCharacteristic1"
	ifGattManager    = "org.bluez.GattManager1"
	ifAdvManager     = "org.bluez.LEAdvertisingManager1"
	ifAdvertisement  = "org.bluez.LEAdvertisement1"

	ifBus        = "org.freedesktop.DBus"
	ifProperties = "org.freedesktop.DBus.Properties"
	ifObjects    = "org.freedesktop.DBus.ObjectManager"
)

type (
	properties = map[string]dbus.Variant
	interfaces = map[string]properties
	objects    = map[dbus.ObjectPath]interfaces
)

// option returns an option of a call, the zero value when it is absent or of
// another type.
func option[T any](options properties, name string) T {
	v, _ := options[name].Value().(T)
	return v
}
