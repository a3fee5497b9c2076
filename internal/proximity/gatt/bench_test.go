package gatt

import (
	"bytes"
	"testing"
)

// BenchmarkReassembly is 25 kB at MTU 185, cut and put together, without a link.
func BenchmarkReassembly(b *testing.B) {
	message := bytes.Repeat([]byte{7}, 25_000)
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		var a assembly
		for value := range chunks(message, valueSize(185)) {
			if _, err := a.add(value); err != nil {
				b.Fatal(err)
			}
		}
	}
}
