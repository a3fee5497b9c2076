package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// edit FILE REGEXP TEXT replaces what matches; something must.
func edit(ts *testscript.TestScript, neg bool, args []string) {
	old := ts.ReadFile(args[0])
	text := regexp.MustCompile("(?m)"+args[1]).ReplaceAllString(old, args[2])
	if neg || text == old {
		ts.Fatalf("nothing in %s matches %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// recipients puts what stands in r1, r2 and r3 into R1, R2 and R3.
func recipients(ts *testscript.TestScript, _ bool, _ []string) {
	for _, n := range []string{"1", "2", "3"} {
		ts.Setenv("R"+n, strings.TrimSpace(ts.ReadFile("r"+n)))
	}
}

// digits TBS writes into the file witness what a witness types who compared.
func digits(ts *testscript.TestScript, _ bool, args []string) {
	sum := sha256.Sum256([]byte(ts.ReadFile(args[0])))
	ts.Check(os.WriteFile(ts.MkAbs("witness"), fmt.Appendf(nil, "%x both screens say the same\n", sum[:4]), 0o600))
}
