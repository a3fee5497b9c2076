package mdoc

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"testing"

	"vidimus/internal/cbor"
	"vidimus/internal/cose"
)

// badInput is one case of the project's list of bad inputs, by its number there.
type badInput struct {
	name   string
	mutate func(f *forgery)
	fail   []string // failed checks
	warn   []string // warnings
	kind   error    // sentinel of the parse error, nil when it parses
}

func TestBadInputs(t *testing.T) {
	header, sig, format := []string{CheckIssuerHeader}, []string{CheckIssuerSignature}, []string{CheckFormat}
	strict, validity, tdate := []string{CheckStrict}, []string{CheckValidity}, []string{CheckDate}
	digest, devSig, devMAC := []string{CheckDigest}, []string{CheckDeviceSignature}, []string{CheckDeviceMAC}
	chain := func(f *forgery, n int) [][]byte {
		return slices.Repeat([][]byte{f.world.DocumentSignerMDL.Cert.Raw}, n)
	}
	item := func(f *forgery, b []byte) { f.items[mdlNS][0] = b }
	parts := func(change func(parts []any)) func(f *forgery) {
		return func(f *forgery) { f.issuerAuth = func(p []any) any { change(p); return p } }
	}
	text := func(tag uint64, s string) cbor.RawMessage {
		return cbor.MustMarshal(cbor.Tag{Number: tag, Content: s})
	}
	session := func(change func(f *forgery) (SessionTranscript, error)) func(f *forgery) {
		return func(f *forgery) {
			var err error
			if f.transcript, err = change(f); err != nil {
				f.t.Fatal(err)
			}
		}
	}

	for _, c := range []badInput{
		{"M01/signature_broken", func(f *forgery) { f.signature = func(s []byte) []byte { s[0] ^= 0x80; return s } }, sig, nil, nil},
		{"M01/signature_short", func(f *forgery) { f.signature = func(s []byte) []byte { return s[:63] } }, sig, nil, nil},
		{"M01/es256_with_p384", func(f *forgery) {
			key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
			if err != nil {
				f.t.Fatal(err)
			}
			f.signer, f.options.Leaf = key, key.Public()
		}, sig, nil, nil},
		{"M01/alg_unprotected", func(f *forgery) { f.protected = map[any]any{}; f.unprotected[1] = -7 }, header, nil, ErrMalformed},
		{"M01/alg_missing", func(f *forgery) { f.protected = map[any]any{} }, header, nil, ErrMalformed},
		{"M01/alg_-65535", func(f *forgery) { f.protected[1] = -65535 }, header, nil, ErrUnsupported},
		{"M01/alg_brainpool", func(f *forgery) { f.protected[1] = -265 }, header, nil, ErrUnsupported},
		{"M01/mac0_for_sign1", func(f *forgery) { f.protected[1] = 5 }, header, nil, ErrUnsupported},
		{"M01/tagged_mac0", func(f *forgery) {
			f.issuerAuth = func(p []any) any { return cbor.Tag{Number: 17, Content: p} }
		}, header, nil, ErrMalformed},
		{"M01/payload_nil", parts(func(p []any) { p[2] = nil }), header, nil, ErrMalformed},
		{"M01/three_parts", func(f *forgery) { f.issuerAuth = func(p []any) any { return p[:3] } }, header, nil, ErrMalformed},
		{"M01/no_leaf_key", func(f *forgery) { f.options.Leaf = nil }, sig, nil, nil},
		{"M01/tagged_sign1", func(f *forgery) {
			f.issuerAuth = func(p []any) any { return cbor.Tag{Number: 18, Content: p} }
		}, nil, header, nil},

		{"M02/missing", func(f *forgery) { delete(f.unprotected, 33) }, header, nil, ErrMalformed},
		{"M02/empty", func(f *forgery) { f.unprotected[33] = []byte{} }, header, nil, ErrMalformed},
		{"M02/empty_array", func(f *forgery) { f.unprotected[33] = [][]byte{} }, header, nil, ErrMalformed},
		{"M02/no_string", func(f *forgery) { f.unprotected[33] = "leaf" }, header, nil, ErrMalformed},
		{"M02/both_headers", func(f *forgery) { f.protected[33] = f.unprotected[33] }, header, nil, ErrMalformed},
		{"M02/six_certificates", func(f *forgery) { f.unprotected[33] = chain(f, MaxChain+1) }, header, nil, ErrLimit},
		{"M02/hundred_certificates", func(f *forgery) { f.unprotected[33] = chain(f, 100) }, header, nil, ErrMalformed},
		{"M02/leaf_last", func(f *forgery) {
			f.unprotected[33] = [][]byte{f.world.IACA.Cert.Raw, f.world.DocumentSignerMDL.Cert.Raw}
			f.options.Leaf = f.world.IACA.Cert.PublicKey() // of the first certificate, as every verifier must take it
		}, sig, nil, nil},
		{"M02/array_of_one", func(f *forgery) { f.unprotected[33] = chain(f, 1) }, nil, header, nil},
		{"M02/protected", func(f *forgery) { f.protected[33] = f.unprotected[33]; delete(f.unprotected, 33) }, nil, header, nil},

		{"M08/other_doctype", func(f *forgery) { f.mso["docType"] = "org.example.card" }, []string{CheckDocType}, nil, nil},
		{"M08/trailing_space", func(f *forgery) { f.mso["docType"] = mdlDocType + " " }, []string{CheckDocType}, nil, nil},

		{"M09/version_2.0", func(f *forgery) { f.mso["version"] = "2.0" }, format, nil, ErrUnsupported},
		{"M09/version_number", func(f *forgery) { f.mso["version"] = 1 }, format, nil, ErrMalformed},
		{"M09/version_text", func(f *forgery) { f.mso["version"] = "1.x" }, format, nil, ErrUnsupported},
		{"M09/version_1.1", func(f *forgery) { f.mso["version"] = "1.1" }, nil, format, nil},
		{"M09/sha1", func(f *forgery) { f.mso["digestAlgorithm"] = "SHA-1" }, format, nil, ErrUnsupported},
		{"M09/lower_case", func(f *forgery) { f.mso["digestAlgorithm"] = "sha-256" }, format, nil, ErrUnsupported},
		{"M09/algorithm_missing", func(f *forgery) { delete(f.mso, "digestAlgorithm") }, format, nil, ErrMalformed},
		{"M09/member_in_other_case", func(f *forgery) { f.mso["DocType"] = f.mso["docType"]; delete(f.mso, "docType") }, format, nil, ErrMalformed},

		{"M10/mismatch", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["elementValue"] = 1 }) }, digest, nil, nil},
		{"M10/other_namespace", func(f *forgery) { f.digests[usNS], f.digests[mdlNS] = f.digests[mdlNS], f.digests[usNS] }, digest, nil, nil},
		{"M10/absent", func(f *forgery) { delete(f.digests[mdlNS], f.open0ID()) }, digest, nil, nil},
		{"M10/no_digests", func(f *forgery) { f.mso["valueDigests"] = map[string]any{} }, format, nil, ErrMalformed},
		{"M10/no_digests_in_namespace", func(f *forgery) { f.digests[mdlNS] = nil }, format, nil, ErrMalformed},
		{"M10/duplicate_in_response", func(f *forgery) {
			f.add(mdlNS, 70, "one", 1)
			f.add(mdlNS, 70, "two", 2)
			f.rehash(mdlNS, 70, f.items[mdlNS][4])
		}, []string{CheckDigest, CheckDuplicate}, nil, nil},
		{"M10/duplicate_in_mso", func(f *forgery) {
			f.mso["valueDigests"] = cbor.RawMessage(slices.Concat([]byte{0xa1}, cbor.MustMarshal(mdlNS), []byte{0xa2, 1, 0x58, 32}, make([]byte, 32), []byte{1, 0x58, 32}, make([]byte, 32)))
		}, format, nil, ErrMalformed},
		{"M10/duplicate_in_mso_longer_form", func(f *forgery) {
			f.mso["valueDigests"] = cbor.RawMessage(slices.Concat([]byte{0xa1}, cbor.MustMarshal(mdlNS), []byte{0xa2, 1, 0x58, 32}, make([]byte, 32), []byte{0x18, 1, 0x58, 32}, make([]byte, 32)))
		}, format, nil, ErrMalformed},
		{"M10/negative", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["digestID"] = -1 }) }, digest, nil, ErrMalformed},
		{"M10/text", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["digestID"] = "0" }) }, digest, nil, ErrMalformed},
		{"M10/float", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { i["digestID"] = 1.0 }) }, digest, nil, ErrMalformed},
		{"M10/missing", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { delete(i, "digestID") }) }, digest, nil, ErrMalformed},
		{"M10/negative_in_mso", func(f *forgery) { f.mso["valueDigests"] = map[string]any{mdlNS: map[int][]byte{-1: make([]byte, 32)}} }, format, nil, ErrMalformed},
		{"M10/text_in_mso", func(f *forgery) {
			f.mso["valueDigests"] = map[string]any{mdlNS: map[string][]byte{"0": make([]byte, 32)}}
		}, format, nil, ErrMalformed},
		// Seen in the field, and no weaker: accepted and named.
		{"M10/2^40", func(f *forgery) { f.add(mdlNS, 1<<40, "large", 1) }, nil, format, nil},

		{"M11/same_identifier", func(f *forgery) { f.add(mdlNS, 71, "family_name", "Musterfrau") }, []string{CheckDuplicate}, nil, nil},
		{"M11/in_another_namespace", func(f *forgery) { f.add(usNS, 71, "family_name", "Musterfrau") }, nil, nil, nil},

		{"M12/map_order", func(f *forgery) {
			i := f.open(mdlNS, 0)
			b := cbor.AppendMap(nil, 4)
			for _, key := range []string{"elementIdentifier", "elementValue", "random", "digestID"} {
				b = append(cbor.AppendText(b, key), i[key].(cbor.RawMessage)...)
			}
			item(f, cbor.WrapEncoded(b))
		}, digest, []string{CheckCanonical}, nil},
		{"M12/longer_head", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, slices.Concat([]byte{0xd8, 24, 0x5a, 0, 0, 0, byte(len(content))}, content))
		}, digest, []string{CheckCanonical}, nil},
		{"M12/indefinite", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, cbor.WrapEncoded(slices.Concat([]byte{0xbf}, content[1:], []byte{0xff})))
		}, strict, nil, ErrMalformed},

		{"M13/no_tag", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, content)
		}, strict, nil, ErrMalformed},
		{"M13/bare_string", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, cbor.MustMarshal(content))
		}, strict, nil, ErrMalformed},
		{"M13/tag_around_text", func(f *forgery) { item(f, text(24, "x")) }, strict, nil, ErrMalformed},
		{"M13/tag_in_tag", func(f *forgery) { item(f, append([]byte{0xd8, 24}, f.items[mdlNS][0]...)) }, strict, nil, ErrMalformed},
		{"M13/embedded_twice", func(f *forgery) { item(f, cbor.WrapEncoded(f.items[mdlNS][0])) }, strict, nil, ErrMalformed},
		{"M13/other_tag", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, cbor.MustMarshal(cbor.Tag{Number: 25, Content: content}))
		}, strict, nil, ErrMalformed},
		{"M13/two_items_inside", func(f *forgery) {
			content, _ := cbor.UnwrapEncoded(f.items[mdlNS][0])
			item(f, cbor.WrapEncoded(append(bytes.Clone(content), 0xf6)))
		}, strict, nil, ErrMalformed},
		{"M13/item_no_map", func(f *forgery) { item(f, cbor.WrapEncoded([]byte{0x80})) }, strict, nil, ErrMalformed},
		{"M13/item_without_value", func(f *forgery) { f.edit(mdlNS, 0, func(i map[string]any) { delete(i, "elementValue") }) }, strict, nil, ErrMalformed},

		{"M14/expired", func(f *forgery) {
			f.date("validUntil", day(0))
			f.date("validFrom", day(-1))
			f.date("signed", day(-1))
		}, validity, nil, nil},
		{"M14/future", func(f *forgery) { f.date("validFrom", day(1)) }, validity, nil, nil},
		{"M14/signed_after_validFrom", func(f *forgery) { f.date("signed", day(1)) }, validity, nil, nil},
		{"M14/until_before_from", func(f *forgery) { f.date("validUntil", day(0)) }, validity, nil, nil},
		{"M14/expectedUpdate_only", func(f *forgery) { f.mso["validityInfo"] = map[string]any{"expectedUpdate": day(1)} }, format, nil, ErrMalformed},
		{"M14/no_validity", func(f *forgery) { delete(f.mso, "validityInfo") }, format, nil, ErrMalformed},
		{"M14/untagged", func(f *forgery) { f.date("signed", "2026-06-15T00:00:00Z") }, tdate, nil, ErrMalformed},
		{"M14/tag_1", func(f *forgery) { f.date("signed", cbor.Tag{Number: 1, Content: 1781481600}) }, tdate, nil, ErrMalformed},
		{"M14/full_date", func(f *forgery) { f.date("signed", cbor.FullDate("2026-06-15")) }, tdate, nil, ErrMalformed},
		{"M14/no_zone", func(f *forgery) { f.date("signed", text(0, "2026-06-15T00:00:00")) }, tdate, nil, ErrMalformed},
		{"M14/lower_case", func(f *forgery) { f.date("signed", text(0, "2026-06-15t00:00:00z")) }, tdate, nil, ErrMalformed},
		{"M14/second_60", func(f *forgery) { f.date("signed", text(0, "2026-06-14T23:59:60Z")) }, tdate, nil, ErrMalformed},
		{"M14/year_10000", func(f *forgery) { f.date("validUntil", text(0, "10000-01-01T00:00:00Z")) }, tdate, nil, ErrMalformed},
		{"M14/31_april", func(f *forgery) { f.date("signed", text(0, "2026-04-31T00:00:00Z")) }, tdate, nil, ErrMalformed},
		{"M14/fraction", func(f *forgery) { f.date("signed", text(0, "2026-06-14T00:00:00.5Z")) }, nil, tdate, nil},
		{"M14/offset", func(f *forgery) { f.date("signed", text(0, "2026-06-15T02:00:00+02:00")) }, nil, tdate, nil},

		{"M15/random_of_15_bytes", func(f *forgery) {
			f.edit(mdlNS, 0, func(i map[string]any) { i["random"] = make([]byte, 15) })
			f.rehash(mdlNS, f.open0ID(), f.items[mdlNS][0])
		}, nil, format, nil},

		{"M16/missing", func(f *forgery) {
			f.document = func(d map[string]any) { delete(d["deviceSigned"].(map[string]any), "deviceAuth") }
		}, devSig, nil, ErrMalformed},
		{"M16/no_deviceSigned", func(f *forgery) { f.document = func(d map[string]any) { delete(d, "deviceSigned") } }, devSig, nil, ErrMalformed},
		{"M16/both", func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				both := f.maced(f.transcript, payload)
				both["deviceSignature"] = deviceSignature(p1363(f.t, f.device, deviceProtected, payload), nil)["deviceSignature"]
				return both
			}
		}, devSig, nil, ErrMalformed},
		{"M16/neither", func(f *forgery) {
			f.deviceAuth = func(*forgery, []byte) map[string]any { return map[string]any{"x": 1} }
		}, devSig, nil, ErrMalformed},
		{"M16/other_key", func(f *forgery) { f.device = newKey(f.t) }, devSig, nil, nil},
		{"M16/key_in_header", func(f *forgery) {
			own := newKey(f.t)
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				return map[string]any{"deviceSignature": []any{deviceProtected, map[int]any{4: []byte("own")}, nil, p1363(f.t, own, deviceProtected, payload)}}
			}
		}, devSig, nil, nil},
		{"M16/payload_attached", func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				return deviceSignature(p1363(f.t, f.device, deviceProtected, payload), payload)
			}
		}, devSig, nil, nil},
		{"M16/mac_in_signature", func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				return map[string]any{"deviceSignature": f.maced(f.transcript, payload)["deviceMac"]}
			}
		}, devSig, nil, ErrUnsupported},
		{"M16/signature_in_mac", func(f *forgery) {
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				return map[string]any{"deviceMac": deviceSignature(p1363(f.t, f.device, deviceProtected, payload), nil)["deviceSignature"]}
			}
		}, devMAC, nil, ErrUnsupported},

		{"M17/other_reader_key", session(func(f *forgery) (SessionTranscript, error) {
			key, err := cose.MarshalKey(newKey(f.t).Public())
			if err != nil {
				return nil, err
			}
			return QRTranscript(f.engagement, cbor.WrapEncoded(key))
		}), devSig, nil, nil},
		{"M17/other_handover", session(func(f *forgery) (SessionTranscript, error) {
			return NFCTranscript(f.engagement, f.readerKeyBytes, []byte{1}, nil)
		}), devSig, nil, nil},
		{"M17/other_nonce", func(f *forgery) {
			f.transcript, _ = OpenID4VPTranscript("x509_san_dns:a", "nonce-1", nil, "https://a/cb")
			f.options.DeviceAuth.Transcript, _ = OpenID4VPTranscript("x509_san_dns:a", "nonce-2", nil, "https://a/cb")
		}, devSig, nil, nil},
		{"M17/client_without_prefix", func(f *forgery) {
			f.transcript, _ = OpenID4VPTranscript("a", "nonce-1", nil, "https://a/cb")
			f.options.DeviceAuth.Transcript, _ = OpenID4VPTranscript("x509_san_dns:a", "nonce-1", nil, "https://a/cb")
		}, devSig, nil, nil},
		{"M17/other_origin", func(f *forgery) {
			f.transcript, _ = DCAPITranscript("https://evil.example", "nonce-1", nil)
			f.options.DeviceAuth.Transcript, _ = DCAPITranscript("https://a.example", "nonce-1", nil)
		}, devSig, nil, nil},
		{"M17/no_thumbprint", func(f *forgery) {
			f.transcript, _ = DCAPITranscript("https://a.example", "nonce-1", nil)
			f.options.DeviceAuth.Transcript, _ = DCAPITranscript("https://a.example", "nonce-1", make([]byte, 32))
		}, devSig, nil, nil},
		{"M17/legacy_handover_on_both_sides", func(f *forgery) {
			f.transcript = legacyAnnexB("a", "https://a/cb", "nonce-1", "m")
			f.options.DeviceAuth.Transcript = f.transcript
		}, devSig, nil, nil},

		{"M18/mac_with_reader_key_alone", func(f *forgery) {
			f.mac = true
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any {
				key, err := EMacKey(f.reader, f.reader.PublicKey(), f.transcript)
				if err != nil {
					f.t.Fatal(err)
				}
				mac0, err := cose.Mac0Detached(key, payload)
				if err != nil {
					f.t.Fatal(err)
				}
				return map[string]any{"deviceMac": cbor.RawMessage(mac0)}
			}
		}, devMAC, nil, nil},
		{"M18/all_zero_secret", func(f *forgery) {
			// A device key of low order makes the secret zero whatever the reader's key.
			f.mac = true
			f.setDeviceKey(map[int]any{1: 1, -1: 4, -2: make([]byte, 32)})
			reader, err := ecdh.X25519().GenerateKey(rand.Reader)
			if err != nil {
				f.t.Fatal(err)
			}
			f.options.DeviceAuth.ReaderKey = reader
		}, devMAC, nil, nil},
		{"M18/other_curve", func(f *forgery) {
			f.mac = true
			reader, err := ecdh.P384().GenerateKey(rand.Reader)
			if err != nil {
				f.t.Fatal(err)
			}
			f.options.DeviceAuth.ReaderKey = reader
		}, devMAC, nil, nil},
		{"M18/wrong_salt", func(f *forgery) {
			f.mac = true
			f.deviceAuth = func(f *forgery, payload []byte) map[string]any { return f.macedWith("EMacKey", false, payload) }
		}, devMAC, nil, nil},

		{"M19/not_on_curve", func(f *forgery) {
			f.setDeviceKey(map[int]any{1: 2, -1: 1, -2: make([]byte, 32), -3: make([]byte, 32)})
		}, format, nil, ErrMalformed},
		{"M19/private_key", func(f *forgery) {
			key := f.deviceKeyMap()
			key[-4] = make([]byte, 32)
			f.setDeviceKey(key)
		}, format, nil, ErrMalformed},
		{"M19/kty_mismatch", func(f *forgery) {
			key := f.deviceKeyMap()
			key[1] = 1
			f.setDeviceKey(key)
		}, format, nil, ErrMalformed},
		{"M19/x_of_31_bytes", func(f *forgery) {
			key := f.deviceKeyMap()
			key[-2] = key[-2].([]byte)[1:]
			f.setDeviceKey(key)
		}, format, nil, ErrMalformed},
		{"M19/brainpool", func(f *forgery) {
			key := f.deviceKeyMap()
			key[-1] = 256
			f.setDeviceKey(key)
		}, format, nil, ErrUnsupported},
		{"M19/missing", func(f *forgery) { f.mso["deviceKeyInfo"] = map[string]any{} }, format, nil, ErrMalformed},

		{"M20/not_authorised", func(f *forgery) {
			f.deviceElements = map[string]map[string]any{"com.example": {"x": 1}}
		}, []string{CheckKeyAuthorization}, nil, nil},
		{"M20/given_name", func(f *forgery) {
			f.deviceElements = map[string]map[string]any{mdlNS: {"given_name": "Max"}}
		}, []string{CheckKeyAuthorization}, nil, nil},
		{"M20/empty_namespace", func(f *forgery) { f.deviceElements = map[string]map[string]any{"com.example": {}} }, strict, nil, ErrMalformed},

		{"M21/version_0.9", func(f *forgery) { f.response = func(r map[string]any) { r["version"] = "0.9" } }, []string{CheckResponseStatus}, nil, nil},
		{"M21/version_2.0", func(f *forgery) { f.response = func(r map[string]any) { r["version"] = "2.0" } }, []string{CheckResponseStatus}, nil, nil},
		{"M21/version_missing", func(f *forgery) { f.response = func(r map[string]any) { delete(r, "version") } }, strict, nil, ErrMalformed},
		{"M21/version_1.7", func(f *forgery) { f.response = func(r map[string]any) { r["version"] = "1.7" } }, nil, []string{CheckResponseStatus}, nil},
		{"M21/status_10_with_documents", func(f *forgery) { f.response = func(r map[string]any) { r["status"] = 10 } }, []string{CheckResponseStatus}, nil, nil},
		{"M21/status_11_with_documents", func(f *forgery) { f.response = func(r map[string]any) { r["status"] = 11 } }, []string{CheckResponseStatus}, nil, nil},
		{"M21/status_12_with_documents", func(f *forgery) { f.response = func(r map[string]any) { r["status"] = 12 } }, []string{CheckResponseStatus}, nil, nil},
		{"M21/status_missing", func(f *forgery) { f.response = func(r map[string]any) { delete(r, "status") } }, strict, nil, ErrMalformed},
		{"M21/status_negative", func(f *forgery) { f.response = func(r map[string]any) { r["status"] = -1 } }, strict, nil, ErrMalformed},
		{"M21/errors_contradict", func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = map[string]any{mdlNS: map[string]int{"family_name": 0}} }
		}, []string{CheckResponseStatus}, nil, nil},
		{"M21/errors_of_others", func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = map[string]any{mdlNS: map[string]int{"given_name": 0}} }
		}, nil, nil, nil},
		{"M21/error_code_text", func(f *forgery) {
			f.document = func(d map[string]any) { d["errors"] = map[string]any{mdlNS: map[string]string{"given_name": "0"}} }
		}, strict, nil, ErrMalformed},

		{"M22/thousand_documents", func(f *forgery) {
			f.response = func(r map[string]any) { r["documents"] = slices.Repeat(r["documents"].([]any), 1000) }
		}, strict, nil, ErrLimit},
		{"M22/eleven_documents", func(f *forgery) {
			f.response = func(r map[string]any) { r["documents"] = slices.Repeat(r["documents"].([]any), 11) }
		}, strict, nil, ErrLimit},
		{"M22/ten_documents", func(f *forgery) {
			f.response = func(r map[string]any) { r["documents"] = slices.Repeat(r["documents"].([]any), 10) }
		}, nil, nil, nil},

		{"M27/two_docTypes", func(f *forgery) {
			f.bytes = func(b []byte) []byte {
				member := append(cbor.MustMarshal("docType"), cbor.MustMarshal(mdlDocType)...)
				i := bytes.Index(b, member)
				b = slices.Insert(b, i, member...)
				b[i-1]++ // the head of the map
				return b
			}
		}, strict, nil, ErrMalformed},
		{"M27/two_docTypes_in_mso", func(f *forgery) {
			f.payload = func(mso []byte) []byte {
				member := append(cbor.MustMarshal("docType"), cbor.MustMarshal("org.example.card")...)
				mso[0]++
				return cbor.WrapEncoded(append(mso, member...))
			}
		}, format, nil, ErrMalformed},
		{"M27/two_algs", func(f *forgery) {
			f.issuerAuth = func(p []any) any { p[0] = []byte{0xa2, 1, 0x26, 1, 0x27}; return p }
		}, header, nil, ErrMalformed},
		{"M27/key_no_text", func(f *forgery) { f.issuerSigned = func(m map[string]any) any { return withKey(m, 1) } }, strict, nil, ErrMalformed},
		{"M27/NaN", func(f *forgery) { f.edit(mdlNS, 0, raw("elementValue", 0xf9, 0x7e, 0x00)) }, strict, nil, ErrMalformed},
		{"M27/undefined", func(f *forgery) { f.edit(mdlNS, 0, raw("elementValue", 0xf7)) }, strict, nil, ErrMalformed},
		{"M27/simple_255", func(f *forgery) { f.edit(mdlNS, 0, raw("elementValue", 0xf8, 0xff)) }, strict, nil, ErrMalformed},
		{"M27/trailing_byte", func(f *forgery) { f.bytes = func(b []byte) []byte { return append(b, 0) } }, strict, nil, ErrMalformed},
		{"M27/not_utf8", func(f *forgery) {
			f.bytes = func(b []byte) []byte { b[bytes.Index(b, []byte("family_name"))] = 0xff; return b }
		}, strict, nil, ErrMalformed},
		{"M27/depth", func(f *forgery) {
			f.edit(mdlNS, 0, raw("elementValue", append(bytes.Repeat([]byte{0x81}, 20), 1)...))
		}, strict, nil, ErrLimit},

		{"M28/unknown_namespace", func(f *forgery) { f.add("org.iso.18013.5.1.aamva", 1, "DHS_compliance", "F") }, nil, nil, nil},
		{"M28/unknown_members", func(f *forgery) {
			f.response = func(r map[string]any) { r["later"] = 1 }
			f.document = func(d map[string]any) { d["later"] = 1; d["deviceSigned"].(map[string]any)["later"] = 1 }
			f.issuerSigned = func(m map[string]any) any { m["later"] = 1; return m }
		}, nil, strict, nil},
		{"M28/unknown_members_in_mso", func(f *forgery) {
			f.mso["later"] = 1
			f.mso["deviceKeyInfo"].(map[any]any)["later"] = 1
			f.mso["deviceKeyInfo"].(map[any]any)["keyInfo"] = map[int]any{1: 2, -5: "x"}
			f.mso["status"] = map[string]any{"later": 1}
			f.date("later", 1)
		}, nil, []string{CheckStrict, CheckFormat}, nil},
		{"M28/zk", func(f *forgery) { f.response = func(r map[string]any) { r["zkDocuments"] = []any{} } }, nil, strict, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForgery(t)
			c.mutate(f)
			response := f.assemble()
			if got := failures(response, f.options); !slices.Equal(got, c.fail) {
				t.Errorf("failed checks %v, want %v", got, c.fail)
			}
			if got := checksWith(Warn, response, f.options); !slices.Equal(got, c.warn) {
				t.Errorf("warnings %v, want %v", got, c.warn)
			}
			_, err := ParseDeviceResponse(response)
			if c.kind == nil != (err == nil) || c.kind != nil && !errors.Is(err, c.kind) {
				t.Errorf("error %v, want %v", err, c.kind)
			}
			for _, other := range []error{ErrMalformed, ErrLimit, ErrUnsupported} {
				if other != c.kind && errors.Is(err, other) {
					t.Errorf("error %v is also %v", err, other)
				}
			}
		})
	}
}

// raw sets a member of an item to bytes as they are.
func raw(member string, b ...byte) func(map[string]any) {
	return func(i map[string]any) { i[member] = cbor.RawMessage(b) }
}

// withKey adds a member with a key that is no text.
func withKey(m map[string]any, key any) any {
	mixed := map[any]any{key: 1}
	for k, v := range m {
		mixed[k] = v
	}
	return mixed
}

func (f *forgery) deviceKeyMap() map[int]any {
	f.t.Helper()
	encoded, err := cose.MarshalKey(f.device.Public())
	if err != nil {
		f.t.Fatal(err)
	}
	key := map[int]any{}
	if err := cbor.Unmarshal(encoded, &key); err != nil {
		f.t.Fatal(err)
	}
	return key
}

func (f *forgery) setDeviceKey(key map[int]any) {
	f.mso["deviceKeyInfo"].(map[any]any)["deviceKey"] = key
}
