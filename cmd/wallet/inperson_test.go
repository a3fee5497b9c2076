package main

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/verifier"
	"vidimus/internal/ble"
	"vidimus/internal/ble/bletest"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/proximity"
	"vidimus/internal/proximity/gatt"
)

// bluetooth [off|none] gives the script a machine with Bluetooth: hci0 is for the
// reader, hci1 for the wallet.
func bluetooth(ts *testscript.TestScript, neg bool, args []string) {
	var opt bletest.Options
	switch {
	case neg || len(args) > 1:
		ts.Fatalf("usage: bluetooth [off|none]")
	case len(args) == 1 && args[0] == "off":
		opt.Off = true
	case len(args) == 1 && args[0] == "none":
		opt.Adapters = -1
	}
	dir, err := os.MkdirTemp("", "bus") // the path of a socket is short
	ts.Check(err)
	bus, err := bletest.StartBus(dir)
	ts.Check(err)
	daemon, err := bletest.Start(bus.Address, opt)
	ts.Check(err)
	ts.Defer(func() {
		daemon.Close()
		bus.Close()
		os.RemoveAll(dir)
	})
	ts.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
}

// read CODE ELEMENTS waits for the picture of a code, and asks for elements of the
// licence over Bluetooth. The DeviceResponse goes to response.cbor, the transcript
// to transcript.cbor.
func read(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: read CODE ELEMENTS")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	engagement, err := scan(ctx, ts.MkAbs(args[0]))
	ts.Check(err)
	radio, err := ble.Open(ctx, ble.Options{Bus: ts.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), Adapter: "hci0"})
	ts.Check(err)
	defer radio.Close()
	transport, err := gatt.Meet(ctx, radio, engagement, gatt.Options{Side: gatt.Reader})
	ts.Check(err)
	reader, err := proximity.NewReader(engagement, rand.Reader)
	ts.Check(err)
	defer reader.Close()
	var asked []mdoc.RequestedElement
	for name := range strings.SplitSeq(args[1], ",") {
		asked = append(asked, mdoc.RequestedElement{Identifier: name})
	}
	request, err := mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{{
		DocType: elements.MDLDocType, NameSpaces: []mdoc.RequestedNameSpace{{Name: elements.MDLNameSpace, Elements: asked}},
	}}, mdoc.RequestOptions{}, rand.Reader)
	ts.Check(err)
	response, err := proximity.RunReader(ctx, transport, reader, request)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("response.cbor"), response, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("transcript.cbor"), reader.Transcript(), 0o600))
}

// scan waits until a picture of a code is whole.
func scan(ctx context.Context, file string) (*proximity.Engagement, error) {
	for {
		e, err := verifier.ReadEngagement(filepath.Clean(file), nil)
		if err == nil {
			return e, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
