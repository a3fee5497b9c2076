package mdoc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"crypto/hkdf"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/pki"
)

// TestMutations changes one thing of a sound presentation at a time, and says
// exactly which checks must then fail. What an issuer would have to sign is
// signed again.
func TestMutations(t *testing.T) {
	flip := func(b []byte, at int) { b[at] ^= 1 }
	for name, c := range map[string]struct {
		mutate func(f *forgery)
		want   []string // failed checks, sorted
		mac    bool
	}{
		"protected header": {func(f *forgery) {
			f.issuerAuth = func(parts []any) any { parts[0] = cbor.MustMarshal(map[int]int{1: -8}); return parts }
		}, []string{CheckIssuerSignature}, false},
		"MSO": {func(f *forgery) {
			f.issuerAuth = func(parts []any) any {
				payload := bytes.Clone(parts[2].([]byte))
				// The digest of an element that is not shown.
				flip(payload, bytes.Index(payload, f.hiddenDigest())+3)
				parts[2] = payload
				return parts
			}
		}, []string{CheckIssuerSignature}, false},
		"signature":       {func(f *forgery) { f.signature = func(s []byte) []byte { flip(s, 40); return s } }, []string{CheckIssuerSignature}, false},
		"signature DER":   {func(f *forgery) { f.signature = derSignature }, []string{CheckIssuerSignature}, false},
		"signature r = 0": {func(f *forgery) { f.signature = func(s []byte) []byte { clear(s[:32]); return s } }, []string{CheckIssuerSignature}, false},
		"signature s = 0": {func(f *forgery) { f.signature = func(s []byte) []byte { clear(s[32:]); return s } }, []string{CheckIssuerSignature}, false},
		"signature r >= n": {func(f *forgery) {
			f.signature = func(s []byte) []byte { copy(s, bytes.Repeat([]byte{0xff}, 32)); return s }
		}, []string{CheckIssuerSignature}, false},
		"item value":        {func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["elementValue"] = "Musterfrau" }) }, []string{CheckDigest}, false},
		"item random":       {func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["random"] = make([]byte, 32) }) }, []string{CheckDigest}, false},
		"digestID":          {func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["digestID"] = 99 }) }, []string{CheckDigest}, false},
		"elementIdentifier": {func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["elementIdentifier"] = "given_name" }) }, []string{CheckDigest}, false},
		"items change place": {func(f *forgery) {
			f.add(mdlNS, 60, "one", 1)
			f.add(usNS, 61, "two", 2)
			f.items[mdlNS][3], f.items[usNS][1] = f.items[usNS][1], f.items[mdlNS][3]
		}, []string{CheckDigest}, false},
		"items with the same digestID change place": {func(f *forgery) {
			f.add(mdlNS, 60, "one", 1)
			f.add(usNS, 60, "two", 2)
			f.items[mdlNS][3], f.items[usNS][1] = f.items[usNS][1], f.items[mdlNS][3]
		}, []string{CheckDigest}, false},
		"item copied to another namespace": {func(f *forgery) {
			f.add(mdlNS, 60, "one", 1)
			f.items[usNS] = append(f.items[usNS], f.items[mdlNS][3])
		}, []string{CheckDigest}, false},
		"item re-encoded, keys in another order": {func(f *forgery) {
			item := f.open(mdlNS, 0)
			b := cbor.AppendMap(nil, 4)
			for _, key := range []string{"digestID", "random", "elementIdentifier", "elementValue"} {
				b = append(cbor.AppendText(b, key), item[key].(cbor.RawMessage)...)
			}
			f.items[mdlNS][0] = cbor.WrapEncoded(b)
		}, []string{CheckDigest}, false},
		"item re-encoded, length of its string": {func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			f.items[mdlNS][0] = append([]byte{0xd8, 24, 0x59, 0, byte(len(content))}, content...)
		}, []string{CheckDigest}, false},
		"element twice, one forged": {func(f *forgery) {
			f.items[mdlNS] = append(f.items[mdlNS], f.items[mdlNS][0])
			f.edit(mdlNS, 3, func(i map[string]any) { i["elementValue"] = "Musterfrau"; i["digestID"] = 98 })
		}, []string{CheckDigest, CheckDuplicate}, false},
		"element twice, both issued": {func(f *forgery) { f.add(mdlNS, 50, "family_name", "Musterfrau") }, []string{CheckDuplicate}, false},
		"item twice":                 {func(f *forgery) { f.items[mdlNS] = append(f.items[mdlNS], f.items[mdlNS][0]) }, []string{CheckDuplicate}, false},
		"docType of the document": {func(f *forgery) { f.docType = "org.iso.18013.5.1.other" },
			[]string{CheckDeviceSignature, CheckDocType}, false},
		"docType of the MSO": {func(f *forgery) { f.mso["docType"] = "org.example.card" }, []string{CheckDocType}, false},
		"trailing byte":      {func(f *forgery) { f.bytes = func(b []byte) []byte { return append(b, 0) } }, []string{CheckStrict}, false},
		"MSO without tag 24": {func(f *forgery) { f.payload = func(mso []byte) []byte { return mso } }, []string{CheckFormat}, false},
		"MSO as a bare string": {func(f *forgery) {
			f.payload = func(mso []byte) []byte { return cbor.MustMarshal(mso) }
		}, []string{CheckFormat}, false},
		"MSO followed by a second item": {func(f *forgery) {
			f.payload = func(mso []byte) []byte { return cbor.WrapEncoded(append(mso, 0xf6)) }
		}, []string{CheckFormat}, false},
		"digest of 16 bytes":          {func(f *forgery) { f.digests[mdlNS][f.open0ID()] = make([]byte, 16) }, []string{CheckFormat}, false},
		"digest empty":                {func(f *forgery) { f.digests[mdlNS][f.open0ID()] = []byte{} }, []string{CheckFormat}, false},
		"digest missing":              {func(f *forgery) { delete(f.digests[mdlNS], f.open0ID()) }, []string{CheckDigest}, false},
		"namespace missing":           {func(f *forgery) { delete(f.digests, usNS) }, []string{CheckDigest}, false},
		"SHA-1":                       {func(f *forgery) { f.mso["digestAlgorithm"] = "SHA-1" }, []string{CheckFormat}, false},
		"sha-256":                     {func(f *forgery) { f.mso["digestAlgorithm"] = "sha-256" }, []string{CheckFormat}, false},
		"SHA-384 named, SHA-256 used": {func(f *forgery) { f.mso["digestAlgorithm"] = "SHA-384" }, []string{CheckFormat}, false},
		"ES256 with a P-384 key": {func(f *forgery) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				f.t.Fatal(err)
			}
			f.signer, f.options.Leaf = key, key.Public()
		}, []string{CheckIssuerSignature}, false},
		"alg unprotected":            {func(f *forgery) { f.protected = map[any]any{}; f.unprotected[1] = -7 }, []string{CheckIssuerHeader}, false},
		"alg in both headers":        {func(f *forgery) { f.unprotected[1] = -7 }, []string{CheckIssuerHeader}, false},
		"x5chain in both headers":    {func(f *forgery) { f.protected[33] = f.unprotected[33] }, []string{CheckIssuerHeader}, false},
		"x5chain missing":            {func(f *forgery) { delete(f.unprotected, 33) }, []string{CheckIssuerHeader}, false},
		"x5t of another certificate": {func(f *forgery) { f.protected[34] = []any{-16, make([]byte, 32)} }, []string{CheckIssuerHeader}, false},
		"unknown critical label":     {func(f *forgery) { f.protected[2] = []any{99}; f.protected[99] = 1 }, []string{CheckIssuerHeader}, false},
		"payload detached":           {func(f *forgery) { f.issuerAuth = func(p []any) any { p[2] = nil; return p } }, []string{CheckIssuerHeader}, false},

		"validUntil a second ago": {func(f *forgery) { f.date("validUntil", cbor.NewDateTime(testNow.Add(-time.Second))) }, []string{CheckValidity}, false},
		"validFrom in a second":   {func(f *forgery) { f.date("validFrom", cbor.NewDateTime(testNow.Add(time.Second))) }, []string{CheckValidity}, false},
		"signed after validFrom":  {func(f *forgery) { f.date("signed", cbor.NewDateTime(testNow)) }, []string{CheckValidity}, false},
		"signed before the document signer": {func(f *forgery) {
			f.date("signed", cbor.NewDateTime(f.options.DSNotBefore.Add(-time.Second)))
		}, []string{CheckSigned}, false},
		"signed after the document signer": {func(f *forgery) { f.options.DSNotAfter = day(-1).Time }, []string{CheckSigned}, false},

		"device-signed element not allowed": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}}
		}, []string{CheckKeyAuthorization}, false},
		"device-signed element allowed": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}}
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
		}, nil, false},
		"device-signed element allowed by name": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}}
			f.authorize(map[string]any{"dataElements": map[string][]string{"com.example": {"consent"}}})
		}, nil, false},
		"device-signed element allowed under another namespace": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}}
			f.authorize(map[string]any{"dataElements": map[string][]string{"com.example.other": {"consent"}}})
		}, []string{CheckKeyAuthorization}, false},
		"device-signed name beside an issued one": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{mdlNS: {"family_name": "Musterfrau"}}
			f.authorize(map[string]any{"nameSpaces": []string{mdlNS}})
		}, []string{CheckDuplicate}, false},
		"device-signed value changed": {func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"consent": true}}
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
			f.document = func(d map[string]any) {
				signed := d["deviceSigned"].(map[string]any)
				signed["nameSpaces"] = cbor.WrapEncoded(cbor.MustMarshal(map[string]map[string]any{"com.example": {"consent": false}}))
			}
		}, []string{CheckDeviceSignature}, false},

		"deviceSignature": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				s := p1363(f.t, f.device, deviceProtected, payload)
				flip(s, 9)
				return deviceSignature(s, nil)
			}
		}, []string{CheckDeviceSignature}, false},
		"deviceSignature with payload": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				return deviceSignature(p1363(f.t, f.device, deviceProtected, payload), payload)
			}
		}, []string{CheckDeviceSignature}, false},
		"deviceSignature over a payload of the holder's choice": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, _ []byte) map[string]any {
				own := []byte("own")
				return deviceSignature(p1363(f.t, f.device, deviceProtected, own), own)
			}
		}, []string{CheckDeviceSignature}, false},
		"deviceSignature by another key": {func(f *forgery) { f.device = newKey(f.t) }, []string{CheckDeviceSignature}, false},
		"deviceSignature in another session": {func(f *forgery) {
			engagement := cbor.MustMarshal(map[int]any{0: "1.1"})
			f.transcript, _ = QRTranscript(engagement, f.readerKeyBytes)
		}, []string{CheckDeviceSignature}, false},
		"deviceAuth with both": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				both := f.maced(f.transcript, payload)
				both["deviceSignature"] = f.prove(payload)["deviceSignature"]
				return both
			}
		}, []string{CheckDeviceSignature}, false},
		"deviceAuth with neither": {func(f *forgery) {
			f.deviceAuth = func(*forgery, []byte) map[string]any { return map[string]any{} }
		}, []string{CheckDeviceSignature}, false},

		"MAC tag": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				mac0 := f.maced(f.transcript, payload)["deviceMac"].(cbor.RawMessage)
				flip(mac0, len(mac0)-1)
				return map[string]any{"deviceMac": mac0}
			}
		}, []string{CheckDeviceMAC}, true},
		"MAC tag of 16 bytes": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				mac0, err := cose.ParseMac0(f.maced(f.transcript, payload)["deviceMac"].(cbor.RawMessage))
				if err != nil {
					f.t.Fatal(err)
				}
				return map[string]any{"deviceMac": []any{mac0.ProtectedBytes, map[int]any{}, nil, mac0.MAC[:16]}}
			}
		}, []string{CheckDeviceMAC}, true},
		"MAC with payload": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				mac0, err := cose.ParseMac0(f.maced(f.transcript, payload)["deviceMac"].(cbor.RawMessage))
				if err != nil {
					f.t.Fatal(err)
				}
				return map[string]any{"deviceMac": []any{mac0.ProtectedBytes, map[int]any{}, payload, mac0.MAC}}
			}
		}, []string{CheckDeviceMAC}, true},
		"MAC in a session with another engagement": {func(f *forgery) {
			f.transcript, _ = QRTranscript(cbor.MustMarshal(map[int]any{0: "1.1"}), f.readerKeyBytes)
		}, []string{CheckDeviceMAC}, true},
		"MAC over NFC instead of QR": {func(f *forgery) {
			f.transcript, _ = NFCTranscript(f.engagement, f.readerKeyBytes, []byte("Hs"), nil)
		}, []string{CheckDeviceMAC}, true},
		"MAC with SKDevice as key": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any { return f.macedWith("SKDevice", true, payload) }
		}, []string{CheckDeviceMAC}, true},
		"MAC key salted with the untagged transcript": {func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any { return f.macedWith("EMacKey", false, payload) }
		}, []string{CheckDeviceMAC}, true},
		"MAC checked with another reader key": {func(f *forgery) {
			other, err := newKey(f.t).ECDH()
			if err != nil {
				f.t.Fatal(err)
			}
			f.options.DeviceAuth.ReaderKey = other
		}, []string{CheckDeviceMAC}, true},
		"MAC checked without a reader key": {func(f *forgery) { f.options.DeviceAuth.ReaderKey = nil }, []string{CheckDeviceMAC}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.mac = c.mac
			c.mutate(f)
			if got := failures(f.assemble(), f.options); !slices.Equal(got, c.want) {
				t.Errorf("failed checks %v, want %v", got, c.want)
			}
		})
	}
}

// hiddenDigest is the digest of an element that the presentation does not show.
func (f *forgery) hiddenDigest() []byte {
	f.t.Helper()
	used := map[string]bool{}
	for _, item := range f.items[mdlNS] {
		sum := sha256.Sum256(item)
		used[string(sum[:])] = true
	}
	for _, digest := range f.digests[mdlNS] {
		if !used[string(digest)] {
			return digest
		}
	}
	f.t.Fatal("every element is shown")
	return nil
}

// open0ID is the digestID of the first mDL item.
func (f *forgery) open0ID() uint64 {
	id, _ := uintOf(f.open(mdlNS, 0)["digestID"].(cbor.RawMessage))
	return id
}

// authorize sets keyAuthorizations.
func (f *forgery) authorize(authorizations map[string]any) {
	info := f.mso["deviceKeyInfo"].(map[any]any)
	info["keyAuthorizations"] = authorizations
}

// macedWith makes a deviceMac with another derivation of the key.
func (f *forgery) macedWith(info string, tagged bool, payload []byte) map[string]any {
	private, err := f.device.ECDH()
	if err != nil {
		f.t.Fatal(err)
	}
	z, err := private.ECDH(f.reader.PublicKey())
	if err != nil {
		f.t.Fatal(err)
	}
	salt := sha256.Sum256(f.transcript)
	if tagged {
		salt = f.transcript.Hash()
	}
	key, err := hkdf.Key(sha256.New, z, salt[:], info, 32)
	if err != nil {
		f.t.Fatal(err)
	}
	mac0, err := cose.Mac0Detached(key, payload)
	if err != nil {
		f.t.Fatal(err)
	}
	return map[string]any{"deviceMac": cbor.RawMessage(mac0)}
}

// TestAnnexDMutations flips single bits of the standard's own response and
// session.
func TestAnnexDMutations(t *testing.T) {
	vector := annexD(t)
	response := vector("device_response")
	parsed, err := ParseDeviceResponse(response)
	if err != nil {
		t.Fatal(err)
	}
	d := &parsed.Documents[0]
	ds, err := pki.ParseCertificate(d.IssuerSigned.IssuerAuth.Header.X5Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	options := VerifyOptions{
		Leaf: ds.PublicKey(), DSNotBefore: ds.NotBefore(), DSNotAfter: ds.NotAfter(), Now: annexDNow,
		DeviceAuth: DeviceAuthOptions{Transcript: annexDTranscript(t, vector), ReaderKey: p256Private(t, vector("ephemeral_reader_key_d"))},
	}
	item := &d.IssuerSigned.NameSpaces[0].Items[0]
	transcript := options.DeviceAuth.Transcript
	// at is where a piece of the response lies in it.
	at := func(piece []byte) int {
		i := bytes.Index(response, piece)
		if i < 0 || bytes.Count(response, piece) != 1 {
			t.Fatalf("piece %x occurs %d times", piece, bytes.Count(response, piece))
		}
		return i
	}
	for name, c := range map[string]struct {
		at   int // byte whose lowest bit is flipped
		want string
	}{
		"protected header":   {at(d.IssuerSigned.IssuerAuthRaw) + 4, CheckIssuerSignature}, // -7 becomes -8
		"MSO, hidden digest": {at(d.IssuerSigned.MSO.ValueDigests["org.iso.18013.5.1.US"][1]), CheckIssuerSignature},
		"signature":          {at(d.IssuerSigned.IssuerAuth.Signature) + 5, CheckIssuerSignature},
		"item value":         {at(item.Raw) + bytes.Index(item.Raw, item.ElementValue) + 1, CheckDigest},
		"item random":        {at(item.Random), CheckDigest},
		"digestID":           {at(item.Raw) + bytes.Index(item.Raw, []byte("digestID")) + 8, CheckDigest},
		"elementIdentifier":  {at(item.Raw) + bytes.Index(item.Raw, []byte(item.ElementIdentifier)), CheckDigest},
		"MAC tag":            {at(d.DeviceSigned.MAC.MAC) + 31, CheckDeviceMAC},
	} {
		t.Run(name, func(t *testing.T) {
			changed := bytes.Clone(response)
			changed[c.at] ^= 1
			if got := failures(changed, options); !slices.Equal(got, []string{c.want}) {
				t.Errorf("failed checks %v, want %s", got, c.want)
			}
		})
	}
	for name, i := range map[string]int{
		"DeviceEngagement byte": 12,
		"EReaderKey byte":       bytes.Index(transcript, vector("ephemeral_reader_key_x")),
		"Handover Select byte":  bytes.Index(transcript, vector("nfc_handover_select")) + 2,
	} {
		t.Run(name, func(t *testing.T) {
			other := options
			other.DeviceAuth.Transcript = bytes.Clone(transcript)
			other.DeviceAuth.Transcript[i] ^= 1
			if got := failures(response, other); !slices.Equal(got, []string{CheckDeviceMAC}) {
				t.Errorf("failed checks %v, want %s", got, CheckDeviceMAC)
			}
		})
	}
}
