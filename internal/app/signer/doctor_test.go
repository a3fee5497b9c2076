package signer

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"vidimus/internal/diagnosis"
	"vidimus/internal/keys/pkcs11"
)

// A folder of lists that is lost is told of while the signer is stopped too, without
// --full: whether the record can be read in a moment or not.
func TestDoctorMissesLists(t *testing.T) {
	o := withReaderCA(t)
	stop := o.run(Options{})
	_, err := o.revoke(100, 77)
	o.must(err)
	o.must(stop())
	if g, text := o.grade(false); g != diagnosis.Good {
		t.Errorf("whole: %s: %s", g, text)
	}
	o.must(os.RemoveAll(o.cfg.Path(o.cfg.Lists)))
	if g, text := o.grade(false); g != diagnosis.Wrong || !strings.Contains(text, "is missing") {
		t.Errorf("lost: %s: %s", g, text)
	}
	defer func(was int64) { readWhole = was }(readWhole)
	readWhole = 0
	if g, text := o.grade(false); g != diagnosis.Wrong || !strings.Contains(text, "the folder is missing, though there is a record") {
		t.Errorf("lost, of a long record: %s: %s", g, text)
	}
}

// To a user who may not read the record it is not said that there is none.
func TestDoctorOfAnotherUser(t *testing.T) {
	o := newOffice(t)
	o.begin()
	o.must(os.Chmod(o.cfg.StateDir, 0))
	defer os.Chmod(o.cfg.StateDir, 0o700)
	if os.Geteuid() == 0 {
		runtime.LockOSThread() // the thread ends with the test: it stays another user's
		o.must(syscall.Setfsuid(65534))
	}
	d := Diagnose(t.Context(), o.cfg, Options{}, false)
	if os.Geteuid() == 0 {
		o.must(syscall.Setfsuid(0))
	}
	text := d.String()
	if d.ExitCode() != 1 || !strings.Contains(text, "permission denied") || strings.Contains(text, "there is no record") || strings.Contains(text, "signer init") {
		t.Errorf("%s", text)
	}
}

// What only the owner of the state folder can open is said to be so.
func TestStranger(t *testing.T) {
	dir := t.TempDir()
	if hint := stranger(dir, os.Geteuid()); hint != "" {
		t.Errorf("its owner: %s", hint)
	}
	const want = "run this as that user: sudo -u '"
	if hint := stranger(dir, os.Geteuid()+1); !strings.Contains(hint, want) {
		t.Errorf("another: %q", hint)
	}
	for _, why := range []error{fs.ErrPermission, pkcs11.ErrUnavailable, pkcs11.ErrPIN} {
		if err := strangers(why, dir, os.Geteuid()+1); !errors.Is(err, why) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", why, err)
		}
		if err := strangers(why, dir, os.Geteuid()); err != why {
			t.Errorf("its owner: %v", err)
		}
	}
	if why := errors.New("another"); strangers(why, dir, os.Geteuid()+1) != why {
		t.Error("a fault of no file has the hint")
	}
}
