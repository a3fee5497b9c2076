package pki

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
)

// TestBadInputs is groups X (but CRLs, X11, and readers, X12) and M03 to M06
// as far as certificates go. Each subtest names its row.
func TestBadInputs(t *testing.T) {
	strict, lenient, german := mdl, mdl, mdl
	strict.StrictEKU = true
	lenient.RequireEKU = false
	german.AllowOddSerial = true
	rsaOK := mdl
	rsaOK.AllowRSA = true
	two := mdl
	two.MaxIntermediates = 2

	// spoil changes the leaf of a good chain.
	spoil := func(change func(l, r *forge)) func() trial {
		return func() trial {
			r := root("utopia iaca")
			l := leaf("utopia ds", r)
			change(l, r)
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}
	}
	opt := func(o PathOptions, f func() trial) func() trial {
		return func() trial { c := f(); c.opt = o; return c }
	}
	serial := func(b ...byte) func(l, r *forge) { return func(l, r *forge) { l.serial = b } }
	validity := func(from, to string) func(l, r *forge) {
		return func(l, r *forge) { l.validity = validityOf(from, to) }
	}
	subject := func(n Name) func(l, r *forge) { return func(l, r *forge) { l.subject = n.marshal() } }
	ecParams := func(params []byte) func(l, r *forge) {
		return func(l, r *forge) {
			bits := append([]byte{0, 4}, bytes.Repeat([]byte{1}, 64)...)
			l.spki = element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}), params),
				element(tagBitString, bits))
		}
	}
	issuerKeyed := func(k crypto.Signer, alg []byte, h crypto.Hash) func(l, r *forge) {
		return func(l, r *forge) {
			r.key, r.by, r.inner, r.hash = k, k, alg, h
			r.set(extSKI(k.Public()))
			l.by, l.inner, l.hash = k, alg, h
			l.set(extAKI(k.Public()))
		}
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	dsaKey := element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}),
		element(tagSequence, []byte{2, 1, 23, 2, 1, 11, 2, 1, 4})), element(tagBitString, []byte{0, 2, 1, 8}))

	for _, tt := range []struct {
		name, want string
		make       func() trial
	}{
		{"X01/only_the_mdl_purpose", "", spoil(func(l, r *forge) {})},
		{"X01/server_auth_only", ReasonEKU, spoil(func(l, r *forge) { l.set(extEKU(true, asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1})) })},

		{"X03/path_length_violated", ReasonPathLength, func() trial {
			r := root("utopia iaca")
			i := authority("sub", r, 0)
			return trial{[]*forge{r}, []*forge{leaf("ds", i), i}, two}
		}},
		{"X03/ca_false_intermediate", ReasonCA, func() trial {
			r := root("utopia iaca").set(extCA(true, true, -1))
			i := authority("sub", r, 0).set(extCA(true, false, -1))
			return trial{[]*forge{r}, []*forge{leaf("ds", i), i}, two}
		}},
		{"X03/document_signer_as_ca", ReasonCA, func() trial {
			r := root("utopia iaca").set(extCA(true, true, -1))
			ds := leaf("utopia ds", r)
			return trial{[]*forge{r}, []*forge{leaf("ds below ds", ds), ds}, two}
		}},
		{"X03/20_deep", ReasonTooMany, func() trial { return deepChain(20, two) }},
		{"X03/10_deep", ReasonPathLength, func() trial { return deepChain(9, two) }},
		{"X03/1000_intermediates", ReasonTooMany, func() trial { return deepChain(1000, two) }},
		{"X03/8_look_alikes", ReasonSignature, func() trial { // all of one name, none with the key
			r := root("utopia iaca").set(extCA(true, true, -1))
			i := authority("sub", r, -1)
			l := leaf("ds", i).drop(oidAuthorityKeyID)
			chain := []*forge{l}
			for n := range 8 {
				fake := authority("sub", r, -1).with(func(f *forge) { f.key = keyOf(fmt.Sprint("fake ", n)) })
				chain = append(chain, fake.drop(oidSubjectKeyID))
			}
			return trial{[]*forge{r}, chain, two}
		}},

		{"X04/unknown_critical_extension", ReasonCritical, spoil(func(l, r *forge) { l.set(ext(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})) })},
		{"X04/unknown_extension", "", spoil(func(l, r *forge) { l.set(ext(asn1.ObjectIdentifier{1, 2, 3}, false, []byte{5, 0})) })},
		{"X04/duplicate_extension", ReasonMalformed, spoil(func(l, r *forge) { l.exts = append(l.exts, l.exts[0]) })},
		{"X04/65_extensions", ReasonMalformed, spoil(func(l, r *forge) {
			for n := range maxExtensions {
				l.set(ext(asn1.ObjectIdentifier{1, 2, 3, n}, false, []byte{5, 0}))
			}
		})},
		{"X04/negative_serial", ReasonMalformed, spoil(serial(0x80, 1))},
		{"X04/negative_serial_by_policy", "", opt(german, spoil(serial(0x80, 1)))},
		{"X04/zero_serial", ReasonMalformed, spoil(serial(0))},
		{"X04/21_octet_serial", ReasonMalformed, spoil(serial(append([]byte{1}, make([]byte, 20)...)...))},
		{"X04/20_octet_serial", "", spoil(serial(append([]byte{1}, make([]byte, 19)...)...))},
		{"X04/serial_not_shortest", ReasonMalformed, spoil(serial(0, 1))},
		{"X04/negative_serial_not_shortest", ReasonMalformed, opt(german, spoil(serial(0xff, 0x80)))},
		{"X04/empty_issuer", ReasonMalformed, spoil(func(l, r *forge) { l.issuer = element(tagSequence) })},
		{"X04/version_1", ReasonMalformed, spoil(func(l, r *forge) { l.version, l.noExts = nil, true })},
		{"X04/version_1_with_extensions", ReasonMalformed, spoil(func(l, r *forge) { l.version = nil })},
		{"X04/no_extensions", ReasonMalformed, spoil(func(l, r *forge) { l.noExts = true })},
		{"X04/trailing_bytes_in_tbs", ReasonMalformed, spoil(func(l, r *forge) { l.exts, l.noExts, l.rest = nil, true, []byte{5, 0} })},

		{"X05/rsa_1024_ca", ReasonAlgorithm, opt(rsaOK, spoil(issuerKeyed(rsaKey(1024), algRSA, crypto.SHA256)))},
		{"X05/rsa_2048_ca", ReasonAlgorithm, spoil(issuerKeyed(rsaKey(2048), algRSA, crypto.SHA256))},
		{"X05/rsa_2048_ca_where_allowed", "", opt(rsaOK, spoil(issuerKeyed(rsaKey(2048), algRSA, crypto.SHA256)))},
		{"X05/rsa_sha1_where_rsa_allowed", ReasonAlgorithm, opt(rsaOK, spoil(issuerKeyed(rsaKey(2048), algRSASHA1, crypto.SHA1)))},
		{"X05/rsa_leaf", ReasonAlgorithm, opt(rsaOK, spoil(func(l, r *forge) { l.key = rsaKey(2048) }))},
		{"X05/p224_ca", ReasonAlgorithm, spoil(issuerKeyed(keyOn(elliptic.P224(), "ca"), algSHA256, crypto.SHA256))},
		{"X05/p224_leaf", ReasonAlgorithm, spoil(func(l, r *forge) { l.key = keyOn(elliptic.P224(), "ds") })},
		{"X05/p384_ca", "", spoil(issuerKeyed(keyOn(elliptic.P384(), "ca"), algSHA256, crypto.SHA256))},
		{"X05/p521_leaf", "", spoil(func(l, r *forge) { l.key = keyOn(elliptic.P521(), "ds") })},
		{"X05/secp256k1", ReasonMalformed, spoil(ecParams(mustOID(asn1.ObjectIdentifier{1, 3, 132, 0, 10})))},
		{"X05/brainpoolP256r1", ReasonMalformed, spoil(ecParams(mustOID(asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1, 7})))},
		{"X05/explicit_curve", ReasonMalformed, spoil(ecParams(element(tagSequence, []byte{2, 1, 1})))},
		{"X05/no_curve", ReasonMalformed, spoil(ecParams(nil))},
		{"X05/point_off_curve", ReasonMalformed, spoil(ecParams(mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})))},
		{"X05/ed25519_ca", ReasonAlgorithm, spoil(issuerKeyed(edKey, algEd25519, crypto.Hash(0)))},
		{"X05/ed25519_leaf", "", spoil(func(l, r *forge) { l.key = edKey })},
		{"X05/sha1_signature", ReasonAlgorithm, spoil(func(l, r *forge) { l.inner, l.hash = algSHA1, crypto.SHA1 })},

		{"X06/ends_before_it_begins", ReasonMalformed, spoil(validity("270601000000Z", "260601000000Z"))},
		{"X06/no_end", "", spoil(validity("260601000000Z", "99991231235959Z"))},
		{"X06/utctime_without_seconds", ReasonMalformed, spoil(validity("2606010000Z", "270601000000Z"))},
		{"X06/generalizedtime_fraction", ReasonMalformed, spoil(validity("260601000000Z", "20270601000000.5Z"))},
		{"X06/offset", ReasonMalformed, spoil(validity("260601000000+0100", "270601000000Z"))},
		{"X06/31_february", ReasonMalformed, spoil(validity("260231000000Z", "270601000000Z"))},
		{"X06/1950_is_past", ReasonExpired, spoil(validity("500101000000Z", "510601000000Z"))},

		{"X07/case_of_issuer_name", ReasonNoAnchor, spoil(func(l, r *forge) { l.issuer = dn("Utopia IACA") })},
		{"X07/printable_for_utf8", ReasonNoAnchor, spoil(func(l, r *forge) {
			l.issuer = bytes.Replace(r.subject, append([]byte{tagPrintableString, 11}, "utopia iaca"...), append([]byte{tagUTF8String, 11}, "utopia iaca"...), 1)
		})},

		{"X08/aki_of_another_key", ReasonNoAnchor, spoil(func(l, r *forge) { l.set(extAKI(keyOf("other").Public())) })},
		{"X08/aki_missing", "", spoil(func(l, r *forge) { l.drop(oidAuthorityKeyID) })},

		{"X09/r_with_leading_zero", ReasonSignature, spoil(func(l, r *forge) { l.signed = respell(true, false) })},
		{"X09/r_negative", ReasonSignature, spoil(func(l, r *forge) { l.signed = negateR })},
		{"X09/ber_long_length", ReasonSignature, spoil(func(l, r *forge) { l.signed = respell(false, true) })},
		{"X09/trailing_bytes", ReasonSignature, spoil(func(l, r *forge) { l.signed = func(s []byte) []byte { return append(s, 0) } })},
		{"X09/empty", ReasonSignature, spoil(func(l, r *forge) { l.signed = func([]byte) []byte { return nil } })},
		{"X09/zero_zero", ReasonSignature, spoil(func(l, r *forge) { l.signed = func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} } })},

		{"X10/dsa_key", ReasonAlgorithm, spoil(func(l, r *forge) { l.spki = dsaKey })},
		{"X10/unknown_key_algorithm", ReasonAlgorithm, spoil(func(l, r *forge) {
			l.spki = element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 3, 4})), element(tagBitString, []byte{0, 1}))
		})},
		{"X10/unknown_signature_algorithm", ReasonAlgorithm, spoil(func(l, r *forge) {
			l.inner = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 3, 4}))
		})},
		{"X10/malformed_name_constraints", ReasonMalformed, spoil(func(l, r *forge) { l.set(ext(oidNameConstraints, true, []byte{0x30, 0})) })},

		{"M03/eku_missing", ReasonEKU, spoil(func(l, r *forge) { l.drop(oidExtKeyUsage) })},
		{"M03/eku_missing_by_policy", "", opt(lenient, spoil(func(l, r *forge) { l.drop(oidExtKeyUsage) }))},
		{"M03/eku_not_critical", "", spoil(func(l, r *forge) { l.set(extEKU(false, OIDMdlDS)) })},
		{"M03/eku_not_critical_by_policy", ReasonEKU, opt(strict, spoil(func(l, r *forge) { l.set(extEKU(false, OIDMdlDS)) }))},
		{"M03/extra_eku_by_policy", ReasonEKU, opt(strict, spoil(func(l, r *forge) { l.set(extEKU(true, OIDMdlDS, OIDReaderAuth)) }))},
		{"M03/companion_eku", "", opt(func() PathOptions { o := strict; o.Purposes = o.Purposes[:1]; return o }(), spoil(func(l, r *forge) { l.set(extEKU(true, OIDMdlDS, OIDMdocDS)) }))},
		{"M03/both_advised_ekus", "", opt(strict, spoil(func(l, r *forge) { l.set(extEKU(true, OIDMdlDS, OIDMdocDS)) }))},
		{"M03/reader_certificate", ReasonEKU, spoil(func(l, r *forge) { l.set(extEKU(true, OIDReaderAuth)) })},
		{"M03/key_usage_key_cert_sign", ReasonKeyUsage, spoil(func(l, r *forge) { l.set(extKeyUsage(true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign)) })},
		{"M03/key_usage_without_signing", ReasonKeyUsage, spoil(func(l, r *forge) { l.set(extKeyUsage(true, x509.KeyUsageKeyAgreement)) })},
		{"M03/ca_true_leaf", ReasonCA, spoil(func(l, r *forge) { l.set(extCA(true, true, 0)) })},
		{"M03/self_signed_leaf", ReasonSelfSigned, func() trial {
			r := root("utopia iaca")
			l := leaf("utopia ds", r).with(func(f *forge) { f.issuer, f.by = f.subject, f.key })
			return trial{[]*forge{r}, []*forge{l, r}, mdl}
		}},
		{"M03/root_as_leaf", ReasonSelfSigned, func() trial { r := root("utopia iaca"); return trial{[]*forge{r}, []*forge{r}, mdl} }},

		{"M05/country_differs", ReasonCountry, spoil(subject(Name{Country: "ZZ", CommonName: "ds"}))},
		{"M05/country_missing", ReasonCountry, spoil(subject(Name{CommonName: "ds"}))},
		{"M05/country_in_lower_case", ReasonCountry, spoil(subject(Name{Country: "ut", CommonName: "ds"}))},
		{"M05/country_as_utf8", "", spoil(func(l, r *forge) {
			l.subject = bytes.Replace(l.subject, []byte{tagPrintableString, 2, 'U', 'T'}, []byte{tagUTF8String, 2, 'U', 'T'}, 1)
		})},
		{"M05/two_countries", ReasonCountry, spoil(func(l, r *forge) { l.subject = twice(Name{Country: "UT"}, Name{Country: "ZZ", CommonName: "ds"}) })},
		{"M05/the_same_country_twice", ReasonCountry, spoil(func(l, r *forge) { l.subject = twice(Name{Country: "UT"}, Name{Country: "UT", CommonName: "ds"}) })},
		{"M05/state_differs", ReasonState, spoil(func(l, r *forge) {
			r.subject = Name{Country: "UT", State: "UT-A", CommonName: "iaca"}.marshal()
			r.issuer, l.issuer = r.subject, r.subject
			l.subject = Name{Country: "UT", State: "UT-B", CommonName: "ds"}.marshal()
		})},
		{"M05/two_states", ReasonState, spoil(func(l, r *forge) { l.subject = twice(Name{Country: "UT", State: "UT-A"}, Name{State: "UT-B"}) })},

		{"M06/not_in_the_list", ReasonNoAnchor, func() trial {
			r := root("utopia iaca")
			return trial{[]*forge{root("arcadia iaca")}, []*forge{leaf("ds", r), r}, mdl}
		}},
		{"M06/same_name_other_key", ReasonNoAnchor, func() trial {
			r, twin := root("utopia iaca"), root("utopia iaca").with(func(f *forge) { f.key = keyOf("twin"); f.by = f.key })
			return trial{[]*forge{twin.set(extSKI(twin.key.Public()))}, []*forge{leaf("ds", r)}, mdl}
		}},
		{"M06/same_name_other_key_no_ski", ReasonSignature, func() trial {
			r, twin := root("utopia iaca"), root("utopia iaca").with(func(f *forge) { f.key = keyOf("twin"); f.by = f.key })
			return trial{[]*forge{twin.drop(oidSubjectKeyID)}, []*forge{leaf("ds", r)}, mdl}
		}},
		{"M06/three_of_one_name", "", func() trial { // the AAMVA list has such
			r := root("utopia iaca")
			var anchors []*forge
			for _, k := range []string{"twin", "triplet"} {
				twin := root("utopia iaca").with(func(f *forge) { f.key = keyOf(k); f.by = f.key })
				anchors = append(anchors, twin.drop(oidSubjectKeyID))
			}
			return trial{append(anchors, r), []*forge{leaf("ds", r)}, mdl}
		}},
		{"M06/expired_iaca", ReasonExpired, func() trial {
			r := root("utopia iaca").with(func(f *forge) { f.validity = validityOf("200101000000Z", "260101000000Z") })
			return trial{[]*forge{r}, []*forge{leaf("ds", r)}, mdl}
		}},
		{"M06/link_certificate", "", func() trial { // same name, new key: self-issued, not counted
			old := root("utopia iaca")
			link := authority("utopia iaca", old, 0).with(func(f *forge) { f.key = keyOf("new") })
			link.set(extSKI(link.key.Public()))
			return trial{[]*forge{old}, []*forge{leaf("ds", link), link}, mdl}
		}},
		{"M06/link_certificate_expired", ReasonExpired, func() trial {
			old := root("utopia iaca")
			link := authority("utopia iaca", old, 0).with(func(f *forge) { f.key = keyOf("new"); f.validity = validityOf("250101000000Z", "260101000000Z") })
			link.set(extSKI(link.key.Public()))
			return trial{[]*forge{old}, []*forge{leaf("ds", link), link}, mdl}
		}},
		{"M06/no_anchors_at_all", ReasonNoAnchor, func() trial {
			r := root("utopia iaca")
			return trial{nil, []*forge{leaf("ds", r), r}, mdl}
		}},
		{"M06/leaf_as_anchor", ReasonNoAnchor, func() trial {
			l := leaf("ds", root("utopia iaca"))
			return trial{[]*forge{l}, []*forge{l}, mdl}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := tt.make().run(t)
			if got := reasonOf(t, p, err); got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
	t.Run("X08/aki_missing_is_warned", func(t *testing.T) {
		p, err := spoil(func(l, r *forge) { l.drop(oidAuthorityKeyID) })().run(t)
		if err != nil || !slices.Contains(p.Warnings, warnNoAKI) {
			t.Errorf("%v, %v", p, err)
		}
	})
	t.Run("M06/reasons_match_sentinels", func(t *testing.T) {
		for reason, want := range map[string]error{ReasonMalformed: ErrMalformed, ReasonNoAnchor: ErrUntrusted, ReasonSelfSigned: ErrUntrusted,
			ReasonSignature: ErrPath, ReasonCA: ErrPath, ReasonPathLength: ErrPath, ReasonTooMany: ErrPath, ReasonExpired: ErrExpired,
			ReasonNotYetValid: ErrExpired, ReasonEKU: ErrProfile, ReasonCountry: ErrProfile, ReasonState: ErrProfile, ReasonCritical: ErrProfile,
			ReasonKeyUsage: ErrProfile, ReasonAlgorithm: ErrProfile} {
			err := fmt.Errorf("outer: %w", &PathError{Reason: reason})
			for _, s := range []error{ErrMalformed, ErrUntrusted, ErrPath, ErrExpired, ErrProfile} {
				if errors.Is(err, s) != (s == want) {
					t.Errorf("%s is %v: %t", reason, s, !(s == want))
				}
			}
		}
	})
}

func (c trial) run(t *testing.T) (*Path, error) {
	t.Helper()
	var chain [][]byte
	for _, f := range c.chain {
		chain = append(chain, f.der(t))
	}
	var anchors []*Certificate
	for _, f := range c.anchors {
		anchors = append(anchors, f.cert(t))
	}
	return Validate(chain, anchors, c.opt)
}

// deepChain is a leaf below n CAs that lead nowhere within the limits.
func deepChain(n int, o PathOptions) trial {
	r := root("deep root").set(extCA(true, true, -1))
	chain := []*forge{}
	above := r
	for i := range n {
		above = authority(fmt.Sprint("deep ", i%12), above, -1)
		chain = append([]*forge{above}, chain...)
	}
	return trial{[]*forge{r}, append([]*forge{leaf("deep leaf", above)}, chain...), o}
}

// twice joins the attributes of two names in one.
func twice(a, b Name) []byte {
	var out []byte
	for _, n := range [][]byte{a.marshal(), b.marshal()} {
		d := der(n)
		content, _, _ := d.take(tagSequence)
		out = append(out, content...)
	}
	return element(tagSequence, out)
}

// respell writes an ECDSA signature with a leading zero before r, or with a
// long-form length: the same numbers, another spelling.
func respell(zero, long bool) func([]byte) []byte {
	return func(sig []byte) []byte {
		d := der(sig)
		seq, _, _ := d.take(tagSequence)
		d = der(seq)
		r, _, _ := d.take(tagInteger)
		if zero {
			r = append([]byte{0}, r...)
		}
		body := append(element(tagInteger, r), d...)
		if long {
			return append([]byte{tagSequence, 0x81, byte(len(body))}, body...)
		}
		return element(tagSequence, body)
	}
}

func negateR(sig []byte) []byte {
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(sig, &v); err != nil {
		panic(err)
	}
	v.R.Sub(v.R, elliptic.P256().Params().N) // congruent, negative
	out, err := asn1.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}
