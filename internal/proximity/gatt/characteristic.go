package gatt

import (
	"fmt"

	"vidimus/internal/proximity"
)

// Characteristic is one of the four of a service (8.3.3.1.1.4, tables 5 and 6).
type Characteristic byte

const (
	State        Characteristic = iota + 1 // start and end; notify and write without response
	ClientServer                           // Client2Server; write without response
	ServerClient                           // Server2Client; notify
	Ident                                  // read; mdoc central client mode alone
)

func (c Characteristic) String() string {
	switch c {
	case State:
		return "State"
	case ClientServer:
		return "Client2Server"
	case ServerClient:
		return "Server2Client"
	case Ident:
		return "Ident"
	}
	return fmt.Sprintf("characteristic %d", byte(c))
}

// Values of State.
const (
	stateStart = 0x01
	stateEnd   = 0x02
)

// Mode is which side has which GATT role.
type Mode byte

const (
	CentralClient    Mode = iota + 1 // mdoc central client mode: the holder connects to the reader
	PeripheralServer                 // mdoc peripheral server mode: the reader connects to the holder
)

func (m Mode) String() string {
	switch m {
	case CentralClient:
		return "mdoc central client mode"
	case PeripheralServer:
		return "mdoc peripheral server mode"
	}
	return fmt.Sprintf("mode %d", byte(m))
}

// UUID returns the UUID of a characteristic, in network order; false when the mode
// has none of this kind.
func (m Mode) UUID(c Characteristic) (proximity.UUID, bool) {
	first := map[Mode]byte{PeripheralServer: 1, CentralClient: 5}[m]
	if first == 0 || c < State || c > Ident || c == Ident && m != CentralClient {
		return proximity.UUID{}, false
	}
	return proximity.UUID{
		0, 0, 0, first + byte(c-State), 0xa1, 0x23, 0x48, 0xce, 0x89, 0x6b, 0x4c, 0x76, 0x97, 0x33, 0x73, 0xe6,
	}, true
}

// Characteristic is the opposite of UUID: zero for one that the mode has not.
func (m Mode) Characteristic(id proximity.UUID) Characteristic {
	for c := State; c <= Ident; c++ {
		if known, ok := m.UUID(c); ok && known == id {
			return c
		}
	}
	return 0
}

// Side is whose end of a connection this is.
type Side byte

const (
	Reader Side = iota + 1
	Holder
)

// Role is the GATT role of an end.
type Role byte

const (
	Client Role = iota + 1
	Server
)

// Role returns the role of a side in this mode.
func (m Mode) Role(s Side) Role {
	if (m == CentralClient) == (s == Holder) {
		return Client
	}
	return Server
}

// out and in are the characteristics that carry the messages of this role and of
// its peer.
func (r Role) out() Characteristic {
	if r == Client {
		return ClientServer
	}
	return ServerClient
}

func (r Role) in() Characteristic {
	if r == Client {
		return ServerClient
	}
	return ClientServer
}

// Offer is a way to reach a holder.
type Offer struct {
	Mode    Mode
	Service proximity.UUID // what is advertised, in network order
	Address []byte         // of the holder, 6 or 7 bytes; nil when it said none
}

// Offers lists what an engagement leaves, the preferred mode first: mdoc central
// client mode (8.3.3.1.1.2).
func Offers(b *proximity.BLE) []Offer {
	var offers []Offer
	if b.CentralClient {
		offers = append(offers, Offer{Mode: CentralClient, Service: b.CentralClientUUID})
	}
	if b.PeripheralServer {
		offers = append(offers, Offer{Mode: PeripheralServer, Service: b.PeripheralServerUUID, Address: b.Address})
	}
	return offers
}
