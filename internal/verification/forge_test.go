package verification

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
)

const domestic = "org.iso.18013.5.1.UT"

// forgery is a presentation of a licence in parts, green as it comes from
// newForgery. A test changes parts; assemble signs again whatever an issuer or
// a holder could have signed, with an encoder of its own.
type forgery struct {
	*world
	signer *ecdsa.PrivateKey // of the document signer
	reader *ecdh.PrivateKey

	docType  string // of the Document
	items    map[string][]cbor.RawMessage
	mso      map[string]any
	digests  map[string]map[uint64][]byte // valueDigests
	validity map[string]any

	protected, unprotected map[any]any
	payload                func(mso []byte) []byte       // default: tag 24
	signature              func(signature []byte) []byte // of issuerAuth
	issuerAuth             func(parts []any) any         // default: the array
	deviceElements         map[string]map[string]any
	mac                    bool
	deviceAuth             func(payload []byte) map[string]any // default: proof over payload
	document               func(members map[string]any)
	response               func(members map[string]any)
	bytes                  func(response []byte) []byte

	engagement, readerKeyBytes []byte
	session                    mdoc.SessionTranscript // that the holder signs
	options                    Options
}

func newForgery(t testing.TB) *forgery {
	t.Helper()
	return forgeryIn(newWorld(t))
}

func forgeryIn(w *world) *forgery {
	w.t.Helper()
	f := &forgery{world: w, signer: w.DocumentSignerMDL.Key, docType: elements.MDLDocType}
	issued, err := mdoc.ParseIssuerSigned(w.licence())
	w.must(err)
	f.items = map[string][]cbor.RawMessage{}
	for _, ns := range issued.Select(asked).NameSpaces {
		for _, item := range ns.Items {
			f.items[ns.Name] = append(f.items[ns.Name], item.Raw)
		}
	}
	f.mso = map[string]any{}
	w.must(cbor.Unmarshal(issued.MSO.Raw, &f.mso))
	f.digests = map[string]map[uint64][]byte{}
	for ns, digests := range issued.MSO.ValueDigests {
		f.digests[ns] = maps.Clone(digests)
	}
	f.mso["valueDigests"] = f.digests
	v := issued.MSO.ValidityInfo
	f.validity = map[string]any{"signed": v.Signed, "validFrom": v.ValidFrom, "validUntil": v.ValidUntil}
	f.mso["validityInfo"] = f.validity
	f.protected, f.unprotected = map[any]any{1: -7}, map[any]any{33: w.DocumentSignerMDL.Chain[0]}
	f.add(domestic, 70, "organ_donor", true)

	f.reader, err = ecdh.P256().GenerateKey(rand.Reader)
	w.must(err)
	f.engagement = cbor.MustMarshal(map[int]any{0: "1.0"})
	key, err := cose.MarshalKey(f.reader.PublicKey())
	w.must(err)
	f.readerKeyBytes = cbor.WrapEncoded(key)
	f.session, err = mdoc.QRTranscript(f.engagement, f.readerKeyBytes)
	w.must(err)
	f.options = w.options()
	f.options.Transcript, f.options.ReaderKey = f.session, f.reader
	return f
}

// everything asks for nothing in particular, so that every element is shown.
func (f *forgery) everything() { f.options.Profile = nil }

// open decodes an item.
func (f *forgery) open(ns string, i int) map[string]any {
	f.t.Helper()
	content, err := cbor.UnwrapEncoded(f.items[ns][i])
	f.must(err)
	raw := map[string]cbor.RawMessage{}
	f.must(cbor.Unmarshal(content, &raw))
	item := map[string]any{}
	for k, v := range raw {
		item[k] = v
	}
	return item
}

// edit changes the content of an item and leaves its digest alone.
func (f *forgery) edit(ns string, i int, change func(item map[string]any)) {
	item := f.open(ns, i)
	change(item)
	f.items[ns][i] = cbor.WrapEncoded(cbor.MustMarshal(item))
}

// add issues one more item, with its digest.
func (f *forgery) add(ns string, id uint64, identifier string, value any) {
	item := cbor.WrapEncoded(cbor.MustMarshal(map[string]any{
		"digestID": id, "random": bytes.Repeat([]byte{byte(id)}, 32), "elementIdentifier": identifier, "elementValue": value,
	}))
	f.items[ns] = append(f.items[ns], item)
	sum := sha256.Sum256(item)
	if f.digests[ns] == nil {
		f.digests[ns] = map[uint64][]byte{}
	}
	f.digests[ns][id] = sum[:]
}

// id is the digestID of an item.
func (f *forgery) id(ns string, i int) uint64 {
	n, err := cbor.Uint(f.open(ns, i)["digestID"].(cbor.RawMessage))
	f.must(err)
	return n
}

// authorize sets keyAuthorizations.
func (f *forgery) authorize(authorizations map[string]any) {
	f.mso["deviceKeyInfo"].(map[any]any)["keyAuthorizations"] = authorizations
}

// p1363 signs as COSE does, by hand.
func (w *world) p1363(key *ecdsa.PrivateKey, protected, payload []byte) []byte {
	w.t.Helper()
	sum := sha256.Sum256(cbor.MustMarshal([]any{"Signature1", protected, []byte{}, payload}))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	w.must(err)
	width := (key.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, width)), s.FillBytes(make([]byte, width))...)
}

// assemble signs and encodes the presentation.
func (f *forgery) assemble() []byte {
	f.t.Helper()
	mso := cbor.MustMarshal(f.mso)
	payload := []byte(cbor.WrapEncoded(mso))
	if f.payload != nil {
		payload = f.payload(mso)
	}
	protected := cbor.MustMarshal(f.protected)
	signature := f.p1363(f.signer, protected, payload)
	if f.signature != nil {
		signature = f.signature(signature)
	}
	parts := []any{protected, f.unprotected, payload, signature}
	var issuerAuth any = parts
	if f.issuerAuth != nil {
		issuerAuth = f.issuerAuth(parts)
	}
	if f.deviceElements == nil {
		f.deviceElements = map[string]map[string]any{}
	}
	deviceNameSpaces := cbor.WrapEncoded(cbor.MustMarshal(f.deviceElements))
	prove := f.prove
	if f.deviceAuth != nil {
		prove = f.deviceAuth
	}
	document := map[string]any{
		"docType": f.docType, "issuerSigned": map[string]any{"nameSpaces": f.items, "issuerAuth": issuerAuth},
		"deviceSigned": map[string]any{"nameSpaces": deviceNameSpaces,
			"deviceAuth": prove(mdoc.DeviceAuthenticationBytes(f.session, f.docType, deviceNameSpaces))},
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

// report verifies the presentation.
func (f *forgery) report() *Report {
	f.t.Helper()
	return DeviceResponse(f.assemble(), f.options)
}

// prove makes the sound deviceAuth.
func (f *forgery) prove(payload []byte) map[string]any {
	if f.mac {
		return map[string]any{"deviceMac": f.maced(f.session, payload)}
	}
	return deviceSignature(f.p1363(f.device, deviceProtected, payload), nil)
}

var deviceProtected = cbor.MustMarshal(map[int]int{1: -7})

func deviceSignature(signature []byte, payload any) map[string]any {
	return map[string]any{"deviceSignature": []any{deviceProtected, map[int]any{}, payload, signature}}
}

// maced makes a deviceMac with the key of a transcript.
func (f *forgery) maced(transcript mdoc.SessionTranscript, payload []byte) cbor.RawMessage {
	f.t.Helper()
	private, err := f.device.ECDH()
	f.must(err)
	key, err := mdoc.EMacKey(private, f.reader.PublicKey(), transcript)
	f.must(err)
	mac0, err := cose.Mac0Detached(key, payload)
	f.must(err)
	return mac0
}

// derSignature is what an HSM returns before it is converted.
func derSignature(signature []byte) []byte {
	integer := func(b []byte) []byte {
		if b = new(big.Int).SetBytes(b).Bytes(); b[0]&0x80 != 0 {
			b = append([]byte{0}, b...)
		}
		return append([]byte{2, byte(len(b))}, b...)
	}
	n := len(signature) / 2
	body := append(integer(signature[:n]), integer(signature[n:])...)
	return append([]byte{0x30, byte(len(body))}, body...)
}

// tdate is an instant as an MSO writes it.
func tdate(t time.Time) cbor.DateTime { return cbor.NewDateTime(t) }

func TestForgeryIsSound(t *testing.T) {
	for _, mac := range []bool{false, true} {
		f := newForgery(t)
		f.mac = mac
		r := f.report()
		if r.Colour != policy.Green || len(r.Failed()) > 0 {
			t.Errorf("mac %v: %s, failed %v, %v", mac, r.Colour, r.Failed(), r.Reasons)
		}
		for _, c := range slices.Concat(r.Checks, r.Documents[0].Checks) {
			// The list of the world wants to be fetched every five minutes.
			if c.Result == Warn && c.ID != "st.ttl" {
				t.Errorf("mac %v: %s warns: %s", mac, c.ID, c.Detail)
			}
		}
	}
}
