package mdoc

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki/pkitest"
)

const (
	mdlDocType = "org.iso.18013.5.1.mDL"
	mdlNS      = "org.iso.18013.5.1"
	usNS       = "org.iso.18013.5.1.US"
)

// forgery is a presentation in parts, sound as it comes from newForgery. A test
// changes parts; assemble signs again whatever an issuer could have signed, with
// an encoder and a signer of its own, so that a test is not blind to what the
// package does to its own bytes.
type forgery struct {
	t      testing.TB
	world  *pkitest.World
	signer *ecdsa.PrivateKey // of the document signer
	leaf   crypto.PublicKey  // that the verifier uses
	device *ecdsa.PrivateKey
	reader *ecdh.PrivateKey

	docType string // of the Document
	items   map[string][]cbor.RawMessage
	mso     map[string]any
	digests map[string]map[uint64][]byte // valueDigests

	protected      map[any]any
	unprotected    map[any]any
	payload        func(mso []byte) []byte          // default: tag 24
	signature      func(signature []byte) []byte    // of issuerAuth
	issuerAuth     func(parts []any) any            // default: the array
	issuerSigned   func(members map[string]any) any // default: the map
	deviceElements map[string]map[string]any
	mac            bool
	deviceAuth     func(f *forgery, payload []byte) map[string]any // default: proof over payload
	document       func(members map[string]any)
	response       func(members map[string]any)
	bytes          func(response []byte) []byte

	engagement, readerKeyBytes []byte
	transcript                 SessionTranscript // that the holder signs
	options                    VerifyOptions
}

// shown are the elements of the sound presentation; three more are issued.
var shown = map[string][]string{mdlNS: {"family_name", "birth_date", "age_over_18"}, usNS: {"domestic"}}

func newForgery(t testing.TB) *forgery {
	t.Helper()
	w := testWorld(t)
	f := &forgery{t: t, world: w, signer: w.DocumentSignerMDL.Key, leaf: w.DocumentSignerMDL.Key.Public(), device: newKey(t), docType: mdlDocType}
	var err error
	if f.reader, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	elements := []NamespaceElements{
		{mdlNS, []Element{{"family_name", "Mustermann"}, {"given_name", "Erika"}, {"birth_date", cbor.FullDate("1984-01-26")}, {"age_over_18", true}, {"age_over_65", false}}},
		{usNS, []Element{{"domestic", "x"}, {"other", uint64(7)}}},
	}
	template, err := NewTemplate(mdlDocType, elements...)
	if err != nil {
		t.Fatal(err)
	}
	prepared, err := template.Prepare(Copy{DeviceKey: f.device.Public(), Validity: fortnight()}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := prepared.Sign(f.signer, w.DocumentSignerMDL.Chain, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := ParseIssuerSigned(raw)
	if err != nil {
		t.Fatal(err)
	}
	f.items = map[string][]cbor.RawMessage{}
	for _, ns := range issued.Select(shown).NameSpaces {
		for _, item := range ns.Items {
			f.items[ns.Name] = append(f.items[ns.Name], item.Raw)
		}
	}
	f.mso = map[string]any{}
	if err := cbor.Unmarshal(issued.MSO.Raw, &f.mso); err != nil {
		t.Fatal(err)
	}
	f.digests = map[string]map[uint64][]byte{}
	for ns, digests := range issued.MSO.ValueDigests {
		f.digests[ns] = maps.Clone(digests)
	}
	f.mso["valueDigests"] = f.digests
	f.protected = map[any]any{1: -7}
	f.unprotected = map[any]any{33: w.DocumentSignerMDL.Chain[0]}

	f.engagement = cbor.MustMarshal(map[int]any{0: "1.0"})
	key, err := cose.MarshalKey(f.reader.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	f.readerKeyBytes = cbor.WrapEncoded(key)
	if f.transcript, err = QRTranscript(f.engagement, f.readerKeyBytes); err != nil {
		t.Fatal(err)
	}
	f.options = VerifyOptions{
		Leaf: f.leaf, DSNotBefore: w.DocumentSignerMDL.Cert.NotBefore(), DSNotAfter: w.DocumentSignerMDL.Cert.NotAfter(), Now: testNow,
		DeviceAuth: DeviceAuthOptions{Transcript: f.transcript, ReaderKey: f.reader},
	}
	return f
}

// validity sets a date of the MSO; nil takes it away.
func (f *forgery) date(name string, value any) {
	info := map[string]any{}
	for _, other := range []string{"signed", "validFrom", "validUntil"} {
		v := fortnight()
		info[other] = map[string]cbor.DateTime{"signed": v.Signed, "validFrom": v.ValidFrom, "validUntil": v.ValidUntil}[other]
	}
	if old, ok := f.mso["validityInfo"].(map[string]any); ok {
		info = old
	}
	if value == nil {
		delete(info, name)
	} else {
		info[name] = value
	}
	f.mso["validityInfo"] = info
}

// edit changes the content of an item and leaves its digest alone.
func (f *forgery) edit(ns string, i int, change func(item map[string]any)) {
	item := f.open(ns, i)
	change(item)
	f.items[ns][i] = cbor.WrapEncoded(cbor.MustMarshal(item))
}

func (f *forgery) open(ns string, i int) map[string]any {
	f.t.Helper()
	content, err := cbor.UnwrapEncoded(f.items[ns][i])
	if err != nil {
		f.t.Fatal(err)
	}
	raw := map[string]cbor.RawMessage{}
	if err := cbor.Unmarshal(content, &raw); err != nil {
		f.t.Fatal(err)
	}
	item := map[string]any{}
	for k, v := range raw {
		item[k] = v
	}
	return item
}

// add issues one more item, with its digest.
func (f *forgery) add(ns string, id uint64, identifier string, value any) {
	item := cbor.WrapEncoded(cbor.MustMarshal(map[string]any{
		"digestID": id, "random": bytes.Repeat([]byte{byte(id)}, 32), "elementIdentifier": identifier, "elementValue": value,
	}))
	f.items[ns] = append(f.items[ns], item)
	f.rehash(ns, id, item)
}

func (f *forgery) rehash(ns string, id uint64, item []byte) {
	sum := sha256.Sum256(item)
	if f.digests[ns] == nil {
		f.digests[ns] = map[uint64][]byte{}
	}
	f.digests[ns][id] = sum[:]
}

// p1363 signs as COSE does, by hand.
func p1363(t testing.TB, key *ecdsa.PrivateKey, protected, payload []byte) []byte {
	t.Helper()
	structure := cbor.MustMarshal([]any{"Signature1", protected, []byte{}, payload})
	sum := sha256.Sum256(structure)
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	width := (key.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width))...)
}

// assemble signs and encodes the presentation.
func (f *forgery) assemble() []byte {
	f.t.Helper()
	payload := cbor.WrapEncoded(cbor.MustMarshal(f.mso))
	if f.payload != nil {
		payload = f.payload(cbor.MustMarshal(f.mso))
	}
	protected := cbor.MustMarshal(f.protected)
	signature := p1363(f.t, f.signer, protected, payload)
	if f.signature != nil {
		signature = f.signature(signature)
	}
	parts := []any{protected, f.unprotected, []byte(payload), signature}
	var issuerAuth any = parts
	if f.issuerAuth != nil {
		issuerAuth = f.issuerAuth(parts)
	}
	issuerSigned := map[string]any{"nameSpaces": f.items, "issuerAuth": issuerAuth}
	var signed any = issuerSigned
	if f.issuerSigned != nil {
		signed = f.issuerSigned(issuerSigned)
	}
	if f.deviceElements == nil {
		f.deviceElements = map[string]map[string]any{}
	}
	deviceNameSpaces := cbor.WrapEncoded(cbor.MustMarshal(f.deviceElements))
	deviceAuth := f.prove
	if f.deviceAuth != nil {
		deviceAuth = func(payload []byte) map[string]any { return f.deviceAuth(f, payload) }
	}
	document := map[string]any{
		"docType": f.docType, "issuerSigned": signed,
		"deviceSigned": map[string]any{"nameSpaces": deviceNameSpaces, "deviceAuth": deviceAuth(DeviceAuthenticationBytes(f.transcript, mdlDocType, deviceNameSpaces))},
	}
	if f.document != nil {
		f.document(document)
	}
	response := map[string]any{"version": "1.0", "status": 0, "documents": []any{document}}
	if f.response != nil {
		f.response(response)
	}
	b := cbor.MustMarshal(response)
	if f.bytes != nil {
		b = f.bytes(b)
	}
	return b
}

// prove makes the sound deviceAuth.
func (f *forgery) prove(payload []byte) map[string]any {
	if !f.mac {
		return deviceSignature(p1363(f.t, f.device, deviceProtected, payload), nil)
	}
	return f.maced(f.transcript, payload)
}

var deviceProtected = cbor.MustMarshal(map[int]int{1: -7})

func deviceSignature(signature []byte, payload any) map[string]any {
	return map[string]any{"deviceSignature": []any{deviceProtected, map[int]any{}, payload, signature}}
}

// maced makes a deviceMac with the key of a transcript.
func (f *forgery) maced(transcript SessionTranscript, payload []byte) map[string]any {
	f.t.Helper()
	private, err := f.device.ECDH()
	if err != nil {
		f.t.Fatal(err)
	}
	key, err := EMacKey(private, f.reader.PublicKey(), transcript)
	if err != nil {
		f.t.Fatal(err)
	}
	mac0, err := cose.Mac0Detached(key, payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return map[string]any{"deviceMac": cbor.RawMessage(mac0)}
}

// failures parses and verifies a response and returns the ids of the failed
// checks, sorted; for a parse error its id.
func failures(response []byte, opt VerifyOptions) []string {
	return checksWith(Fail, response, opt)
}

func checksWith(result string, response []byte, opt VerifyOptions) []string {
	r, err := ParseDeviceResponse(response)
	if err != nil {
		var pe *ParseError
		if !errors.As(err, &pe) || r != nil {
			return []string{"not a ParseError"}
		}
		if result == Fail {
			return []string{pe.Check}
		}
		return nil
	}
	findings := r.Verify()
	for i := range r.Documents {
		findings = append(findings, r.Documents[i].Verify(opt)...)
	}
	var ids []string
	for _, f := range findings {
		if f.Result == result && !slices.Contains(ids, f.Check) {
			ids = append(ids, f.Check)
		}
	}
	slices.Sort(ids)
	return ids
}

func TestForgeryIsSound(t *testing.T) {
	for _, mac := range []bool{false, true} {
		f := newForgery(t)
		f.mac = mac
		response := f.assemble()
		if got := failures(response, f.options); len(got) > 0 {
			t.Errorf("mac %v: failed checks %v", mac, got)
		}
		if got := checksWith(Warn, response, f.options); len(got) > 0 {
			t.Errorf("mac %v: warnings %v", mac, got)
		}
	}
}

// derSignature is what an HSM returns before it is converted.
func derSignature(signature []byte) []byte {
	n := len(signature) / 2
	r, s := new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])
	integer := func(v *big.Int) []byte {
		b := v.Bytes()
		if b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	body := append(integer(r), integer(s)...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

func day(n int) cbor.DateTime {
	return cbor.NewDateTime(testNow.Truncate(24*time.Hour).AddDate(0, 0, n))
}
