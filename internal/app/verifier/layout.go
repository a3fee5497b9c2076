package verifier

import "strings"

// lineWidth is what stands in one line of a tree.
const lineWidth = 96

// layout breaks diagnostic notation (RFC 8949, 8) into lines: a map, array or
// embedded item that does not fit into one stands in lines of its own,
// indented.
func layout(s string) string {
	ends := brackets(s)
	var b strings.Builder
	var open []int // ends of the brackets that were broken, innermost last
	line := func() { b.WriteString("\n" + strings.Repeat("  ", len(open))) }
	for i := 0; i < len(s); {
		end, opens := ends[i]
		width := 1
		if s[i] == '<' || s[i] == '>' {
			width = min(2, len(s)-i)
		}
		switch {
		case len(open) > 0 && i == open[len(open)-1]:
			open = open[:len(open)-1]
			line()
			b.WriteString(s[i : i+width])
		case opens && end-i > lineWidth:
			b.WriteString(s[i : i+width])
			open = append(open, end)
			line()
		case opens || s[i] == '"':
			if !opens {
				end = quoteEnd(s, i)
			}
			width = min(end+1, len(s)) - i
			b.WriteString(s[i : i+width])
		case s[i] == ',' && len(open) > 0:
			b.WriteByte(',')
			line()
			if strings.HasPrefix(s[i+1:], " ") {
				width = 2
			}
		default:
			width = 1
			b.WriteByte(s[i])
		}
		i += width
	}
	return b.String()
}

// brackets finds for each opening bracket where its closing one begins, the end
// of the text for those that have none.
func brackets(s string) map[int]int {
	ends := map[int]int{}
	var open []int
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			i = quoteEnd(s, i)
		case '{', '[':
			open = append(open, i)
		case '<':
			open = append(open, i)
			i++
		case '}', ']', '>':
			if len(open) > 0 {
				ends[open[len(open)-1]] = i
				open = open[:len(open)-1]
			}
			if s[i] == '>' {
				i++
			}
		}
	}
	for _, i := range open {
		ends[i] = len(s)
	}
	return ends
}

// quoteEnd finds the quote that ends a text.
func quoteEnd(s string, i int) int {
	for i++; i < len(s) && s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return min(i, len(s)-1)
}
