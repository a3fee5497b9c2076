// Package socket carries the requests of package signer between processes, over a
// unix socket.
//
// Start with Listen and Server in the process that holds the keys, with Dial and
// Client in those that need signatures. The kernel says who the peer is: users and
// groups that are not in the configuration are turned away, and that is recorded.
// A Client is a keys.Manager for "signer:key=NAME"; its keys sign messages and no
// digests, and a batch is one request.
//
// A frame is four bytes of length, big-endian, and one CBOR map in core
// deterministic form (RFC 8949, 4.2.1) with small numbers for names; frame.go has
// them. Many requests are under way on one connection, and answers come in any
// order. Whoever sends what is no frame is disconnected.
//
// Promised: a request that was answered was recorded and signed; one whose answer
// is lost may have been. Nothing is asked twice but what never left this process.
package socket
