package verification

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
)

// beside measures run beside floor, what the cryptography alone costs: slices
// of both alternate, so that a busy neighbour slows both. It reports CPU time of
// the process, and as x-floor the median over the slices of their ratio.
func beside(b *testing.B, floor, run func()) {
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

// benchOptions are those of a reader that has seen the signer before and needs
// no list.
func benchOptions(w *world) Options {
	p := *policy.Default()
	p.Status.Required, p.RequireRevocation = false, false
	return Options{Now: w.Now, Policy: &p, Trust: w.trust, Chains: pki.NewCache(16), Transcript: w.transcript()}
}

// verifyBench is a licence of 30 elements of which 4 are shown, as large as
// testdata/workload/device-response-4.json, and the floor: two P-256
// verifications and SHA-256 over what is signed and over the items.
func verifyBench(b *testing.B) (floor, run func()) {
	w := newWorld(b)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace, Elements: []mdoc.Element{
		{Identifier: "family_name", Value: "Mustermann"}, {Identifier: "given_name", Value: "Erika"},
		{Identifier: "birth_date", Value: cbor.FullDate("1984-01-26")}, {Identifier: "age_over_18", Value: true},
	}}
	for len(ns.Elements) < 30 {
		ns.Elements = append(ns.Elements, mdoc.Element{Identifier: "hidden_" + string(rune('a'+len(ns.Elements))), Value: true})
	}
	l := &licence{signer: &w.DocumentSignerMDL, copy: w.copyOf(1)}
	l.copy.Status = nil
	raw := w.present(w.sign(l, elements.MDLDocType, ns), map[string][]string{ns.NameSpace: {"family_name", "given_name", "birth_date", "age_over_18"}})
	o := benchOptions(w)
	run = func() {
		if r := DeviceResponse(raw, o); r.Colour != policy.Green {
			b.Fatal(r.Reasons)
		}
	}
	parsed, err := mdoc.ParseDeviceResponse(raw)
	w.must(err)
	d := &parsed.Documents[0]
	payload := mdoc.DeviceAuthenticationBytes(o.Transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)
	hashed := [][]byte{d.IssuerSigned.IssuerAuth.Payload, payload}
	for _, item := range d.IssuerSigned.NameSpaces[0].Items {
		hashed = append(hashed, item.Raw)
	}
	return twoVerifications(b, hashed), run
}

// twoVerifications is the floor of a presentation: the issuer's signature, the
// holder's, and the hashes.
func twoVerifications(b *testing.B, hashed [][]byte) func() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	digest := sha256.Sum256(nil)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		for _, h := range hashed {
			sha256.Sum256(h)
		}
		for range 2 { // the issuer's and the device's
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				b.Fatal("floor does not verify")
			}
		}
	}
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
	beside(b, floor, run)
}

// BenchmarkVerifySDJWT is an identity of 20 claims, all disclosed, with key
// binding.
func BenchmarkVerifySDJWT(b *testing.B) {
	w := newWorld(b)
	var file struct{ Claims map[string]any }
	readJSON(b, "../../testdata/workload/pid20.json", &file)
	var claims sdjwt.Object
	for _, name := range slices.Sorted(maps.Keys(file.Claims)) {
		if name == "picture" { // of no picture, in that file
			file.Claims[name] = "data:image/jpeg;base64," + jose.EncodeBase64(picture)
		}
		if name == "sex" {
			file.Claims[name] = int(file.Claims[name].(float64))
		}
		claims = append(claims, sdjwt.Member{Name: name, Value: file.Claims[name]})
	}
	compact := w.bind(w.identity(claims, func(c *sdjwt.Copy) { c.Status = nil }))
	o := benchOptions(w)
	o.Nonce, o.Audience = w.sdOptions().Nonce, w.sdOptions().Audience
	token, err := sdjwt.Parse(compact)
	w.must(err)
	hashed := [][]byte{[]byte(token.Issuer.SigningInput), []byte(token.KeyBinding.SigningInput), []byte(compact)}
	for _, d := range token.Disclosures {
		hashed = append(hashed, []byte(d.Encoded))
	}
	beside(b, twoVerifications(b, hashed), func() {
		if r := SDJWT(compact, o); r.Colour != policy.Green {
			b.Fatal(r.Reasons)
		}
	})
}
