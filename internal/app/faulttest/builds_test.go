//go:build faults

package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The programs, built once: the issuer as it is released, the same with points
// to fail at, and the program that looks at what is left.
var issuerProgram, faultyProgram, invariantsProgram string

func TestMain(m *testing.M) { os.Exit(mainOf(m)) }

func mainOf(m *testing.M) int {
	if inGuest() {
		return guest()
	}
	if os.Getenv(tracerVariable) != "" {
		return tracer(os.Args[1:])
	}
	if os.Getenv(lyingVariable) != "" {
		return m.Run() // one office, in this process
	}
	dir, err := os.MkdirTemp("", "faulttest-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(dir)
	for _, b := range []struct {
		program *string
		from    string
		tags    string
	}{{&issuerProgram, "issuer", "nomsgpack"}, {&faultyProgram, "issuer", "nomsgpack,faults"}, {&invariantsProgram, "invariants", "nomsgpack"}} {
		*b.program = filepath.Join(dir, b.from+"-"+b.tags)
		build := exec.Command("go", "build", "-tags", b.tags, "-o", *b.program, "../../../cmd/"+b.from)
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // the guest has no libraries
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Printf("building %s: %v\n%s", b.from, err, out)
			return 1
		}
	}
	// Killing a process loses nothing that it wrote: memory will do for a disk,
	// and leaves the real one to those who need it.
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		os.Setenv("TMPDIR", "/dev/shm")
	}
	fmt.Printf("FAULTS_SEED=%d\n", seed())
	return m.Run()
}

// full takes the counts of a release.
func full() bool { return os.Getenv("FAULTS") == "full" }

// times chooses a count.
func times(release, commit int) int {
	if full() {
		return release
	}
	return commit
}
