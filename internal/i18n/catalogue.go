package i18n

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What the checks of a reader tell stands apart: it is long.
//
//go:embed en.yaml fr.yaml de.yaml lb.yaml checks-en.yaml checks-fr.yaml checks-de.yaml checks-lb.yaml
var files embed.FS

var catalogues = load()

func load() map[Language]map[string]string {
	all := map[Language]map[string]string{}
	for _, l := range Languages() {
		all[l] = map[string]string{}
		for _, name := range []string{"", "checks-"} {
			raw, err := files.ReadFile(name + string(l) + ".yaml")
			var texts map[string]string
			if err == nil {
				err = yaml.Unmarshal(raw, &texts) // refuses a key that stands twice
			}
			if err != nil {
				panic(fmt.Sprintf("i18n: %s: %v", l, err)) // a build of ours is broken
			}
			maps.Copy(all[l], texts)
		}
	}
	return all
}

// Keys lists the keys of the catalogue, sorted.
func Keys() []string { return slices.Sorted(maps.Keys(catalogues[Default])) }

// Has reports whether there is a message of this key.
func Has(key string) bool { _, ok := catalogues[Default][key]; return ok }

// Text is the message of a key, {0} and so on replaced by the arguments. A key
// that does not exist is given back: it is better read than nothing.
func (l Language) Text(key string, args ...any) string {
	text, ok := catalogues[l][key]
	if !ok {
		return key
	}
	return fill(text, args)
}

// Count is the message key.one or key.other, as the language counts n, with n as
// {0} and the arguments from {1} on. French counts 0 in the singular.
func (l Language) Count(key string, n int, args ...any) string {
	form := ".other"
	if n == 1 || n == 0 && l == French {
		form = ".one"
	}
	return l.Text(key+form, append([]any{l.Number(int64(n))}, args...)...)
}

// fill replaces {n}; what has no argument stays.
func fill(text string, args []any) string {
	if len(args) == 0 || !strings.Contains(text, "{") {
		return text
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		n, err := strconv.Atoi(name)
		if !closed || err != nil || n < 0 || n >= len(args) {
			b.WriteByte('{')
			text = rest
			continue
		}
		fmt.Fprint(&b, args[n])
		text = after
	}
}
