package audit

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A record is continued from a mark without reading all of it, and never over a gap.
func TestOpenFileAt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f, _, err := OpenFile(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	marks := []Mark{f.Mark()}
	for i := range 6 {
		if err := f.Append(t.Context(), event(i)); err != nil {
			t.Fatal(err)
		}
		marks = append(marks, f.Mark())
	}
	f.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range marks {
		again, torn, err := OpenFileAt(path, m, nil)
		if err != nil || torn != 0 || again.Mark() != marks[6] {
			t.Fatalf("from mark %d: %v, torn %d", i, err, torn)
		}
		again.Close()
	}
	put := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	changed := append([]byte(nil), whole...)
	changed[marks[3].Offset-3] ^= 1
	for name, tt := range map[string]struct {
		data []byte
		at   Mark
		want error
	}{
		"T06/truncated":      {whole[:marks[3].Offset], marks[4], ErrTruncated},
		"T06/empty":          {nil, marks[1], ErrTruncated},
		"T06/another_line":   {changed, marks[3], ErrChain},
		"T06/another_number": {whole, Mark{Head{4, marks[3].Head.Hash}, marks[3].Offset}, ErrChain},
		"T06/in_a_line":      {whole, Mark{marks[3].Head, marks[3].Offset - 1}, ErrChain},
		"T06/changed_behind": {changed, marks[2], ErrChain},
		"T06/torn_behind":    {whole[:marks[5].Offset+9], marks[3], nil},
	} {
		t.Run(name, func(t *testing.T) {
			put(tt.data)
			f, torn, err := OpenFileAt(path, tt.at, nil)
			if !errors.Is(err, tt.want) || tt.want == nil && (torn != 9 || f.Mark() != marks[5]) {
				t.Fatalf("%v, torn %d", err, torn)
			}
			if f != nil {
				f.Close()
			}
		})
	}
}

// A mark is never ahead of the disk: after an fsync that failed it stays where it was.
func TestMarkDurable(t *testing.T) {
	f, _, err := OpenFile(filepath.Join(t.TempDir(), "audit.jsonl"), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Append(t.Context(), event(0)); err != nil {
		t.Fatal(err)
	}
	before := f.Mark()
	if before.Head != f.Head() || before.Head.Seq != 1 {
		t.Fatalf("marked %v of %v", before.Head, f.Head())
	}
	r, pipe, err := os.Pipe() // takes bytes, and cannot be synced
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	good := f.f
	f.f = pipe
	err = f.Append(t.Context(), event(1))
	f.f = good
	if err == nil || f.Mark() != before {
		t.Errorf("%v, the mark is at %v", err, f.Mark().Head)
	}
}

// A record has one writer.
func TestFileInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	f, _, err := OpenFile(path, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenFile(path, false, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	if _, _, err := OpenFileAt(path, f.Mark(), nil); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
	f.Close()
	again, _, err := OpenFile(path, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// A record that was put away between its opening and its locking is not written.
func TestLockMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := lock(file, path); !errors.Is(err, ErrInUse) {
		t.Errorf("%v", err)
	}
}
