package mdoc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/pki"
)

// benchmarkBeside measures run beside floor, what the cryptography alone costs:
// slices of both alternate, so that a busy neighbour slows both. It reports CPU
// time of the process (getrusage), and as x-floor the median over the slices of
// their ratio; x-floor-min is the smallest, on a quiet machine nearly the same.
// Garbage of run that is collected in a slice of floor counts for the floor.
func benchmarkBeside(b *testing.B, floor, run func()) {
	b.ReportAllocs()
	const slice = 24
	var ratios []float64
	var total time.Duration
	floor()
	run()
	b.ResetTimer()
	for done := 0; done < b.N; {
		n := min(slice, b.N-done)
		start := cpuTime(b)
		for range n {
			run()
		}
		middle := cpuTime(b)
		b.StopTimer()
		for range n {
			floor()
		}
		end := cpuTime(b)
		b.StartTimer()
		if total += middle - start; n == slice {
			ratios = append(ratios, float64(middle-start)/float64(end-middle))
		}
		done += n
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(b.N), "cpu-ns/op")
	if len(ratios) > 0 {
		slices.Sort(ratios)
		b.ReportMetric(ratios[len(ratios)/2], "x-floor")
		b.ReportMetric(ratios[0], "x-floor-min")
	}
}

func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// issueBench is the issuing of one copy of mdl30, and its floor: one P-256
// signature and SHA-256 over the items.
func issueBench(b *testing.B) (floor, run func()) {
	w := testWorld(b)
	ds := w.DocumentSignerMDL
	docType, elements := mdl30(b)
	template, err := NewTemplate(docType, elements)
	if err != nil {
		b.Fatal(err)
	}
	device := newKey(b)
	issue := func() []byte {
		p, err := template.Prepare(Copy{DeviceKey: device.Public(), Validity: fortnight()}, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		issued, err := p.Sign(ds.Key, ds.Chain, rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		return issued
	}
	sample, err := ParseIssuerSigned(issue())
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	floor = func() {
		for _, item := range sample.NameSpaces[0].Items {
			sha256.Sum256(item.Raw)
		}
		if _, err := ecdsa.SignASN1(rand.Reader, ds.Key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
	return floor, func() { issue() }
}

func BenchmarkFloorIssue(b *testing.B) {
	floor, _ := issueBench(b)
	b.ReportAllocs()
	for b.Loop() {
		floor()
	}
}

func BenchmarkIssueMDL30(b *testing.B) {
	floor, run := issueBench(b)
	benchmarkBeside(b, floor, run)
}

// verifyBench is parsing and verifying a response with 4 of 30 elements, made by
// another implementation, the certificate path cached by the certificate's
// digest; and its floor: two P-256 verifications and SHA-256 over what is signed
// and over the items.
func verifyBench(b *testing.B) (floor, run func()) {
	raw, transcript := workloadResponse(b)
	parsed, err := ParseDeviceResponse(raw)
	if err != nil {
		b.Fatal(err)
	}
	d := &parsed.Documents[0]
	der := d.IssuerSigned.IssuerAuth.Header.X5Chain[0]
	leaf, err := pki.ParseCertificate(der)
	if err != nil {
		b.Fatal(err)
	}
	cache := map[[32]byte]crypto.PublicKey{sha256.Sum256(der): leaf.PublicKey()}
	now := d.IssuerSigned.MSO.ValidityInfo.ValidFrom.Add(time.Hour)
	run = func() {
		r, err := ParseDeviceResponse(raw)
		if err != nil {
			b.Fatal(err)
		}
		d := &r.Documents[0]
		findings := d.Verify(VerifyOptions{
			Leaf:        cache[sha256.Sum256(d.IssuerSigned.IssuerAuth.Header.X5Chain[0])],
			DSNotBefore: leaf.NotBefore(), DSNotAfter: leaf.NotAfter(),
			Now:        now,
			DeviceAuth: DeviceAuthOptions{Transcript: transcript},
		})
		if Failed(findings) || Failed(r.Verify()) {
			b.Fatal(findings)
		}
	}
	key := newKey(b)
	digest := sha256.Sum256(nil)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	payload := DeviceAuthenticationBytes(transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)
	floor = func() {
		for _, item := range d.IssuerSigned.NameSpaces[0].Items {
			sha256.Sum256(item.Raw)
		}
		sha256.Sum256(d.IssuerSigned.IssuerAuth.Payload)
		sha256.Sum256(payload)
		for range 2 { // the issuer's and the device's
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				b.Fatal("floor does not verify")
			}
		}
	}
	return floor, run
}

func BenchmarkFloorVerify(b *testing.B) {
	floor, _ := verifyBench(b)
	b.ReportAllocs()
	for b.Loop() {
		floor()
	}
}

func BenchmarkVerifyDeviceResponse4(b *testing.B) {
	floor, run := verifyBench(b)
	benchmarkBeside(b, floor, run)
}
