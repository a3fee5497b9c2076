//go:build faults

package faulttest

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/app/invariants"
	"vidimus/internal/bulk"
)

const (
	importBlocks = 12
	importLines  = 20 // of each block
)

// TestImportKilled kills `issuer registry import` at its points, at commits and
// at moments of chance, and runs it again until it says that it is done: every
// block was loaded exactly once, by the record and by the people.
func TestImportKilled(t *testing.T) {
	o, err := newOffice(t.TempDir(), faultyProgram, 1)
	if err != nil {
		t.Fatal(err)
	}
	file, err := o.dump()
	if err != nil {
		t.Fatal(err)
	}
	load := []string{"registry", "import", file, "--source", o.load.sources[0].name}
	for _, k := range []struct {
		point string
		nth   int
	}{{"bulk.begun", 1}, {"bulk.block-applied", 1}, {"store.before-commit", 2}, {"store.after-commit", 2}, {"bulk.block-applied", 3}} {
		if _, err := o.killedAt(t.Context(), k.point, k.nth, load...); err != nil {
			t.Fatal(err)
		}
	}
	random := mathrand.New(mathrand.NewPCG(seed(), 4))
	killed := 0
	for range times(40, 4) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(20+random.IntN(100))*time.Millisecond)
		if _, err := o.operate(ctx, load...); err != nil && ctx.Err() != nil {
			killed++
		}
		cancel()
	}
	out, err := o.operate(t.Context(), load...)
	if want := fmt.Sprintf("loaded: %d records, 0 known before", importBlocks*importLines); err != nil || !strings.Contains(out, want) {
		t.Fatalf("%v: %s; wanted %q", err, out, want)
	}
	t.Logf("%d kills at moments of chance", killed)
	ev, err := o.paths().Evidence(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ev.Subjects) != importBlocks*importLines {
		t.Errorf("%d people, the file has %d", len(ev.Subjects), importBlocks*importLines)
	}
	for number, s := range ev.Subjects {
		if s.Version != 1 {
			t.Errorf("%s is at version %d", number, s.Version)
		}
	}
	blocks := map[string]int{}
	for _, line := range ev.Lines {
		if text := string(line); strings.Contains(text, `"registry.import"`) {
			blocks[text[strings.Index(text, `"detail"`):]]++
		}
	}
	if len(blocks) != importBlocks {
		t.Errorf("the record has %d blocks, the file %d", len(blocks), importBlocks)
	}
	for detail, n := range blocks {
		if n != 1 {
			t.Errorf("a block was recorded %d times: %s", n, detail)
		}
	}
	ev.Partial = true // no event speaks of these people
	results, _ := invariants.Check(ev)
	if bad := invariants.Violated(results); bad != nil {
		t.Errorf("violated: %v", bad)
	}
}

// dump writes a signed file of people who do not exist.
func (o *office) dump() (string, error) {
	file := filepath.Join(o.dir, "dump.jsonl")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bulk.NewWriter(f, importLines)
	g := bulk.Generator{Random: rand.Reader, Prefix: "IMPORT-"}
	for i := range importBlocks * importLines {
		line, err := g.Line(i)
		if err == nil {
			err = w.Line(line)
		}
		if err != nil {
			return "", err
		}
	}
	s := o.load.sources[0]
	m := bulk.Manifest{Source: s.name, Audience: o.cfg.PublicURL, ID: token(), Issued: time.Now().UTC().Truncate(time.Second), Blocks: w.Blocks()}
	signed, err := m.Sign(s.key, s.client.KeyID, rand.Reader)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file+".manifest", []byte(signed+"\n"), 0o600)
}
