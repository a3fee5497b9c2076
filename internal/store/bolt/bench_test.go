package bolt

import (
	"fmt"
	"sync/atomic"
	"testing"

	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/store/storetest"
)

// populate writes past: n batches of 20 copies of other people's documents,
// each with its holder, and one revoked copy in a hundred batches.
func populate(b *testing.B, s *Store, n int) {
	b.Helper()
	ctx := b.Context()
	for i, app := range []registry.Application{storetest.Event("R", 1, "P", storetest.Person("A")), storetest.Event("R", 2, "P", storetest.Licence("N"))} {
		if r := s.ApplyEvents(ctx, []registry.Application{app})[0]; r.Err != nil {
			b.Fatal(i, r.Err)
		}
	}
	const step = 20_000
	for from := 0; from < n; from += step {
		err := s.writer.update(ctx, func(t *tx) error {
			for i := from; i < min(from+step, n); i++ {
				id := fmt.Sprintf("past-%012d", i)
				person, licence := fmt.Sprintf("PP%012d", i), fmt.Sprintf("PN%012d", i)
				v := batchValue{Person: person, Document: licence, Configuration: "mdl", Count: 20, List: "past", First: uint32(i * 20 % 1e6), State: issuance.StateSigned}
				if err := t.putRecord(batchBucket, []byte(id), v); err != nil {
					return err
				}
				t.put(copyBucket, pair(licence, []byte(id)), nil)
				t.put(holderBucket, []byte(licence), []byte(person))
				if i%100 == 0 {
					t.put(flipBucket, flipKey("past", uint32(i)), number(2))
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// What a step costs with much and with little behind it. Writers are many, so
// that the disk is shared as it is in earnest; commits/op says how much.
func BenchmarkStore(b *testing.B) {
	for _, past := range []int{10_000, 1_000_000} {
		s := fresh(b, options())
		populate(b, s, past)
		var n atomic.Uint64
		n.Store(2)
		parallel := func(b *testing.B, do func(i uint64) error) {
			before := s.Commits()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := do(n.Add(1)); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(s.Commits()-before)/float64(b.N), "commits/op")
		}
		b.Run(fmt.Sprintf("past=%d/RecordIntent20", past), func(b *testing.B) {
			parallel(b, func(i uint64) error {
				in := storetest.Intent(fmt.Sprint("B", past, "-", i), "P", "N", 2, 20)
				_, err := s.RecordIntent(b.Context(), in, storetest.AuditEvent("b"))
				return err
			})
		})
		b.Run(fmt.Sprintf("past=%d/SeenJTI", past), func(b *testing.B) {
			parallel(b, func(i uint64) error {
				return s.SeenJTI(b.Context(), storetest.Digest(int(i)), storetest.Now)
			})
		})
		seq := uint64(0)
		b.Run(fmt.Sprintf("past=%d/ApplyEvents500", past), func(b *testing.B) {
			before := s.Commits()
			for b.Loop() {
				apps := make([]registry.Application, 500)
				for i := range apps {
					seq++
					apps[i] = storetest.Event("bench", seq, fmt.Sprint("Q", seq%5000), storetest.Person("A"))
				}
				for _, r := range s.ApplyEvents(b.Context(), apps) {
					if r.Err != nil {
						b.Fatal(r.Err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/500, "µs/event")
			b.ReportMetric(float64(s.Commits()-before)/float64(b.N), "commits/op")
		})
		b.Run(fmt.Sprintf("past=%d/Revoke20", past), func(b *testing.B) {
			b.ReportAllocs()
			i := uint64(0)
			for b.Loop() {
				i++
				person, number := fmt.Sprint("V", past, "-", n.Add(1)), fmt.Sprint("VN", past, "-", n.Load())
				b.StopTimer()
				seq++
				apps := []registry.Application{storetest.Event("bench", seq, person, storetest.Licence(number))}
				seq++
				if r := s.ApplyEvents(b.Context(), apps)[0]; r.Err != nil {
					b.Fatal(r.Err)
				}
				if _, err := s.RecordIntent(b.Context(), storetest.Intent("batch of "+number, person, number, 1, 20), storetest.AuditEvent("b")); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				r := s.ApplyEvents(b.Context(), []registry.Application{storetest.Event("bench", seq, "", storetest.Annulled(number))})[0]
				if r.Err != nil || r.Outcome.Copies != 20 {
					b.Fatal(r)
				}
			}
		})
		s.Close()
	}
}
