package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limited is a command whose files may have 2 KiB: on a full disk they end anywhere too.
func (r *racers) limited(args ...string) *exec.Cmd {
	cmd := r.issuer(args...)
	limited := exec.CommandContext(r.t.Context(), "sh", append([]string{"-c", `ulimit -f 4; exec "$@"`, "sh"}, cmd.Args...)...)
	limited.Env = cmd.Env
	return limited
}

// A disk that is full leaves the list that was there whole, kept and published, and
// nothing beside it; with room the same command goes through.
func TestImportOnFullDisk(t *testing.T) {
	r := newRacers(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	if out, err := r.issuer("crl", "--import", r.signs(1, at)).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	first, _ := r.newest()
	var serials []int64
	for i := range int64(200) {
		serials = append(serials, 1000+i)
	}
	long := r.signs(2, at.Add(time.Second), serials...)
	out, err := r.limited("crl", "--import", long).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%v, %s", err, out)
	}
	kept, published := r.newest()
	if !bytes.Equal(kept.Raw, first.Raw) || !bytes.Equal(published.Raw, first.Raw) {
		t.Errorf("list %s is kept, %s published", kept.Number, published.Number)
	}
	// Kept, and no room to publish it: said, and the old one stays whole.
	r.must(os.WriteFile(r.cfg.Path("certs/iaca-00000000000000000002.crl"), read(t, long), 0o644))
	out, err = r.limited("crl", "--import", long).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not lie among the published lists") || !strings.Contains(string(out), "list 2 with 200 revoked") {
		t.Errorf("%v, %s", err, out)
	}
	if _, published := r.newest(); !bytes.Equal(published.Raw, first.Raw) {
		t.Errorf("list %s is published", published.Number)
	}
	for _, dir := range []string{r.cfg.Path("certs"), filepath.Join(r.cfg.Status.Directory, "crl")} {
		files, err := os.ReadDir(dir)
		r.must(err)
		for _, f := range files {
			if strings.HasPrefix(f.Name(), ".") || strings.HasSuffix(f.Name(), ".new") {
				t.Errorf("%s is left in %s", f.Name(), dir)
			}
		}
	}
	if out, err := r.issuer("crl", "--import", long).CombinedOutput(); err != nil {
		t.Errorf("%s", out)
	}
	if kept, published := r.newest(); kept.Len() != 200 || !bytes.Equal(kept.Raw, published.Raw) {
		t.Errorf("list %s is kept, %s published", kept.Number, published.Number)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
