package bundle

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
	"vidimus/internal/trust"
)

// BenchmarkOpen opens the bundle of a small state among a thousand authorities:
// 42 lists of 2^20 entries, 1 % revoked, in both forms. cpu-ms/op is the CPU time
// of all cores, heap-MB what it holds on to, with one list inflated.
func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	data := w.large(1000, 42)
	pins := w.pins()
	b.ReportMetric(float64(len(data))/1e6, "file-MB")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var held *Bundle
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := func() time.Duration {
		var usage syscall.Rusage
		w.must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	began := cpu()
	for b.Loop() {
		var err error
		if held, err = Open(data, pins, start); err != nil {
			b.Fatal(err)
		}
		if len(held.Trust().Anchors(trust.IssueMdoc, mdl)) != 1000 {
			b.Fatal("anchors")
		}
	}
	b.ReportMetric(float64((cpu()-began).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
	w.listOf(held, 0)
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "heap-MB")
	b.ReportMetric(float64(len(data))/1e6, "file-MB")
	runtime.KeepAlive(held)
}

// BenchmarkFirstLookup asks a list that nobody has asked before: parsing, the
// signature, inflating.
func BenchmarkFirstLookup(b *testing.B) {
	w := newWorld(b)
	bundle, err := Open(w.large(1, 1), w.pins(), start)
	w.must(err)
	b.ReportAllocs()
	for b.Loop() {
		bundle.lists[0].open(&leaves{known: map[string]*pki.Certificate{}})
		w.listOf(bundle, 0)
	}
}

// listOf is a list of the bundle, its signature verified.
func (w *world) listOf(b *Bundle, i int) *statuslist.List {
	token, err := b.Token(b.lists[i].URI, b.lists[i].Format, start)
	w.must(err)
	w.must(token.Verify(w.StatusSigner.Key.Public()))
	list, err := token.List()
	w.must(err)
	return list
}

// BenchmarkLookup asks the bundle for one copy, once its list is open.
func BenchmarkLookup(b *testing.B) {
	w := newWorld(b)
	bundle, err := Open(w.large(1, 42), w.pins(), start)
	w.must(err)
	for i := range bundle.lists {
		w.listOf(bundle, i)
	}
	b.ReportAllocs()
	index := uint64(0)
	for b.Loop() {
		if _, err := bundle.Status("https://issuer.example/status/17", statuslist.FormatCWT, index, start); err != nil {
			b.Fatal(err)
		}
		index = (index + 4099) % statuslist.DefaultEntries
	}
}

// A look-up costs no memory: a reader in a crowd asks thousands.
func TestLookupWithoutAllocation(t *testing.T) {
	w := newWorld(t)
	b := w.bundle(1, start)
	if _, err := b.Status(listURI, statuslist.FormatCWT, 7, start); err == nil {
		t.Fatal("an answer without a signature")
	}
	w.listOf(b, 1)
	if got, err := b.Status(listURI, statuslist.FormatCWT, 7, start); err != nil || got != statuslist.Invalid {
		t.Fatalf("%v, %v", got, err)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = b.Status(listURI, statuslist.FormatCWT, 8, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
