package bulk

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"vidimus/internal/document"
	"vidimus/internal/portrait"
)

// A record of 3 KB from its line to its subject, outside the store.
func BenchmarkLine(b *testing.B) {
	for _, bench := range []struct {
		name     string
		portrait bool
	}{{"plain", false}, {"portrait", true}} {
		b.Run(bench.name, func(b *testing.B) {
			images, err := OpenFolder(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer images.Close()
			g := Generator{Random: rand.NewChaCha8([32]byte{1})}
			if bench.portrait {
				face, err := portrait.Draw(1)
				if err != nil {
					b.Fatal(err)
				}
				digest, err := images.Put(face)
				if err != nil {
					b.Fatal(err)
				}
				g.Portraits = append(g.Portraits, digest)
			}
			var file bytes.Buffer
			if err := g.Generate(NewWriter(&file, 0), 0, 1000); err != nil {
				b.Fatal(err)
			}
			lines := bytes.Split(bytes.TrimSpace(file.Bytes()), []byte("\n"))
			p := parser{table: document.DefaultTable(), may: func(document.Payload) bool { return true }, images: images, now: now, id: document.EventID{Source: registry, JTI: "i"}}
			b.SetBytes(int64(file.Len() / len(lines)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := p.parse(lines[i%len(lines)]); err != nil {
					b.Fatal(i, err)
				}
			}
		})
	}
}
