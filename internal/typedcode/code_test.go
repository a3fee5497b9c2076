package typedcode

import (
	"crypto/rand"
	"strings"
	"testing"
)

// What reads as a code reads alike however it is grouped and in either case, and
// has twenty characters of the alphabet at its core.
func FuzzDigestOf(f *testing.F) {
	for _, s := range []string{"", "W908-1RZB-FC9E-C900-G7C7", "w908 1rzb fc9e c900 g7c7", "oooo-iiii-llll-0000-1111", "UUUU-UUUU-UUUU-UUUU-UUUU", "\u0410AAA-AAAA-AAAA-AAAA-AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		digest, ok := DigestOf(typed)
		if !ok {
			if digest != ([32]byte{}) {
				t.Error("a refusal with a digest")
			}
			return
		}
		core := strings.NewReplacer("-", "", " ", "", "\u00a0", "", "\t", "").Replace(typed)
		if len(core) != characters {
			t.Fatalf("%q reads as a code", typed)
		}
		for _, again := range []string{core, strings.ToUpper(core), strings.ToLower(core), core[:4] + "-" + core[4:]} {
			if d, ok := DigestOf(again); !ok || d != digest {
				t.Errorf("%q and %q read differently", typed, again)
			}
		}
	})
}

// A code that was made reads, and no two are alike.
func TestNew(t *testing.T) {
	seen := map[[32]byte]bool{}
	for range 100 {
		code, err := New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		digest, ok := DigestOf(code)
		if !ok || len(code) != 24 || seen[digest] {
			t.Fatalf("%s reads: %v, seen before: %v", code, ok, seen[digest])
		}
		seen[digest] = true
	}
	if _, err := New(strings.NewReader("short")); err == nil {
		t.Error("a code without randomness")
	}
}
