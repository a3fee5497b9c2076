package i18n

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Retell tells in another language what a program of ours has said in English: of
// the messages of a group ("detail.") it looks for the one whose English text is
// this, whatever stands for its arguments, and gives it in the language. Each
// argument goes through arg first, nil leaves them as they are. False is for a
// text that no message of the group fits.
//
// Typographic quotation marks of the catalogue stand for straight ones as well.
func (l Language) Retell(group, english string, arg func(string) string) (string, bool) {
	if len(english) > maxRetold {
		return "", false
	}
	for _, p := range patterns[group] {
		if !strings.Contains(english, p.core) {
			continue // quicker than the form
		}
		found := p.form.FindStringSubmatch(english)
		if found == nil {
			continue
		}
		args := make([]any, p.arguments)
		for i, n := range p.order {
			args[n] = found[i+1]
			if arg != nil {
				args[n] = arg(found[i+1])
			}
		}
		return l.Text(p.key, args...), true
	}
	return "", false
}

// pattern finds the arguments of a message in its English text.
type pattern struct {
	key       string
	form      *regexp.Regexp
	order     []int // number of the argument that each group of form holds
	arguments int
	literal   int    // bytes that are no argument
	core      string // the longest part without an argument
}

// patterns are those of each group that is retold, the closest first.
var patterns = map[string][]pattern{details: compile(details)}

// details is the group of what the checks of package verification tell.
const details = "detail."

var placeholder = regexp.MustCompile(`\{([0-9])\}`)

func compile(group string) (list []pattern) {
	straight := strings.NewReplacer("’", "'", "“", `"`, "”", `"`)
	english := catalogues[English]
	for _, key := range slices.Sorted(maps.Keys(english)) {
		if !strings.HasPrefix(key, group) {
			continue
		}
		p, text, form, from := pattern{key: key}, straight.Replace(english[key]), "", 0
		for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
			n, _ := strconv.Atoi(text[at[2]:at[3]]) // one digit
			p.order, p.arguments = append(p.order, n), max(p.arguments, n+1)
			form += regexp.QuoteMeta(text[from:at[0]]) + "(.*?)"
			p.part(text[from:at[0]])
			from = at[1]
		}
		p.part(text[from:])
		p.form = regexp.MustCompile("(?s)^" + form + regexp.QuoteMeta(text[from:]) + "$")
		list = append(list, p)
	}
	slices.SortStableFunc(list, func(a, b pattern) int { return b.literal - a.literal })
	return list
}

func (p *pattern) part(text string) {
	if p.literal += len(text); len(text) > len(p.core) {
		p.core = text
	}
}
