package cbor

import (
	"encoding/hex"
	"errors"
	"testing"
)

// CheckMap refuses what decoding refuses, and calls deterministic only what Lint
// finds nothing in.
func TestCheckMap(t *testing.T) {
	for in, want := range map[string]struct {
		deterministic bool
		err           error
	}{
		"a0":               {true, nil},
		"a26161016162f6":   {true, nil},
		"a26162016161f6":   {false, nil}, // keys not sorted
		"a161611801":       {false, nil}, // head not the shortest
		"a16161f93c00":     {false, nil}, // a float: Lint is asked
		"a16161d81841a0":   {true, nil},
		"a16161d818581801": {false, ErrMalformed},
		"a2616101616102":   {false, ErrDuplicateKey},
		"bf616101ff":       {false, ErrMalformed},
		"a000":             {false, ErrTrailing},
		"80":               {false, ErrMalformed},
		"":                 {false, ErrMalformed},
	} {
		data, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := CheckMap(data, MaxMessage)
		if got != want.deterministic || !errors.Is(err, want.err) || got && Lint(data) != nil {
			t.Errorf("%s: %v, %v, want %v, %v; %q", in, got, err, want.deterministic, want.err, Lint(data))
		}
		if _, decoded := MapEntries(data); (decoded == nil) != (err == nil) {
			t.Errorf("%s: %v, and MapEntries %v", in, err, decoded)
		}
	}
	if _, err := CheckMap(make([]byte, 9), 8); !errors.Is(err, ErrLimit) {
		t.Errorf("%v", err)
	}
}
