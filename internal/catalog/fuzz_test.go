package catalog

import (
	"os"
	"testing"
)

// What loads can be asked for its metadata, and a batch of it either succeeds or
// is refused.
func FuzzLoadYAML(f *testing.F) {
	for _, name := range []string{"builtin/mdl.yaml", "builtin/pid-sd-jwt.yaml", "testdata/fishing.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(minimal))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("approval: true\nkey_attestations_required: {key_storage: [iso_18045_high]}\nreuse: [{details: [once_only], batch_size: 2}]\n" + minimal))
	s := subject(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		configurations, err := parse("file.yaml", data)
		if err != nil {
			if configurations != nil {
				t.Fatal("configurations beside an error")
			}
			return
		}
		for _, cfg := range configurations {
			cfg.Metadata()
			for _, doc := range s.Documents {
				doc.Type = cfg.DocumentType
				b, err := cfg.NewBatch(s, doc, testNow, testTerms)
				if (b == nil) == (err == nil) {
					t.Fatalf("batch %v beside error %v", b, err)
				}
			}
		}
	})
}
