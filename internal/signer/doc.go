// Package signer signs what it can read. It is the one room that uses the keys
// of an office: in a process of its own behind a socket (signer/socket), or
// inside the issuer of a small office.
//
// Start with New and Service.Sign; Service.Keys gives the same as a
// keys.Manager. A request names a key and holds whole messages: what would be
// hashed, never a digest. Each message is read strictly, its kind must be one
// that the key signs, and it is held against the Policy of the key: who is
// said to speak, of what, for how long, with which certificate. Nothing that
// the asker says beside the message counts, so that whoever has taken over the
// front end can still have signed only what the office would have signed, and
// no faster than the rate of the key.
//
// A request is recorded, durably, before its first signature is made; what
// cannot be recorded is not signed. Who gives up before that gets no line and no
// signature; later it is too late, on purpose: the record says what was done. A batch is signed whole or not at all.
//
// Promised: the names of kinds, which stand in records and configurations.
package signer
