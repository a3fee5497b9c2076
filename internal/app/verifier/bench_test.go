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
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vidimus/internal/bundle"
	"vidimus/internal/elements"
	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/pki/pkitest"
	"vidimus/internal/policy"
	"vidimus/internal/proximity"
	"vidimus/internal/statuslist"
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

	scanned *proximity.Engagement
	request []byte
}

func newBench(b *testing.B, chains *pki.Cache, listed bool) *bench {
	s := &bench{B: b, pki: pkitest.NewWorld(b)}
	var err error
	s.device, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	ns := mdoc.NamespaceElements{NameSpace: elements.MDLNameSpace, Elements: workload(b)}
	template, err := mdoc.NewTemplate(elements.MDLDocType, ns)
	s.must(err)
	day := s.pki.Now.Truncate(24 * time.Hour)
	licence := mdoc.Copy{DeviceKey: &s.device.PublicKey, Validity: mdoc.NewValidityInfo(day, day, day.AddDate(0, 0, 14))}
	if listed {
		licence.Status = &mdoc.Status{StatusList: &mdoc.StatusListInfo{Index: 1 << 19, URI: benchList}}
	}
	prepared, err := template.Prepare(licence, rand.Reader)
	s.must(err)
	raw, err := prepared.Sign(s.pki.DocumentSignerMDL.Key, s.pki.DocumentSignerMDL.Chain, rand.Reader)
	s.must(err)
	s.signed, err = mdoc.ParseIssuerSigned(raw)
	s.must(err)

	e, private, err := proximity.NewEngagement(proximity.Options{BLE: &proximity.BLE{CentralClient: true}}, rand.Reader)
	s.must(err)
	s.scanned, err = proximity.ParseEngagementURI(e.URI())
	s.must(err)
	s.reader, err = proximity.NewReader(s.scanned, rand.Reader)
	s.must(err)
	s.holder, err = proximity.NewHolder(e, private)
	s.must(err)
	asked := mdoc.RequestedNameSpace{Name: elements.MDLNameSpace}
	for _, item := range s.signed.NameSpaces[0].Items {
		asked.Elements = append(asked.Elements, mdoc.RequestedElement{Identifier: item.ElementIdentifier})
	}
	s.request, err = mdoc.BuildDeviceRequest([]mdoc.ItemsRequest{{DocType: elements.MDLDocType, NameSpaces: []mdoc.RequestedNameSpace{asked}}}, mdoc.RequestOptions{}, rand.Reader)
	s.must(err)
	established, err := s.reader.Establish(s.request)
	s.must(err)
	_, err = s.holder.Accept(established)
	s.must(err)

	p := *policy.Default()
	p.Status.Required = false
	anchors := &trust.Store{}
	s.must(anchors.Add(trust.Anchor{Cert: s.pki.IACA.Cert, Source: "bench", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	s.opt = verification.Options{Now: s.pki.Now, Policy: &p, Trust: anchors, CRLs: s.pki.CRLs, Chains: chains, Transcript: s.reader.Transcript(), ReaderKey: s.reader.Key()}
	if listed {
		s.carry()
	}
	return s
}

const benchList = "https://issuer.example/status/1"

// carry gives the reader a bundle with the list of the licence, 2^20 entries of
// which 1 % are revoked.
func (s *bench) carry() {
	list, err := statuslist.New(1, statuslist.DefaultEntries)
	s.must(err)
	for i := range uint64(statuslist.DefaultEntries / 100) {
		s.must(list.Set(i*100+7, statuslist.Invalid))
	}
	body, err := statuslist.Build(list)
	s.must(err)
	now := s.pki.Now
	token, err := body.SignCWT(s.pki.StatusSigner.Key, statuslist.Claims{Subject: benchList, IssuedAt: now, Expires: now.Add(24 * time.Hour)}, s.pki.StatusSigner.Chain, rand.Reader)
	s.must(err)
	built, err := bundle.Build(bundle.Contents{Publisher: "bench", Sequence: 1, Issued: now, Expires: now.Add(24 * time.Hour), Anchors: s.opt.Trust, Lists: [][]byte{token}},
		s.pki.BundleSigner.Key, s.pki.BundleSigner.Chain, rand.Reader)
	s.must(err)
	listSet{}.into(&s.opt, &Knowledge{Bundle: built.Bundle}, statuslist.FormatCWT)
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
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: 70}); err != nil {
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

// part is one kind of work of the floor, and how much of it an answer needs.
type part struct {
	name string
	do   func()
}

// floor is the cryptography of one answer alone, as a reader cannot do with less:
// that of the session (a key is made and agrees with the holder's, two keys are
// derived, the request is sealed, the answer opened, all with AES-256-GCM), a
// digest for each item and for what is signed, verifications on P-256, and for a
// MAC a second agreement, its key and the tag. Certificates are bytes here:
// neither parsed nor looked up.
func (s *bench) floor(response []byte, verifications int, mac bool) []part {
	parsed, err := mdoc.ParseDeviceResponse(response)
	s.must(err)
	d := &parsed.Documents[0]
	signed := mdoc.DeviceAuthenticationBytes(s.opt.Transcript, d.DocType, d.DeviceSigned.NameSpacesBytes)
	hashed := [][]byte{d.IssuerSigned.IssuerAuth.Payload}
	if !mac {
		hashed = append(hashed, signed)
	}
	for _, ns := range d.IssuerSigned.NameSpaces {
		for _, item := range ns.Items {
			hashed = append(hashed, item.Raw)
		}
	}
	digest := sha256.Sum256(nil)
	signature, err := ecdsa.SignASN1(rand.Reader, s.device, digest[:])
	s.must(err)
	device, err := s.device.ECDH()
	s.must(err)
	nonce, zero := make([]byte, 12), make([]byte, 32)
	aead := func(key []byte) cipher.AEAD {
		block, err := aes.NewCipher(key)
		s.must(err)
		gcm, err := cipher.NewGCM(block)
		s.must(err)
		return gcm
	}
	sealed := aead(zero).Seal(nil, nonce, response, nil)
	transcript := s.opt.Transcript.Bytes()
	derive := func(private *ecdh.PrivateKey, transcript []byte, info ...string) (keys [][]byte) {
		z, err := private.ECDH(device.PublicKey())
		s.must(err)
		salt := sha256.Sum256(transcript)
		for _, name := range info {
			key, err := hkdf.Key(sha256.New, z, salt[:], name, 32)
			s.must(err)
			keys = append(keys, key)
		}
		return keys
	}
	parts := []part{
		{"session: P-256 key, ECDH, 2 HKDF keys, request of " + strconv.Itoa(len(s.request)) + " bytes sealed", func() {
			private, err := ecdh.P256().GenerateKey(rand.Reader)
			s.must(err)
			keys := derive(private, transcript, "SKReader", "SKDevice")
			aead(keys[0]).Seal(nil, nonce, s.request, nil)
		}},
		{"answer of " + strconv.Itoa(len(response)) + " bytes opened", func() {
			_, err := aead(zero).Open(nil, nonce, sealed, nil)
			s.must(err)
		}},
		{strconv.Itoa(len(hashed)) + " SHA-256, of each item and of what is signed", func() {
			for _, h := range hashed {
				sha256.Sum256(h)
			}
		}},
	}
	if mac {
		verifications--
		parts = append(parts, part{"device MAC: ECDH, HKDF key, HMAC", func() {
			tag := hmac.New(sha256.New, derive(s.opt.ReaderKey, transcript, "EMacKey")[0])
			tag.Write(signed)
			tag.Sum(nil)
		}})
	}
	return append(parts, part{strconv.Itoa(verifications) + " P-256 verifications", func() {
		for range verifications {
			if !ecdsa.VerifyASN1(&s.device.PublicKey, digest[:], signature) {
				s.Fatal("the floor does not verify")
			}
		}
	}})
}

// beside measures run and its floor in turns of a few, so that a busy neighbour
// slows both: x-floor is the median over the turns of the ratio of CPU time,
// x-floor-best that of the fastest turn of each, as on a quiet machine.
// Before each turn, not measured, prepare makes ready what run uses up.
func (s *bench) beside(prepare func(n int), floor []part, run func()) {
	const turn = 16
	cpu := func() time.Duration {
		var usage syscall.Rusage
		s.must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	s.ReportAllocs()
	var ratios []float64
	best := [2]time.Duration{time.Hour, time.Hour}
	least := make([]time.Duration, len(floor)) // of each part of the floor
	prepare(1)
	run()
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
		end := cpu()
		s.StopTimer()
		ran, bare := end-start, time.Duration(0)
		for i, p := range floor {
			start := end
			for range n {
				p.do()
			}
			end = cpu()
			bare += end - start
			if n == turn && (least[i] == 0 || end-start < least[i]) {
				least[i] = end - start
			}
		}
		if n == turn {
			ratios = append(ratios, float64(ran)/float64(bare))
			best[0], best[1] = min(best[0], ran), min(best[1], bare)
		}
		s.StartTimer()
	}
	if slices.Sort(ratios); len(ratios) > 0 {
		s.ReportMetric(ratios[len(ratios)/2], "x-floor")
		s.ReportMetric(float64(best[0])/float64(best[1]), "x-floor-best")
		s.ReportMetric(float64(best[0].Nanoseconds())/turn, "cpu-ns/op")
		s.ReportMetric(float64(best[1].Nanoseconds())/turn, "floor-ns")
		var list strings.Builder
		for i, p := range floor {
			fmt.Fprintf(&list, "\n\t%6d ns  %s", least[i].Nanoseconds()/turn, p.name)
		}
		s.Logf("the floor, at its fastest:%s", list.String())
	}
}

// BenchmarkReadAnswer is what a reader does for one answer: it makes a session of
// an engagement that was scanned, seals its request, opens the session message and
// verifies the DeviceResponse, the signer looked up in a revocation list; with the
// signer's certificate seen before, and not; with a status list of an opened bundle,
// for which the floor has nothing. The answer is that of a session made
// before, since the holder's part is not measured: no work is saved by it.
func BenchmarkReadAnswer(b *testing.B) {
	PaceCollector() // as the program does
	for _, c := range []struct {
		name                string
		mac, cached, listed bool
	}{
		{"signature/cached", false, true, false}, {"signature/chain", false, false, false},
		{"MAC/cached", true, true, false}, {"MAC/chain", true, false, false}, {"signature/cached/status", false, true, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			var chains *pki.Cache
			verifications := 3
			if c.cached {
				chains, verifications = pki.NewCache(16), 2
			}
			s := newBench(b, chains, c.listed)
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
				session, err := proximity.NewReader(s.scanned, rand.Reader)
				s.must(err)
				_, err = session.Establish(s.request)
				s.must(err)
				opened, _, err := s.reader.OpenInPlace(messages[0])
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
