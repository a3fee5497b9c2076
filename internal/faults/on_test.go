//go:build faults

package faults

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const childVariable = "VIDIMUS_FAULTS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	for i := range 3 {
		if Err("store.commit-error") != nil {
			os.Stdout.WriteString("error at hit " + string(rune('1'+i)))
		}
		Point("store.before-commit")
	}
	if Wrong("store.no-sync") {
		os.Stdout.WriteString("wrong")
	}
	os.Exit(0)
}

func TestActs(t *testing.T) {
	for _, tt := range []struct{ fault, wrong, out, state string }{
		{"", "", "", "exit status 0"},
		{"store.before-commit:kill:2", "", "", "signal: killed"},
		{"store.before-commit:kill:4", "", "", "exit status 0"},
		{"store.before-commit:exit:1", "", "", "exit status 7"},
		{"store.commit-error:error:2", "", "error at hit 2", "exit status 0"},
		{"store.before-commit:sleep:20", "", "", "exit status 0"},
		{"", "store.no-sync", "wrong", "exit status 0"},
		{"store.nowhere:kill:1", "", "", "exit status 7"},
		{"store.before-commit:kill", "", "", "exit status 7"},
		{"store.before-commit:kill:0", "", "", "exit status 7"},
		{"store.before-commit:dance:1", "", "", "exit status 7"},
		{"", "store.nothing", "", "exit status 7"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"=1", "VIDIMUS_FAULT="+tt.fault, "VIDIMUS_WRONG="+tt.wrong)
		began := time.Now()
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if string(out) != tt.out || cmd.ProcessState.String() != tt.state {
			t.Errorf("%+v: %q, %s", tt, out, cmd.ProcessState)
		}
		if strings.Contains(tt.fault, "sleep") && time.Since(began) < 60*time.Millisecond {
			t.Errorf("%s: three hits took %s", tt.fault, time.Since(began))
		}
	}
}
