package command

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// child is what the test program does in a process of its own.
const child = "VIDIMUS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		os.Exit(Program{Name: "p", Secret: true, Commands: []Command{{Name: os.Getenv(child), Setup: func(*flag.FlagSet) Run {
			return func(_ context.Context, env Env, _ []string) error { return look(env, os.Getenv(child)) }
		}}}}.Main())
	}
	os.Exit(m.Run())
}

// look prints what the kernel says of this process.
func look(env Env, how string) error {
	if how == "small" {
		if err := syscall.Setrlimit(8, &syscall.Rlimit{Cur: 64 << 10, Max: 64 << 10}); err != nil {
			return err
		}
	}
	dumpable, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, 3 /* PR_GET_DUMPABLE */, 0, 0)
	if errno != 0 {
		return errno
	}
	fmt.Fprintf(env.Stdout, "dumpable %d\nlocked: %v\n", dumpable, LockMemory())
	big := bytes.Repeat([]byte{1}, 64<<20) // it goes on to live
	for _, name := range []string{"limits", "status"} {
		text, err := os.ReadFile("/proc/self/" + name)
		if err != nil {
			return err
		}
		env.Stdout.Write(text)
	}
	if big[len(big)-1] != 1 {
		return errors.New("memory was lost")
	}
	return nil
}

// Bad input K13: no crash of a program that holds keys is dumped, and nobody of the
// same user may attach to it; where it may lock memory, all of it is locked.
func TestPrivate(t *testing.T) {
	for _, how := range []string{"small", "free"} {
		cmd := exec.Command("/proc/self/exe", how)
		cmd.Env = append(os.Environ(), child+"="+how)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		said := strings.Join(strings.Fields(string(out)), " ")
		if !strings.Contains(said, "dumpable 0 ") || !strings.Contains(said, "Max core file size 1 1 ") && !strings.Contains(said, "Max core file size 0 0 ") {
			t.Errorf("%s: it may be dumped: %s", how, said)
		}
		free := how == "free" && strings.Contains(said, "Max locked memory unlimited ")
		if locked := strings.Contains(said, "locked: <nil> ") && !strings.Contains(said, "VmLck: 0 kB"); locked != free {
			t.Errorf("%s: locked %t, wanted %t: %s", how, locked, free, said)
		}
		if !free && !strings.Contains(said, "LimitMEMLOCK=infinity") {
			t.Errorf("%s: no remedy: %s", how, said)
		}
	}
}
