package signer

import (
	"errors"
	"os"
	"testing"

	"vidimus/internal/audit"
)

// While a signer runs nobody else writes its record.
func TestRecordInUse(t *testing.T) {
	o := newOffice(t)
	o.begin()
	app, err := New(t.Context(), o.cfg, Options{})
	o.must(err)
	elsewhere := o.cfg
	elsewhere.Socket = "other.sock"
	again, err := New(t.Context(), elsewhere, Options{})
	if again != nil {
		again.Close()
	}
	if !errors.Is(err, audit.ErrInUse) {
		t.Errorf("a second signer: %v", err)
	}
	if _, err := CutRecord(elsewhere, o.cfg.Path("old"), Options{}); !errors.Is(err, audit.ErrInUse) {
		t.Errorf("cut: %v", err)
	}
	o.must(os.Remove(o.cfg.Path(o.cfg.Mark)))
	if _, err := MarkRecord(elsewhere); !errors.Is(err, audit.ErrInUse) {
		t.Errorf("marked: %v", err)
	}
	app.Close()
}
