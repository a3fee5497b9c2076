package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vidimus/internal/app/command"
	"vidimus/internal/store/bolt"
)

// TestCheck: an office of which nothing is known violates nothing; one that
// was said to have acknowledged an event that it does not have does.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	database, journal, memory := filepath.Join(dir, "issuer.db"), filepath.Join(dir, "journal"), filepath.Join(dir, "memory")
	const url = "https://office.example"
	if err := bolt.Create(database, bolt.Options{PublicURL: url, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	push := `{"call":1,"at":"2026-06-15T10:00:00Z","kind":"push","state":"answered","source":"https://r.example","jti":"a","digest":"00"}` + "\n"
	for _, tt := range []struct {
		journal string
		args    []string
		code    int
		says    string
	}{
		{"", []string{"check", "--database", database, "--public-url", url, "--journal", journal, "--memory", memory}, 0, "I14         0 seen    0 violated"},
		{"", []string{"check", "--database", database, "--public-url", url, "--journal", journal, "--memory", memory}, 0, "I1 "},
		{push, []string{"check", "--database", database, "--public-url", url, "--journal", journal}, 1, "violated: I1"},
		{push, []string{"check", "--public-url", url}, 3, "--database"},
		{push, []string{"check", "--database", database, "--public-url", url, "--dev"}, 1, "development"},
		{"x\ny\n", []string{"check", "--database", database, "--public-url", url, "--journal", journal}, 1, "line 1 of the journal"},
	} {
		if err := os.WriteFile(journal, []byte(tt.journal), 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code := program.Run(context.Background(), command.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &out}, tt.args)
		if code != tt.code || !strings.Contains(out.String(), tt.says) {
			t.Errorf("%v: code %d, said\n%s", tt.args, code, &out)
		}
	}
	if after, err := os.ReadFile(database); err != nil || !bytes.Equal(before, after) {
		t.Error("the database was touched")
	}
}
