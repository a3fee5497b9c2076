package pki

import (
	"encoding/asn1"
	"testing"
	"time"
)

// trial is one chain against one set of anchors.
type trial struct {
	anchors []*forge
	chain   []*forge
	opt     PathOptions
}

// TestLimbo rebuilds cases of the x509-limbo collection from their
// descriptions (testdata/limbo/SOURCE), with the leaf as a document signer.
// Where the outcome differs from limbo's the reason is beside it: limbo asks
// for RFC 5280 and the web's rules, this package for Annex B.
func TestLimbo(t *testing.T) {
	unknown := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 55738, 666, 1}
	strange := ext(unknown, true, []byte{5, 0})
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	deep := func(n int) PathOptions { o := mdl; o.MaxIntermediates = n; return o }
	plain := func() (*forge, *forge) { r := root("limbo root"); return r, leaf("limbo leaf", r) }
	// free is a root that lets CAs be below it.
	free := func() *forge { return root("limbo root").set(extCA(true, true, -1)) }
	march := validityOf("240301000000Z", "240401000000Z")

	inMarch := func(s string) func() trial {
		return func() trial {
			r, l := plain()
			r.validity, l.validity = validityOf("230101000000Z", "331231235959Z"), march
			o := mdl
			o.Now = at(s)
			return trial{[]*forge{r}, []*forge{l}, o}
		}
	}
	tests := []struct {
		name, want string
		make       func() trial
	}{
		{"pathlen::ee-with-intermediate-pathlen-0", "", func() trial {
			r := free()
			i := authority("ica", r, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"pathlen::ee-with-intermediate-pathlen-1", "", func() trial {
			r := free()
			i := authority("ica", r, 1)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"pathlen::intermediate-violates-pathlen-0", ReasonPathLength, func() trial {
			r := free()
			i := authority("ica", r, 0)
			j := authority("icb", i, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", j), j, i}, deep(2)}
		}},
		{"pathlen::intermediate-pathlen-may-increase", "", func() trial {
			r := free()
			i := authority("ica", r, 1)
			j := authority("icb", i, 2)
			return trial{[]*forge{r}, []*forge{leaf("ee", j), j, i}, deep(2)}
		}},
		{"pathlen::intermediate-pathlen-too-long", ReasonPathLength, func() trial {
			r := free()
			i := authority("ica", r, 1)
			j := authority("icb", i, 0)
			k := authority("icc", j, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", k), k, j, i}, deep(3)}
		}},
		{"Annex B: root of path length 0", ReasonPathLength, func() trial { // the IACA profile
			r := root("limbo root")
			i := authority("ica", r, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"pathlen::self-issued-certs-pathlen", "", func() trial {
			r := free()
			i := authority("ica", r, 1)
			i2 := authority("ica", i, 1).with(func(f *forge) { f.key = keyOf("ica second") })
			i2.set(extSKI(i2.key.Public()))
			j := authority("icb", i2, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", j), j, i2, i}, deep(2)}
		}},
		{"pathlen::max-chain-depth-0", "", func() trial { r, l := plain(); return trial{[]*forge{r}, []*forge{l}, deep(0)} }},
		{"pathlen::max-chain-depth-0-exhausted", ReasonPathLength, func() trial {
			r := free()
			i := authority("ica", r, -1)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(0)}
		}},
		{"pathlen::max-chain-depth-1-exhausted", ReasonPathLength, func() trial {
			r := free()
			i := authority("ica", r, -1)
			j := authority("icb", i, -1)
			return trial{[]*forge{r}, []*forge{leaf("ee", j), j, i}, deep(1)}
		}},
		{"pathlen::max-chain-depth-1-self-issued", "", func() trial {
			r := free()
			i := authority("ica", r, -1)
			i2 := authority("ica", i, -1).with(func(f *forge) { f.key = keyOf("ica second") })
			i2.set(extSKI(i2.key.Public()))
			return trial{[]*forge{r}, []*forge{leaf("ee", i2), i2, i}, deep(1)}
		}},
		{"pathological::intermediate-cycle-distinct-cas", ReasonNoAnchor, func() trial {
			r := free()
			a, b := root("cycle a"), root("cycle b")
			ab, ba := authority("cycle a", b, -1), authority("cycle b", a, -1)
			return trial{[]*forge{r}, []*forge{leaf("ee", a), ab, ba}, deep(8)}
		}},
		{"pathological::intermediate-cycle-same-logical-ca", ReasonNoAnchor, func() trial {
			r := free()
			a := root("cycle a")
			a2 := authority("cycle a", a, -1).with(func(f *forge) { f.key = keyOf("cycle a second") })
			a2.set(extSKI(a2.key.Public()))
			a1 := authority("cycle a", a2, -1)
			return trial{[]*forge{r}, []*forge{leaf("ee", a), a1, a2}, deep(8)}
		}},
		{"cve::cve-2024-0567", "", func() trial { // cross-signed cycle with a way out
			r := free()
			a, b := authority("a", r, -1), root("b")
			ab, ba := authority("a", b, -1), authority("b", a, -1)
			return trial{[]*forge{r}, []*forge{leaf("ee", a), ab, ba, a}, deep(4)}
		}},
		{"pathological::multiple-chains-expired-intermediate", "", func() trial {
			r, r2 := root("limbo root"), free().with(func(f *forge) { f.subject, f.issuer = dn("root 2"), dn("root 2") })
			cross := authority("limbo root", r2, 0).with(func(f *forge) { f.validity = march })
			return trial{[]*forge{r2, r}, []*forge{leaf("ee", r), cross}, deep(1)}
		}},
		{"rfc5280::ee-empty-issuer", ReasonMalformed, func() trial {
			r, l := plain()
			l.issuer = element(tagSequence)
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::unknown-critical-extension-ee", ReasonCritical, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(strange)}, mdl}
		}},
		{"rfc5280::unknown-critical-extension-root", ReasonCritical, func() trial {
			r, l := plain()
			return trial{[]*forge{r.set(strange)}, []*forge{l}, mdl}
		}},
		{"rfc5280::unknown-critical-extension-intermediate", ReasonCritical, func() trial {
			r := free()
			i := authority("ica", r, 0).set(strange)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"rfc5280::unknown-critical-extension-unrelated-root", "", func() trial {
			r, l := plain()
			return trial{[]*forge{root("other").set(strange), r}, []*forge{l}, mdl}
		}},
		{"rfc5280::unknown-critical-extension-unrelated-intermediate", "", func() trial {
			r := free()
			i := authority("ica", r, 0)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), authority("icb", r, 0).set(strange), i}, deep(1)}
		}},
		{"rfc5280::chain-untrusted-root", ReasonNoAnchor, func() trial {
			r, l := plain()
			return trial{[]*forge{root("other")}, []*forge{l, r}, mdl}
		}},
		{"rfc5280::intermediate-ca-without-ca-bit", ReasonCA, func() trial {
			r := free()
			i := authority("ica", r, 0).set(extCA(true, false, -1))
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"rfc5280::intermediate-ca-missing-basic-constraints", ReasonCA, func() trial {
			r := free()
			i := authority("ica", r, 0).drop(oidBasicConstraints)
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"rfc5280::root-missing-basic-constraints", ReasonCA, func() trial {
			r, l := plain()
			return trial{[]*forge{r.drop(oidBasicConstraints)}, []*forge{l}, mdl}
		}},
		// limbo: FAIL. An anchor is configured; that it is malformed is lint.
		{"rfc5280::root-non-critical-basic-constraints", "", func() trial {
			r, l := plain()
			return trial{[]*forge{r.set(extCA(false, true, 0))}, []*forge{l}, mdl}
		}},
		{"rfc5280::root-inconsistent-ca-extensions", ReasonKeyUsage, func() trial {
			r, l := plain()
			return trial{[]*forge{r.set(extKeyUsage(true, 1<<6))}, []*forge{l}, mdl}
		}},
		{"rfc5280::ica-ku-keycertsign", ReasonKeyUsage, func() trial {
			r := free()
			i := authority("ica", r, 0).set(extKeyUsage(true, 1))
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"rfc5280::leaf-ku-keycertsign", ReasonKeyUsage, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(extCA(true, false, -1)).set(extKeyUsage(true, 1|1<<5))}, mdl}
		}},
		{"rfc5280::ee-critical-aia-invalid", ReasonMalformed, func() trial {
			r, l := plain()
			aia := element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}), uriName("http://x.example")))
			return trial{[]*forge{r}, []*forge{l.set(ext(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, true, aia))}, mdl}
		}},
		{"rfc5280::duplicate-extensions", ReasonMalformed, func() trial {
			r, l := plain()
			l.exts = append(l.exts, extEKU(true, OIDMdlDS))
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::no-keyusage", "", func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.drop(oidKeyUsage)}, mdl}
		}},
		{"rfc5280::mismatching-signature-algorithm", ReasonMalformed, func() trial {
			r, l := plain()
			l.outer = element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}))
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		// limbo: OK by RFC 5280, FAIL by the web's rules (webpki::ca-as-leaf).
		{"rfc5280::ca-as-leaf", ReasonCA, func() trial {
			r := free()
			return trial{[]*forge{r}, []*forge{authority("ica", r, 0)}, PathOptions{Now: forgeNow}}
		}},
		{"rfc5280::root-and-intermediate-swapped", "", func() trial {
			r := free()
			i := authority("ica", r, 0)
			return trial{[]*forge{i}, []*forge{leaf("ee", i), r}, mdl}
		}},
		{"rfc5280::aki::critical-aki", ReasonMalformed, func() trial {
			r, l := plain()
			aki := element(tagSequence, element(0x80, skiOf(r.key.Public())))
			return trial{[]*forge{r.set(ext(oidAuthorityKeyID, true, aki))}, []*forge{l}, mdl}
		}},
		// limbo: FAIL. Many issuers leave it out: a warning (bad input X08).
		{"rfc5280::aki::leaf-missing-aki", "", func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.drop(oidAuthorityKeyID)}, mdl}
		}},
		{"rfc5280::aki::self-signed-root-missing-aki", "", func() trial { r, l := plain(); return trial{[]*forge{r}, []*forge{l}, mdl} }},
		{"webpki::aki::root-with-aki-ski-mismatch", "", func() trial { // limbo: FAIL; lint here, an anchor's AKI is not used
			r, l := plain()
			return trial{[]*forge{r.set(extAKI(keyOf("other").Public()))}, []*forge{l}, mdl}
		}},
		{"rfc5280::eku::ee-wrong-eku", ReasonEKU, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(extEKU(true, OIDReaderAuth))}, mdl}
		}},
		// limbo: OK. Annex B makes it mandatory; PathOptions.RequireEKU false accepts.
		{"rfc5280::eku::ee-without-eku", ReasonEKU, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.drop(oidExtKeyUsage)}, mdl}
		}},
		{"rfc5280::eku::ee-eku-empty", ReasonMalformed, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(extEKU(true))}, mdl}
		}},
		{"webpki::eku::ee-anyeku", ReasonEKU, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(extEKU(true, OIDAnyEKU))}, mdl}
		}},
		// limbo: OK when the names fit. Not evaluated, so refused.
		{"webpki::nc::permitted-dns-match-noncritical", ReasonCritical, func() trial {
			r, l := plain()
			nc := element(tagSequence, element(tagContext0, element(tagSequence, element(0x82, []byte("utopia.example")))))
			return trial{[]*forge{r.set(ext(oidNameConstraints, false, nc))}, []*forge{l}, mdl}
		}},
		{"rfc5280::san::malformed", ReasonMalformed, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(ext(oidSubjectAltName, false, []byte("utopia.example")))}, mdl}
		}},
		{"rfc5280::serial::too-long", ReasonMalformed, func() trial {
			r, l := plain()
			l.serial = append([]byte{1}, make([]byte, 20)...)
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::serial::zero", ReasonMalformed, func() trial {
			r, l := plain()
			l.serial = []byte{0}
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::serial::negative", ReasonMalformed, func() trial {
			r, l := plain()
			l.serial = []byte{0x80, 1}
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::ski::critical-ski", ReasonMalformed, func() trial {
			r, l := plain()
			return trial{[]*forge{r.set(ext(oidSubjectKeyID, true, element(tagOctetString, skiOf(r.key.Public()))))}, []*forge{l}, mdl}
		}},
		// limbo: FAIL. An anchor without one is found by name and signature.
		{"rfc5280::ski::root-missing-ski", "", func() trial {
			r, l := plain()
			return trial{[]*forge{r.drop(oidSubjectKeyID)}, []*forge{l}, mdl}
		}},
		{"rfc5280::validity::expired-root", ReasonExpired, func() trial {
			r, l := plain()
			r.validity = march
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::validity::expired-intermediate", ReasonExpired, func() trial {
			r := free()
			i := authority("ica", r, 0)
			i.validity = march
			return trial{[]*forge{r}, []*forge{leaf("ee", i), i}, deep(1)}
		}},
		{"rfc5280::validity::expired-leaf", ReasonExpired, func() trial {
			r, l := plain()
			l.validity = march
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"rfc5280::validity::notbefore-exact", "", inMarch("2024-03-01T00:00:00Z")},
		{"rfc5280::validity::notbefore-fractional", ReasonNotYetValid, inMarch("2024-02-29T23:59:59.999Z")},
		{"rfc5280::validity::notafter-exact", "", inMarch("2024-04-01T00:00:00Z")},
		// limbo: ambiguous, OK. The end is the instant of notAfter.
		{"rfc5280::validity::notafter-fractional", ReasonExpired, inMarch("2024-04-01T00:00:00.005Z")},
		{"rfc5280::validity::expired-1-second", ReasonExpired, inMarch("2024-04-01T00:00:01Z")},
		{"rfc5280::validity::not-yet-valid-1-second", ReasonNotYetValid, inMarch("2024-02-29T23:59:59Z")},
		{"webpki::forbidden-weak-rsa-key-in-root", ReasonAlgorithm, func() trial {
			r := root("weak").with(func(f *forge) { f.key, f.by, f.inner = rsaKey(1024), rsaKey(1024), algRSA })
			r.set(extSKI(r.key.Public()))
			o := mdl
			o.AllowRSA = true
			return trial{[]*forge{r}, []*forge{leaf("ee", r)}, o}
		}},
		{"webpki::v1-cert", ReasonMalformed, func() trial {
			r, l := plain()
			l.version = element(tagContext0, []byte{2, 1, 1})
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
		{"webpki::ee-basicconstraints-ca", ReasonCA, func() trial {
			r, l := plain()
			return trial{[]*forge{r}, []*forge{l.set(extCA(true, true, -1))}, mdl}
		}},
		{"invalid::invalid-issuer-key", ReasonSignature, func() trial {
			r, l := plain()
			l.by = keyOf("somebody else")
			return trial{[]*forge{r}, []*forge{l}, mdl}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.make()
			var chain [][]byte
			for _, f := range c.chain {
				chain = append(chain, f.der(t))
			}
			var anchors []*Certificate
			for _, f := range c.anchors {
				a, err := ParseCertificate(f.der(t))
				if err != nil { // refused when anchors are loaded
					if tt.want != ReasonMalformed {
						t.Errorf("anchor: %v", err)
					}
					return
				}
				anchors = append(anchors, a)
			}
			p, err := Validate(chain, anchors, c.opt)
			if got := reasonOf(t, p, err); got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}
