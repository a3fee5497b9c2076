package mdoc

import (
	"bytes"
	"testing"

	"vidimus/internal/cbor"
)

// The reader of heads agrees with package cbor on everything that package cbor
// accepts, and leaves its input on nothing.
func FuzzRaw(f *testing.F) {
	vector := annexD(f)
	for _, name := range []string{"device_response", "device_request", "issuer_auth", "session_transcript", "driving_privileges"} {
		f.Add(vector(name))
	}
	for _, seed := range [][]byte{{}, {0xff}, {0x9f, 1, 0xff}, {0xbf, 0xff}, {0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0}, {0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0x1a, 0, 0}, {0xd8, 24, 0x41, 1}, {0xf4}, {0xf5}, {0xf6}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, ok := span(data)
		if ok && (n <= 0 || n > len(data)) {
			t.Fatalf("span %d of %d bytes", n, len(data))
		}
		var item cbor.RawMessage
		if cbor.Unmarshal(data, &item) != nil {
			return
		}
		if !ok || n != len(data) {
			t.Fatalf("span %d, %v of an item of %d bytes", n, ok, len(data))
		}
		c, pairs, isMap := members(data)
		entries, err := cbor.MapEntries(data)
		if isMap != (err == nil) || pairs != len(entries) {
			t.Fatalf("map %v with %d pairs; %v with %d", isMap, pairs, err, len(entries))
		}
		for _, e := range entries {
			key, _ := c.next()
			value, ok := c.next()
			if !ok || !bytes.Equal(key, e.Key) || !bytes.Equal(value, e.Value) {
				t.Fatalf("pair %x: %x", key, value)
			}
		}
		c, count, isArray := elementsOf(data)
		items, err := cbor.ArrayItems(data)
		if isArray != (err == nil) || count != len(items) {
			t.Fatalf("array %v of %d; %v of %d", isArray, count, err, len(items))
		}
		for _, want := range items {
			if got, ok := c.next(); !ok || !bytes.Equal(got, want) {
				t.Fatalf("item %x", got)
			}
		}
		if _, more := c.next(); more {
			t.Fatal("an item after the last")
		}
		content, isEmbedded := embeddedOf(data)
		want, err := cbor.UnwrapEncoded(data)
		if isEmbedded != (err == nil) || !bytes.Equal(content, want) {
			t.Fatalf("embedded %v, %v", isEmbedded, err)
		}
		compareScalars(t, data)
	})
}

func compareScalars(t *testing.T, data []byte) {
	var value any
	if err := cbor.Unmarshal(data, &value); err != nil {
		return // a tag with content that has no meaning in Go
	}
	text, isText := textOf(data)
	if s, ok := value.(string); ok != isText || s != string(text) {
		t.Fatalf("text %v %q", isText, text)
	}
	str, isBytes := bytesOf(data)
	if b, ok := value.([]byte); ok != isBytes || !bytes.Equal(b, str) {
		t.Fatalf("bytes %v %x", isBytes, str)
	}
	number, isInt := intOf(data)
	if n, ok := value.(int64); ok != isInt || n != number {
		t.Fatalf("integer %v %d, decoded %v", isInt, number, value)
	}
	if u, ok := uintOf(data); isInt && ok != (number >= 0) || isInt && ok && u != uint64(number) {
		t.Fatalf("unsigned %v %d", ok, u)
	}
	truth, isBool := boolOf(data)
	if b, ok := value.(bool); ok != isBool || b != truth {
		t.Fatalf("boolean %v %v", isBool, truth)
	}
}

func TestAppendHead(t *testing.T) {
	for _, n := range []uint64{0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1} {
		b := appendHead(nil, majorUnsigned, n)
		if !bytes.Equal(b, cbor.MustMarshal(n)) {
			t.Errorf("%d: %x", n, b)
		}
		if major, arg, size, ok := head(b); !ok || major != majorUnsigned || arg != n || size != len(b) {
			t.Errorf("%d: read back %d, %v", n, arg, ok)
		}
	}
}

// A container whose input ends early is refused, even where nobody has checked
// the input before.
func TestCutOff(t *testing.T) {
	whole := cbor.MustMarshal(map[string]any{"a": 1, "b": []any{1, 2}})
	for n := range whole {
		err := eachMember(CheckStrict, "X", whole[:n], func(name, value []byte) error {
			return eachItem(CheckStrict, "Y", value, func(int, []byte) error { return nil })
		})
		if err == nil {
			t.Errorf("%d of %d bytes were enough", n, len(whole))
		}
	}
	if err := eachItem(CheckStrict, "Y", []byte{0x82, 1}, func(int, []byte) error { return nil }); err == nil {
		t.Error("an array with one item of two was taken")
	}
	if err := eachItem(CheckStrict, "Y", []byte{0x81, 1, 2}, func(int, []byte) error { return nil }); err == nil {
		t.Error("an array with something behind was taken")
	}
}
