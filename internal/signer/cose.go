package signer

import (
	"bytes"
	"encoding/binary"

	"vidimus/internal/cbor"
)

// readCOSE reads a Sig_structure of a COSE_Sign1 (RFC 9052, 4.4).
func (h *held) readCOSE(m []byte, now instant) (Kind, error) {
	protected, payload, err := takeCOSE(m)
	if err != nil {
		return "", err
	}
	var kind Kind
	for _, k := range h.Policy.Kinds {
		if e := h.expected[k]; len(e) > 0 && e[0]>>5 == 5 && bytes.Equal(protected, e) {
			kind = k
			break
		}
	}
	if kind != KindBundle && len(m) > MaxMessage {
		return "", refuse(ReasonSize, "a message of %d bytes, at most %d", len(m), MaxMessage)
	}
	switch kind {
	case KindVICAL:
		return kind, h.readVICAL(payload, now)
	case KindMSO:
		return kind, h.readMSO(payload, now)
	case KindStatusCWT, KindIdentifierList:
		return kind, h.readListCWT(kind, payload, now)
	case KindBundle:
		if len(m) > MaxBundle {
			return "", refuse(ReasonSize, "a bundle of %d bytes, at most %d", len(m), MaxBundle)
		}
		return kind, h.readBundle(payload, now)
	}
	return "", refuse(ReasonKind, "a protected header that no message of this key has: another algorithm, type or certificate")
}

// takeCOSE takes a Sig_structure apart: its protected header, external data of no bytes,
// and its payload, each with the shortest head and nothing behind them.
func takeCOSE(m []byte) (protected, payload []byte, err error) {
	protected, rest, ok := byteString(m[len(sign1Prefix):])
	if !ok {
		return nil, nil, badForm("Sig_structure: no protected header")
	}
	if len(rest) == 0 || rest[0] != 0x40 {
		return nil, nil, badForm("Sig_structure: external data")
	}
	payload, rest, ok = byteString(rest[1:])
	if !ok || len(rest) != 0 {
		return nil, nil, badForm("Sig_structure: no payload, or something behind it")
	}
	return protected, payload, nil
}

// byteString takes a byte string with its shortest head off b.
func byteString(b []byte) (content, rest []byte, ok bool) {
	if len(b) == 0 || b[0]>>5 != 2 {
		return nil, nil, false
	}
	var n uint64
	size := 1
	switch info := b[0] & 31; {
	case info < 24:
		n = uint64(info)
	case info == 24 && len(b) > 1 && b[1] >= 24:
		n, size = uint64(b[1]), 2
	case info == 25 && len(b) > 2 && b[1] != 0:
		n, size = uint64(binary.BigEndian.Uint16(b[1:])), 3
	case info == 26 && len(b) > 4 && binary.BigEndian.Uint16(b[1:]) != 0:
		n, size = uint64(binary.BigEndian.Uint32(b[1:])), 5
	default: // of 64 bits: more than any message has
		return nil, nil, false
	}
	if n > uint64(len(b)-size) {
		return nil, nil, false
	}
	return b[size : size+int(n) : size+int(n)], b[size+int(n):], true
}

// deterministicMap checks a map of at most max bytes, to its last item.
func deterministicMap(payload []byte, max int) error {
	deterministic, err := cbor.CheckMap(payload, max)
	if err != nil {
		return badForm("payload: %v", err)
	}
	if !deterministic {
		return badForm("payload: not encoded deterministically")
	}
	return nil
}
