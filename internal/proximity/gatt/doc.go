// Package gatt is the Bluetooth data retrieval of ISO/IEC 18013-5:2021, 8.3.3.1.1,
// without the radio: which characteristics there are, how a connection starts and
// ends, how messages are cut into values and put together again.
//
// [Meet] goes from an engagement to a [proximity.Transport] over a [Radio]: BlueZ
// (package ble) or the [Model] in memory. Below it, [Open] makes a transport of the
// [Link], one established connection, that a [Connect] function returns: it checks
// Ident, exchanges the start, and connects anew, once, when the connection drops
// before. [Start] does the same with a link that is there already. [Offers] says
// which modes an engagement leaves, the preferred one first.
//
// Who is what (table 4 and 5): in mdoc central client mode the holder is the GATT
// client and the reader the GATT server; in mdoc peripheral server mode it is the
// other way round. The client writes 0x01 to State when it has enabled the
// notifications, and not before that does anybody send. The messages of the client
// go as values of Client2Server, those of the server as values of Server2Client.
//
// A connection that drops before the start costs nothing; one that drops
// afterwards ends the session, since its keys are single use. Whatever a peer
// sends, what comes out is a whole message of its own or an error: values are
// trusted to come in order and complete, since ATT promises that, and session
// encryption finds what breaks the promise.
//
// Transports are for one goroutine, but for Close, which any may call.
package gatt
