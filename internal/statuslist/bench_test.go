package statuslist

import (
	"crypto/rand"
	"math/big"
	"testing"
)

// sparse is the default list with so many entries in a thousand revoked.
func sparse(b *testing.B, perThousand int) *List {
	l, err := New(1, DefaultEntries)
	if err != nil {
		b.Fatal(err)
	}
	for range DefaultEntries / 1000 * perThousand {
		i, err := rand.Int(rand.Reader, big.NewInt(DefaultEntries))
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Set(i.Uint64(), Invalid); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

// BenchmarkBuild compresses 2^20 entries, 0.1 % of them revoked, inflates them
// to be sure, and signs both tokens.
func BenchmarkBuild(b *testing.B) {
	w := newWorld(b)
	l := sparse(b, 1)
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		body, err := Build(l)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := body.SignJWT(w.signer, claims(), w.chain, rand.Reader); err != nil {
			b.Fatal(err)
		}
		if _, err := body.SignCWT(w.signer, claims(), w.chain, rand.Reader); err != nil {
			b.Fatal(err)
		}
		size = len(body.Compressed)
	}
	b.ReportMetric(float64(size), "list-bytes")
}

// BenchmarkOpen parses, verifies and inflates a token: once per fetch.
func BenchmarkOpen(b *testing.B) {
	w := newWorld(b)
	for format, data := range w.both(b, body(b, sparse(b, 1)), claims()) {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				token := w.verified(b, data)
				if _, err := token.List(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLookup asks an opened token: once per credential.
func BenchmarkLookup(b *testing.B) {
	w := newWorld(b)
	token := w.verified(b, w.both(b, body(b, sparse(b, 1)), claims())[FormatCWT])
	ref := Reference{Index: 48213, URI: listURI}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := token.Lookup(ref, now); err != nil {
			b.Fatal(err)
		}
	}
}
