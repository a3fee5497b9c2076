package mdoc

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// annexDNow is an instant at which the certificates of Annex D were valid.
var annexDNow = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)

// annexD returns the vectors of ISO/IEC 18013-5, Annex D by name.
func annexD(tb testing.TB) func(name string) []byte {
	tb.Helper()
	type vector struct{ Hex string }
	var file struct{ Vectors, Derived map[string]vector }
	readJSON(tb, "annex-d/annex-d.json", &file)
	return func(name string) []byte {
		tb.Helper()
		v, ok := file.Vectors[name]
		if !ok {
			v, ok = file.Derived[name]
		}
		if !ok {
			tb.Fatalf("no vector %q", name)
		}
		return unhex(tb, v.Hex)
	}
}

func p256Private(tb testing.TB, d []byte) *ecdh.PrivateKey {
	tb.Helper()
	key, err := ecdh.P256().NewPrivateKey(d)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// ndefEngagement takes the DeviceEngagement out of a Handover Select message: the
// payload of the record with the external type of ISO/IEC 18013-5, 8.2.2.1.
func ndefEngagement(tb testing.TB, message []byte) []byte {
	tb.Helper()
	for len(message) > 2 {
		header, typeLength := message[0], int(message[1])
		at, payloadLength := 3, int(message[2])
		if header&0x10 == 0 { // not a short record
			payloadLength, at = int(binary.BigEndian.Uint32(message[2:])), 6
		}
		idLength := 0
		if header&0x08 != 0 {
			idLength = int(message[at])
			at++
		}
		kind := message[at : at+typeLength]
		at += typeLength + idLength
		payload := message[at : at+payloadLength]
		if string(kind) == "iso.org:18013:deviceengagement" {
			return payload
		}
		message = message[at+payloadLength:]
	}
	tb.Fatal("no DeviceEngagement record")
	return nil
}

// annexDTranscript rebuilds the transcript from its pieces.
func annexDTranscript(tb testing.TB, vector func(string) []byte) SessionTranscript {
	tb.Helper()
	entries, err := cbor.MapEntries(vector("session_establishment"))
	if err != nil {
		tb.Fatal(err)
	}
	var eReaderKey []byte
	for _, e := range entries {
		if bytes.Equal(e.Key, cbor.MustMarshal("eReaderKey")) {
			eReaderKey = e.Value
		}
	}
	hs, hr := vector("nfc_handover_select"), vector("nfc_handover_request")
	transcript, err := NFCTranscript(ndefEngagement(tb, hs), eReaderKey, hs, hr)
	if err != nil {
		tb.Fatal(err)
	}
	return transcript
}

func TestAnnexDTranscript(t *testing.T) {
	vector := annexD(t)
	transcript := annexDTranscript(t, vector)
	if !bytes.Equal(transcript, vector("session_transcript")) {
		t.Error("SessionTranscript differs")
	}
	if !bytes.Equal(transcript.Bytes(), vector("session_transcript_bytes")) {
		t.Error("SessionTranscriptBytes differ")
	}
	if hash := transcript.Hash(); !bytes.Equal(hash[:], vector("session_transcript_bytes_sha256")) {
		t.Error("hash of SessionTranscriptBytes differs")
	}
	if got := DescribeHandover(transcript); got != "NFC, negotiated" {
		t.Errorf("handover %q", got)
	}
	parsed, err := ParseSessionTranscript(vector("session_transcript_bytes"))
	if err != nil || !bytes.Equal(parsed, transcript) {
		t.Errorf("ParseSessionTranscript: %v", err)
	}
}

func TestAnnexDQRTranscript(t *testing.T) {
	vector := annexD(t)
	reader, err := cose.MarshalKey(p256Private(t, vector("ephemeral_reader_key_d")).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	transcript, err := QRTranscript(vector("device_engagement_qr"), cbor.WrapEncoded(reader))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(transcript, vector("qr_session_transcript")) {
		t.Error("QR transcript differs")
	}
	device := p256Private(t, vector("static_device_key_d"))
	key, err := EMacKey(p256Private(t, vector("ephemeral_reader_key_d")), device.PublicKey(), transcript)
	if err != nil || !bytes.Equal(key, vector("qr_emac_key")) {
		t.Errorf("EMacKey of the QR session differs: %v", err)
	}
}

func TestAnnexDResponse(t *testing.T) {
	vector := annexD(t)
	r, err := ParseDeviceResponse(vector("device_response"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Documents) != 1 || Failed(r.Verify()) {
		t.Fatalf("%d documents, findings %v", len(r.Documents), r.Verify())
	}
	d := &r.Documents[0]
	transcript := annexDTranscript(t, vector)

	if !bytes.Equal(d.IssuerSigned.IssuerAuthRaw, vector("issuer_auth")) {
		t.Error("issuerAuth differs from D.5.2")
	}
	if got := DeviceAuthenticationBytes(transcript, d.DocType, d.DeviceSigned.NameSpacesBytes); !bytes.Equal(got, vector("device_authentication_bytes")) {
		t.Error("DeviceAuthenticationBytes differ")
	}
	reader := p256Private(t, vector("ephemeral_reader_key_d"))
	public, err := d.IssuerSigned.MSO.DeviceKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(public.Bytes()[1:33], vector("static_device_key_x")) || !bytes.Equal(public.Bytes()[33:], vector("static_device_key_y")) {
		t.Error("device key differs")
	}
	for _, pair := range [][2]any{{reader, public}, {p256Private(t, vector("static_device_key_d")), reader.PublicKey()}} {
		key, err := EMacKey(pair[0].(*ecdh.PrivateKey), pair[1].(*ecdh.PublicKey), transcript)
		if err != nil || !bytes.Equal(key, vector("emac_key")) {
			t.Errorf("EMacKey differs: %v", err)
		}
	}
	if !bytes.Equal(d.DeviceSigned.MAC.MAC, vector("device_mac_tag")) {
		t.Error("MAC tag differs")
	}
	ds, err := pki.ParseCertificate(d.IssuerSigned.IssuerAuth.Header.X5Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	findings := d.Verify(VerifyOptions{
		Leaf: ds.PublicKey(), DSNotBefore: ds.NotBefore(), DSNotAfter: ds.NotAfter(), Now: annexDNow,
		DeviceAuth: DeviceAuthOptions{Transcript: transcript, ReaderKey: reader},
	})
	// The example's document signer ends half a day before its MSO, and four of its
	// maps are not sorted: both are warnings and nothing else is.
	want := map[string]string{CheckOutlives: Warn, CheckCanonical: Warn}
	for _, f := range findings {
		expected := Pass
		if result, ok := want[f.Check]; ok {
			expected = result
		}
		if f.Result != expected {
			t.Errorf("%s: %s (%s), want %s", f.Check, f.Result, f.Detail, expected)
		}
	}
	if len(findings) != 14 {
		t.Errorf("%d findings, want 14: %v", len(findings), findings)
	}
}

func TestAnnexDDigests(t *testing.T) {
	r, err := ParseDeviceResponse(annexD(t)("device_response"))
	if err != nil {
		t.Fatal(err)
	}
	s := r.Documents[0].IssuerSigned
	verified := 0
	for _, ns := range s.NameSpaces {
		for _, item := range ns.Items {
			sum := sha256.Sum256(item.Raw)
			if !bytes.Equal(sum[:], s.MSO.ValueDigests[ns.Name][item.DigestID]) {
				t.Errorf("digest of %s differs", item.ElementIdentifier)
			}
			verified++
		}
	}
	if verified != 6 {
		t.Errorf("%d digests, want 6", verified)
	}
}

func TestAnnexDMSO(t *testing.T) {
	r, err := ParseDeviceResponse(annexD(t)("device_response"))
	if err != nil {
		t.Fatal(err)
	}
	m := r.Documents[0].IssuerSigned.MSO
	v := m.ValidityInfo
	got := fmt.Sprintln(m.Version, m.DigestAlgorithm, m.DocType, len(m.ValueDigests), len(m.ValueDigests["org.iso.18013.5.1"]), len(m.ValueDigests["org.iso.18013.5.1.US"]),
		v.Signed.Format(time.RFC3339), v.ValidFrom.Format(time.RFC3339), v.ValidUntil.Format(time.RFC3339), v.ExpectedUpdate == nil, m.Status == nil)
	const want = "1.0 SHA-256 org.iso.18013.5.1.mDL 2 13 4 2020-10-01T13:30:02Z 2020-10-01T13:30:02Z 2021-10-01T13:30:02Z true true\n"
	if got != want {
		t.Errorf("MSO:\n got %s want %s", got, want)
	}
}

func TestAnnexDDrivingPrivileges(t *testing.T) {
	vector := annexD(t)
	r, err := ParseDeviceResponse(vector("device_response"))
	if err != nil {
		t.Fatal(err)
	}
	item := r.Documents[0].IssuerSigned.Item("org.iso.18013.5.1", "driving_privileges")
	if item == nil || !bytes.Equal(item.ElementValue, vector("driving_privileges")) {
		t.Fatal("driving_privileges differ from D.2.1")
	}
	var privileges []struct {
		Category string        `cbor:"vehicle_category_code"`
		Issued   cbor.FullDate `cbor:"issue_date"`
		Expires  cbor.FullDate `cbor:"expiry_date"`
	}
	if err := item.Decode(&privileges); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(privileges); got != "[{A 2018-08-09 2024-10-20} {B 2017-02-23 2024-10-20}]" {
		t.Error(got)
	}
}

// Our own holder, given the same key and session, makes the same MAC.
func TestAnnexDMACMade(t *testing.T) {
	vector := annexD(t)
	signed, err := MACDevice(p256Private(t, vector("static_device_key_d")), p256Private(t, vector("ephemeral_reader_key_d")).PublicKey(),
		annexDTranscript(t, vector), "org.iso.18013.5.1.mDL", nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := parseDeviceSigned(signed, new(notes))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.MAC.MAC, vector("device_mac_tag")) {
		t.Error("MAC tag differs")
	}
	if !bytes.Contains(signed, vector("device_auth")[1:]) {
		t.Error("deviceAuth differs")
	}
}

func TestAnnexDRequest(t *testing.T) {
	vector := annexD(t)
	r, err := ParseDeviceRequest(vector("device_request"))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.DocRequests) != 1 || r.Version != "1.0" || len(r.Notes) != 0 {
		t.Fatalf("%d docRequests, version %q, notes %v", len(r.DocRequests), r.Version, r.Notes)
	}
	transcript := annexDTranscript(t, vector)
	if got := ReaderAuthenticationBytes(transcript, r.DocRequests[0].ItemsRequestBytes); !bytes.Equal(got, vector("reader_authentication_bytes")) {
		t.Error("ReaderAuthenticationBytes differ")
	}
	leaf, err := pki.ParseCertificate(r.DocRequests[0].ReaderAuth.Header.X5Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(leaf.Raw, vector("reader_certificate")) {
		t.Error("reader certificate differs")
	}
	for _, f := range r.VerifyReaderAuth(0, transcript, leaf.PublicKey()) {
		if f.Result != Pass {
			t.Errorf("%s: %s (%s)", f.Check, f.Result, f.Detail)
		}
	}
	transcript = bytes.Clone(transcript)
	transcript[len(transcript)-1] ^= 1 // in the Handover Request message
	if !Failed(r.VerifyReaderAuth(0, transcript, leaf.PublicKey())) {
		t.Error("readerAuth verifies in another session")
	}
}

func TestAnnexDRequestSecondEdition(t *testing.T) {
	r, err := ParseDeviceRequest(annexD(t)("device_request_v1_1_extended"))
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != "1.1" || len(r.DocRequests) != 3 || r.DeviceRequestInfo == nil || len(r.Notes) != 0 {
		t.Errorf("version %q, %d docRequests, notes %v", r.Version, len(r.DocRequests), r.Notes)
	}
	if r.DocRequests[0].ItemsRequest.RequestInfo == nil {
		t.Error("requestInfo lost")
	}
}
