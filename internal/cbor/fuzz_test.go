package cbor

import (
	"bytes"
	"slices"
	"testing"
)

func seed(f *testing.F) {
	for _, example := range appendixA(f) {
		f.Add(fromHex(f, example.Hex))
	}
	for _, input := range badInputs {
		data := input.raw
		if data == nil {
			data = fromHex(f, input.hex)
		}
		if len(data) < 4096 {
			f.Add(data)
		}
	}
	f.Add(sampleResponse(3, 40))
}

// FuzzUnmarshal: a refusal has one sentinel and leaves nothing; what is accepted
// is accepted by the library too, and its parts are slices that make up the whole.
func FuzzUnmarshal(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := RawMessage("before")
		err := Unmarshal(data, &raw)
		if err != nil {
			if raw != nil || sentinels(err) != 1 {
				t.Fatalf("left %x, %v", raw, err)
			}
			if Lint(data) == nil {
				t.Fatal("refused, but Lint finds nothing")
			}
		} else {
			if !bytes.Equal(raw, data) {
				t.Fatalf("kept %x", raw)
			}
			if err := decMode.Wellformed(data); err != nil {
				t.Fatalf("the library refuses: %v", err)
			}
		}
		var d document
		if derr := Unmarshal(data, &d); derr != nil && (d.DocType != "" || d.Rest != nil || sentinels(derr) != 1) {
			t.Fatalf("left %+v, %v", d, derr)
		} else if derr == nil && err != nil {
			t.Fatalf("struct accepted what is refused: %v", err)
		}
		if entries, eerr := MapEntries(data); eerr == nil {
			whole := slices.Clone(data[:len(data)-spanOf(entries)])
			for _, e := range entries {
				whole = append(append(whole, e.Key...), e.Value...)
			}
			if err != nil || !bytes.Equal(whole, data) {
				t.Fatalf("entries %x do not make up the map", entries)
			}
		} else if entries != nil {
			t.Fatal("entries beside an error")
		}
		if items, ierr := ArrayItems(data); ierr == nil {
			whole := slices.Concat(items...)
			if err != nil || !bytes.HasSuffix(data, whole) || len(data)-len(whole) > 9 {
				t.Fatalf("items %x do not make up the array", items)
			}
		} else if items != nil {
			t.Fatal("items beside an error")
		}
		if content, uerr := UnwrapEncoded(data); uerr == nil {
			if err != nil || !bytes.HasSuffix(data, content) || Lint(data) == nil && !bytes.Equal(WrapEncoded(content), data) {
				t.Fatalf("content %x", content)
			}
		} else if content != nil {
			t.Fatal("content beside an error")
		}
		if text := Diagnose(data); len(data) > 0 && text == "" {
			t.Fatal("no diagnosis")
		}
	})
}

func spanOf(entries []Entry) int {
	n := 0
	for _, e := range entries {
		n += len(e.Key) + len(e.Value)
	}
	return n
}

// FuzzLint: an item without findings is its own deterministic encoding, and
// encoding any item again leaves no finding.
func FuzzLint(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if check(data) != nil {
			return
		}
		again := encodeAgain(t, data)
		if ok, err := CheckMap(data, MaxMessage); ok && (err != nil || Lint(data) != nil) {
			t.Fatalf("%x is called deterministic: %v, %q", data, err, Lint(data))
		}
		if Lint(data) == nil && !bytes.Equal(again, data) {
			t.Fatalf("%x has no finding, but is encoded again as %x", data, again)
		}
		if findings := Lint(again); findings != nil {
			t.Fatalf("%x: %q", again, findings)
		}
		if Lint(data) != nil && bytes.Equal(again, data) {
			t.Fatalf("%x is deterministic, but has findings %q", data, Lint(data))
		}
	})
}

// encodeAgain writes an item deterministically, by another way than Lint.
func encodeAgain(t *testing.T, data []byte) []byte {
	h, err := readHead(data, 0, len(data))
	if err != nil {
		t.Fatal(err)
	}
	switch h.major {
	case majorArray:
		items, err := ArrayItems(data)
		if err != nil {
			t.Fatal(err)
		}
		b := AppendArray(nil, len(items))
		for _, item := range items {
			b = append(b, encodeAgain(t, item)...)
		}
		return b
	case majorMap:
		entries, err := MapEntries(data)
		if err != nil {
			t.Fatal(err)
		}
		m := make([]Entry, len(entries))
		for i, e := range entries {
			m[i] = Entry{encodeAgain(t, e.Key), encodeAgain(t, e.Value)}
		}
		slices.SortFunc(m, func(a, b Entry) int { return bytes.Compare(a.Key, b.Key) })
		b := AppendMap(nil, len(m))
		for _, e := range m {
			b = append(append(b, e.Key...), e.Value...)
		}
		return b
	case majorTag:
		if h.arg == tagEncoded {
			content, err := UnwrapEncoded(data)
			if err != nil {
				t.Fatal(err)
			}
			return WrapEncoded(encodeAgain(t, content))
		}
		return append(appendHead(nil, majorTag, h.arg), encodeAgain(t, data[h.size:])...)
	case majorSimple:
		var v any
		if err := Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		return MustMarshal(v)
	case majorBytes, majorText:
		return append(appendHead(nil, h.major, h.arg), data[h.size:]...)
	}
	return appendHead(nil, h.major, h.arg)
}
