package issuance_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"

	"vidimus/internal/oid4vci"
)

// The credential endpoint's core with a batch of 20, from the bytes of the
// request to the credentials; beside it the floor: one P-256 verification and
// one signature per copy, on one core.
func BenchmarkIssue20(b *testing.B) {
	for _, id := range []string{"mdl", "pid-sd-jwt"} {
		b.Run(id, func(b *testing.B) {
			w := newWorld(b)
			w.cfg.TokenBatches = 1000
			w.restart()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				b.StopTimer()
				a := w.access()
				a.TokenID = fmt.Sprint(n)
				n++
				r := &oid4vci.CredentialRequest{ConfigurationID: id, Proofs: oid4vci.Proofs{JWT: w.proofs(20, w.nonce())}}
				body, err := r.MarshalJSON()
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				parsed, err := oid4vci.ParseCredentialRequest(body)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.service.Issue(context.Background(), a, parsed); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20, "ns/credential")
		})
	}
	b.Run("floor", func(b *testing.B) {
		w := newWorld(b)
		key, digest := w.pki.DocumentSignerMDL.Key, sha256.Sum256(nil)
		proof, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			for range 20 {
				if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], proof) {
					b.Fatal("not verified")
				}
				if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20, "ns/credential")
	})
}
