package cbor

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Diagnose returns data in diagnostic notation (RFC 8949, 8), for people. A
// byte string inside tag 24 that holds one item is shown as <<...>>. The text is
// bounded; where data is malformed or too deep, or the text too long, it stops
// with a remark in slashes. Trailing items follow after a comma.
func Diagnose(data []byte) string {
	d := diagnosis{data: data, nodes: MaxNodes}
	at := 0
	for ok := true; ok && at < len(data); {
		if at > 0 {
			d.text.WriteString(", ")
		}
		at, ok = d.item(at, len(data), 0)
	}
	return d.text.String()
}

type diagnosis struct {
	data  []byte
	nodes int
	text  strings.Builder
}

func (d *diagnosis) stop(remark string) (int, bool) {
	d.text.WriteString(" / " + remark + " /")
	return 0, false
}

// item writes the item at off; false means that the text ends here.
func (d *diagnosis) item(off, limit, depth int) (int, bool) {
	if d.nodes--; d.nodes < 0 || d.text.Len() > maxDiagnosis {
		return d.stop("cut")
	}
	if depth > 4*MaxDepth {
		return d.stop("too deep")
	}
	h, err := readHead(d.data, off, limit)
	if err != nil {
		return d.stop("malformed")
	}
	at := off + h.size
	switch h.major {
	case majorUnsigned:
		d.text.WriteString(strconv.FormatUint(h.arg, 10))
		return at, true
	case majorNegative:
		if h.arg == math.MaxUint64 {
			d.text.WriteString("-18446744073709551616")
		} else {
			d.text.WriteString("-" + strconv.FormatUint(h.arg+1, 10))
		}
		return at, true
	case majorBytes, majorText:
		if h.indefinite {
			return d.list(h, at, limit, depth, "(", ")", 1)
		}
		if h.arg > uint64(limit-at) {
			return d.stop("malformed")
		}
		end := at + int(h.arg)
		if h.major == majorBytes {
			d.bytes(d.data[at:end])
		} else {
			d.quote(d.data[at:end])
		}
		return end, true
	case majorArray:
		return d.list(h, at, limit, depth, "[", "]", 1)
	case majorMap:
		return d.list(h, at, limit, depth, "{", "}", 2)
	case majorTag:
		return d.tag(h, at, limit, depth)
	}
	if h.indefinite {
		return d.stop("break")
	}
	d.simple(h)
	return at, true
}

// list writes a container; per is 2 for maps.
func (d *diagnosis) list(h head, at, limit, depth int, open, shut string, per uint64) (int, bool) {
	d.text.WriteString(open)
	if h.indefinite {
		d.text.WriteString("_ ")
	}
	for i := uint64(0); h.indefinite || i/per < h.arg; i++ {
		if h.indefinite && at < limit && d.data[at] == 0xff {
			at++
			break
		}
		switch {
		case i%per == 1:
			d.text.WriteString(": ")
		case i > 0:
			d.text.WriteString(", ")
		}
		var ok bool
		if at, ok = d.item(at, limit, depth+1); !ok {
			return 0, false
		}
	}
	d.text.WriteString(shut)
	return at, true
}

func (d *diagnosis) tag(h head, at, limit, depth int) (int, bool) {
	d.text.WriteString(strconv.FormatUint(h.arg, 10) + "(")
	content, err := readHead(d.data, at, limit)
	start := at + content.size
	if err == nil && h.arg == tagEncoded && content.major == majorBytes && !content.indefinite &&
		content.arg <= uint64(limit-start) && check(d.data[start:start+int(content.arg)]) == nil {
		end := start + int(content.arg)
		d.text.WriteString("<<")
		if _, ok := d.item(start, end, depth+1); !ok {
			return 0, false
		}
		d.text.WriteString(">>)")
		return end, true
	}
	end, ok := d.item(at, limit, depth+1)
	if ok {
		d.text.WriteString(")")
	}
	return end, ok
}

func (d *diagnosis) bytes(b []byte) {
	if room := maxDiagnosis / 4; len(b) > room {
		d.text.WriteString("h'" + hex.EncodeToString(b[:room]) + "...'")
		return
	}
	d.text.WriteString("h'" + hex.EncodeToString(b) + "'")
}

// quote writes text as JSON does (RFC 8949, 8), escaping besides whatever could
// turn a terminal or a reader's eye: controls, and every rune that is not
// printable.
func (d *diagnosis) quote(b []byte) {
	if room := maxDiagnosis / 4; len(b) > room {
		b = b[:room]
	}
	if !utf8.Valid(b) {
		d.text.WriteString("/ not UTF-8 / ")
		d.bytes(b)
		return
	}
	d.text.WriteString(strconv.QuoteToGraphic(string(b)))
}

func (d *diagnosis) simple(h head) {
	switch h.info {
	case 20:
		d.text.WriteString("false")
	case 21:
		d.text.WriteString("true")
	case 22:
		d.text.WriteString("null")
	case 23:
		d.text.WriteString("undefined")
	case 25, 26, 27:
		d.text.WriteString(formatFloat(h.float()))
	default:
		d.text.WriteString("simple(" + strconv.FormatUint(h.arg, 10) + ")")
	}
}

// formatFloat writes a float with a decimal point, so that 1.0 is not read as
// the integer 1.
func formatFloat(value float64) string {
	switch {
	case math.IsNaN(value):
		return "NaN"
	case math.IsInf(value, 1):
		return "Infinity"
	case math.IsInf(value, -1):
		return "-Infinity"
	}
	form := byte('e')
	if size := math.Abs(value); size == 0 || size >= 1e-6 && size < 1e21 {
		form = 'f'
	}
	text := strconv.FormatFloat(value, form, -1, 64)
	if mantissa, exponent, found := strings.Cut(text, "e"); !strings.Contains(mantissa, ".") {
		text = mantissa + ".0"
		if found {
			text += "e" + exponent
		}
	}
	return text
}
