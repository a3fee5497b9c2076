// Package ble is the radio of Linux: BlueZ over D-Bus, as reader and as reference
// holder, in both modes of ISO/IEC 18013-5:2021, 8.3.3.1.1. What goes over a
// connection is package gatt's; here connections are made.
//
// A program opens the radio once and then meets one peer after the other:
//
//	radio, err := ble.Open(ctx, ble.Options{})
//	...
//	defer radio.Close()
//	transport, err := gatt.Meet(ctx, radio, engagement, gatt.Options{Side: gatt.Reader})
//
// [gatt.Meet] takes mdoc central client mode where the holder offers it, and the
// other one too when nothing has come of that; [Radio] and [gatt.Model] are both a
// [gatt.Radio], so that a simulation differs in one line. A holder says
// gatt.Holder. The time limit is that of ctx.
//
// # What is used of BlueZ
//
// A client's messages go over the descriptors of AcquireWrite and AcquireNotify, a
// server's notifications over the one of AcquireNotify: they keep the order, and wait
// when the stack is full. What a server receives and all of State go over the bus,
// in order too, which names the device that wrote; why not over AcquireWrite,
// application.go says. A start stands before the messages that it opens, an end
// behind those that it closes. A server serves the first device that starts: it
// stops advertising then, and whoever else has touched the service is disconnected.
//
// Nothing stays behind: application, advertisement, discovery and connection end
// with the link or the call that made them, in every case, and BlueZ is told to
// forget a device that nobody had paired. Nothing is paired, nothing is changed
// about the adapter: one that is off is an error that says how to switch it on.
//
// # What BlueZ does otherwise
//
//   - As a server it drops values of 511 and 512 bytes before version 5.70. Clients
//     here send at most 510. A peer's phone does not know: such a reader wants
//     ExchangeMTU=512 under [GATT] in /etc/bluetooth/main.conf; Options.Warn is
//     told when a phone has agreed on more.
//   - As a server it cuts two bytes off full notifications to clients that take
//     several in one packet. Servers here leave these two bytes out.
//   - With several channels ([GATT] Channels, three in 5.66) two BlueZ let values
//     overtake each other, and bluetoothd has been seen to crash: Channels=1. Phones
//     open more than one to paired machines alone.
//   - When a connection and its report cross, it does not say that a device is
//     connected: it is asked after each Connect.
//
// UUIDs, device addresses and what is sent are not logged.
package ble
