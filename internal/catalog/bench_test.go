package catalog

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"vidimus/internal/pki/pkitest"
)

// BenchmarkFloor is one P-256 signature over a digest, the least that a copy
// costs.
func BenchmarkFloor(b *testing.B) {
	w := pkitest.NewWorld(b)
	digest := sha256.Sum256([]byte("payload"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ecdsa.SignASN1(rand.Reader, w.DocumentSignerMDL.Key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNewBatch is paid once per request; BenchmarkCopy per copy. The record
// has every element and a portrait of 20 KiB.
func BenchmarkNewBatch(b *testing.B) {
	eachConfiguration(b, func(b *testing.B, cfg *Configuration, w *pkitest.World) {
		s := subject(b)
		s.Person.Attributes["portrait"] = portrait(b, 20<<10)
		doc := docFor(b, s, cfg)
		for b.Loop() {
			if _, err := cfg.NewBatch(s, doc, testNow, testTerms); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	eachConfiguration(b, func(b *testing.B, cfg *Configuration, w *pkitest.World) {
		s := subject(b)
		s.Person.Attributes["portrait"] = portrait(b, 20<<10)
		batch, err := cfg.NewBatch(s, docFor(b, s, cfg), testNow, testTerms)
		if err != nil {
			b.Fatal(err)
		}
		signer := w.DocumentSignerPID
		if cfg.ID == "mdl" {
			signer = w.DocumentSignerMDL
		}
		key := walletKey(b).Public()
		for b.Loop() {
			prepared, err := batch.Prepare(Copy{Key: key, ListURI: "https://issuer.example/status/1", Index: 77}, rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := prepared.Sign(signer.Key, signer.Chain, rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func eachConfiguration(b *testing.B, run func(*testing.B, *Configuration, *pkitest.World)) {
	for _, id := range []string{"mdl", "pid-mdoc", "pid-sd-jwt"} {
		b.Run(id, func(b *testing.B) {
			cfg, w := configuration(b, id), pkitest.NewWorld(b)
			b.ReportAllocs()
			run(b, cfg, w)
		})
	}
}
