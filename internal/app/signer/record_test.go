package signer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vidimus/internal/audit"
)

// A mark is on the disk before it has its name, and its name before it counts.
func TestMarkWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mark")
	defer func(f func(*os.File) error) { syncFile = f }(syncFile)
	var synced []string
	syncFile = func(f *os.File) error {
		info, err := f.Stat()
		switch {
		case err != nil:
			return err
		case info.IsDir() && exists(path):
			synced = append(synced, "folder")
		case !info.IsDir() && !exists(path):
			synced = append(synced, "mark")
		}
		return nil
	}
	m := audit.Mark{Head: audit.Head{Seq: 1}, Offset: 7}
	if err := writeMark(path, m); err != nil {
		t.Fatal(err)
	}
	if len(synced) != 2 || synced[0] != "mark" || synced[1] != "folder" {
		t.Errorf("synced: %v", synced)
	}
	bad := errors.New("no disk")
	syncFile = func(*os.File) error { return bad }
	if err := writeMark(path, audit.Mark{Head: audit.Head{Seq: 2}, Offset: 8}); !errors.Is(err, bad) {
		t.Errorf("a failed sync was not told: %v", err)
	}
	if got, err := readMark(path); err != nil || got != m {
		t.Errorf("the mark is %+v, %v", got, err)
	}
}

// While a signer runs nobody else writes its record.
func TestRecordInUse(t *testing.T) {
	o := newOffice(t)
	o.begin()
	app, err := New(t.Context(), o.cfg, Options{})
	o.must(err)
	elsewhere := o.cfg
	elsewhere.Socket = "other.sock"
	again, err := New(t.Context(), elsewhere, Options{})
	if again != nil {
		again.Close()
	}
	if !errors.Is(err, audit.ErrInUse) {
		t.Errorf("a second signer: %v", err)
	}
	if _, err := CutRecord(elsewhere, o.cfg.Path("old"), Options{}); !errors.Is(err, audit.ErrInUse) {
		t.Errorf("cut: %v", err)
	}
	o.must(os.Remove(o.cfg.Path(o.cfg.Mark)))
	if _, err := MarkRecord(elsewhere); !errors.Is(err, audit.ErrInUse) {
		t.Errorf("marked: %v", err)
	}
	app.Close()
}
