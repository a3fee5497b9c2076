package proximity

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/mdoc"
)

// annexD holds the values of ISO/IEC 18013-5, Annex D by name.
func annexD(t testing.TB) map[string][]byte {
	t.Helper()
	data, err := os.ReadFile("../../testdata/annex-d/annex-d.json")
	if err != nil {
		t.Fatal(err)
	}
	type value struct {
		Hex  string `json:"hex"`
		Text string `json:"text"`
	}
	var file struct {
		Vectors, Derived map[string]value
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	values := map[string][]byte{}
	for _, group := range []map[string]value{file.Vectors, file.Derived} {
		for name, v := range group {
			if values[name] = []byte(v.Text); v.Hex != "" {
				values[name] = fromHex(t, v.Hex)
			}
		}
	}
	return values
}

func fromHex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func p256(t testing.TB, scalar []byte) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// engagementOf is the engagement of Annex D.5: the first of the three items of the
// transcript, with the handover of the standard: negotiated, with both messages.
func engagementOf(t testing.TB, values map[string][]byte) *Engagement {
	t.Helper()
	e, err := ParseEngagement(firstEmbedded(t, values["session_transcript"]))
	if err != nil {
		t.Fatal(err)
	}
	e.Handover = &Handover{Select: values["nfc_handover_select"], Request: values["nfc_handover_request"]}
	return e
}

// The session of Annex D.5, from both sides: same transcript, same keys, same
// messages byte by byte.
func TestAnnexDSession(t *testing.T) {
	v := annexD(t)
	e := engagementOf(t, v)
	if len(e.Methods) != 0 || e.Version != "1.0" {
		t.Errorf("engagement %+v", e)
	}
	if !bytes.Equal(e.DeviceKeyBytes, v["e_device_key_bytes"]) {
		t.Errorf("EDeviceKeyBytes %x", e.DeviceKeyBytes)
	}
	r, err := newReader(e, p256(t, v["ephemeral_reader_key_d"]))
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHolder(e, p256(t, v["ephemeral_device_key_d"]))
	if err != nil {
		t.Fatal(err)
	}
	establishment, err := r.Establish(v["device_request"])
	if err != nil {
		t.Fatal(err)
	}
	// The message of the standard has its members in another order.
	want, err := parseEstablishment(v["session_establishment"])
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseEstablishment(establishment)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.readerKey, want.readerKey) || !bytes.Equal(got.data, want.data) || len(establishment) != len(v["session_establishment"]) {
		t.Errorf("SessionEstablishment %x", establishment)
	}
	request, err := h.Accept(v["session_establishment"])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(request, v["device_request"]) {
		t.Errorf("DeviceRequest %x", request)
	}
	for side, transcript := range map[string]mdoc.SessionTranscript{"reader": r.Transcript(), "holder": h.Transcript()} {
		if !bytes.Equal(transcript.Bytes(), v["session_transcript_bytes"]) {
			t.Errorf("%s: other transcript", side)
		}
	}
	if hash := r.Transcript().Hash(); !bytes.Equal(hash[:], v["session_transcript_bytes_sha256"]) {
		t.Errorf("salt %x", hash)
	}
	message, err := h.Respond(v["device_response"])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(message, v["session_data"]) {
		t.Errorf("SessionData %x", message)
	}
	response, status, err := r.Open(v["session_data"])
	if err != nil || status != nil {
		t.Fatal(status, err)
	}
	if !bytes.Equal(response, v["device_response"]) {
		t.Errorf("DeviceResponse %x", response)
	}
	if end := r.Terminate(); !bytes.Equal(end, v["session_termination"]) {
		t.Errorf("termination %x", end)
	}
	next, status, err := h.Open(v["session_termination"])
	if err != nil || next != nil || status == nil || *status != StatusTermination || !h.Ended() || !r.Ended() {
		t.Errorf("%x, %v, %v", next, status, err)
	}
}

// The session keys of Annex D.5 and, for its QR code, the derived ones.
func TestAnnexDKeys(t *testing.T) {
	v := annexD(t)
	secret, err := p256(t, v["ephemeral_reader_key_d"]).ECDH(p256(t, v["ephemeral_device_key_d"]).PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(secret, v["zab_session"]) {
		t.Errorf("Zab %x", secret)
	}
	for _, flow := range []struct{ transcript, reader, device string }{
		{"session_transcript", "sk_reader", "sk_device"},
		{"qr_session_transcript", "qr_sk_reader", "qr_sk_device"},
	} {
		salt := mdoc.SessionTranscript(v[flow.transcript]).Hash()
		for info, name := range map[string]string{"SKReader": flow.reader, "SKDevice": flow.device} {
			key, err := derive(secret, salt[:], info, keySize)
			if err != nil || !bytes.Equal(key, v[name]) {
				t.Errorf("%s: %x, %v", name, key, err)
			}
		}
	}
	for sender, name := range map[byte]string{senderReader: "sk_reader_iv_1", senderDevice: "sk_device_iv_1"} {
		c, err := newChannel(bytes.Clone(v["sk_reader"]), sender)
		if err != nil {
			t.Fatal(err)
		}
		if iv, err := c.next(); err != nil || !bytes.Equal(iv, v[name]) {
			t.Errorf("%s: %x, %v", name, iv, err)
		}
	}
}

// The QR code of Annex D.3.1 with the reader key of D.5.
func TestAnnexDQR(t *testing.T) {
	v := annexD(t)
	e, err := ParseEngagementURI(string(v["qr_uri"]))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(e.Raw, v["device_engagement_qr"]) {
		t.Errorf("engagement %x", e.Raw)
	}
	if e.URI() != string(v["qr_uri"]) {
		t.Errorf("URI %s", e.URI())
	}
	if ident, err := e.Ident(); err != nil || !bytes.Equal(ident, v["ble_ident"]) {
		t.Errorf("Ident %x, %v", ident, err)
	}
	ble, err := e.BLE()
	if err != nil || !ble.CentralClient || ble.PeripheralServer || ble.CentralClientUUID.String() != "45efef74-2b2c-4837-a9a3-b0e1d05a6917" {
		t.Errorf("BLE %+v, %v", ble, err)
	}
	r, err := newReader(e, p256(t, v["ephemeral_reader_key_d"]))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Transcript(), v["qr_session_transcript"]) {
		t.Errorf("transcript %x", r.Transcript())
	}
}

// What the session must notice when one thing of Annex D is changed: nothing
// decrypts, the status to send is 10, and the keys are gone.
func TestAnnexDMutations(t *testing.T) {
	v := annexD(t)
	flip := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	// The reader sees the mutated engagement or handover; the holder made the true one.
	type side struct {
		engagement func(e *Engagement)
		tamper     func(r *Reader)
		message    []byte
	}
	for name, m := range map[string]side{
		"engagement byte": {engagement: func(e *Engagement) { e.Raw = flip(e.Raw, 3) }}, // in the version
		"reader key byte": {tamper: func(r *Reader) {
			transcript := r.transcript // with the key's last byte before the handover
			at := bytes.Index(transcript, r.keyBytes) + len(r.keyBytes) - 1
			rekey(t, r, v, mdoc.SessionTranscript(flip(transcript, at)).Bytes())
		}},
		"handover select byte":  {engagement: func(e *Engagement) { e.Handover.Select = flip(e.Handover.Select, 20) }},
		"handover request byte": {engagement: func(e *Engagement) { e.Handover.Request = flip(e.Handover.Request, 20) }},
		"handover static":       {engagement: func(e *Engagement) { e.Handover.Request = nil }},
		"handover null":         {engagement: func(e *Engagement) { e.Handover = nil }},
		"counter 0 first":       {message: sealedWith(t, v, senderDevice, 0)},
		"counter 2 first":       {message: sealedWith(t, v, senderDevice, 2)},
		"sender swapped":        {message: sealedWith(t, v, senderReader, 1)},
		"keys swapped":          {tamper: func(r *Reader) { r.recv.aead, r.send.aead = r.send.aead, r.recv.aead }},
		"salt untagged":         {tamper: func(r *Reader) { rekey(t, r, v, r.transcript) }},
		"ciphertext byte":       {message: flip(v["session_data"], 100)},
		"tag byte":              {message: flip(v["session_data"], len(v["session_data"])-1)},
		"own message back":      {message: sessionData{data: establishmentData(t, v)}.build()},
		"empty ciphertext":      {message: sessionData{data: []byte{}}.build()},
		"shorter than tag":      {message: sessionData{data: make([]byte, 15)}.build()},
		"truncated":             {message: sessionData{data: sessionDataData(t, v)[:3000]}.build()},
		"tag alone":             {message: sessionData{data: sessionDataData(t, v)[:16]}.build()},
		"one byte appended":     {message: sessionData{data: append(sessionDataData(t, v), 0)}.build()},
	} {
		t.Run(name, func(t *testing.T) {
			if m.message == nil {
				m.message = v["session_data"]
			}
			e := engagementOf(t, v)
			if m.engagement != nil {
				m.engagement(e)
			}
			r, err := newReader(e, p256(t, v["ephemeral_reader_key_d"]))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.Establish(v["device_request"]); err != nil {
				t.Fatal(err)
			}
			if m.tamper != nil {
				m.tamper(r)
			}
			response, status, err := r.Open(m.message)
			if !errors.Is(err, ErrDecrypt) || response != nil || status != nil || StatusFor(err) != StatusEncryption || !r.Ended() {
				t.Errorf("%x, %v, %v", response, status, err)
			}
			if _, _, err := r.Open(v["session_data"]); !errors.Is(err, ErrState) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

// rekey derives the keys of a reader with another salt: the hash of other bytes
// than SessionTranscriptBytes.
func rekey(t *testing.T, r *Reader, v map[string][]byte, salted []byte) {
	t.Helper()
	salt := sha256Sum(salted)
	key, err := derive(v["zab_session"], salt, "SKDevice", keySize)
	if err != nil {
		t.Fatal(err)
	}
	if r.recv, err = newChannel(key, senderDevice); err != nil {
		t.Fatal(err)
	}
}

func sha256Sum(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// sealedWith is the response of Annex D under SKDevice, but with another IV.
func sealedWith(t *testing.T, v map[string][]byte, sender byte, counter uint32) []byte {
	t.Helper()
	aead, err := newAEAD(v["sk_device"])
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	iv[7] = sender
	binary.BigEndian.PutUint32(iv[8:], counter)
	return sessionData{data: aead.Seal(nil, iv, v["device_response"], nil)}.build()
}

func establishmentData(t *testing.T, v map[string][]byte) []byte {
	t.Helper()
	m, err := parseEstablishment(v["session_establishment"])
	if err != nil {
		t.Fatal(err)
	}
	return m.data
}

func sessionDataData(t *testing.T, v map[string][]byte) []byte {
	t.Helper()
	m, err := parseSessionData(v["session_data"])
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(m.data)
}

// firstEmbedded opens the first item of an array, a tag-24 item.
func firstEmbedded(t testing.TB, array []byte) []byte {
	t.Helper()
	items, err := cbor.ArrayItems(array)
	if err != nil {
		t.Fatal(err)
	}
	content, err := cbor.UnwrapEncoded(items[0])
	if err != nil {
		t.Fatal(err)
	}
	return content
}
