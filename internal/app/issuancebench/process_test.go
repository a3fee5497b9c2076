package issuancebench

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a server as the kernel sees it.
type process int

// tick is in what the kernel counts processor time for its readers: USER_HZ,
// 100 on every Linux.
const tick = 10 * time.Millisecond

// cpu is what the process has used in all threads, those that ended included.
func (p process) cpu(t testing.TB) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		t.Fatal(err)
	}
	// The name, in parentheses, may hold anything; the state comes after it, and
	// eleven fields later the time in user mode and in the kernel.
	_, rest, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')'):], []byte(" "))
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		t.Fatalf("/proc/%d/stat: %s", p, text)
	}
	user, err := strconv.Atoi(fields[11])
	system, also := strconv.Atoi(fields[12])
	if err := errors.Join(err, also); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * tick
}

// memory is what the process holds of its own, in KiB: without the pages of its
// database and its program, which are those of files.
func (p process) memory(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib
		}
	}
	t.Fatalf("/proc/%d/status has no RssAnon", p)
	return 0
}

// said is the end of what a program prints, for when it fails.
type said struct {
	mu   sync.Mutex
	text []byte
}

const maxSaid = 16 << 10

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, b...)
	if extra := len(s.text) - maxSaid; extra > 0 {
		s.text = append(s.text[:0], s.text[extra:]...)
	}
	return len(b), nil
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}
