package verification

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cose"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

func readJSON(t testing.TB, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mdocAnchor trusts a certificate for licences.
func mdocAnchor(t testing.TB, der []byte) *trust.Store {
	t.Helper()
	c, err := pki.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := &trust.Store{}
	if err := s.Add(trust.Anchor{Cert: c, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}); err != nil {
		t.Fatal(err)
	}
	return s
}

// annexD is the worked example of ISO/IEC 18013-5, whose licence names no
// status list, with a policy that asks for none.
func annexD(t testing.TB) (response []byte, o Options, vector func(string) []byte) {
	t.Helper()
	type item struct{ Hex string }
	var file struct{ Vectors, Derived map[string]item }
	readJSON(t, "../../testdata/annex-d/annex-d.json", &file)
	vector = func(name string) []byte {
		t.Helper()
		v, ok := file.Vectors[name]
		if !ok {
			v = file.Derived[name]
		}
		return unhex(t, v.Hex)
	}
	reader, err := ecdh.P256().NewPrivateKey(vector("ephemeral_reader_key_d"))
	if err != nil {
		t.Fatal(err)
	}
	transcript, err := mdoc.ParseSessionTranscript(vector("session_transcript_bytes"))
	if err != nil {
		t.Fatal(err)
	}
	p := *policy.Default()
	p.Status.Required, p.RequireRevocation = false, false
	return vector("device_response"), Options{
		Now: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC), Policy: &p, Trust: mdocAnchor(t, vector("iaca_certificate")),
		Transcript: transcript, ReaderKey: reader,
	}, vector
}

func TestAnnexD(t *testing.T) {
	response, o, _ := annexD(t)
	r := DeviceResponse(response, o)
	sane(t, r)
	if r.Colour != policy.Green || len(r.Failed()) > 0 || len(r.Documents[0].IssuerSigned) != 6 {
		t.Errorf("%s, failed %v, shown %v\n%v", r.Colour, r.Failed(), names(r.Documents[0].IssuerSigned), r.Reasons)
	}
	var warned []string
	for _, c := range r.Documents[0].Checks {
		if c.Result == Warn {
			warned = append(warned, c.ID)
		}
	}
	// The signer ends half a day before the copy, and four maps are not sorted.
	if !slices.Equal(warned, []string{"cbor.canonical", "mso.outlives"}) {
		t.Errorf("warnings %v", warned)
	}
}

// The same list of mutations on bytes that others made, proven by a MAC.
func TestAnnexDMutations(t *testing.T) {
	response, o, vector := annexD(t)
	parsed, err := mdoc.ParseDeviceResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	d := &parsed.Documents[0]
	item := &d.IssuerSigned.NameSpaces[0].Items[0]
	// at is where a piece of the response lies in it.
	at := func(piece []byte) int {
		t.Helper()
		if bytes.Count(response, piece) != 1 {
			t.Fatalf("piece %x occurs %d times", piece, bytes.Count(response, piece))
		}
		return bytes.Index(response, piece)
	}
	leaf := d.IssuerSigned.IssuerAuth.Header.X5Chain[0]
	for name, m := range map[string]struct {
		at   int // byte whose lowest bit is flipped
		want []string
	}{
		"protected header":   {at(d.IssuerSigned.IssuerAuthRaw) + 4, []string{"ia.sig"}}, // -7 becomes -8
		"MSO, hidden digest": {at(d.IssuerSigned.MSO.ValueDigests["org.iso.18013.5.1.US"][1]), []string{"ia.sig"}},
		"signature":          {at(d.IssuerSigned.IssuerAuth.Signature) + 5, []string{"ia.sig"}},
		"leaf certificate":   {at(leaf) + bytes.Index(leaf, []byte("utopia ds")), []string{"ia.path"}},
		"item value":         {at(item.Raw) + bytes.Index(item.Raw, item.ElementValue) + 1, []string{"mso.digest"}},
		"item random":        {at(item.Random), []string{"mso.digest"}},
		"digestID":           {at(item.Raw) + bytes.Index(item.Raw, []byte("digestID")) + 8, []string{"mso.digest"}},
		"elementIdentifier":  {at(item.Raw) + bytes.Index(item.Raw, []byte(item.ElementIdentifier)), []string{"mso.digest"}},
		"MAC":                {at(d.DeviceSigned.MAC.MAC) + 31, []string{"da.mac"}},
		// The device has signed the docType too, and nobody is trusted for another.
		"docType of the document": {bytes.Index(response, []byte("\x75"+elements.MDLDocType)) + 21, []string{"da.mac", "ia.path", "mso.doctype"}},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Clone(response)
			changed[m.at] ^= 1
			mustFail(t, DeviceResponse(changed, o), m.want)
		})
	}
	for name, i := range map[string]int{
		"DeviceEngagement byte": 12,
		"EReaderKey byte":       bytes.Index(o.Transcript, vector("ephemeral_reader_key_x")),
		"Handover Select byte":  bytes.Index(o.Transcript, vector("nfc_handover_select")) + 2,
	} {
		t.Run(name, func(t *testing.T) {
			other := o
			other.Transcript = bytes.Clone(o.Transcript)
			other.Transcript[i] ^= 1
			mustFail(t, DeviceResponse(response, other), []string{"da.mac"})
		})
	}
	t.Run("trailing byte", func(t *testing.T) {
		mustFail(t, DeviceResponse(append(bytes.Clone(response), 0), o), []string{"cbor.strict"})
	})
	t.Run("MAC replaced by an empty payload", func(t *testing.T) {
		i := at(d.DeviceSigned.MAC.MAC) - 3 // f6 58 20: the payload and the head of the MAC
		if response[i] != 0xf6 {
			t.Fatal("no null payload there")
		}
		changed := slices.Concat(response[:i], []byte{0x40}, response[i+1:])
		mustFail(t, DeviceResponse(changed, o), []string{"da.mac"})
	})
}

func mustFail(t *testing.T, r *Report, want []string) {
	t.Helper()
	sane(t, r)
	failed := r.Failed()
	slices.Sort(failed)
	if !slices.Equal(failed, want) || r.Verdict.Authenticity != policy.Forged {
		t.Errorf("failed %v, %+v, want %v and forged", failed, r.Verdict, want)
	}
}

// A wallet of ISO/IEC TS 18013-7 Annex B signs another transcript than any
// that is accepted here. Its licence is genuine; the session is refused by name.
func TestAnnexB(t *testing.T) {
	var file struct {
		Response   string `json:"vp_token_device_response_hex"`
		IACA       string `json:"iaca_der_hex"`
		Transcript string `json:"session_transcript_hex"`
	}
	readJSON(t, "../../testdata/annex-b/annex-b.json", &file)
	response := unhex(t, file.Response)
	parsed, err := mdoc.ParseDeviceResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	p := *policy.Default()
	p.Status.Required, p.RequireRevocation = false, false
	o := Options{Policy: &p, Trust: mdocAnchor(t, unhex(t, file.IACA)), Now: parsed.Documents[0].IssuerSigned.MSO.ValidityInfo.ValidFrom.Add(time.Hour)}

	o.Transcript = unhex(t, file.Transcript)
	r := DeviceResponse(response, o)
	sane(t, r)
	if got := check(r, "da.sig"); r.Colour == policy.Green || got.Result != Fail || !strings.Contains(got.Detail, "Annex B") {
		t.Errorf("%s, da.sig %s: %s", r.Colour, got.Result, got.Detail)
	}
	// All but the session holds, save what its test certificates lack.
	o.Transcript = nil
	r = DeviceResponse(response, o)
	sane(t, r)
	if r.Colour == policy.Green {
		t.Error("green without a session")
	}
	for _, id := range []string{"ia.sig", "mso.digest", "mso.doctype", "mso.dup", "mso.validity", "mso.signed"} {
		if got := check(r, id); got.Result != Pass {
			t.Errorf("%s %s: %s", id, got.Result, got.Detail)
		}
	}
}

// The two real lists of issuing authorities, and public anchors of the field:
// nobody among them vouches for the worked examples, or for our own licence.
func TestRealAnchors(t *testing.T) {
	var file struct {
		VICALs []struct {
			ID, Hex string
			Date    time.Time
		} `json:"vicals"`
	}
	readJSON(t, "../trust/testdata/vical/lists.json", &file)
	if len(file.VICALs) != 2 {
		t.Fatalf("%d lists", len(file.VICALs))
	}
	response, o, _ := annexD(t)
	every := &trust.Store{}
	for _, in := range file.VICALs {
		raw := unhex(t, in.Hex)
		msg, err := cose.ParseSign1(raw)
		if err != nil {
			t.Fatal(err)
		}
		root, err := pki.ParseCertificate(msg.Header.X5Chain[len(msg.Header.X5Chain)-1])
		if err != nil {
			t.Fatal(err)
		}
		list, err := trust.ParseVICAL(raw, []*pki.Certificate{root}, in.Date.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		store := list.Store()
		if n := len(store.Anchors(trust.IssueMdoc, elements.MDLDocType)); n < 10 {
			t.Errorf("%s: %d anchors for licences", in.ID, n)
		}
		every.Merge(store)
		o.Trust, o.Now = store, in.Date.Add(time.Hour)
		r := DeviceResponse(response, o)
		sane(t, r)
		if r.Verdict.Authenticity != policy.UnknownIssuer || !slices.Contains(r.Failed(), "ia.path") || !r.Documents[0].Trust.AnchorAt.Equal(in.Date) {
			t.Errorf("%s: %+v as of %s", in.ID, r.Verdict, r.Documents[0].Trust.AnchorAt)
		}
	}
	var anchors []struct {
		Subject string
		Hex     string `json:"der_hex"`
	}
	readJSON(t, "../pki/testdata/trust-anchors/anchors.json", &anchors)
	added := 0
	for _, a := range anchors {
		c, err := pki.ParseCertificate(unhex(t, a.Hex))
		if err != nil {
			continue // the room of certificates tests which and why
		}
		if every.Add(trust.Anchor{Cert: c, Source: a.Subject, Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc, trust.IssueSDJWT},
			DocTypes: []string{elements.MDLDocType, elements.PIDDocType}, VCTs: []string{elements.PIDVCT}}}) == nil {
			added++
		}
	}
	if added < 20 {
		t.Errorf("%d public anchors", added)
	}
	f := newForgery(t)
	f.options.Trust = every
	if r := f.report(); r.Verdict.Authenticity != policy.UnknownIssuer {
		t.Errorf("%+v", r.Verdict)
	}
	so := f.sdOptions()
	so.Trust = every
	if r := SDJWT(f.bind(f.identity(person())), so); r.Verdict.Authenticity != policy.UnknownIssuer {
		t.Errorf("%+v", r.Verdict)
	}
	// Ours among them is found, and named.
	f.must(every.Add(trust.Anchor{Cert: f.IACA.Cert, Source: "utopia.pem", AsOf: f.Now, Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{elements.MDLDocType}}}))
	r := f.report()
	sane(t, r)
	if got := r.Documents[0].Trust; r.Colour != policy.Green || got.Source != "utopia.pem" || !got.AnchorAt.Equal(f.Now) {
		t.Errorf("%s, %+v %v", r.Colour, got, r.Reasons)
	}
}

// The main example of RFC 9901 is no SD-JWT VC: its type says so, and it
// carries no certificate. Its key binding holds.
func TestRFC9901(t *testing.T) {
	var v struct {
		Presentation, Aud, Nonce string
		IAT                      int64
	}
	readJSON(t, "../sdjwt/testdata/rfc9901/main-example.json", &v)
	r := SDJWT(v.Presentation, Options{Now: time.Unix(v.IAT, 0).Add(10 * time.Second), Nonce: v.Nonce, Audience: v.Aud})
	mustFail(t, r, []string{"sd.path", "sd.sig", "sd.typ", "sd.vct"})
	for _, id := range []string{"sd.parse", "sd.disclosure", "sd.digest", "sd.validity", "sd.kb", "sd.sdhash", "sd.nonce", "sd.aud", "sd.iat"} {
		if got := check(r, id); got.Result != Pass {
			t.Errorf("%s %s: %s", id, got.Result, got.Detail)
		}
	}
	if got := check(r, "sd.typ").Detail; !strings.Contains(got, "dc+sd-jwt") {
		t.Errorf("sd.typ: %s", got)
	}
}
