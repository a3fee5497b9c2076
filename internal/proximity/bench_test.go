package proximity

import (
	"crypto/rand"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
)

// BenchmarkSession is a whole session over a pipe, from the scan of the QR code
// to the end, with a response of 20 kB, without making or verifying it.
func BenchmarkSession(b *testing.B) {
	answer := cbor.MustMarshal(map[string]any{"documents": make([]byte, 20_000)})
	b.ReportAllocs()
	for b.Loop() {
		r, h, rt, ht := meet(b)
		done := make(chan error, 1)
		go func() {
			done <- RunHolder(b.Context(), ht, h, func([]byte, mdoc.SessionTranscript) ([]byte, error) { return answer, nil })
		}()
		if _, err := RunReader(b.Context(), rt, r, request); err != nil {
			b.Fatal(err)
		}
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScan is what a reader does between the scan and its first message.
func BenchmarkScan(b *testing.B) {
	uri := string(annexD(b)["qr_uri"])
	b.ReportAllocs()
	for b.Loop() {
		e, err := ParseEngagementURI(uri)
		if err != nil {
			b.Fatal(err)
		}
		r, err := NewReader(e, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Establish(request); err != nil {
			b.Fatal(err)
		}
	}
}
