//go:build release

package release

import (
	"debug/buildinfo"
	"path/filepath"
	"strings"
	"testing"
)

// The whole story, from the ceremony of the office's keys over wallet and reader to a
// revoked licence, with Go's validated module: in FIPS 140-3 mode, and where everything
// else is refused.
func TestFIPS(t *testing.T) {
	top, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	run(t, top, []string{"GOFIPS140=v1.0.0", "CGO_ENABLED=0", "GOFLAGS=-trimpath"}, "go", "build", "-tags", "nomsgpack", "-o", programs+"/", "./cmd/demo", "./cmd/signer")
	demo := filepath.Join(programs, "demo")
	info, err := buildinfo.ReadFile(demo)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if !strings.HasPrefix(settings["GOFIPS140"], "v1.0.0") || !strings.Contains(settings["DefaultGODEBUG"], "fips140=on") {
		t.Fatalf("not built with the module: %v", settings)
	}
	for _, mode := range []string{"on", "only"} {
		out := run(t, programs, []string{"GODEBUG=fips140=" + mode, "TMPDIR=" + t.TempDir()}, demo)
		if !strings.Contains(out, "The end, after ") {
			t.Errorf("%s: %s", mode, out)
		}
	}
}
