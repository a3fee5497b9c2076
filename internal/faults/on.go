//go:build faults

package faults

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Enabled says whether this build can be made to fail.
const Enabled = true

// exitStatus is that of the act exit: no command of ours ends with it.
const exitStatus = 7

var errInjected = errors.New("injected fault")

// fault is one entry of VIDIMUS_FAULT.
type fault struct {
	act  string
	n    int64 // hit, or milliseconds
	hits atomic.Int64
}

var plan, wrong = mustRead()

func mustRead() (map[string]*fault, map[string]bool) {
	p, err := readFaults(os.Getenv("VIDIMUS_FAULT"))
	if err == nil {
		var w map[string]bool
		if w, err = readWrong(os.Getenv("VIDIMUS_WRONG")); err == nil {
			return p, w
		}
	}
	fmt.Fprintln(os.Stderr, "faults:", err)
	os.Exit(exitStatus)
	return nil, nil
}

func readFaults(text string) (map[string]*fault, error) {
	out := make(map[string]*fault)
	for entry := range strings.SplitSeq(text, ",") {
		if entry == "" {
			continue
		}
		part := strings.Split(entry, ":")
		if len(part) != 3 {
			return nil, fmt.Errorf("%q is not name:act:number", entry)
		}
		n, err := strconv.ParseInt(part[2], 10, 32)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number from 1", part[2])
		}
		if !slices.Contains([]string{"kill", "exit", "error", "sleep"}, part[1]) {
			return nil, fmt.Errorf("no act %q", part[1])
		}
		if !listed(points, part[0]) {
			return nil, fmt.Errorf("no point %q", part[0])
		}
		out[part[0]] = &fault{act: part[1], n: n}
	}
	return out, nil
}

func readWrong(text string) (map[string]bool, error) {
	out := make(map[string]bool)
	for name := range strings.SplitSeq(text, ",") {
		if name == "" {
			continue
		}
		if !listed(wrongs, name) {
			return nil, fmt.Errorf("no wrong %q", name)
		}
		out[name] = true
	}
	return out, nil
}

func listed(rows []Row, name string) bool {
	return slices.ContainsFunc(rows, func(r Row) bool { return r.Name == name })
}

// Point is where the process can be killed, ended or held up.
func Point(name string) { _ = hit(name) }

// Err is a Point where an operation can fail.
func Err(name string) error { return hit(name) }

// Wrong says that the program shall do what it must never do.
func Wrong(name string) bool { return wrong[name] }

func hit(name string) error {
	f := plan[name]
	if f == nil {
		return nil
	}
	if f.act == "sleep" {
		time.Sleep(time.Duration(f.n) * time.Millisecond)
		return nil
	}
	if f.hits.Add(1) != f.n {
		return nil
	}
	switch f.act {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way: nothing may be done meanwhile
	case "exit":
		os.Exit(exitStatus)
	}
	return fmt.Errorf("%s: %w", name, errInjected)
}
