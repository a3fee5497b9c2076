package cbor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUnmarshalStruct(t *testing.T) {
	type member struct {
		Version string     `cbor:"version"`
		Count   uint64     `cbor:"count"`
		Rest    RawMessage `cbor:"rest"`
		Key     int        `cbor:"-1,keyasint"`
	}
	data := MustMarshal(map[any]any{"version": "1.0", "Version": "2.0", "count": 3, "rest": []int{1, 2}, "unknown": true, 7: nil, -1: 2})
	var got member
	if err := Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := member{Version: "1.0", Count: 3, Rest: RawMessage{0x82, 1, 2}, Key: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestUnmarshalFailureLeavesNothing(t *testing.T) {
	type pair struct {
		A string `cbor:"a"`
		B uint64 `cbor:"b"`
	}
	got := pair{A: "before", B: 9}
	// "b" holds text: the library has already filled A when it stops.
	err := Unmarshal(fromHex(t, "a26161617861626179"), &got)
	if !errors.Is(err, ErrMalformed) {
		t.Fatalf("error %v, want ErrMalformed", err)
	}
	if got != (pair{}) {
		t.Errorf("left %+v behind", got)
	}
}

func TestUnmarshalLimit(t *testing.T) {
	var v any
	if err := UnmarshalLimit(fromHex(t, "420102"), &v, 2); !errors.Is(err, ErrLimit) {
		t.Errorf("error %v, want ErrLimit", err)
	}
	if err := UnmarshalLimit(fromHex(t, "420102"), &v, 3); err != nil {
		t.Error(err)
	}
}

func TestUnmarshalAnyIntegers(t *testing.T) {
	var v any
	if err := Unmarshal(fromHex(t, "820120"), &v); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{int64(1), int64(-1)}, v); diff != "" {
		t.Error(diff)
	}
}

func TestMarshalIsDeterministic(t *testing.T) {
	// RFC 8949, 4.2.1: the example of bytewise key order.
	got := MustMarshal(map[any]any{10: 1, 100: 2, -1: 3, "z": 4, "aa": 5, false: 6})
	want := fromHex(t, "a60a011864022003617a0462616105f406"[0:2]+"0a01"+"186402"+"2003"+"617a04"+"62616105"+"f406")
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestWrapUnwrap(t *testing.T) {
	for _, size := range []int{0, 1, 22, 23, 254, 255, 65534, 65535, 65536, 70000} {
		content := MustMarshal(make([]byte, size))
		item := WrapEncoded(content)
		if item[0] != 0xd8 || item[1] != 0x18 {
			t.Fatalf("starts %x", item[:2])
		}
		got, err := UnwrapEncoded(item)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, content) {
			t.Errorf("size %d: other content", size)
		}
	}
}

func TestUnwrapRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		want error
	}{
		"untagged":       {"4101", ErrMalformed},
		"other tag":      {"d8194101", ErrMalformed},
		"not bytes":      {"d81801", ErrMalformed},
		"text":           {"d8186101", ErrMalformed},
		"tag in tag":     {"d818d8184101", ErrMalformed},
		"empty":          {"d81840", ErrMalformed},
		"two items":      {"d818420102", ErrTrailing},
		"cut content":    {"d8184182", ErrMalformed},
		"trailing":       {"d818410101", ErrTrailing},
		"duplicate key":  {"d81845a201020103", ErrDuplicateKey},
		"four deep":      {"d81850d8184dd8184ad81847d81844d818410100", ErrLimit},
		"nothing":        {"", ErrMalformed},
		"cut":            {"d818", ErrMalformed},
		"indefinite":     {"d8185f4101ff", ErrMalformed},
		"array in front": {"81d8184101", ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := UnwrapEncoded(fromHex(t, c.hex))
			if !errors.Is(err, c.want) || content != nil {
				t.Errorf("%x, error %v, want %v", content, err, c.want)
			}
		})
	}
}

func TestEntriesAndItems(t *testing.T) {
	entries, err := MapEntries(fromHex(t, "a3617a820102d81801a0"[0:2]+"617a820102"+"2041ff"+"05d8184101"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{RawMessage{0x61, 'z'}, RawMessage{0x82, 1, 2}},
		{RawMessage{0x20}, RawMessage{0x41, 0xff}},
		{RawMessage{0x05}, RawMessage{0xd8, 0x18, 0x41, 1}},
	}
	if diff := cmp.Diff(want, entries); diff != "" {
		t.Error(diff)
	}
	items, err := ArrayItems(fromHex(t, "83a1616182f6f5fb3ff199999999999a1903e8"))
	if err != nil {
		t.Fatal(err)
	}
	if len(items) != 3 || len(items[0]) != 6 || len(items[1]) != 9 || len(items[2]) != 3 {
		t.Errorf("items %x", items)
	}
	for _, wrong := range []string{"80", "01", "f6", "c1a0", ""} {
		if entries, err := MapEntries(fromHex(t, wrong)); !errors.Is(err, ErrMalformed) || entries != nil {
			t.Errorf("MapEntries(%s): %v, %v", wrong, entries, err)
		}
	}
	for _, wrong := range []string{"a0", "01", "f6", "c180", ""} {
		if items, err := ArrayItems(fromHex(t, wrong)); !errors.Is(err, ErrMalformed) || items != nil {
			t.Errorf("ArrayItems(%s): %v, %v", wrong, items, err)
		}
	}
}

func TestIsNull(t *testing.T) {
	if !IsNull([]byte{0xf6}) || IsNull(nil) || IsNull([]byte{0xf7}) || IsNull([]byte{0xf6, 0xf6}) {
		t.Error("IsNull")
	}
}

func TestFullDate(t *testing.T) {
	data := MustMarshal(FullDate("2024-02-29"))
	if want := fromHex(t, "d903ec6a323032342d30322d3239"); !bytes.Equal(data, want) {
		t.Fatalf("%x, want %x", data, want)
	}
	var d FullDate
	if err := Unmarshal(data, &d); err != nil || d != "2024-02-29" {
		t.Fatalf("%q, %v", d, err)
	}
	if want := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC); !d.Time().Equal(want) {
		t.Errorf("%v", d.Time())
	}
	if _, err := Marshal(FullDate("2023-02-29")); err == nil {
		t.Error("a day that does not exist was encoded")
	}
	for name, item := range map[string]any{
		"untagged":      "2024-02-29",
		"tag 0":         Tag{Number: 0, Content: "2024-02-29"},
		"no such day":   Tag{Number: 1004, Content: "2023-02-29"},
		"month 13":      Tag{Number: 1004, Content: "2020-13-01"},
		"short":         Tag{Number: 1004, Content: "2020-1-1"},
		"date and time": Tag{Number: 1004, Content: "2020-01-01T00:00:00Z"},
		"bytes":         Tag{Number: 1004, Content: []byte("2024-02-29")},
		"integer":       Tag{Number: 100, Content: 20000},
		"null":          nil,
	} {
		t.Run(name, func(t *testing.T) {
			d := FullDate("2000-01-01")
			if err := Unmarshal(MustMarshal(item), &d); !errors.Is(err, ErrMalformed) || d != "" {
				t.Errorf("%q, %v", d, err)
			}
		})
	}
}

func TestDateTime(t *testing.T) {
	at := time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)
	data := MustMarshal(NewDateTime(at.Add(300 * time.Millisecond).In(time.FixedZone("x", 7200))))
	if want := append([]byte{0xc0, 0x74}, "2026-06-15T10:00:00Z"...); !bytes.Equal(data, want) {
		t.Fatalf("%q", data)
	}
	for text, want := range map[string]DateTime{
		"2026-06-15T10:00:00Z":             {Time: at},
		"2026-06-15T10:00:00.25Z":          {Time: at.Add(250 * time.Millisecond), Fraction: true},
		"2026-06-15T12:00:00+02:00":        {Time: at, Offset: true},
		"2026-06-15T04:30:00.000000-05:30": {Time: at, Fraction: true, Offset: true},
	} {
		var got DateTime
		if err := Unmarshal(MustMarshal(Tag{Number: 0, Content: text}), &got); err != nil {
			t.Errorf("%s: %v", text, err)
		} else if !got.Equal(want.Time) || got.Fraction != want.Fraction || got.Offset != want.Offset || got.Location() != time.UTC {
			t.Errorf("%s: %+v", text, got)
		}
	}
	for _, text := range []string{
		"2026-06-15t10:00:00Z", "2026-06-15T10:00:00z", "2026-06-15T10:00:60Z", "2026-06-15T10:00:00",
		"2026-06-15T10:00:00,5Z", "2026-06-15T10:00:00.Z", "2026-06-15T1:00:00Z", "2026-02-30T10:00:00Z", "2026-06-15T24:00:00Z",
		"2026-06-15T10:00:00+24:00", "2026-06-15T10:00:00+1:00", "2026-06-15T10:00:00+0100", "2026-06-15 10:00:00Z",
		"10000-06-15T10:00:00Z", "-001-06-15T10:00:00Z", "2026-06-15T10:00:00ZZ", " 2026-06-15T10:00:00Z", "2026-06-15", "",
	} {
		got := DateTime{Fraction: true}
		if err := Unmarshal(MustMarshal(RawTag{Number: 0, Content: MustMarshal(text)}), &got); !errors.Is(err, ErrMalformed) || got != (DateTime{}) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	var untagged DateTime
	if err := Unmarshal(MustMarshal("2026-06-15T10:00:00Z"), &untagged); !errors.Is(err, ErrMalformed) {
		t.Errorf("untagged: %v", err)
	}
	if _, err := Marshal(NewDateTime(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))); err == nil {
		t.Error("year 10000 was encoded")
	}
}

func TestScalars(t *testing.T) {
	if b, err := Bytes([]byte{0x40}); err != nil || b == nil || len(b) != 0 {
		t.Errorf("%v, %v", b, err)
	}
	if b, err := Bytes(fromHex(t, "420102")); err != nil || !bytes.Equal(b, []byte{1, 2}) || cap(b) != 2 {
		t.Errorf("%v, %v", b, err)
	}
	if s, err := Text(fromHex(t, "626162")); err != nil || s != "ab" {
		t.Errorf("%q, %v", s, err)
	}
	if n, err := Uint(fromHex(t, "1bffffffffffffffff")); err != nil || n != 1<<64-1 {
		t.Errorf("%d, %v", n, err)
	}
	for item, want := range map[string]int64{"00": 0, "1901f4": 500, "20": -1, "3a00010000": -65537, "1b7fffffffffffffff": 1<<63 - 1, "3b7fffffffffffffff": -1 << 63} {
		if n, err := Int(fromHex(t, item)); err != nil || n != want {
			t.Errorf("Int(%s): %d, %v", item, n, err)
		}
	}
	for _, item := range []string{"1b8000000000000000", "3b8000000000000000", "f6", "80", "c24101", "f93c00", "", "0101", "2020", "18"} {
		if n, err := Int(fromHex(t, item)); n != 0 || sentinels(err) != 1 {
			t.Errorf("Int(%s): %d, %v", item, n, err)
		}
	}
	for _, item := range []string{"f6", "80", "820102", "c24101", "f93c00", "20", "d8184101", "", "4101" + "00", "01" + "01", "f5"} {
		if b, err := Bytes(fromHex(t, item)); b != nil || sentinels(err) != 1 {
			t.Errorf("Bytes(%s): %v, %v", item, b, err)
		}
		if s, err := Text(fromHex(t, item)); s != "" || sentinels(err) != 1 {
			t.Errorf("Text(%s): %q, %v", item, s, err)
		}
		if n, err := Uint(fromHex(t, item)); n != 0 || sentinels(err) != 1 {
			t.Errorf("Uint(%s): %d, %v", item, n, err)
		}
	}
}
