package sdjwt

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"
)

// The benchmarks run their floor and the case in turns within one loop, so that
// a busy machine slows both alike. x-floor is the ratio of the times that the
// fastest turns took; ns/op counts the case alone. Wall time is used: the cases
// run on one goroutine and the fastest turn is one that nobody interrupted.
func interleave(b *testing.B, floor, work func()) {
	const slice = 4
	best := func(d *time.Duration, f func()) time.Duration {
		start := time.Now()
		for range slice {
			f()
		}
		took := time.Since(start)
		if *d == 0 || took < *d {
			*d = took
		}
		return took
	}
	var fastFloor, fastWork, all time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n%slice == 0 {
			b.StopTimer()
			best(&fastFloor, floor)
			all += best(&fastWork, work)
			b.StartTimer()
		}
		n++
		work()
	}
	b.ReportMetric(float64(fastWork)/float64(fastFloor), "x-floor")
	b.ReportMetric(float64(fastFloor.Nanoseconds())/slice, "floor-ns/op")
}

// BenchmarkIssuePID20 prepares and signs one copy of a PID with 20 claims from
// a template of its batch. Floor: one P-256 signature and the digests of the
// same disclosures.
func BenchmarkIssuePID20(b *testing.B) {
	w := newWorld(b)
	t := pidTemplate(b, Options{})
	c := w.copyOf()
	issue := func() string {
		p, err := t.Prepare(c, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		compact, err := p.Sign(w.issuer, w.chain, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		return compact
	}
	parts := strings.Split(issue(), "~")
	token := []byte(parts[0])
	var disclosures [][]byte
	for _, d := range parts[1 : len(parts)-1] {
		disclosures = append(disclosures, []byte(d))
	}
	floor := func() {
		for _, d := range disclosures {
			sha256.Sum256(d)
		}
		sum := sha256.Sum256(token)
		if _, err := ecdsa.SignASN1(rand.Reader, w.issuer, sum[:]); err != nil {
			b.Fatal(err)
		}
	}
	interleave(b, floor, func() { issue() })
	b.ReportMetric(float64(len(disclosures)), "disclosures")
}

// BenchmarkVerifyPresentation verifies a presentation of five claims with key
// binding, all checks of this package. Floor: two P-256 verifications and the
// digests of the disclosures.
func BenchmarkVerifyPresentation(b *testing.B) {
	w := newWorld(b)
	s := w.issue(b, pidTemplate(b, Options{}), w.copyOf(), 1)
	presentation := w.present(b, s, Selection(Names("family_name"), Names("given_name"), Names("birthdate"), Names("address", "country"), Names("nationalities")))
	compact := presentation.Compact
	verify := func() {
		p, err := Parse(compact)
		if err != nil {
			b.Fatal(err)
		}
		payload, findings := p.VerifyDisclosures()
		findings = append(findings, p.VerifyType(), p.VerifySignature(w.issuer.Public()),
			payload.VerifyValidity(ValidityOptions{Now: now}), payload.VerifyVCT("urn:eudi:pid:1"))
		findings = append(findings, p.KeyBindingFindings(kbOptions())...)
		for _, f := range findings {
			if f.Result != Pass {
				b.Fatal(f)
			}
		}
	}
	type check struct {
		key    *ecdsa.PublicKey
		digest [32]byte
		sig    []byte
	}
	var checks []check
	for i, signed := range []string{presentation.Issuer.SigningInput, presentation.KeyBinding.SigningInput} {
		k := []*ecdsa.PrivateKey{w.issuer, w.holder}[i]
		digest := sha256.Sum256([]byte(signed))
		sig, err := ecdsa.SignASN1(rand.Reader, k, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		checks = append(checks, check{&k.PublicKey, digest, sig})
	}
	floor := func() {
		for i := range presentation.Disclosures {
			sha256.Sum256([]byte(presentation.Disclosures[i].Encoded))
		}
		for _, c := range checks {
			if !ecdsa.VerifyASN1(c.key, c.digest[:], c.sig) {
				b.Fatal("floor does not verify")
			}
		}
	}
	interleave(b, floor, verify)
}
