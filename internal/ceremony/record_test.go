package ceremony

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vidimus/internal/audit"
)

// A line that a crash has torn stops no ceremony after it.
func TestTornRecord(t *testing.T) {
	w := newWorld(t)
	w.do("iaca", w.root("iaca-root", "iaca"))
	record := filepath.Join(w.dir, "audit.log")
	f, err := os.OpenFile(record, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"prev":"torn`)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if done, err := Recorded(record); !errors.Is(err, audit.ErrTorn) || len(done) != 1 {
		t.Fatalf("%d acts, %v", len(done), err)
	}
	path := w.write("mdl.yaml", strings.Replace(w.leaf("document-signer-mdl", "mdl", "iaca"), "  previous: "+w.previous+"\n", "", 1))
	if _, err := Draw(path, rand.Reader); err != nil || !strings.Contains(w.read("mdl.yaml"), w.previous) {
		t.Fatalf("drawing: %v", err)
	}
	w.clock.Advance(time.Minute)
	p := w.planFile(path)
	if _, err := w.ceremony(line(p)).Run(context.Background(), p, w.approve(p)); err != nil {
		t.Fatal(err)
	}
	if done, err := Recorded(record); err != nil || len(done) != 2 {
		t.Errorf("%d acts, %v", len(done), err)
	}
}
