package cbor

import (
	"bytes"
	"fmt"
	"testing"
)

// sampleResponse has the shape and, with 20 elements and a portrait of 15 000
// bytes, the size of a DeviceResponse that carries one mobile driving licence.
func sampleResponse(elements, portrait int) []byte {
	items := make([]RawMessage, elements)
	for i := range items {
		value := any(fmt.Sprintf("value %d", i))
		if i == 0 {
			value = bytes.Repeat([]byte{0xd8}, portrait)
		}
		items[i] = WrapEncoded(MustMarshal(map[string]any{
			"digestID": i, "random": make([]byte, 32), "elementIdentifier": fmt.Sprintf("element_%d", i), "elementValue": value,
		}))
	}
	return MustMarshal(map[string]any{
		"version": "1.0", "status": 0,
		"documents": []any{map[string]any{
			"docType": "org.iso.18013.5.1.mDL",
			"issuerSigned": map[string]any{
				"nameSpaces": map[string]any{"org.iso.18013.5.1": items},
				"issuerAuth": []any{[]byte{0xa1, 1, 0x26}, map[int]any{33: make([]byte, 700)}, make([]byte, 2500), make([]byte, 64)},
			},
			"deviceSigned": map[string]any{
				"nameSpaces": WrapEncoded([]byte{0xa0}),
				"deviceAuth": map[string]any{"deviceSignature": []any{[]byte{0xa1, 1, 0x26}, map[int]any{}, nil, make([]byte, 64)}},
			},
		}},
	})
}

func BenchmarkUnmarshalResponse(b *testing.B) {
	type response struct {
		Version   string       `cbor:"version"`
		Documents []RawMessage `cbor:"documents"`
		Status    uint64       `cbor:"status"`
	}
	data := sampleResponse(20, 15_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		var r response
		if err := Unmarshal(data, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckResponse is the walk alone, which Unmarshal does first.
func BenchmarkCheckResponse(b *testing.B) {
	data := sampleResponse(20, 15_000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := check(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalItem(b *testing.B) {
	type item struct {
		DigestID uint64     `cbor:"digestID"`
		Random   []byte     `cbor:"random"`
		Name     string     `cbor:"elementIdentifier"`
		Value    RawMessage `cbor:"elementValue"`
	}
	v := item{7, make([]byte, 32), "family_name", MustMarshal("Muster")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}
