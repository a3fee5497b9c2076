package cbor

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
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

func TestCheckEncoded(t *testing.T) {
	for in, want := range map[string]struct {
		content       string
		deterministic bool
		err           error
	}{
		"d81841a0":             {"a0", true, nil},
		"d8185801a0":           {"a0", false, nil}, // head not the shortest
		"d81847a26162016101":   {"", false, ErrMalformed},
		"d81847a2616201616102": {"a2616201616102", false, nil}, // keys not sorted
		"d81847a2616101616102": {"", false, ErrDuplicateKey},
		"41a0":                 {"", false, ErrMalformed},
		"d81841a000":           {"", false, ErrTrailing},
		"":                     {"", false, ErrMalformed},
	} {
		data, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		content, deterministic, err := CheckEncoded(data)
		if hex.EncodeToString(content) != want.content || deterministic != want.deterministic || !errors.Is(err, want.err) || deterministic && Lint(data) != nil {
			t.Errorf("%s: %x, %v, %v, want %v", in, content, deterministic, err, want)
		}
		if same, other := UnwrapEncoded(data); hex.EncodeToString(same) != want.content || (other == nil) != (err == nil) {
			t.Errorf("%s: UnwrapEncoded %x, %v", in, same, other)
		}
	}
}

// Keys that come twice are found wherever they stand, in maps inside of maps too,
// and nothing else is.
func TestDuplicateKeysAnywhere(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := [][]byte{{0}, {1}, {0x17}, {0x18, 0x18}, {0x20}, {0x21}, {0x41, 1}, {0x42, 0, 1}, {0x60}, {0x61, 'a'}, {0x61, 'b'}, {0x62, 'a', 'a'}, {0x18, 1}, {0x78, 1, 'a'}}
	same := func(a, b []byte) bool { // by meaning: the last two are not the shortest form
		short := func(k []byte) []byte {
			switch string(k) {
			case "\x18\x01":
				return []byte{1}
			case "\x78\x01a":
				return []byte{0x61, 'a'}
			}
			return k
		}
		return string(short(a)) == string(short(b))
	}
	var build func(depth int) (item []byte, twice bool)
	build = func(depth int) (item []byte, twice bool) {
		n := random.IntN(8)
		item = []byte{0xa0 | byte(n)}
		var used [][]byte
		for range n {
			key := keys[random.IntN(len(keys))]
			twice = twice || slices.ContainsFunc(used, func(k []byte) bool { return same(k, key) })
			used = append(used, key)
			item = append(item, key...)
			if depth > 0 && random.IntN(3) == 0 {
				inner, also := build(depth - 1)
				item, twice = append(item, inner...), twice || also
			} else {
				item = append(item, 0xf6)
			}
		}
		return item, twice
	}
	counts := map[bool]int{}
	for range 6000 {
		item, twice := build(3)
		counts[twice]++
		if _, err := CheckMap(item, MaxMessage); errors.Is(err, ErrDuplicateKey) != twice || !twice && err != nil {
			t.Fatalf("%x: %v, want duplicate %v", item, err, twice)
		}
		if refused := slices.ContainsFunc(Lint(item), func(s string) bool { return len(s) > 9 && s[:9] == "duplicate" }); refused != twice {
			t.Fatalf("%x: Lint %q, want duplicate %v", item, Lint(item), twice)
		}
	}
	if counts[true] < 600 || counts[false] < 600 {
		t.Errorf("%v", counts)
	}
}
