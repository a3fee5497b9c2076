package audit

import (
	"bytes"
	"fmt"
	"testing"
)

// What a checkpoint costs for each line that was added since the last one.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l := newLedger(b)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				l.add(n)
				b.StartTimer()
				l.checkpoint()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/line")
		})
	}
}

func BenchmarkVerifyRecord(b *testing.B) {
	l := newLedger(b)
	l.add(10_000)
	l.checkpoint()
	record, checkpoints := l.shelf.bytes(), l.seen(l.files[0])
	b.SetBytes(int64(len(record)))
	for b.Loop() {
		if _, err := VerifyRecord(bytes.NewReader(record), nil, checkpoints); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10_000), "ns/line")
}

func BenchmarkPseudonym(b *testing.B) {
	k, err := OpenPeriodKeys(b.TempDir()+"/keys", zeros{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Pseudonym("1984012612345", at); err != nil {
			b.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}
