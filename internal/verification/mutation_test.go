package verification

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
	"vidimus/internal/elements"
	"vidimus/internal/mdoc"
	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/trust"
)

// macedWith makes a deviceMac with another derivation of the key.
func (f *forgery) macedWith(info string, tagged bool, payload []byte) cbor.RawMessage {
	f.t.Helper()
	private, err := f.device.ECDH()
	f.must(err)
	z, err := private.ECDH(f.reader.PublicKey())
	f.must(err)
	salt := sha256.Sum256(f.session)
	if tagged {
		salt = f.session.Hash()
	}
	key, err := hkdf.Key(sha256.New, z, salt[:], info, 32)
	f.must(err)
	mac0, err := cose.Mac0Detached(key, payload)
	f.must(err)
	return mac0
}

// One thing of a sound presentation is changed at a time: the verdict turns,
// and exactly the checks that are named fail, in the whole report. What an
// issuer or a holder would have to sign is signed again.
func TestMutations(t *testing.T) {
	const ns = elements.MDLNameSpace
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
	consent := map[string]map[string]any{"com.example": {"consent": true}}
	macOf := func(f *forgery, change func(parts []any)) func([]byte) map[string]any {
		return func(payload []byte) map[string]any {
			mac0, err := cose.ParseMac0(f.maced(f.session, payload))
			f.must(err)
			parts := []any{mac0.ProtectedBytes, map[int]any{}, nil, mac0.MAC}
			change(parts)
			return map[string]any{"deviceMac": parts}
		}
	}
	for name, m := range map[string]struct {
		change func(*forgery)
		want   []string // failed checks, sorted; nil for a change that is allowed
		mac    bool
	}{
		// Bits of what the issuer signed.
		"protected header": {func(f *forgery) {
			f.issuerAuth = func(p []any) any { p[0] = cbor.MustMarshal(map[int]int{1: -8}); return p }
		}, []string{"ia.sig"}, false},
		"MSO": {func(f *forgery) {
			f.digests[ns][200] = bytes.Repeat([]byte{7}, 32)
			f.issuerAuth = func(p []any) any {
				p[2] = bytes.Replace(p[2].([]byte), bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{6}, 32), 1)
				return p
			}
		}, []string{"ia.sig"}, false},
		"signature": {func(f *forgery) { f.signature = func(s []byte) []byte { return flip(s, 40) } }, []string{"ia.sig"}, false},
		"leaf certificate": {func(f *forgery) {
			leaf := f.DocumentSignerMDL.Chain[0]
			f.unprotected[33] = flip(leaf, bytes.Index(leaf, []byte("mDL Signer")))
		}, []string{"ia.path"}, false},
		"item value":        {func(f *forgery) { f.edit(ns, 0, func(i map[string]any) { i["elementValue"] = "Wober" }) }, []string{"mso.digest"}, false},
		"item random":       {func(f *forgery) { f.edit(ns, 0, func(i map[string]any) { i["random"] = make([]byte, 32) }) }, []string{"mso.digest"}, false},
		"digestID":          {func(f *forgery) { f.edit(ns, 0, func(i map[string]any) { i["digestID"] = 99 }) }, []string{"mso.digest"}, false},
		"elementIdentifier": {func(f *forgery) { f.edit(ns, 0, func(i map[string]any) { i["elementIdentifier"] = "sex" }) }, []string{"mso.digest"}, false},

		// Items moved and made again.
		"two items change namespaces": {func(f *forgery) {
			f.items[ns][0], f.items[domestic][0] = f.items[domestic][0], f.items[ns][0]
		}, []string{"mso.digest"}, false},
		"two items of one digestID change namespaces": {func(f *forgery) {
			f.add(ns, 90, "one", 1)
			f.add(domestic, 90, "two", 2)
			f.items[ns][4], f.items[domestic][1] = f.items[domestic][1], f.items[ns][4]
		}, []string{"mso.digest"}, false},
		"an item twice, with another value": {func(f *forgery) {
			f.items[ns] = append(f.items[ns], f.items[ns][0])
			f.edit(ns, 4, func(i map[string]any) { i["elementValue"] = "Wober" })
		}, []string{"mso.digest", "mso.dup"}, false},
		"an element twice, both issued": {func(f *forgery) { f.add(ns, 90, "family_name", "Wober") }, []string{"mso.dup"}, false},
		"an item encoded again, keys in another order": {func(f *forgery) {
			item := f.open(ns, 0)
			b := cbor.AppendMap(nil, 4)
			for _, key := range []string{"digestID", "random", "elementIdentifier", "elementValue"} {
				b = append(cbor.AppendText(b, key), item[key].(cbor.RawMessage)...)
			}
			if f.items[ns][0] = cbor.WrapEncoded(b); bytes.Equal(b, cbor.MustMarshal(item)) {
				f.t.Fatal("the order is the same")
			}
		}, []string{"mso.digest"}, false},
		"digest missing":            {func(f *forgery) { delete(f.digests[ns], f.id(ns, 0)) }, []string{"mso.digest"}, false},
		"digests of a name missing": {func(f *forgery) { delete(f.digests, domestic) }, []string{"mso.digest"}, false},

		// Form.
		"docType of the document alone": {func(f *forgery) {
			f.everything()
			f.docType = "org.iso.18013.5.1.other"
			f.must(f.trust.Add(trust.Anchor{Cert: f.IACA.Cert, Source: "test", Scope: trust.Scope{Purposes: []trust.Purpose{trust.IssueMdoc}, DocTypes: []string{f.docType}}}))
			f.options.Purposes = map[string][]asn1.ObjectIdentifier{f.docType: {pki.OIDMdlDS}}
		}, []string{"mso.doctype"}, false},
		"docType of the MSO alone":   {func(f *forgery) { f.mso["docType"] = "org.example.card" }, []string{"mso.doctype"}, false},
		"trailing byte":              {func(f *forgery) { f.bytes = func(b []byte) []byte { return append(b, 0) } }, []string{"cbor.strict"}, false},
		"MSO without tag 24":         {func(f *forgery) { f.payload = func(mso []byte) []byte { return mso } }, []string{"mso.format"}, false},
		"digest of 16 bytes":         {func(f *forgery) { f.digests[ns][f.id(ns, 0)] = f.digests[ns][f.id(ns, 0)][:16] }, []string{"mso.format"}, false},
		"digestAlgorithm SHA-1":      {func(f *forgery) { f.mso["digestAlgorithm"] = "SHA-1" }, []string{"mso.format"}, false},
		"digestAlgorithm sha-256":    {func(f *forgery) { f.mso["digestAlgorithm"] = "sha-256" }, []string{"mso.format"}, false},
		"algorithm ES256, key P-384": {p384Signer, []string{"ia.sig"}, false},
		"algorithm not protected":    {func(f *forgery) { f.protected = map[any]any{}; f.unprotected[1] = -7 }, []string{"ia.header"}, false},
		"x5chain in both headers":    {func(f *forgery) { f.protected[33] = f.unprotected[33] }, []string{"ia.header"}, false},
		"signature in DER":           {func(f *forgery) { f.signature = derSignature }, []string{"ia.sig"}, false},
		"signature with r = 0":       {func(f *forgery) { f.signature = func(s []byte) []byte { clear(s[:32]); return s } }, []string{"ia.sig"}, false},
		"response that returns and excuses": {func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = map[string]any{ns: map[string]any{"family_name": 0}} }
		}, []string{"resp.status"}, false},

		// Dates.
		"validUntil a second ago, and the skew": {func(f *forgery) { f.validity["validUntil"] = tdate(f.Now.Add(-time.Minute - time.Second)) }, []string{"mso.validity"}, false},
		"signed before the signer's certificate": {func(f *forgery) {
			f.validity["signed"] = tdate(f.DocumentSignerMDL.Cert.NotBefore().Add(-time.Second))
		}, []string{"mso.signed"}, false},

		// What the device signed.
		"an element of the device, not allowed": {func(f *forgery) { f.deviceElements = consent }, []string{"da.keyauth"}, false},
		"an element of the device, allowed": {func(f *forgery) {
			f.deviceElements = consent
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
		}, nil, false},
		"an element of the device, allowed by name": {func(f *forgery) {
			f.deviceElements = consent
			f.authorize(map[string]any{"dataElements": map[string][]string{"com.example": {"consent"}}})
		}, nil, false},
		"an element of the device, another one allowed": {func(f *forgery) {
			f.deviceElements = consent
			f.authorize(map[string]any{"dataElements": map[string][]string{"com.example": {"other"}}})
		}, []string{"da.keyauth"}, false},
		"elements of the device changed": {func(f *forgery) {
			f.deviceElements = consent
			f.authorize(map[string]any{"nameSpaces": []string{"com.example"}})
			f.document = func(d map[string]any) {
				d["deviceSigned"].(map[string]any)["nameSpaces"] = cbor.WrapEncoded(cbor.MustMarshal(map[string]map[string]any{"com.example": {"consent": false}}))
			}
		}, []string{"da.sig"}, false},
		"payload of the device's choice": {func(f *forgery) {
			f.deviceAuth = func([]byte) map[string]any {
				return deviceSignature(f.p1363(f.device, deviceProtected, []byte("own")), []byte("own"))
			}
		}, []string{"da.sig"}, false},
		"payload attached": {func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				return deviceSignature(f.p1363(f.device, deviceProtected, payload), payload)
			}
		}, []string{"da.sig"}, false},
		"signature of the device": {func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				return deviceSignature(flip(f.p1363(f.device, deviceProtected, payload), 9), nil)
			}
		}, []string{"da.sig"}, false},
		"deviceAuth with both": {func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				both := f.prove(payload)
				both["deviceMac"] = f.maced(f.session, payload)
				return both
			}
		}, []string{"da.sig"}, false},
		"deviceAuth with neither": {func(f *forgery) { f.deviceAuth = func([]byte) map[string]any { return map[string]any{} } }, []string{"da.sig"}, false},
		"MAC":                     {func(f *forgery) { f.deviceAuth = macOf(f, func(p []any) { p[3] = flip(p[3].([]byte), 31) }) }, []string{"da.mac"}, true},
		"MAC of 16 bytes":         {func(f *forgery) { f.deviceAuth = macOf(f, func(p []any) { p[3] = p[3].([]byte)[:16] }) }, []string{"da.mac"}, true},
		"MAC with a payload":      {func(f *forgery) { f.deviceAuth = macOf(f, func(p []any) { p[2] = []byte("own") }) }, []string{"da.mac"}, true},
		"MAC with SKDevice as key": {func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				return map[string]any{"deviceMac": f.macedWith("SKDevice", true, payload)}
			}
		}, []string{"da.mac"}, true},
		"MAC key salted with the untagged transcript": {func(f *forgery) {
			f.deviceAuth = func(payload []byte) map[string]any {
				return map[string]any{"deviceMac": f.macedWith("EMacKey", false, payload)}
			}
		}, []string{"da.mac"}, true},
		"MAC in another session": {func(f *forgery) {
			f.session, _ = mdoc.QRTranscript(cbor.MustMarshal(map[int]any{0: "1.1"}), f.readerKeyBytes)
		}, []string{"da.mac"}, true},
		"signature in another session": {func(f *forgery) {
			f.session, _ = mdoc.NFCTranscript(f.engagement, f.readerKeyBytes, []byte("Hs"), nil)
		}, []string{"da.sig"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForgery(t)
			f.mac = m.mac
			m.change(f)
			r := f.report()
			sane(t, r)
			failed := r.Failed()
			slices.Sort(failed)
			if !slices.Equal(failed, m.want) {
				t.Errorf("failed checks %v, want %v", failed, m.want)
			}
			want := policy.Red
			if m.want == nil {
				want = policy.Green
			}
			if r.Colour != want {
				t.Errorf("%s, want %s: %s", r.Colour, want, strings.Join(r.Reasons, "\n"))
			}
			expired := slices.Equal(m.want, []string{"mso.validity"})
			if m.want != nil && (r.Verdict.Authenticity == policy.Forged) == expired || expired && r.Verdict.Status != policy.Expired {
				t.Errorf("verdict %+v", r.Verdict)
			}
		})
	}
}

// p384Signer signs with P-384 and says ES256.
func p384Signer(f *forgery) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	f.must(err)
	e := f.MustIssue(f.t, pki.Template{Profile: pki.ProfileDocumentSignerMDL, Subject: pki.Name{Country: "UT", CommonName: "P-384"}, Public: key.Public()}, &f.IACA)
	f.signer, f.unprotected[33] = key, e.Chain[0]
}
