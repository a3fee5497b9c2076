// Package bletest is a machine with Bluetooth for tests: a private D-Bus
// (dbus-daemon of Debian, package dbus-daemon) and on it a stand-in for bluetoothd
// with adapters that hear each other. What a program does with org.bluez, it does
// here without a radio, a kernel module or rights.
//
// The stand-in keeps the rules of BlueZ 5.66 that a peer of package ble feels: who
// owns what, descriptors with their MTU, one stream of notifications for all devices,
// values that are too large and are lost. What it cannot show is how real
// controllers behave: for that there is `./t.sh ble`.
package bletest
