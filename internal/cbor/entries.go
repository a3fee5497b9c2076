package cbor

// Entry is one pair of a map, both parts as received.
type Entry struct {
	Key, Value RawMessage
}

// MapEntries returns the pairs of exactly one map, in the order received, as
// slices of data.
func MapEntries(data []byte) ([]Entry, error) { return MapEntriesLimit(data, MaxMessage) }

// MapEntriesLimit is [MapEntries] with another bound on the length of data.
func MapEntriesLimit(data []byte, max int) ([]Entry, error) {
	h, err := typedLimit(data, majorMap, max)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, h.arg)
	at := h.size
	for i := range entries {
		entries[i].Key, at = next(data, at)
		entries[i].Value, at = next(data, at)
	}
	return entries, nil
}

// ArrayItems returns the items of exactly one array, as slices of data.
func ArrayItems(data []byte) ([]RawMessage, error) { return ArrayItemsLimit(data, MaxMessage) }

// ArrayItemsLimit is [ArrayItems] with another bound on the length of data.
func ArrayItemsLimit(data []byte, max int) ([]RawMessage, error) {
	h, err := typedLimit(data, majorArray, max)
	if err != nil {
		return nil, err
	}
	items := make([]RawMessage, h.arg)
	at := h.size
	for i := range items {
		items[i], at = next(data, at)
	}
	return items, nil
}

var majorNames = [8]string{"unsigned integer", "negative integer", "byte string", "text", "array", "map", "tag", "simple value or float"}

// next returns the item at data[at:], which has been checked, and its end.
func next(data []byte, at int) (RawMessage, int) {
	end := skip(data, at)
	return data[at:end:end], end
}

// skip returns the end of the item at data[at:], which has been checked: heads
// are read, counts are trusted.
func skip(data []byte, at int) int {
	for left := uint64(1); left > 0; left-- {
		h, err := readHead(data, at, len(data))
		if err != nil {
			panic("cbor: skip over unchecked data")
		}
		at += h.size
		switch h.major {
		case majorBytes, majorText:
			at += int(h.arg)
		case majorArray:
			left += h.arg
		case majorMap:
			left += 2 * h.arg
		case majorTag:
			left++
		}
	}
	return at
}
