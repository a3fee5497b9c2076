package cbor

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// walker visits every item of a message once, without allocating in proportion
// to what the message claims, and refuses what the package comment lists. Its
// positions are absolute, in embedded items too.
type walker struct {
	data  []byte
	nodes int       // how many more items it may visit
	keys  []keySpan // scratch stack: the keys of the open maps that are not sorted

	// note, when set, turns the walker into the one of Lint: indefinite lengths
	// are followed, and whatever is not deterministic is noted.
	note func(off int, finding string)
	// loose says that something was not deterministic, or is a float, which is not
	// looked at closely without note.
	loose bool
}

// keySpan is a map key: normalised head and content.
type keySpan struct {
	major   byte
	arg     uint64
	content []byte // of text and byte strings
}

// compareKeys orders keys as RFC 8949, 4.2.1: bytewise by their encodings,
// which for shortest heads is major type, then argument, then content.
func compareKeys(a, b keySpan) int {
	switch {
	case a.major != b.major:
		return cmp.Compare(a.major, b.major)
	case a.arg != b.arg:
		return cmp.Compare(a.arg, b.arg)
	}
	return bytes.Compare(a.content, b.content)
}

// whole walks data[off:limit], which must be exactly one item.
func (w *walker) whole(off, limit, embedding int) error {
	end, err := w.item(off, limit, 0, embedding)
	if err != nil {
		return err
	}
	if end != limit {
		return fmt.Errorf("%w: %d bytes at byte %d", ErrTrailing, limit-end, end)
	}
	return nil
}

// item walks the item at off and returns where it ends. depth counts the
// containers and tags around it, embedding the tag-24 items.
func (w *walker) item(off, limit, depth, embedding int) (int, error) {
	if end, _ := w.short(off, limit); end > 0 {
		return end, nil
	}
	h, err := w.head(off, limit)
	if err != nil {
		return 0, err
	}
	start := off + h.size
	switch h.major {
	case majorUnsigned, majorNegative:
		return start, nil
	case majorBytes, majorText:
		return w.str(off, h, limit)
	case majorArray, majorMap, majorTag:
		if depth >= MaxDepth {
			return 0, fmt.Errorf("%w: byte %d: more than %d levels", ErrLimit, off, MaxDepth)
		}
	}
	switch h.major {
	case majorArray:
		return w.array(off, h, limit, depth+1, embedding)
	case majorMap:
		return w.pairs(off, h, limit, depth+1, embedding)
	case majorTag:
		return w.tag(off, h, limit, depth+1, embedding, 1)
	}
	return start, w.simple(off, h)
}

// short walks what most items are: an integer below 256, or a string of less than
// 256 bytes, with the shortest head. It gives its end and where its content begins,
// 0 for everything else, also for what is wrong: then it has charged nothing.
func (w *walker) short(off, limit int) (end, start int) {
	if off >= limit || w.nodes == 0 {
		return 0, 0
	}
	major, n := w.data[off]>>5, int(w.data[off]&31)
	start = off + 1
	switch {
	case major > majorText || n > 24:
		return 0, 0
	case n == 24:
		if start == limit || w.data[start] < 24 {
			return 0, 0
		}
		n = int(w.data[start])
		start++
	}
	if major <= majorNegative {
		w.nodes--
		return start, start
	}
	if end = start + n; end > limit || major == majorText && !plain(w.data[start:end]) {
		return 0, 0
	}
	w.nodes--
	return end, start
}

// head reads a head and charges it to the budget.
func (w *walker) head(off, limit int) (head, error) {
	if w.nodes == 0 {
		return head{}, fmt.Errorf("%w: byte %d: more than %d items", ErrLimit, off, MaxNodes)
	}
	w.nodes--
	h, err := readHead(w.data, off, limit)
	if err != nil {
		return head{}, err
	}
	if h.indefinite && h.major != majorSimple {
		if w.note == nil {
			return head{}, fmt.Errorf("%w: byte %d: indefinite length", ErrMalformed, off)
		}
		w.note(off, "indefinite length")
	}
	if h.major != majorSimple && !h.shortest() {
		if w.loose = true; w.note != nil {
			w.note(off, "head is not the shortest")
		}
	}
	return h, nil
}

// str walks a text or byte string.
func (w *walker) str(off int, h head, limit int) (int, error) {
	if h.indefinite {
		return w.chunks(off, h, limit)
	}
	start := off + h.size
	if h.arg > uint64(limit-start) {
		return 0, fmt.Errorf("%w: byte %d: string of %d bytes, %d left", ErrMalformed, off, h.arg, limit-start)
	}
	end := start + int(h.arg)
	if h.major == majorText {
		if !plain(w.data[start:end]) {
			return 0, fmt.Errorf("%w: byte %d: text is not UTF-8 or contains U+0000", ErrMalformed, off)
		}
	}
	return end, nil
}

// plain reports whether text is UTF-8 without U+0000. Most text is ASCII.
func plain(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	at := 0
	for ; at+8 <= len(text); at += 8 {
		// The high bit of a byte of v says that it is above 0x7f, of v-ones too that it
		// is 0, or that one below it is.
		if v := binary.LittleEndian.Uint64(text[at:]); (v|(v-ones))&high != 0 {
			return plainUTF8(text[at:])
		}
	}
	for i := at; i < len(text); i++ {
		if text[i]-1 >= 0x7f { // 0, and 0x80 and above
			return plainUTF8(text[i:])
		}
	}
	return true
}

func plainUTF8(text []byte) bool {
	return utf8.Valid(text) && bytes.IndexByte(text, 0) < 0
}

// chunks walks an indefinite-length string: definite strings of the same major
// type up to a break (RFC 8949, 3.2.3).
func (w *walker) chunks(off int, h head, limit int) (int, error) {
	at := off + h.size
	for {
		if at < limit && w.data[at] == 0xff {
			return at + 1, nil
		}
		chunk, err := w.head(at, limit)
		if err != nil {
			return 0, err
		}
		if chunk.major != h.major || chunk.indefinite {
			return 0, fmt.Errorf("%w: byte %d: chunk of another type", ErrMalformed, at)
		}
		if at, err = w.str(at, chunk, limit); err != nil {
			return 0, err
		}
	}
}

// count refuses a length that is too large, or larger than what is left can
// hold when each entry takes at least `least` bytes.
func (w *walker) count(off int, h head, limit, least int) error {
	if h.arg > MaxItems {
		return fmt.Errorf("%w: byte %d: %d entries, at most %d", ErrLimit, off, h.arg, MaxItems)
	}
	if left := limit - off - h.size; int(h.arg)*least > left {
		return fmt.Errorf("%w: byte %d: %d entries in %d bytes", ErrMalformed, off, h.arg, left)
	}
	return nil
}

// more reports whether another entry follows in a container, and where the
// container ends if not.
func (w *walker) more(h head, done, at, limit int) (bool, int) {
	if !h.indefinite {
		return uint64(done) < h.arg, at
	}
	if at < limit && w.data[at] == 0xff {
		return false, at + 1
	}
	return true, at
}

func (w *walker) array(off int, h head, limit, depth, embedding int) (int, error) {
	if err := w.count(off, h, limit, 1); err != nil {
		return 0, err
	}
	at := off + h.size
	for i := 0; ; i++ {
		more, end := w.more(h, i, at, limit)
		if !more {
			return end, nil
		}
		var err error
		if at, err = w.item(at, limit, depth, embedding); err != nil {
			return 0, err
		}
	}
}

// pairs walks a map. Keys in ascending order, as a deterministic encoder writes
// them, are compared with the one before alone; once one is not, all are kept, to
// find those that come twice.
func (w *walker) pairs(off int, h head, limit, depth, embedding int) (int, error) {
	if err := w.count(off, h, limit, 2); err != nil {
		return 0, err
	}
	base, ascending := len(w.keys), true
	var last []byte // the key before, as it stands there
	at := off + h.size
	for i := 0; ; i++ {
		more, end := w.more(h, i, at, limit)
		if !more {
			var err error
			if !ascending {
				err = w.distinct(off, w.keys[base:])
			}
			w.keys = w.keys[:base]
			return end, err
		}
		end, _ = w.short(at, limit)
		if end == 0 {
			var err error
			if end, err = w.key(at, limit); err != nil {
				return 0, err
			}
		}
		key := w.data[at:end]
		if ascending && i > 0 && !w.follows(last, key) {
			if ascending = false; w.note == nil {
				w.again(off+h.size, i)
			}
		}
		if last = key; !ascending || w.note != nil {
			w.keys = append(w.keys, keyOf(key))
		}
		var err error
		if at, err = w.item(end, limit, depth, embedding); err != nil {
			return 0, err
		}
	}
}

// follows reports whether b stands above a. As long as every head was the shortest,
// the encodings are in the order of the keys.
func (w *walker) follows(a, b []byte) bool {
	if !w.loose {
		return bytes.Compare(a, b) < 0
	}
	return compareKeys(keyOf(a), keyOf(b)) < 0
}

// keyOf gives a key that was walked.
func keyOf(key []byte) keySpan {
	h, err := readHead(key, 0, len(key))
	if err != nil {
		panic("cbor: an unchecked key")
	}
	k := keySpan{major: h.major, arg: h.arg}
	if h.major > majorNegative {
		k.content = key[h.size:]
	}
	return k
}

// again keeps the first n keys of a map whose pairs begin at off and were walked
// without Lint, which follows what skip does not.
func (w *walker) again(off, n int) {
	for range n {
		end := skip(w.data, off)
		w.keys = append(w.keys, keyOf(w.data[off:end]))
		off = skip(w.data, end)
	}
}

// key walks a map key that is not short and returns its end.
func (w *walker) key(off, limit int) (int, error) {
	h, err := w.head(off, limit)
	if err != nil {
		return 0, err
	}
	switch {
	case h.major <= majorNegative:
		return off + h.size, nil
	case h.major <= majorText && !h.indefinite:
		return w.str(off, h, limit)
	}
	return 0, fmt.Errorf("%w: byte %d: map key is neither integer nor string", ErrMalformed, off)
}

// distinct refuses equal keys among those of a map that is not sorted; few keys
// are compared pairwise.
func (w *walker) distinct(off int, keys []keySpan) error {
	if w.loose = true; w.note != nil {
		w.note(off, "map keys are not sorted")
	}
	duplicate := fmt.Errorf("%w in the map at byte %d", ErrDuplicateKey, off)
	if len(keys) <= 12 {
		for i, a := range keys {
			for _, b := range keys[:i] {
				if compareKeys(a, b) == 0 {
					return duplicate
				}
			}
		}
		return nil
	}
	slices.SortFunc(keys, compareKeys)
	for i := 1; i < len(keys); i++ {
		if compareKeys(keys[i-1], keys[i]) == 0 {
			return duplicate
		}
	}
	return nil
}

// tag walks the content of a tag. chain counts tags in a row.
func (w *walker) tag(off int, h head, limit, depth, embedding, chain int) (int, error) {
	if chain > MaxTagChain {
		return 0, fmt.Errorf("%w: byte %d: more than %d tags in a row", ErrLimit, off, MaxTagChain)
	}
	at := off + h.size
	content, err := readHead(w.data, at, limit)
	if err != nil {
		return 0, err
	}
	if content.major == majorTag {
		if depth >= MaxDepth {
			return 0, fmt.Errorf("%w: byte %d: more than %d levels", ErrLimit, at, MaxDepth)
		}
		if _, err := w.head(at, limit); err != nil {
			return 0, err
		}
		if known(h.arg) {
			return 0, wrongContent(off, h.arg)
		}
		return w.tag(at, content, limit, depth+1, embedding, chain+1)
	}
	end, err := w.item(at, limit, depth, embedding)
	if err != nil {
		return 0, err
	}
	switch h.arg {
	case tagDateTime, tagFullDate:
		return end, w.tagged(off, h.arg, content, majorText, maxDateText)
	case tagEpoch:
		if content.major > majorNegative && (content.major != majorSimple || content.info < 25) {
			return 0, wrongContent(off, h.arg)
		}
		return end, nil
	case tagUnsignedBignum, tagNegativeBignum:
		return end, w.tagged(off, h.arg, content, majorBytes, maxBignum)
	case tagDecimalFraction, tagBigfloat:
		return end, w.fraction(off, h.arg, at, content, limit)
	case tagEncoded:
		if err := w.tagged(off, h.arg, content, majorBytes, math.MaxInt); err != nil {
			return 0, err
		}
		if embedding >= MaxEmbeddings {
			return 0, fmt.Errorf("%w: byte %d: more than %d embedded items inside each other", ErrLimit, off, MaxEmbeddings)
		}
		if content.indefinite {
			return end, nil // only in Lint, which has noted it
		}
		return end, w.whole(at+content.size, end, embedding+1)
	}
	return end, nil
}

// known reports whether the content of a tag is checked here; such a tag stands
// before no other tag.
func known(number uint64) bool {
	return number <= tagBigfloat || number == tagEncoded || number == tagFullDate
}

// tagged checks that the content of a known tag is a string of the major type
// and at most max bytes.
func (w *walker) tagged(off int, number uint64, content head, major byte, max uint64) error {
	if content.major != major {
		return wrongContent(off, number)
	}
	if content.arg > max {
		return fmt.Errorf("%w: byte %d: tag %d with %d bytes, at most %d", ErrLimit, off, number, content.arg, max)
	}
	return nil
}

// fraction checks a decimal fraction or bigfloat: [exponent, mantissa] (RFC
// 8949, 3.4.4). The content has been walked.
func (w *walker) fraction(off int, number uint64, at int, content head, limit int) error {
	if content.major != majorArray || content.indefinite || content.arg != 2 {
		return wrongContent(off, number)
	}
	exponent, err := readHead(w.data, at+content.size, limit)
	if err != nil {
		return err
	}
	if exponent.major > majorNegative {
		return wrongContent(off, number)
	}
	if exponent.arg > maxExponent {
		return fmt.Errorf("%w: byte %d: exponent of tag %d", ErrLimit, off, number)
	}
	mantissa, err := readHead(w.data, at+content.size+exponent.size, limit)
	if err != nil {
		return err
	}
	if mantissa.major > majorNegative && mantissa.major != majorTag {
		return wrongContent(off, number)
	}
	return nil
}

func wrongContent(off int, number uint64) error {
	return fmt.Errorf("%w: byte %d: tag %d around content of the wrong type", ErrMalformed, off, number)
}

// simple checks booleans, null and floats, and refuses every other value of
// major type 7.
func (w *walker) simple(off int, h head) error {
	switch h.info {
	case 20, 21, 22:
		return nil
	case 25, 26, 27:
		value := h.float()
		if math.IsNaN(value) || math.IsInf(value, 0) {
			return fmt.Errorf("%w: byte %d: not a finite number", ErrMalformed, off)
		}
		if w.loose = true; w.note != nil && !h.shortestFloat(value) {
			w.note(off, "float is not the shortest")
		}
		return nil
	case 31:
		return fmt.Errorf("%w: byte %d: break outside an indefinite-length item", ErrMalformed, off)
	}
	return fmt.Errorf("%w: byte %d: simple value %d", ErrMalformed, off, h.arg)
}
