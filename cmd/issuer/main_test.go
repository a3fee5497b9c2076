package main

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"vidimus/internal/app/issuer"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"issuer": main}) }

// TestScripts runs the program as an operator does. Each script has ports of
// its own in PUBLIC, REGISTRY, OFFICE, METRICS and CONSOLE.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			cfg, err := issuer.DevOnFreePorts("state")
			if err != nil {
				return err
			}
			for name, addr := range map[string]string{
				"PUBLIC": cfg.Listen.Public, "REGISTRY": cfg.Listen.Registry, "OFFICE": cfg.Listen.Office, "METRICS": cfg.Listen.Metrics, "CONSOLE": cfg.Listen.Console,
			} {
				env.Setenv(name, addr)
			}
			return nil
		},
		Cmds: commands,
	})
}

// ready URL waits until an address answers 200.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready URL")
	}
	client := &http.Client{Timeout: time.Second}
	// Another process: there is nothing to wait on but its port.
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		res, err := client.Get(args[0])
		if err != nil {
			continue
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s is not ready", args[0])
}

// mode OCTAL FILE... checks permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%03o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", name, got, args[0])
		}
	}
}

// extract VAR FILE REGEXP puts the first group of a match into a variable.
func extract(ts *testscript.TestScript, neg bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if m == nil {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], m[1])
}

// expand FILE... replaces $VAR by the variables of the script.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}
