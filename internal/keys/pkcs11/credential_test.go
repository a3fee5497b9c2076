package pkcs11

import (
	"io/fs"
	"syscall"
	"testing"
	"time"
)

// listed is a file as stat(2) tells of it.
type listed struct {
	mode     fs.FileMode
	uid, gid uint32
}

func (l listed) Name() string       { return "pin" }
func (l listed) Size() int64        { return 4 }
func (l listed) Mode() fs.FileMode  { return l.mode }
func (l listed) ModTime() time.Time { return time.Time{} }
func (l listed) IsDir() bool        { return false }
func (l listed) Sys() any           { return &syscall.Stat_t{Uid: l.uid, Gid: l.gid} }

// What systemd hands to a service shows the mask of an access control list as the
// right of root's group; nothing else may be read by a group.
func TestCredential(t *testing.T) {
	for _, tt := range []struct {
		file listed
		want bool
	}{
		{listed{0o440, 0, 0}, true},
		{listed{0o440, 0, 7}, false}, {listed{0o440, 7, 0}, false}, {listed{0o444, 0, 0}, false}, {listed{0o640, 0, 0}, false}, {listed{0o460, 0, 0}, false},
	} {
		if got := credential(tt.file); got != tt.want {
			t.Errorf("%+v: %t", tt.file, got)
		}
	}
}
