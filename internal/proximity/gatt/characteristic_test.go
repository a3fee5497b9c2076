package gatt

import (
	"testing"

	"vidimus/internal/proximity"
)

// The UUIDs of tables 5 and 6.
func TestUUIDs(t *testing.T) {
	const tail = "-a123-48ce-896b-4c76973373e6"
	for _, c := range []struct {
		mode Mode
		c    Characteristic
		want string
	}{
		{PeripheralServer, State, "00000001" + tail},
		{PeripheralServer, ClientServer, "00000002" + tail},
		{PeripheralServer, ServerClient, "00000003" + tail},
		{PeripheralServer, Ident, ""},
		{CentralClient, State, "00000005" + tail},
		{CentralClient, ClientServer, "00000006" + tail},
		{CentralClient, ServerClient, "00000007" + tail},
		{CentralClient, Ident, "00000008" + tail},
		{CentralClient, 0, ""},
		{CentralClient, Ident + 1, ""},
		{0, State, ""},
	} {
		id, ok := c.mode.UUID(c.c)
		if ok != (c.want != "") || ok && id.String() != c.want {
			t.Errorf("%v, %v: %v, %t", c.mode, c.c, id, ok)
		}
		if ok && c.mode.Characteristic(id) != c.c {
			t.Errorf("%v is %v", id, c.mode.Characteristic(id))
		}
	}
	other, _ := PeripheralServer.UUID(State)
	if got := CentralClient.Characteristic(other); got != 0 {
		t.Errorf("the other mode's UUID is %v", got)
	}
}

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		side Side
		want Role
	}{
		{CentralClient, Holder, Client}, {CentralClient, Reader, Server},
		{PeripheralServer, Holder, Server}, {PeripheralServer, Reader, Client},
	} {
		if got := c.mode.Role(c.side); got != c.want {
			t.Errorf("%v, side %d: role %d", c.mode, c.side, got)
		}
	}
}

// The preferred mode comes first, and only what was offered.
func TestOffers(t *testing.T) {
	b := proximity.BLE{CentralClientUUID: proximity.UUID{1}, PeripheralServerUUID: proximity.UUID{2}, Address: make([]byte, 6)}
	if got := Offers(&b); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	b.PeripheralServer = true
	if got := Offers(&b); len(got) != 1 || got[0].Mode != PeripheralServer || got[0].Service != b.PeripheralServerUUID || got[0].Address == nil {
		t.Errorf("%+v", got)
	}
	b.CentralClient = true
	if got := Offers(&b); len(got) != 2 || got[0].Mode != CentralClient || got[0].Service != b.CentralClientUUID {
		t.Errorf("%+v", got)
	}
}
