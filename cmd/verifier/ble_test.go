package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/verifier"
	"vidimus/internal/app/wallet"
	"vidimus/internal/ble/bletest"
)

// holder WALLET CODE MODE READERS [AGREE] is a phone: it shows a code as a picture, and
// whatever a reader asks that the readers of a folder vouch for, or as AGREE says.
func holder() {
	agree := wallet.AgreeKnown
	if len(os.Args) > 5 {
		agree = wallet.Agreement(os.Args[5])
	}
	err := wallet.PresentInPerson(context.Background(), wallet.InPersonConfig{
		Dir: os.Args[1], Code: os.Args[2], Mode: os.Args[3], Readers: os.Args[4], Adapter: "hci1", Agree: agree, Wait: time.Minute,
	}, os.Stdin, os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// bluetooth gives the script a machine with two adapters, on a bus of its own.
func bluetooth(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := os.MkdirTemp("", "bus") // the path of a socket is short
	ts.Check(err)
	bus, err := bletest.StartBus(dir)
	ts.Check(err)
	daemon, err := bletest.Start(bus.Address, bletest.Options{})
	ts.Check(err)
	ts.Defer(func() {
		daemon.Close()
		bus.Close()
		os.RemoveAll(dir)
	})
	ts.Setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
}

// shown CODE waits until a picture of a code is there and whole.
func shown(ts *testscript.TestScript, _ bool, args []string) {
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err = verifier.ReadEngagement(ts.MkAbs(args[0]), nil); err == nil {
			return
		}
	}
	ts.Fatalf("%v", err)
}
