package pkcs11

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReadPIN(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", "secret 1\n", 0o600)
	pin, print, err := readPIN(good)
	if err != nil || !bytes.Equal(pin, []byte("secret 1")) {
		t.Fatalf("%q, %v", pin, err)
	}
	if _, again, err := readPIN(good); err != nil || again != print {
		t.Errorf("the same file is another: %v", err)
	}
	if err := os.Chtimes(good, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, again, err := readPIN(good); err != nil || again == print {
		t.Errorf("a file that was touched is the same: %v", err)
	}
	if _, _, err := readPIN(file("credential", "1234", 0o400)); err != nil {
		t.Error(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(good, link); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"absent": filepath.Join(dir, "absent"), "folder": dir, "link": link, "for all": file("open", "1234", 0o644),
		"for the group": file("group", "1234", 0o640), "empty": file("empty", "", 0o600), "newline": file("newline", "\n", 0o600),
		"long": file("long", strings.Repeat("7", maxPIN+1), 0o600),
	} {
		pin, _, err := readPIN(path)
		if !errors.Is(err, ErrPIN) || pin != nil || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %q, %v", name, pin, err)
		}
		if text := err.Error(); !strings.Contains(text, "no PIN was tried") || strings.Contains(text, "refused") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, _, err := readPIN(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

// TestAttempts is the rule of K01: one retry, then a new file.
func TestAttempts(t *testing.T) {
	var a attempts
	for i := range 2 {
		if err := a.allow(1); err != nil {
			t.Fatalf("try %d: %v", i, err)
		}
		a.refused(1)
	}
	if err := a.allow(1); !errors.Is(err, ErrPIN) {
		t.Errorf("a third try: %v", err)
	}
	if err := a.allow(2); err != nil {
		t.Errorf("a new file: %v", err)
	}
	a.refused(2)
	if err := a.allow(2); err != nil {
		t.Errorf("its second try: %v", err)
	}
	a.accepted()
	a.refused(2)
	if err := a.allow(2); err != nil {
		t.Errorf("the right PIN forgot nothing: %v", err)
	}
	a.locked = true
	if err := a.allow(3); !errors.Is(err, ErrPIN) {
		t.Errorf("a locked PIN: %v", err)
	}
}
