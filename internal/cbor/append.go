package cbor

// AppendArray, AppendMap, AppendBytes and AppendText build a structure piece by
// piece, where received bytes must enter it unchanged: a signature structure, a
// session transcript. Heads are the shortest; the caller orders the keys.

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
