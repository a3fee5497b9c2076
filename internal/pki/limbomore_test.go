package pki

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// moreLimbo are the cases of limbo that look like others of TestLimbo, and those
// of keys that no CA or signer may have.
func moreLimbo() map[string]struct {
	want string
	make func() trial
} {
	deep := func(n int) PathOptions { o := mdl; o.MaxIntermediates = n; return o }
	free := func() *forge { return root("limbo root").set(extCA(true, true, -1)) }
	plain := func(change func(l, r *forge), o PathOptions) func() trial {
		return func() trial {
			r := root("limbo root")
			l := leaf("limbo leaf", r)
			change(l, r)
			return trial{[]*forge{r}, []*forge{l}, o}
		}
	}
	below := func(change func(l, i, r *forge)) func() trial {
		return func() trial {
			r := free()
			i := authority("ica", r, 0)
			l := leaf("ee", i)
			change(l, i, r)
			return trial{[]*forge{r}, []*forge{l, i}, deep(1)}
		}
	}
	// chain is twelve authorities that sign each other, under one name or many,
	// with one key or many, and no way to the root.
	chain := func(sameName, sameKey bool) func() trial {
		return func() trial {
			r := free()
			above := root("lost")
			var list []*forge
			for i := range MaxChain - 1 {
				n, k := "ica", "ica"
				if !sameName {
					n += string(rune('a' + i))
				}
				if !sameKey {
					k += string(rune('a' + i))
				}
				c := authority(n, above, -1)
				c.key = keyOf(k)
				c.set(extSKI(c.key.Public()))
				list, above = append([]*forge{c}, list...), c
			}
			return trial{[]*forge{r}, append([]*forge{leaf("ee", above)}, list...), deep(MaxChain)}
		}
	}
	curve := func(id asn1.ObjectIdentifier) []byte {
		return element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}), mustOID(id)),
			element(tagBitString, []byte{0, 4}, make([]byte, 48)))
	}
	p192 := curve(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 1})
	dsa := element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10040, 4, 1}), element(tagSequence, []byte{2, 1, 23, 2, 1, 11, 2, 1, 4})),
		element(tagBitString, []byte{0, 2, 1, 8}))
	aia := func(critical bool, content ...[]byte) []byte {
		return ext(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, critical, element(tagSequence, content...))
	}
	issuers := element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}), uriName("https://utopia.example/iaca.cer"))
	rsaRoot := func(bits int) func(l, r *forge) {
		return func(l, r *forge) {
			k := rsaKey(bits)
			r.key, r.by, r.inner, r.hash = k, k, algRSA, crypto.SHA256
			r.set(extSKI(k.Public()))
			l.by, l.inner, l.hash = k, algRSA, crypto.SHA256
			l.set(extAKI(k.Public()))
		}
	}
	rsaOK := mdl
	rsaOK.AllowRSA = true
	aki := func(parts ...[]byte) func(l, r *forge) {
		return func(l, r *forge) { r.set(ext(oidAuthorityKeyID, false, element(tagSequence, parts...))) }
	}
	name := element(0xa1, element(0xa4, dn("limbo root")))
	serial := element(0x82, []byte{1, 2})
	return map[string]struct {
		want string
		make func() trial
	}{
		"pathlen::ee-with-intermediate-pathlen-2": {"", below(func(l, i, r *forge) { i.set(extCA(true, true, 2)) })},
		// limbo: OK. Its leaf is a CA, which signs no documents.
		"pathlen::validation-ignores-pathlen-in-leaf": {ReasonCA, func() trial {
			r := free()
			i := authority("ica", r, 0)
			return trial{[]*forge{r}, []*forge{authority("icb", i, 0), i}, deep(1)}
		}},
		"pathlen::max-chain-depth-1":                                     {"", below(func(l, i, r *forge) {})},
		"pathological::intermediate-cycle-distinct-cas-max-depth":        {ReasonNoAnchor, chain(false, false)},
		"pathological::pathological-chain-distinct-subject-distinct-key": {ReasonNoAnchor, chain(false, false)},
		"pathological::pathological-chain-same-subject-distinct-key":     {ReasonNoAnchor, chain(true, false)},
		"pathological::pathological-chain-distinct-subject-same-key":     {ReasonNoAnchor, chain(false, true)},
		"pathological::pathological-chain-same-subject-same-key":         {"too-many or no-anchor", chain(true, true)},
		"rfc5280::ca-empty-subject": {ReasonMalformed, func() trial { // its leaf has an empty issuer
			r := free().with(func(f *forge) { f.subject, f.issuer = element(tagSequence), element(tagSequence) })
			return trial{[]*forge{r}, []*forge{leaf("ee", r)}, mdl}
		}},
		"rfc5280::ee-aia":              {"", plain(func(l, r *forge) { l.set(aia(false, issuers)) }, mdl)},
		"rfc5280::no-basicconstraints": {"", plain(func(l, r *forge) { l.drop(oidBasicConstraints) }, mdl)},
		"rfc5280::ca-as-leaf-wrong-san": {ReasonCA, func() trial {
			r := free()
			return trial{[]*forge{r}, []*forge{authority("ica", r, 0)}, PathOptions{Now: forgeNow}}
		}},
		"webpki::ca-as-leaf": {ReasonCA, func() trial {
			r := free()
			return trial{[]*forge{r}, []*forge{authority("ica", r, 0)}, mdl}
		}},
		// limbo: FAIL. A warning, as of the leaf.
		"rfc5280::aki::intermediate-missing-aki": {"", below(func(l, i, r *forge) { i.drop(oidAuthorityKeyID) })},
		"rfc5280::aki::cross-signed-root-missing-aki": {"", func() trial { // limbo: FAIL, pedantic
			r, r2 := free(), free().with(func(f *forge) {
				f.subject, f.issuer, f.key, f.by = dn("root 2"), dn("root 2"), keyOf("root 2"), keyOf("root 2")
			})
			r2.set(extSKI(r2.key.Public()))
			cross := authority("limbo root", r2, 0).with(func(f *forge) { f.subject, f.key = r.subject, r.key })
			cross.set(extSKI(r.key.Public())).drop(oidAuthorityKeyID)
			return trial{[]*forge{r2}, []*forge{leaf("ee", r), cross}, deep(1)}
		}},
		// limbo: FAIL, since RFC 5280 makes it critical. It is no extension that is
		// understood here: not critical, it says nothing.
		"rfc5280::pc::ica-noncritical-pc": {"", below(func(l, i, r *forge) {
			i.set(ext(oidPolicyConstraints, false, element(tagSequence, element(0x80, []byte{0}))))
		})},
		"rfc5280::san::noncritical-with-empty-subject": {ReasonCountry, plain(func(l, r *forge) { l.subject = element(tagSequence) }, mdl)},
		// limbo: FAIL. An issuer without one is found by name and signature.
		"rfc5280::ski::intermediate-missing-ski":     {"", below(func(l, i, r *forge) { i.drop(oidSubjectKeyID) })},
		"rfc5280::validity::expired-5-seconds":       {ReasonExpired, plain(func(l, r *forge) { l.validity = validityOf("260601000000Z", "260615095955Z") }, mdl)},
		"rfc5280::validity::not-yet-valid-5-seconds": {ReasonNotYetValid, plain(func(l, r *forge) { l.validity = validityOf("260615100005Z", "270601000000Z") }, mdl)},
		"webpki::explicit-curve": {ReasonMalformed, plain(func(l, r *forge) {
			l.spki = element(tagSequence, element(tagSequence, mustOID(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}), element(tagSequence, []byte{2, 1, 1})), element(tagBitString, []byte{0, 4}, make([]byte, 64)))
		}, mdl)},
		// The shape of the chain, with our own names.
		"webpki::cryptographydotio-chain": {"", below(func(l, i, r *forge) {})},
		"webpki::cryptographydotio-chain-missing-intermediate": {ReasonNoAnchor, func() trial {
			r := free()
			return trial{[]*forge{r}, []*forge{leaf("ee", authority("ica", r, 0))}, deep(1)}
		}},
		"webpki::malformed-aia": {ReasonMalformed, plain(func(l, r *forge) {
			l.set(ext(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, false, []byte("malformed")))
		}, mdl)},
		"webpki::forbidden-p192-root":                          {ReasonMalformed, plain(func(l, r *forge) { r.spki = p192 }, mdl)},
		"webpki::forbidden-p192-leaf":                          {ReasonMalformed, plain(func(l, r *forge) { l.spki = p192 }, mdl)},
		"webpki::forbidden-dsa-root":                           {ReasonAlgorithm, plain(func(l, r *forge) { r.spki = dsa }, mdl)},
		"webpki::forbidden-dsa-leaf":                           {ReasonAlgorithm, plain(func(l, r *forge) { l.spki = dsa }, mdl)},
		"webpki::forbidden-weak-rsa-in-leaf":                   {ReasonAlgorithm, plain(func(l, r *forge) { l.key = rsaKey(1024) }, rsaOK)},
		"webpki::forbidden-rsa-not-divisible-by-8-in-root":     {"", plain(rsaRoot(2052), rsaOK)}, // limbo: FAIL, a rule of the web's
		"webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf": {ReasonAlgorithm, plain(func(l, r *forge) { l.key = rsaKey(2052) }, rsaOK)},
		"webpki::aki::root-with-aki-missing-keyidentifier":     {"", plain(aki(name, serial), mdl)}, // limbo: FAIL; an anchor's AKI is not used
		"webpki::aki::root-with-aki-authoritycertissuer":       {"", plain(aki(element(0x80, skiOf(keyOf("limbo root").Public())), name), mdl)},
		"webpki::aki::root-with-aki-authoritycertserialnumber": {"", plain(aki(element(0x80, skiOf(keyOf("limbo root").Public())), serial), mdl)},
		"webpki::aki::root-with-aki-all-fields":                {"", plain(aki(element(0x80, skiOf(keyOf("limbo root").Public())), name, serial), mdl)},
		"webpki::eku::ee-critical-eku":                         {"", plain(func(l, r *forge) { l.set(extEKU(true, OIDMdlDS)) }, mdl)}, // limbo: FAIL; Annex B wants it
		"webpki::eku::ee-without-eku":                          {ReasonEKU, plain(func(l, r *forge) { l.drop(oidExtKeyUsage) }, mdl)},
		"webpki::eku::root-has-eku":                            {"", plain(func(l, r *forge) { r.set(extEKU(false, OIDMdlDS)) }, mdl)}, // limbo: FAIL; lint
	}
}

func TestLimboMore(t *testing.T) {
	for name, tt := range moreLimbo() {
		t.Run(name, func(t *testing.T) {
			c := tt.make()
			for _, f := range c.anchors {
				if _, err := ParseCertificate(f.der(t)); err != nil {
					if tt.want != ReasonMalformed {
						t.Errorf("anchor: %v", err)
					}
					return // refused when anchors are loaded
				}
			}
			p, err := c.run(t)
			if got := reasonOf(t, p, err); got != tt.want && !slices.Contains(strings.Split(tt.want, " or "), got) {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

// Whoever has name constraints is refused, wherever they stand and whatever they
// say, since they are not evaluated: so the cases of limbo that must fail do, and
// those that may pass do not.
func TestLimboNameConstraints(t *testing.T) {
	subtree := func(tag byte, general []byte) []byte { return element(tag, element(tagSequence, general)) }
	dns := element(0x82, []byte("utopia.example"))
	for what, nc := range map[string][]byte{
		"permitted DNS": element(tagSequence, subtree(tagContext0, dns)), "excluded DNS": element(tagSequence, subtree(tagContext1, dns)),
		"permitted IP": element(tagSequence, subtree(tagContext0, element(0x87, []byte{10, 0, 0, 0, 255, 0, 0, 0}))),
		"permitted DN": element(tagSequence, subtree(tagContext0, element(0xa4, dn("utopia")))),
		"mail":         element(tagSequence, subtree(tagContext0, element(0x81, []byte("utopia.example")))),
		"both empty":   element(tagSequence, element(tagContext0), element(tagContext1)), "nothing": element(tagSequence),
	} {
		for _, critical := range []bool{true, false} {
			for at := range 3 {
				r := root("limbo root").set(extCA(true, true, -1))
				i := authority("ica", r, 0)
				l := leaf("ee", i)
				[]*forge{l, i, r}[at].set(ext(oidNameConstraints, critical, nc))
				o := mdl
				o.MaxIntermediates = 1
				ca, err := ParseCertificate(r.der(t))
				if err != nil {
					continue // refused when anchors are loaded
				}
				p, err := Validate([][]byte{l.der(t), i.der(t)}, []*Certificate{ca}, o)
				if got := reasonOf(t, p, err); got != ReasonCritical && got != ReasonMalformed {
					t.Errorf("%s, critical %v, certificate %d: %q %v", what, critical, at, got, err)
				}
			}
		}
	}
}

// TestLimboRevocation is crl:: of limbo.
func TestLimboRevocation(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(r, l *forge) []*forgeCRL
		want RevocationState // "" for a list that is not read
	}{
		"crl::revoked-certificate-with-crl":               {func(r, l *forge) []*forgeCRL { return []*forgeCRL{crlOf(r, 1).naming(l)} }, Revoked},
		"crl::crlnumber-missing":                          {func(r, l *forge) []*forgeCRL { c := crlOf(r, 1); c.exts = c.exts[:1]; return []*forgeCRL{c} }, ""},
		"crl::crlnumber-critical":                         {func(r, l *forge) []*forgeCRL { c := crlOf(r, 1); c.exts[1] = extNumber(true, 1); return []*forgeCRL{c} }, ""},
		"crl::certificate-not-on-crl":                     {func(r, l *forge) []*forgeCRL { return []*forgeCRL{crlOf(r, 1)} }, NotRevoked},
		"crl::certificate-serial-on-crl-different-issuer": {func(r, l *forge) []*forgeCRL { return []*forgeCRL{crlOf(root("other"), 1).naming(l), crlOf(r, 1)} }, NotRevoked},
		"crl::issuer-missing-crlsign": {func(r, l *forge) []*forgeCRL {
			r.set(extKeyUsage(true, x509.KeyUsageCertSign))
			return []*forgeCRL{crlOf(r, 1)}
		}, RevocationUnknown},
		"crl::issuer-valid-crlsign-and-keycertsign": {func(r, l *forge) []*forgeCRL { return []*forgeCRL{crlOf(r, 1)} }, NotRevoked},
	} {
		t.Run(name, func(t *testing.T) {
			r := root("limbo root")
			l := leaf("limbo leaf", r)
			var lists []*CRL
			for _, f := range tt.make(r, l) {
				c, err := ParseCRL(f.der(t))
				if err != nil {
					if tt.want != "" {
						t.Error(err)
					}
					return
				}
				lists = append(lists, c)
			}
			p, err := trial{[]*forge{r}, []*forge{l}, mdl}.run(t)
			if err != nil {
				t.Fatal(err)
			}
			set, err := NewCRLs(lists...)
			if err != nil {
				t.Fatal(err)
			}
			if got := set.Of(p, forgeNow, 0, false); got.State != tt.want {
				t.Errorf("%+v, want %q", got, tt.want)
			}
		})
	}
	// limbo: OK. An authority without key usage is no anchor here; TestCRLIssuer has
	// the list of one.
	t.Run("crl::issuer-no-keyusage-extension", func(t *testing.T) {
		r := root("limbo root").drop(oidKeyUsage)
		p, err := trial{[]*forge{r}, []*forge{leaf("limbo leaf", r)}, mdl}.run(t)
		if got := reasonOf(t, p, err); got != ReasonKeyUsage {
			t.Errorf("%q", got)
		}
	})
}

// beside are the cases that ask what this package does not do, by the begin of
// their names.
var beside = map[string]string{
	"rfc5280::nc::": "name constraints: TestLimboNameConstraints refuses all of them", "webpki::nc::": "as rfc5280::nc::",
	"pathological::nc-dos-": "as rfc5280::nc::, and so without work", "cve::cve-2025-61727": "as rfc5280::nc::, a DNS name excluded by a wildcard",
	"webpki::san::": "host names are not matched here: no profile of Annex B has any; where iss of an SD-JWT is, they are rebuilt (verification, TestIssuerNames)", "webpki::cn::": "as webpki::san::",
	"rfc5280::san::underscore-dns": "as webpki::san::", "rfc5280::san::ip-in-dns": "as webpki::san::",
}

// Every case of limbo is rebuilt, or its reason stands above.
func TestLimboIsWhole(t *testing.T) {
	text, err := os.ReadFile("testdata/limbo/cases.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range []string{"limbo_test.go", "limbomore_test.go"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, b...)
	}
	rebuilt := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z0-9]+::[a-z0-9:-]+)"`).FindAllSubmatch(source, -1) {
		rebuilt[string(m[1])] = true
	}
	listed, built := 0, 0
	for line := range strings.Lines(string(text)) {
		name, _, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			t.Fatalf("line %q", line)
		}
		listed++
		reason := ""
		for begin, why := range beside {
			if strings.HasPrefix(name, begin) {
				reason = why
			}
		}
		switch {
		case rebuilt[name]:
			built++
			delete(rebuilt, name)
		case reason == "":
			t.Errorf("%s is not rebuilt", name)
		}
	}
	for name := range rebuilt {
		if beside[name] == "" && !strings.HasSuffix(name, "::") {
			t.Errorf("%s is no case of limbo", name)
		}
	}
	if listed != 194 || built < 110 {
		t.Errorf("%d cases, %d rebuilt", listed, built)
	}
}
