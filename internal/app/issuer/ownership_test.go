package issuer

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whoever may write into a state folder could replace keys, certificates or the
// registries' keys: the office does not start.
func TestStateOfOthersIsRefused(t *testing.T) {
	for _, dir := range stateFolders {
		t.Run(dir, func(t *testing.T) {
			cfg, err := DevOnFreePorts(filepath.Join(t.TempDir(), "state"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Init(t.Context(), cfg, time.Now(), rand.Reader); err != nil {
				t.Fatal(err)
			}
			path := cfg.Path(dir)
			if err := os.Chmod(path, 0o777); err != nil {
				t.Fatal(err)
			}
			if app, err := New(t.Context(), cfg, Options{}); err == nil {
				_ = app.Close()
				t.Error("the office starts")
			} else if !strings.Contains(err.Error(), "chmod 700") {
				t.Errorf("no remedy: %v", err)
			}
			if err := CheckState(t.Context(), cfg, time.Now(), rand.Reader); err == nil || !strings.Contains(err.Error(), "chmod 700") {
				t.Errorf("check-config says %v", err)
			}
		})
	}
}

func TestOnlyOurs(t *testing.T) {
	key := filepath.Join(t.TempDir(), "tls.key")
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := onlyOurs(key, 0o077, "others may read it", "chmod 600"); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := onlyOurs(key, 0o077, "others may read it", "chmod 600"); err == nil {
		t.Error("a key that others may read is taken")
	}
	if err := onlyOurs(key, 0o022, "others may write it", "chmod go-w"); err != nil {
		t.Error(err)
	}
}

// Who runs a command as another user is told as whom to run it.
func TestNotOurs(t *testing.T) {
	for uid, want := range map[uint32]string{0: "sudo -u 'root' issuer", 4294967294: "sudo -u '#4294967294' issuer"} {
		if err := notOurs("/var/lib/vidimus", uid); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "chown") {
			t.Errorf("%d: %v", uid, err)
		}
	}
}
