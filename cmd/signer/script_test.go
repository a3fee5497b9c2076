package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the program as an operator does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", Cmds: map[string]func(*testscript.TestScript, bool, []string){
		"office": office, "ask": ask, "ready": ready, "stop": stop, "as": as,
		"edit": edit, "recipients": recipients, "digits": digits,
	}})
}
