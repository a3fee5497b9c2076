package citizen

import (
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
		digest, ok := digestOf(typed)
		if !ok {
			if digest != (Digest{}) {
				t.Error("a refusal with a digest")
			}
			return
		}
		core := strings.NewReplacer("-", "", " ", "", "\u00a0", "", "\t", "").Replace(typed)
		if len(core) != codeCharacters {
			t.Fatalf("%q reads as a code", typed)
		}
		for _, again := range []string{core, strings.ToUpper(core), strings.ToLower(core), core[:4] + "-" + core[4:]} {
			if d, ok := digestOf(again); !ok || d != digest {
				t.Errorf("%q and %q read differently", typed, again)
			}
		}
	})
}
