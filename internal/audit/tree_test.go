package audit

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// TestFrontier: the edge is what tlog computes out of stored hashes.
func TestFrontier(t *testing.T) {
	var f frontier
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, n := range indexes {
			out[i] = stored[n]
		}
		return out, nil
	})
	for n := range int64(70) {
		again, err := readFrontier(n, reader)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tlog.TreeHash(n, reader)
		if err != nil || again.root() != want || f.root() != want {
			t.Fatalf("root of %d lines: %s and %s, want %s, %v", n, again.root(), f.root(), want, err)
		}
		line := []byte{byte(n)}
		hashes, err := tlog.StoredHashes(n, line, reader)
		if err != nil {
			t.Fatal(err)
		}
		got := f.add(nil, line)
		if len(got) != len(hashes) {
			t.Fatalf("line %d has %d hashes, want %d", n, len(got), len(hashes))
		}
		for i := range got {
			if got[i] != hashes[i] {
				t.Fatalf("hash %d of line %d", i, n)
			}
		}
		stored = append(stored, hashes...)
	}
}

func TestCheckpoints(t *testing.T) {
	l := newLedger(t)
	if c := l.checkpoint(); c.Size != 0 || c.Token != "" {
		t.Fatalf("a checkpoint over nothing: %+v", c)
	}
	sizes := []uint64{}
	for _, n := range []int{1, 2, 7, 2500, 3} {
		l.add(n)
		c := l.checkpoint()
		if c.Size != uint64(l.n) || c.Head != l.shelf.head.Hash || !c.Issued.Equal(l.clock.Now().Truncate(time.Second)) || c.Issuer != office {
			t.Fatalf("%+v", c)
		}
		if again := l.checkpoint(); again.Token != c.Token {
			t.Fatal("signed again though nothing was added")
		}
		sizes = append(sizes, c.Size)
		l.restart()
	}
	for _, path := range l.files {
		got := l.seen(path)
		if len(got) != len(sizes) {
			t.Fatalf("%d checkpoints in %s, want %d", len(got), path, len(sizes))
		}
		for i, c := range got {
			if c.Size != sizes[i] {
				t.Errorf("checkpoint %d is over %d lines, want %d", i, c.Size, sizes[i])
			}
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
	l.add(2) // not signed yet
	for name, verify := range map[string]func(each func(uint64, Event) error) (Verified, error){
		"reader": func(each func(uint64, Event) error) (Verified, error) {
			return VerifyRecord(bytes.NewReader(l.shelf.bytes()), each, l.seen(l.files[0]), l.seen(l.files[1]))
		},
		"store": func(each func(uint64, Event) error) (Verified, error) {
			return l.tree.Verify(t.Context(), each, l.seen(l.files[0]))
		},
	} {
		t.Run(name, func(t *testing.T) {
			events := 0
			v, err := verify(func(uint64, Event) error { events++; return nil })
			if err != nil || v.Head != l.shelf.head || v.Signed != sizes[len(sizes)-1] || v.Checkpoints < len(sizes) || events != l.n {
				t.Errorf("%+v, %d events, %v", v, events, err)
			}
		})
	}
}

// TestCrashes: whatever step was the last before the end, the next checkpoint
// continues, and every file has it.
func TestCrashes(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, l *ledger)
	}{
		{"lines_in_the_tree_and_nothing_signed", func(t *testing.T, l *ledger) {
			if _, err := l.tree.grow(t.Context(), l.shelf.head.Seq, l.shelf.head); err != nil {
				t.Fatal(err)
			}
		}},
		{"half_of_the_lines_in_the_tree", func(t *testing.T, l *ledger) {
			head, err := Verify(bytes.NewReader(bytes.Join(append(bytes.SplitAfter(l.shelf.bytes(), []byte("\n"))[:4:4], nil), nil)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.tree.grow(t.Context(), 4, head); err != nil {
				t.Fatal(err)
			}
		}},
		{"signed_and_kept_but_in_no_file", func(t *testing.T, l *ledger) {
			l.tree.outside = nil
			if _, err := l.tree.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"in_one_file_of_two", func(t *testing.T, l *ledger) {
			l.tree.outside = l.tree.outside[:1]
			if _, err := l.tree.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"torn_line_in_a_file", func(t *testing.T, l *ledger) {
			if _, err := l.tree.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(l.files[1])
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(l.files[1], data[:len(data)-40], 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"a_file_was_lost", func(t *testing.T, l *ledger) {
			if err := os.Remove(l.files[0]); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(t)
			l.add(3)
			l.checkpoint()
			l.add(5)
			tt.spoil(t, l)
			l.restart()
			c := l.checkpoint()
			if c.Size != 8 {
				t.Fatalf("checkpoint over %d lines", c.Size)
			}
			for _, path := range l.files {
				got := l.seen(path)
				if last := got[len(got)-1]; last.Size != 8 || !last.agree(c) {
					t.Errorf("%s ends with %+v", path, last)
				}
			}
			if _, err := VerifyRecord(bytes.NewReader(l.shelf.bytes()), nil, l.seen(l.files[0]), l.seen(l.files[1])); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFileRemoved: that a file of checkpoints is gone is said before it is made
// again; of the first checkpoint of all nothing is said.
func TestFileRemoved(t *testing.T) {
	l := newLedger(t)
	var alarms []error
	l.cfg.Alarm = func(err error) { alarms = append(alarms, err) }
	l.restart()
	l.add(3)
	l.checkpoint()
	l.add(1)
	l.checkpoint()
	if len(alarms) != 0 {
		t.Fatal(alarms)
	}
	if err := os.Remove(l.files[1]); err != nil {
		t.Fatal(err)
	}
	l.checkpoint()
	l.add(1)
	l.checkpoint()
	if len(alarms) != 1 || !errors.Is(alarms[0], ErrBegun) || !strings.Contains(alarms[0].Error(), l.files[1]) {
		t.Errorf("%v", alarms)
	}
}

// TestFileNotWritable: the others get their line, the error names the file, and
// what it missed comes when it is back.
func TestFileNotWritable(t *testing.T) {
	l := newLedger(t)
	away := filepath.Join(t.TempDir(), "mount", "checkpoints.jsonl")
	l.cfg.Outside = []string{away, l.files[0]}
	l.restart()
	l.add(2)
	if _, err := l.tree.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), away) {
		t.Fatalf("got %v", err)
	}
	if got := l.seen(l.files[0]); len(got) != 1 || got[0].Size != 2 {
		t.Fatalf("the other file has %+v", got)
	}
	if err := os.Mkdir(filepath.Dir(away), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.tree.keepUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := l.seen(away); len(got) != 1 || got[0].Size != 2 {
		t.Errorf("the file has %+v", got)
	}
	if got := l.seen(l.files[0]); len(got) != 1 {
		t.Errorf("the other file has %+v", got)
	}
}

func TestKeyChanges(t *testing.T) {
	l := newLedger(t)
	l.add(3)
	l.checkpoint()
	old := l.keys
	next := newKey(t)
	l.cfg.Signer = next
	l.restart()
	l.add(1)
	if _, err := l.tree.Checkpoint(t.Context()); !errors.Is(err, ErrToken) {
		t.Fatalf("the key before is not known, and yet: %v", err)
	}
	l.cfg.Earlier = old
	l.restart()
	l.checkpoint()
	var err error
	if l.keys, err = NewCheckpointKeys(l.cfg.Earlier[only(old)], next.Public()); err != nil {
		t.Fatal(err)
	}
	if got := l.seen(l.files[0]); len(got) != 2 {
		t.Errorf("%d checkpoints", len(got))
	}
}

func only(k CheckpointKeys) string {
	for kid := range k {
		return kid
	}
	return ""
}

func TestRun(t *testing.T) {
	l := newLedger(t)
	synctest.Test(t, func(t *testing.T) {
		var alarms []error
		l.cfg.Interval, l.cfg.Alarm = time.Minute, func(err error) { alarms = append(alarms, err) }
		l.restart()
		ctx, stop := t.Context(), make(chan struct{})
		run, cancel := context.WithCancel(ctx)
		l.add(2)
		go func() { defer close(stop); l.tree.Run(run) }()
		expect := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := len(l.seen(l.files[0])); got != want {
				t.Fatalf("%d checkpoints, want %d", got, want)
			}
		}
		expect(0, 1) // at the start
		expect(10*time.Minute, 1)
		l.add(1)
		expect(time.Minute, 2)
		l.add(1)
		cancel()
		<-stop
		expect(0, 3) // at the end
		if len(alarms) != 0 {
			t.Errorf("alarms: %v", alarms)
		}
	})
}

func TestRunAlarms(t *testing.T) {
	l := newLedger(t)
	l.add(3)
	l.checkpoint()
	l.shelf.rewrite(t, 2, "nobody")
	l.shelf.regrow()
	synctest.Test(t, func(t *testing.T) {
		var alarms []error
		l.cfg.Interval, l.cfg.Alarm = time.Minute, func(err error) { alarms = append(alarms, err) }
		l.restart()
		stop := make(chan struct{})
		run, cancel := context.WithCancel(t.Context())
		go func() { defer close(stop); l.tree.Run(run) }()
		time.Sleep(150 * time.Second)
		synctest.Wait()
		if len(alarms) != 3 {
			t.Errorf("%d alarms, want one at every attempt", len(alarms))
		}
		for _, err := range alarms {
			if !errors.Is(err, ErrCheckpoint) {
				t.Errorf("got %v", err)
			}
		}
		cancel()
		<-stop
	})
}
