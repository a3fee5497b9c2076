package cbor

import "fmt"

// The functions of this file build a structure piece by piece, where received
// bytes must enter it unchanged (a signature structure, a session transcript) or
// where much of it is the same every time. Heads are the shortest; the caller
// orders the keys.

// AppendArray appends the head of an array of n items, which the caller appends.
func AppendArray(b []byte, n int) []byte {
	return appendHead(b, majorArray, uint64(n))
}

// AppendMap appends the head of a map of n pairs, which the caller appends.
func AppendMap(b []byte, n int) []byte {
	return appendHead(b, majorMap, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(b, content []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(content))), content...)
}

// AppendText appends a text string, which must be UTF-8.
func AppendText(b []byte, text string) []byte {
	return append(appendHead(b, majorText, uint64(len(text))), text...)
}

// AppendTag appends the head of a tag, whose item the caller appends.
func AppendTag(b []byte, number uint64) []byte {
	return appendHead(b, majorTag, number)
}

// AppendInt appends an integer.
func AppendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, majorNegative, uint64(-1-n))
	}
	return appendHead(b, majorUnsigned, uint64(n))
}

// AppendDateTime appends what Marshal makes of a DateTime.
func AppendDateTime(b []byte, d DateTime) ([]byte, error) {
	utc := d.UTC()
	if year := utc.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("date and time with year %d", year)
	}
	b = appendHead(b, majorTag, tagDateTime)
	b = appendHead(b, majorText, uint64(len(dateTimeLayout)))
	return utc.AppendFormat(b, dateTimeLayout), nil
}
