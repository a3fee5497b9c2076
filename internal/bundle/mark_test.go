package bundle

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMark(t *testing.T) {
	w := newWorld(t)
	day := 24 * time.Hour
	first, second := w.bundle(1, start), w.bundle(2, start.Add(day))
	var m Mark
	if err := m.Accept(first, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := m.Accept(first, start.Add(2*time.Hour)); err != nil { // the same file again
		t.Errorf("again: %v", err)
	}
	if err := m.Accept(second, start.Add(day)); err != nil {
		t.Fatal(err)
	}
	if m.Sequence != 2 || !m.Clock.Equal(start.Add(day)) {
		t.Errorf("%+v", m)
	}
	held := m
	now := start.Add(2 * day)
	other := w.contents(3, now)
	other.Publisher = "https://elsewhere.example"
	back := w.contents(3, start) // a higher number, made earlier
	for name, c := range map[string]struct {
		b    *Bundle
		now  time.Time
		want error
		says string
	}{
		"an older one":                {first, now, ErrOlder, "number 1 of 2026-06-15T10:00:00Z after number 2"},
		"its number, other content":   {w.bundle(2, start.Add(day)), now, ErrOlder, "contradicts itself"},
		"another publisher":           {w.build(other).Bundle, now, ErrOlder, "follows"},
		"made before":                 {w.build(back).Bundle, now, ErrOlder, "number 2 was of"},
		"the clock before the bundle": {second, start.Add(time.Hour), ErrClock, "set the clock"},
		"past its end":                {second, start.Add(31 * day), ErrEnded, "it ended at"},
	} {
		if err := m.Accept(c.b, c.now); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if m != held {
			t.Fatalf("%s: moved the mark to %+v", name, m)
		}
	}
	if err := m.Check(second, start.Add(31*day)); err != nil {
		t.Errorf("the bundle at hand may be asked after its end: %v", err)
	}
}

// The clock only goes on, and only to what has been.
func TestClock(t *testing.T) {
	m := Mark{Clock: start}
	if m.See(start.Add(-time.Hour), start) || m.See(start, start) || m.See(start.Add(365*24*time.Hour), start.Add(time.Hour)) {
		t.Errorf("moved to %s", m.Clock)
	}
	if !m.See(start.Add(time.Hour), start.Add(2*time.Hour)) || !m.Clock.Equal(start.Add(time.Hour)) {
		t.Errorf("at %s", m.Clock)
	}
	if err := m.CheckClock(start.Add(time.Hour - skew)); err != nil {
		t.Errorf("within the skew: %v", err)
	}
	err := m.CheckClock(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	var wrong *ClockError
	if !errors.As(err, &wrong) || !errors.Is(err, ErrClock) || !wrong.Made.Equal(m.Clock) ||
		err.Error() != "the clock says 2020-01-01T00:00:00Z, but something that this device has verified was made at 2026-06-15T11:00:00Z: set the clock of this device" {
		t.Errorf("%v", err)
	}
	w := newWorld(t)
	_, err = Open(w.build(w.contents(1, start)).Data, w.pins(), start.AddDate(-3, 0, 0)) // also before the signer's certificate
	if !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "the clock says 2023-06-15T10:00:00Z, but bundle 1 of "+publisher+" was made at 2026-06-15T10:00:00Z") {
		t.Errorf("%v", err)
	}
}

func TestMarkFile(t *testing.T) {
	w := newWorld(t)
	var m Mark
	w.must(m.Accept(w.bundle(4, start), start))
	for _, m := range []Mark{m, {}, {Clock: start}} {
		data := m.Marshal()
		back, err := ParseMark(data)
		if err != nil || *back != m {
			t.Fatalf("%+v, %v", back, err)
		}
		for at := range data {
			if back, err := ParseMark(flipped(data, at)); back != nil || !errors.Is(err, ErrMark) {
				t.Fatalf("byte %d: %v", at, err)
			}
			if back, err := ParseMark(data[:at]); back != nil || !errors.Is(err, ErrMark) {
				t.Fatalf("cut at %d: %v", at, err)
			}
		}
	}
}
