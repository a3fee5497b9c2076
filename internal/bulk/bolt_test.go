package bulk_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/bulk"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/portrait"
	"vidimus/internal/store/bolt"
)

var start = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// loading is a file of n people, its manifest, and an empty office.
func loading(t testing.TB, n, portraits int) (*bulk.Importer, *bolt.Store) {
	t.Helper()
	dir := t.TempDir()
	opts := bolt.Options{PublicURL: "https://office.example", Rand: cryptorand.Reader, Dev: true}
	if err := bolt.Create(filepath.Join(dir, "issuer.db"), opts); err != nil {
		t.Fatal(err)
	}
	store, err := bolt.Open(filepath.Join(dir, "issuer.db"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	images, err := bulk.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { images.Close() })
	g := bulk.Generator{Random: rand.NewChaCha8([32]byte{1})}
	for i := range portraits {
		face, err := portrait.Draw(i)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := images.Put(face)
		if err != nil {
			t.Fatal(err)
		}
		g.Portraits = append(g.Portraits, digest)
	}
	var text bytes.Buffer
	w := bulk.NewWriter(&text, 0)
	if err := g.Generate(w, 0, n); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token, err := bulk.Manifest{Source: "https://registry.example", Audience: opts.PublicURL, ID: "i", Issued: start, Blocks: w.Blocks()}.Sign(key, "k", cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	source := bulk.Source{Name: "https://registry.example", Keys: map[string]crypto.PublicKey{"k": key.Public()}, May: func(document.Payload) bool { return true }}
	manifest, err := bulk.ReadManifest(token, source, opts.PublicURL, start, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &bulk.Importer{
		Store: store, Table: document.DefaultTable(), Source: source, Manifest: manifest, File: bytes.NewReader(text.Bytes()),
		Images: images, Clock: clock.NewFake(start),
	}, store
}

// What a file says is what the store of the office has.
func TestImportIntoBolt(t *testing.T) {
	im, store := loading(t, 200, 2)
	state, err := im.Run(t.Context())
	if err != nil || state.Applied != 200 || state.Done.IsZero() {
		t.Fatalf("%+v, %v", state, err)
	}
	subject, err := store.Subject(t.Context(), "P-000000007")
	if err != nil || subject.Version != 1 || len(subject.Documents) != 2 || len(subject.Person.Attributes.Bytes("portrait")) == 0 {
		t.Errorf("%+v, %v", subject, err)
	}
	if holder, err := store.Holder(t.Context(), "L-000000007"); err != nil || holder != "P-000000007" {
		t.Errorf("%q, %v", holder, err)
	}
	banned := 0
	err = store.EachSubject(t.Context(), "", 1000, func(s document.Subject) error {
		banned += len(s.Measures)
		return nil
	})
	if err != nil || banned == 0 {
		t.Errorf("%d measures, %v", banned, err)
	}
}

// cpu is what the process used, in all threads.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Whole records into the real store: cpu-us/record, records/s. How many is in
// VIDIMUS_BENCH_RECORDS.
func BenchmarkImport(b *testing.B) {
	n := 10_000
	if text := os.Getenv("VIDIMUS_BENCH_RECORDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, bench := range []struct {
		name      string
		portraits int
	}{{"plain", 0}, {"portraits", 50}} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				im, store := loading(b, n, bench.portraits)
				b.StartTimer()
				from, used := time.Now(), cpu(b)
				if state, err := im.Run(b.Context()); err != nil || state.Applied != n {
					b.Fatal(state, err)
				}
				took, used := time.Since(from), cpu(b)-used
				b.ReportMetric(float64(used.Microseconds())/float64(n), "cpu-us/record")
				b.ReportMetric(float64(n)/took.Seconds(), "records/s")
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
