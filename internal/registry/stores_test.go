package registry_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/document"
	"vidimus/internal/jose"
	"vidimus/internal/registry"
	"vidimus/internal/store/bolt"
	"vidimus/internal/store/memory"
)

// keeper is what a store offers beside registry.Store.
type keeper interface {
	registry.Store
	audit.Writer
	WriteAudit(ctx context.Context, w io.Writer) error
}

// stores are the real ones; the function closes the store and opens it again.
func stores(t testing.TB) map[string]func() keeper {
	t.Helper()
	m, err := memory.New(memory.Options{PublicURL: office, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "office.db")
	opts := bolt.Options{PublicURL: office, Rand: rand.Reader, Pseudonyms: blank{}}
	if err := bolt.Create(path, opts); err != nil {
		t.Fatal(err)
	}
	var open *bolt.Store
	shut := func() {
		if open != nil {
			if err := open.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(shut)
	return map[string]func() keeper{
		"memory": func() keeper { return m },
		"bolt": func() keeper {
			shut()
			if open, err = bolt.Open(path, opts); err != nil {
				t.Fatal(err)
			}
			return open
		},
	}
}

// TestStores sends the examples of docs/REGISTRY.md to the real stores, twice and
// over a restart: each has its effect once and keeps its answer, and the feed
// tells of each in order.
func TestStores(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			cfg := w.config()
			cfg.Issuer, cfg.Sources = "https://id.utopia.example", nil
			for _, source := range []string{"https://identity.utopia.example", "https://driving.utopia.example", "https://wallet.utopia.example"} {
				w.keys[source] = newKey(t)
				cfg.Sources = append(cfg.Sources, full(source, w.keys[source].Public()))
			}
			reopen := func() keeper {
				s := open()
				cfg.Store, cfg.Audit = s, s
				inbox, err := registry.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				w.inbox = inbox
				return s
			}
			reopen()
			var tokens [][2]string
			var first []registry.Outcome
			for _, block := range blocks(t) {
				var c struct {
					Issuer string                     `json:"iss"`
					At     int64                      `json:"iat"`
					Events map[string]json.RawMessage `json:"events"`
				}
				if err := jose.DecodeJSON([]byte(block), &c); err != nil || c.Events == nil {
					continue
				}
				w.clock.Set(time.Unix(c.At, 0))
				tokens = append(tokens, [2]string{c.Issuer, w.raw(c.Issuer, block, nil)})
				first = append(first, w.accept(c.Issuer, tokens[len(tokens)-1][1]))
			}
			s := reopen()
			w.clock.Advance(1000 * time.Hour)
			told := map[string]int{}
			for i, token := range tokens {
				again := w.accept(token[0], token[1])
				if !again.Repeated || again.Version != first[i].Version || again.Seq != first[i].Seq || !again.Accepted.Equal(first[i].Accepted) {
					t.Errorf("again %+v, first %+v", again, first[i])
				}
				told[token[0]]++
			}
			if len(tokens) != len(document.Names()) {
				t.Errorf("%d events", len(tokens))
			}
			for source, n := range told {
				page, err := w.inbox.Feed(t.Context(), source, 0, 0)
				if err != nil || len(page.Receipts) != n || page.Next != uint64(n) || page.More {
					t.Errorf("%s: %d receipts of %d, %v", source, len(page.Receipts), n, err)
				}
			}
			var record bytes.Buffer
			if err := s.WriteAudit(t.Context(), &record); err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(record.String(), `"action":"registry.accept"`); n != len(tokens) {
				t.Errorf("%d events audited", n)
			}
			for _, personal := range []string{"P-1001", "P-1002", "DL-77001", "Mustermann", "1984-01-26"} {
				if strings.Contains(record.String(), personal) {
					t.Errorf("the record has %s", personal)
				}
			}
			// All but the wallet unit and what named its document alone, whose
			// holder a store may add.
			if n := strings.Count(record.String(), `"subject":"somebody"`); name == "bolt" && n < len(tokens)-4 {
				t.Errorf("%d of %d events under the pseudonym of their person", n, len(tokens))
			}
		})
	}
}

// BenchmarkDurable pushes batches of 500 into the store on disk: acknowledged is
// durable.
func BenchmarkDurable(b *testing.B) {
	w := newWorld(b)
	cfg := w.config()
	s := stores(b)["bolt"]()
	cfg.Store, cfg.Audit = s, s
	inbox, err := registry.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	seq := uint64(0)
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		sets := map[string]string{}
		for range registry.MaxBatchItems {
			seq++
			set := w.sign(identity, registryclient.Event{Subject: fmt.Sprint("P-", seq%100_000), Seq: seq, JTI: fmt.Sprint("J", seq), Payload: facts(fmt.Sprint("Name ", seq))})
			sets[set.JTI] = set.Token
		}
		before := cpu(b)
		b.StartTimer()
		answer, err := inbox.AcceptBatch(context.Background(), identity, sets)
		if err != nil || len(answer.Acks) != len(sets) {
			b.Fatal(err, len(answer.Acks), slices.Collect(maps.Values(answer.Errors))[:1])
		}
		used += cpu(b) - before
	}
	events := float64(b.N) * registry.MaxBatchItems
	b.ReportMetric(float64(used.Nanoseconds())/events, "cpu-ns/event")
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
}
