package verifier

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
)

// bench is a session between a wallet with the licence of the workload, 30
// elements with a portrait of 20 KiB, all of them shown, and a reader.
type bench struct {
	*testing.B
	pki    *pkitest.World
	device *ecdsa.PrivateKey
	signed *mdoc.IssuerSigned
	reader *proximity.Reader
	holder *proximity.Holder
	opt    verification.Options
}

func newBench(b *testing.B, chains *pki.Cache) *bench {
	s := &bench{B: b, pki: pkitest.NewWorld(b)}
	var err error
	s.device, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace, Elements: workload(b)}
	template, err := mdoc.NewTemplate(elements.MDLDocType, ns)
	s.must(err)
	day := s.pki.Now.Truncate(24 * time.Hour)
	prepared, err := template.Prepare(mdoc.Copy{DeviceKey: &s.device.PublicKey, Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14))}, rand.Reader)
	s.must(err)
	raw, err := prepared.Sign(s.pki.DocumentSignerMDL.Key, s.pki.DocumentSignerMDL.Chain, rand.Reader)
	s.must(err)
	s.signed, err = mdoc.ParseIssuerSigned(raw)
	s.must(err)

	e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	s.must(err)
	scanned, err := proximity.ParseEngagementURI(e.URI())
	s.must(err)
	s.reader, err = proximity.NewReader(scanned, rand.Reader)
	s.must(err)
	s.holder, err = proximity.NewHolder(e, private)
	s.must(err)
	established, err := s.reader.Establish(cbor.MustMarshal(map[string]any{"version": "1.0"}))
	s.must(err)
	_, err = s.holder.Accept(established)
	s.must(err)

	p := *policy.Default()
	p.Status.Required = false
	anchors := &trust.Store{}
	s.must(anchors.Add(trust.Anchor{Cert: s.pki.IACA.Cert, Source: "bench", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	s.opt = verification.Options{Now: s.pki.Now, Policy: &p, Trust: anchors, CRLs: s.pki.CRLs, Chains: chains, Transcript: s.reader.Transcript(), ReaderKey: s.reader.Key()}
	return s
}

func (s *bench) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// workload is the 30 elements of the workload, with a portrait that is one.
func workload(b *testing.B) []mdoc.Element {
	b.Helper()
	text, err := os.ReadFile("../../../testdata/workload/mdl30.json")
	if err != nil {
		b.Fatal(err)
	}
	var file struct{ Elements [][3]any }
	if err := json.Unmarshal(text, &file); err != nil {
		b.Fatal(err)
	}
	var out []mdoc.Element
	for _, e := range file.Elements {
		id, value := e[0].(string), e[2]
		row, ok := elements.MDL.ByIdentifier(id)
		if !ok {
			b.Fatalf("no element %s", id)
		}
		switch {
		case id == "portrait" || id == "signature_usual_mark":
			value = portraitOf20KiB(b)
		case e[1] == "bstr":
			if value, err = jose.DecodeBase64(e[2].(string)); err != nil {
				b.Fatal(err)
			}
		case id == "driving_privileges":
			value = []elements.Privilege{{Category: "B", IssueDate: "2002-05-01", ExpiryDate: "2030-08-31"}, {Category: "A", IssueDate: "2002-05-01"}}
		}
		if n, ok := value.(float64); ok {
			value = int(n)
		}
		item, err := row.Encode(value)
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, mdoc.Element{Identifier: id, Value: item})
	}
	if len(out) != 30 {
		b.Fatalf("%d elements", len(out))
	}
	return out
}

// portraitOf20KiB is a JPEG of about 20 KiB.
func portraitOf20KiB(b *testing.B) []byte {
	img := image.NewGray(image.Rect(0, 0, 170, 220))
	seed := uint32(1)
	for i := range img.Pix {
		seed = seed*1664525 + 1013904223
		img.Pix[i] = color.Gray{Y: uint8(seed >> 24)}.Y
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 40}); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// response shows everything, proven by a signature or by a MAC.
func (s *bench) response(mac bool) []byte {
	device, err := mdoc.SignDevice(s.device, s.holder.Transcript(), s.signed.MSO.DocType, nil, rand.Reader)
	if mac {
		var private *ecdh.PrivateKey
		private, err = s.device.ECDH()
		s.must(err)
		device, err = mdoc.MACDevice(private, s.holder.ReaderKey(), s.holder.Transcript(), s.signed.MSO.DocType, nil)
	}
	s.must(err)
	out, err := mdoc.BuildDeviceResponse(mdoc.ResponseDocument{IssuerSigned: s.signed, DeviceSigned: device})
	s.must(err)
	return out
}

// floor is the cryptography of one answer alone: the session's AES-256-GCM, a
// digest for each item and for what is signed, verifications on P-256, and for a
// MAC the agreement, its key and the tag.
func (s *bench) floor(response []byte, verifications int, mac bool) func() {
	parsed, err := mdoc.ParseDeviceResponse(response)
	s.must(err)
	d := &parsed.Documents[0]
	hashed := [][]byte{d.IssuerSigned.IssuerAuth.Payload, mdoc.DeviceAuthenticationBytes(s.opt.Transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)}
	for _, ns := range d.IssuerSigned.NameSpaces {
		for _, item := range ns.Items {
			hashed = append(hashed, item.Raw)
		}
	}
	block, err := aes.NewCipher(make([]byte, 32))
	s.must(err)
	gcm, err := cipher.NewGCM(block)
	s.must(err)
	nonce := make([]byte, 12)
	sealed := gcm.Seal(nil, nonce, response, nil)
	digest := sha256.Sum256(nil)
	signature, err := ecdsa.SignASN1(rand.Reader, s.device, digest[:])
	s.must(err)
	private, err := s.device.ECDH()
	s.must(err)
	if mac {
		verifications--
	}
	return func() {
		if _, err := gcm.Open(nil, nonce, sealed, nil); err != nil {
			s.Fatal(err)
		}
		for _, h := range hashed {
			sha256.Sum256(h)
		}
		for range verifications {
			if !ecdsa.VerifyASN1(&s.device.PublicKey, digest[:], signature) {
				s.Fatal("the floor does not verify")
			}
		}
		if mac {
			z, err := private.ECDH(s.opt.ReaderKey.PublicKey())
			s.must(err)
			key, err := hkdf.Key(sha256.New, z, digest[:], "EMacKey", 32)
			s.must(err)
			tag := hmac.New(sha256.New, key)
			tag.Write(hashed[1])
			tag.Sum(nil)
		}
	}
}

// beside measures run and its floor in turns of a few, so that a busy neighbour
// slows both: x-floor is the median over the turns of the ratio of CPU time,
// x-floor-best that of the fastest turn of each, as on a quiet machine.
// Before each turn, not measured, prepare makes ready what run uses up.
func (s *bench) beside(prepare func(n int), floor, run func()) {
	const turn = 16
	cpu := func() time.Duration {
		var usage syscall.Rusage
		s.must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	s.ReportAllocs()
	var ratios []float64
	best := [2]time.Duration{time.Hour, time.Hour}
	prepare(1)
	run()
	floor()
	s.ResetTimer()
	for done := 0; done < s.N; done += turn {
		n := min(turn, s.N-done)
		s.StopTimer()
		prepare(n)
		s.StartTimer()
		start := cpu()
		for range n {
			run()
		}
		middle := cpu()
		s.StopTimer()
		for range n {
			floor()
		}
		if end := cpu(); n == turn {
			ratios = append(ratios, float64(middle-start)/float64(end-middle))
			best[0], best[1] = min(best[0], middle-start), min(best[1], end-middle)
		}
		s.StartTimer()
	}
	if slices.Sort(ratios); len(ratios) > 0 {
		s.ReportMetric(ratios[len(ratios)/2], "x-floor")
		s.ReportMetric(float64(best[0])/float64(best[1]), "x-floor-best")
		s.ReportMetric(float64(best[1].Nanoseconds())/turn, "floor-ns")
	}
}

// BenchmarkReadAnswer is what a reader does with one answer: open the session
// message and verify the DeviceResponse, the signer looked up in a revocation
// list; with the signer's certificate seen before, and not.
func BenchmarkReadAnswer(b *testing.B) {
	for _, c := range []struct {
		name   string
		mac    bool
		cached bool
	}{{"signature/cached", false, true}, {"signature/chain", false, false}, {"MAC/cached", true, true}, {"MAC/chain", true, false}} {
		b.Run(c.name, func(b *testing.B) {
			var chains *pki.Cache
			verifications := 3
			if c.cached {
				chains, verifications = pki.NewCache(16), 2
			}
			s := newBench(b, chains)
			response := s.response(c.mac)
			var messages [][]byte
			prepare := func(n int) {
				messages = messages[:0]
				for range n {
					m, err := s.holder.Respond(response)
					s.must(err)
					messages = append(messages, m)
				}
			}
			run := func() {
				opened, _, err := s.reader.Open(messages[0])
				s.must(err)
				messages = messages[1:]
				if r := verification.DeviceResponse(opened, s.opt); r.Colour != policy.Green || len(r.Documents[0].IssuerSigned) != 30 {
					b.Fatalf("%s, %v", r.Colour, r.Reasons)
				}
			}
			s.beside(prepare, s.floor(response, verifications, c.mac), run)
		})
	}
}
