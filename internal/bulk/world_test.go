package bulk

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/status"
)

var now = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

const (
	office   = "https://office.example"
	registry = "https://registry.example"
)

// world is a source with a key, and an office that keeps all in memory.
type world struct {
	*testing.T
	key    *ecdsa.PrivateKey
	source Source
	store  *fakeStore
	clock  *clock.Fake
	images *Folder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	images, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { images.Close() })
	return &world{
		T: t, key: key, clock: clock.NewFake(now), images: images,
		source: Source{Name: registry, Keys: map[string]crypto.PublicKey{"k": key.Public()}, May: func(document.Payload) bool { return true }},
		store:  newFakeStore(),
	}
}

// manifest signs a file in blocks of so many lines.
func (w *world) manifest(file []byte, lines int) Manifest {
	w.Helper()
	blocks, err := Survey(bytes.NewReader(file), lines)
	if err != nil {
		w.Fatal(err)
	}
	m := Manifest{Source: registry, Audience: office, ID: "import-1", Issued: w.clock.Now(), Blocks: blocks}
	token, err := m.Sign(w.key, "k", cryptorand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	m, err = ReadManifest(token, w.source, office, w.clock.Now(), 0)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

func (w *world) importer(file []byte, lines int) *Importer {
	return &Importer{
		Store: w.store, Table: document.DefaultTable(), Source: w.source, Manifest: w.manifest(file, lines),
		File: bytes.NewReader(file), Images: w.images, Clock: w.clock,
	}
}

func file(lines ...string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

// generated gives n lines, about people without portraits.
func generated(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	g := Generator{Random: rand.NewChaCha8([32]byte{1})}
	if err := g.Generate(NewWriter(&b, 0), 0, n); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fakeStore is a Store that keeps to the words of the interface.
type fakeStore struct {
	mu       sync.Mutex
	imports  map[string]Import
	subjects map[string]document.Subject
	holders  map[string]string
	batches  map[string][]Batch
	lists    []status.List
	audit    []audit.Event
	blocks   int   // applied
	fail     error // of the next ImportBlock, once
}

func newFakeStore() *fakeStore {
	return &fakeStore{imports: map[string]Import{}, subjects: map[string]document.Subject{}, holders: map[string]string{}, batches: map[string][]Batch{}}
}

func (s *fakeStore) BeginImport(_ context.Context, in Import) (Import, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := in.Source + "\x00" + in.ID
	if old, ok := s.imports[key]; ok {
		if old.Digest != in.Digest {
			return Import{}, ErrOtherImport
		}
		return old, nil
	}
	s.imports[key] = in
	return in, nil
}

func (s *fakeStore) ImportBlock(_ context.Context, in Import, block int, last bool, subjects []document.Subject, did audit.Event) (Import, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.fail; err != nil {
		s.fail = nil
		return Import{}, err
	}
	key := in.Source + "\x00" + in.ID
	now := s.imports[key]
	if now.Blocks != block {
		return now, nil
	}
	if err := did.Check(); err != nil {
		return Import{}, err
	}
next:
	for _, sub := range subjects {
		if _, known := s.subjects[sub.Number]; known {
			now.Known++
			continue
		}
		for _, d := range sub.Documents {
			if _, taken := s.holders[d.Number]; taken {
				now.Known++
				continue next
			}
		}
		s.put(sub)
		now.Applied++
	}
	now.Blocks++
	if last {
		now.Done = did.Time
	}
	s.imports[key] = now
	s.audit = append(s.audit, did)
	s.blocks++
	return now, nil
}

func (s *fakeStore) put(sub document.Subject) {
	s.subjects[sub.Number] = sub
	for _, d := range sub.Documents {
		s.holders[d.Number] = sub.Number
	}
}

func (s *fakeStore) EachSubject(_ context.Context, after string, limit int, each func(document.Subject) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var numbers []string
	for n := range s.subjects {
		if n > after {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers[:min(limit, len(numbers))] {
		if err := each(s.subjects[n]); err != nil {
			return err
		}
	}
	return nil
}

func (s *fakeStore) Subjects(_ context.Context, persons []string) ([]*document.Subject, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*document.Subject, len(persons))
	for i, p := range persons {
		if sub, ok := s.subjects[p]; ok {
			list[i] = &sub
		}
	}
	return list, nil
}

func (s *fakeStore) Batches(_ context.Context, number string) ([]Batch, error) {
	return s.batches[number], nil
}

func (s *fakeStore) Lists(context.Context) ([]status.List, error) { return s.lists, nil }
