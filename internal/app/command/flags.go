package command

import (
	"flag"
	"fmt"
	"slices"
	"strings"
)

// dashed writes a flag as one does on the command line; both forms are taken.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// unknownFlag says which flags there are that may have been meant.
func unknownFlag(fs *flag.FlagSet, name string) error {
	var near, all []string
	fs.VisitAll(func(f *flag.Flag) {
		all = append(all, dashed(f.Name))
		if meant(name, f.Name) {
			near = append(near, dashed(f.Name))
		}
	})
	switch {
	case len(near) > 0:
		return fmt.Errorf("there is no flag %s: was %s meant? An argument that begins with - goes after --", dashed(name), strings.Join(near, " or "))
	case len(all) == 0:
		return fmt.Errorf("there is no flag %s: this command has none. An argument that begins with - goes after --", dashed(name))
	}
	return fmt.Errorf("there is no flag %s; there are %s. An argument that begins with - goes after --", dashed(name), strings.Join(all, " "))
}

// meant reports whether who wrote one may have meant the other: a beginning of it,
// the reverse, or at most two wrong letters.
func meant(written, name string) bool {
	written, name = strings.ToLower(written), strings.ToLower(name)
	if written == "" {
		return false
	}
	return strings.HasPrefix(name, written) || strings.HasPrefix(written, name) || min(len(written), len(name)) > 2 && distance(written, name) <= 2
}

// distance is that of Levenshtein.
func distance(a, b string) int {
	const most = 64 // of a flag: longer ones are nobody's misspelling
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = slices.Min([]int{change, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
