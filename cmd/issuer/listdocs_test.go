package main

import (
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDocumentedLists runs every command of docs/OPERATIONS.md that makes or takes over a
// list, in the order in which they stand there, as an operator would who has the files.
func TestDocumentedLists(t *testing.T) {
	r := newRacers(t)
	dir := t.TempDir()
	r.must(os.Symlink(r.cfg.StateDir, filepath.Join(dir, "vidimus-state")))
	config := string(read(t, r.config))
	r.must(os.WriteFile(filepath.Join(dir, "office.yaml"), []byte(config), 0o600))
	signer := regexp.MustCompile(`signers.mdl ([0-9a-f]+) `).FindStringSubmatch(said(r.issuer("crl", "01")))
	if signer == nil {
		t.Fatal("the serial number of a signer is not said")
	}
	lost, ok := new(big.Int).SetString(signer[1], 16)
	if !ok {
		t.Fatal(signer[1])
	}
	next := r.revokes(time.Now().Add(time.Minute).UnixMicro(), time.Now().Add(time.Minute), lost, big.NewInt(0x4f2a))
	r.must(os.WriteFile(filepath.Join(dir, "iaca-2026-11.crl"), read(t, next), 0o600))
	ran := map[string]int{}
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "sudo -u vidimus ")
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "issuer" || words[1] != "crl" && words[1] != "trust" {
				continue
			}
			line = strings.NewReplacer("/etc/vidimus/issuer.yaml", "office.yaml", "4F2A...", strings.ToUpper(signer[1]), "--dev ", "").Replace(line)
			if !strings.Contains(line, "--config") {
				line += " --config office.yaml"
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", line+" --dev")
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
			}
			ran[words[1]]++
		}
	}
	if ran["crl"] < 4 || ran["trust"] < 3 {
		t.Errorf("only %v were found", ran)
	}
	for _, file := range []string{"signers.crl", "iaca.crl", "licences.jwt", "vidimus-state/trust/vical.cbor", "vidimus-state/trust/pid-providers.jwt"} {
		if len(read(t, filepath.Join(dir, file))) == 0 {
			t.Errorf("%s is empty", file)
		}
	}
	kept, published := r.newest()
	if !names(kept, 0x4f2a) || kept.Number.Cmp(published.Number) != 0 || kept.Len() != 2 {
		t.Errorf("list %s with %d revoked is kept, %s published", kept.Number, kept.Len(), published.Number)
	}
}

func said(cmd *exec.Cmd) string {
	out, err := cmd.CombinedOutput()
	return fmt.Sprintf("%s%v", out, err)
}
