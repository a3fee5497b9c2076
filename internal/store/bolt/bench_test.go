package bolt

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/bulk"
	"vidimus/internal/document"
	"vidimus/internal/issuance"
	"vidimus/internal/registry"
	"vidimus/internal/status"
	"vidimus/internal/store/storetest"
)

// benchmarkEvents applies batches of 500 and says what one event costs.
func benchmarkEvents(b *testing.B, s *Store, event func(n uint64) registry.Application) {
	const size = 500
	before, seq, cpu := s.Commits(), uint64(0), time.Duration(0)
	apps := make([]registry.Application, size)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		for i := range apps {
			seq++
			apps[i] = event(seq)
		}
		b.StartTimer()
		began := processor()
		for _, r := range s.ApplyEvents(b.Context(), apps) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
		cpu += processor() - began
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/event")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/size, "cpu-ns/event")
	b.ReportMetric(float64(s.Commits()-before)/float64(b.N)/size, "commits/event")
}

// processor is what the process has used of all cores, kernel included.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// scattered gives a different person each time, in no order.
func scattered(n uint64) string { return fmt.Sprintf("P%016x", n*0x9e3779b97f4a7c15) }

// put is a person-put of about 3 KB, as it is stored: facts, a portrait, and
// the token that said so.
func put(n uint64, person, name string) registry.Application {
	return event(n, person, storetest.Portrayed(name, 2200), 4600)
}

// event is an application whose making costs little beside the store's work.
func event(n uint64, person string, p document.Payload, octets int) registry.Application {
	rec := registry.EventRecord{
		Source: "https://registry.example", JTI: fmt.Sprintf("%016x-%d", n*0x94d049bb133111eb, n), Name: p.Name(), Seq: n, Person: person,
		Token: token[:octets], Digest: storetest.Digest(int(n)), Effective: storetest.Now, Accepted: storetest.Now,
		Audit: storetest.AuditEvent("registry.accept"),
	}
	return registry.Application{Record: rec, Decide: func(subjects []document.Subject) ([]document.Subject, document.Change, error) {
		return table.Apply(subjects, document.Event{
			ID: document.EventID{Source: rec.Source, JTI: rec.JTI}, Effective: rec.Effective, Received: rec.Accepted, Payload: p,
		})
	}}
}

var (
	table = document.DefaultTable()
	token = strings.Repeat("x", 8192)
)

func BenchmarkApplyEvents(b *testing.B) {
	b.Run("person-put/new", func(b *testing.B) {
		benchmarkEvents(b, fresh(b, options()), func(n uint64) registry.Application { return put(n, scattered(n), "A") })
	})
	b.Run("person-put/known", func(b *testing.B) {
		s := fresh(b, options())
		seq := people(b, s, 20_000)
		benchmarkEvents(b, s, func(n uint64) registry.Application {
			return put(seq+n, scattered(n%20_000+1), fmt.Sprint("B", n/20_000))
		})
	})
	b.Run("measure-added", func(b *testing.B) {
		s := fresh(b, options())
		seq := people(b, s, 20_000)
		benchmarkEvents(b, s, func(n uint64) registry.Application {
			return event(seq+n, scattered(n%20_000+1), storetest.Ban(fmt.Sprint("M", n), storetest.Now.AddDate(1, 0, 0)), 900)
		})
	})
	b.Run("revoking 20 copies", func(b *testing.B) {
		s := fresh(b, options())
		seq := people(b, s, 5_000)
		for n := range uint64(5_000) {
			in := storetest.Intent(fmt.Sprint("B", n), scattered(n+1), fmt.Sprint("N", n+1), 1, 20)
			if _, err := s.RecordIntent(b.Context(), in, storetest.AuditEvent("b")); err != nil {
				b.Fatal(err)
			}
		}
		benchmarkEvents(b, s, func(n uint64) registry.Application {
			app := event(seq+n, scattered(n%5_000+1), storetest.Person("A"), 900)
			app.Decide = storetest.Revoking("", 1, "", false, fmt.Sprint("N", n%5_000+1)).Decide
			return app
		})
	})
}

// people makes so many known persons.
func people(b *testing.B, s *Store, count uint64) uint64 {
	b.Helper()
	for n := uint64(0); n < count; n += 500 {
		apps := make([]registry.Application, 500)
		for i := range apps {
			at := n + uint64(i) + 1
			apps[i] = put(at, scattered(at), "A")
		}
		for _, r := range s.ApplyEvents(b.Context(), apps) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	return count
}

// past writes what n batches of 20 copies have left behind, in lists of which
// one entry in a hundred is INVALID.
func past(b *testing.B, s *Store, n int) {
	b.Helper()
	const perList = fullList / 20
	const step = 20_000
	var list uint32
	for from := 0; from < n; from += step {
		err := s.update(b.Context(), func(t *tx) (err error) {
			for i := from; i < min(from+step, n); i++ {
				if i%perList == 0 {
					if list, err = s.newList(t, status.KindStatus, storetest.Now); err != nil {
						return err
					}
					c := counterValue{version: 2, next: fullList, revoked: fullList / 100, closed: true, expiry: storetest.Now.AddDate(0, 0, 14)}
					t.putCounter(list, c)
					for index := range uint32(fullList / 100) {
						t.put(flipBucket, flipKey(list, index*100), flipValue{version: 2}.encode())
					}
				}
				v := &batchValue{
					ID: fmt.Sprintf("past-%016x", uint64(i)*0x9e3779b97f4a7c15), Document: fmt.Sprintf("N%016x", uint64(i)*0xbf58476d1ce4e5b9),
					Person: fmt.Sprint("P", i), Configuration: "mdl", State: issuance.StateSigned, Count: 20, Kind: issuance.StatusList,
					Issued: storetest.Now, Expires: storetest.Now.AddDate(0, 0, 14), SignerKeyID: "ds-1", Wallet: fmt.Sprintf("U%016x", i),
					allocation: allocation{spans: []span{{list, uint32(i%perList) * 20, 20}}, order: make([]byte, 20)},
				}
				t.putBatch(v)
				t.put(batchBucket, []byte(v.ID), []byte(v.Document))
				t.put(unitCopyBucket, pair(v.Wallet, v.key()), nil)
				t.putBatchEnd(v)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// What a batch of 20 copies over 8 open lists costs, with little and with much
// behind it. Writers are many, so that the disk is shared as it is in earnest.
func BenchmarkRecordIntent(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		opts := options()
		opts.OpenLists = 8
		s := fresh(b, opts)
		past(b, s, n)
		people(b, s, 500)
		var count atomic.Uint64
		b.Run(fmt.Sprintf("past=%d", n), func(b *testing.B) {
			before, cpu := s.Commits(), processor()
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := count.Add(1)
					in := storetest.Intent(fmt.Sprintf("B%016x", i*0x9e3779b97f4a7c15), scattered(i%500+1), fmt.Sprint("N", i), 1, 20)
					in.Nonce, in.NonceExpires, in.Wallet.Unit = storetest.Digest(int(i)), storetest.Now.Add(time.Minute), fmt.Sprintf("U%016x", i)
					if _, err := s.RecordIntent(b.Context(), in, storetest.AuditEvent("b")); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(s.Commits()-before)/float64(b.N), "commits/op")
			b.ReportMetric(float64((processor()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
		})
		s.Close()
	}
}

// Start-up of an office that gave out 40 million indices: opening, all lists,
// and what of each is revoked.
func BenchmarkStart(b *testing.B) {
	s := fresh(b, options())
	past(b, s, 2_000_000)
	path := s.db.Path()
	s.Close()
	var before, after runtime.MemStats
	b.ResetTimer()
	for b.Loop() {
		runtime.ReadMemStats(&before)
		s, err := Open(path, options())
		if err != nil {
			b.Fatal(err)
		}
		lists, err := s.Lists(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		revoked := 0
		for _, l := range lists {
			indices, _, err := s.Revoked(b.Context(), l.ID)
			if err != nil {
				b.Fatal(err)
			}
			revoked += len(indices)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(len(lists)), "lists")
		b.ReportMetric(float64(revoked), "revoked")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MB-allocated")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// Loading a registry from a file: blocks of 1000 people of 3 KB with a licence,
// in the order of their numbers.
func BenchmarkImportBlock(b *testing.B) {
	const size = 1000
	s := fresh(b, options())
	in, err := s.BeginImport(b.Context(), bulk.Import{Source: "R", ID: "L", Begun: storetest.Now})
	if err != nil {
		b.Fatal(err)
	}
	var cpu time.Duration
	block := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		subjects := make([]document.Subject, size)
		for i := range subjects {
			n := block*size + i
			p := storetest.Portrayed(fmt.Sprint(n), 2200)
			licence := storetest.Licence(fmt.Sprint("N", n))
			subjects[i] = document.Subject{Number: fmt.Sprintf("P%09d", n), Person: &document.Person{Attributes: p.Attributes}, Documents: []document.Document{{
				Number: licence.Number, Type: licence.Type, IssueDate: licence.IssueDate, ExpiryDate: licence.ExpiryDate,
				IssuingAuthority: licence.IssuingAuthority, IssuingCountry: licence.IssuingCountry,
			}}}
		}
		b.StartTimer()
		began := processor()
		state, err := s.ImportBlock(b.Context(), in, block, false, subjects, storetest.AuditEvent("block"))
		if err != nil || state.Applied != (block+1)*size {
			b.Fatal(state, err)
		}
		block++
		cpu += processor() - began
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/subject")
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/size, "cpu-ns/subject")
}

// What reading and writing the JSON of a subject costs.
func BenchmarkSubjectJSON(b *testing.B) {
	states, _, err := put(1, "P", "A").Decide([]document.Subject{{Number: "P"}})
	if err != nil {
		b.Fatal(err)
	}
	delete(states[0].Person.Attributes, "portrait")
	body, err := encode(states[0])
	if err != nil {
		b.Fatal(err)
	}
	b.Run(fmt.Sprintf("encode %d octets", len(body)), func(b *testing.B) {
		for b.Loop() {
			if _, err := encode(states[0]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			var s document.Subject
			if err := decode(body, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}
