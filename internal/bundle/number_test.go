package bundle_test

import (
	"errors"
	"testing"
	"time"

	"vidimus/internal/bundle"
)

// Numbers rise, whatever is lost; who lost count is told, and a person's word does
// not lower them.
func TestNumbers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	of := func(n uint64) *bundle.Bundle { return &bundle.Bundle{Sequence: n} }
	for name, c := range map[string]struct {
		numbers bundle.Numbers
		want    uint64 // 0 is refused
	}{
		"the first":               {bundle.Numbers{}, 1_800_000_000},
		"the next":                {bundle.Numbers{File: []byte("1700000000\n")}, 1_800_000_000},
		"twice in a second":       {bundle.Numbers{File: bundle.FormatNumber(1_800_000_000)}, 1_800_000_001},
		"a clock that is behind":  {bundle.Numbers{File: []byte("1800000007")}, 1_800_000_008},
		"the file is lost":        {bundle.Numbers{Previous: of(1_800_000_007)}, 1_800_000_008},
		"an old file":             {bundle.Numbers{File: []byte("5"), Previous: of(1_800_000_007)}, 1_800_000_008},
		"damaged":                 {bundle.Numbers{File: []byte("x"), Previous: of(1_700_000_007)}, 0},
		"empty":                   {bundle.Numbers{File: []byte{}}, 0},
		"negative":                {bundle.Numbers{File: []byte("-1")}, 0},
		"beyond what is written":  {bundle.Numbers{File: []byte("9223372036854775808")}, 0},
		"damaged, with a word":    {bundle.Numbers{File: []byte("x"), After: 1_800_000_050}, 1_800_000_051},
		"damaged, with a low one": {bundle.Numbers{File: []byte("x"), After: 3}, 1_800_000_000},
		"a word below the last":   {bundle.Numbers{File: []byte("1800000007"), After: 1_800_000_006}, 0},
		"a word below the served": {bundle.Numbers{File: []byte("x"), Previous: of(1_800_000_007), After: 1_800_000_006}, 0},
		"a slip of the finger":    {bundle.Numbers{After: 18_000_000_000}, 0},
	} {
		got, err := c.numbers.Next(now)
		if got != c.want || (err == nil) != (c.want != 0) || err != nil && !errors.Is(err, bundle.ErrNumber) {
			t.Errorf("%s: %d, %v, want %d", name, got, err, c.want)
		}
	}
}
