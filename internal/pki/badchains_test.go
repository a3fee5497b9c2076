package pki

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
)

// Rows of group X that list several things in one: those that TestBadInputs does
// not hold.
func TestBadInputsFurther(t *testing.T) {
	two := mdl
	two.MaxIntermediates = 2
	free := func() *forge { return root("utopia iaca").set(extCA(true, true, -1)) }
	spoiled := func(change func([]byte) []byte) func() trial {
		return func() trial {
			r := root("utopia iaca")
			return trial{[]*forge{r}, []*forge{leaf("utopia ds", r).with(func(f *forge) { f.signed = change })}, mdl}
		}
	}
	// numbers writes a signature with other numbers.
	numbers := func(change func(r, s *big.Int)) func([]byte) []byte {
		return func(sig []byte) []byte {
			var v struct{ R, S *big.Int }
			if _, err := asn1.Unmarshal(sig, &v); err != nil {
				panic(err)
			}
			change(v.R, v.S)
			out, err := asn1.Marshal(v)
			if err != nil {
				panic(err)
			}
			return out
		}
	}
	n := elliptic.P256().Params().N
	for name, tt := range map[string]struct {
		want string
		make func() trial
	}{
		"X03/intermediate_without_basic_constraints": {ReasonCA, func() trial {
			r := free()
			i := authority("sub", r, 0).drop(oidBasicConstraints)
			return trial{[]*forge{r}, []*forge{leaf("ds", i), i}, two}
		}},
		"X03/intermediate_without_keyCertSign": {ReasonKeyUsage, func() trial {
			r := free()
			i := authority("sub", r, 0).set(extKeyUsage(true, x509.KeyUsageCRLSign))
			return trial{[]*forge{r}, []*forge{leaf("ds", i), i}, two}
		}},
		"X03/cross_sign_cycle": {ReasonNoAnchor, func() trial { // two that sign each other, and nobody else
			a, b := root("cycle a"), root("cycle b")
			ab, ba := authority("cycle a", b, -1), authority("cycle b", a, -1)
			return trial{[]*forge{free()}, []*forge{leaf("ds", a), ab, ba}, two}
		}},
		"X03/cross_sign_cycle_with_a_way_out": {"", func() trial {
			r := free()
			a, b := root("cycle a"), root("cycle b")
			ab, ba, out := authority("cycle a", b, -1), authority("cycle b", a, -1), authority("cycle a", r, -1)
			return trial{[]*forge{r}, []*forge{leaf("ds", a), ab, ba, out}, two}
		}},
		"X09/s_with_leading_zero": {ReasonSignature, spoiled(func(sig []byte) []byte {
			d := der(sig)
			seq, _, _ := d.take(tagSequence)
			d = der(seq)
			r, _, _ := d.take(tagInteger)
			s, _, _ := d.take(tagInteger)
			return element(tagSequence, element(tagInteger, r), element(tagInteger, append([]byte{0}, s...)))
		})},
		"X09/s_negative":  {ReasonSignature, spoiled(numbers(func(_, s *big.Int) { s.Sub(s, n) }))},
		"X09/s_and_order": {ReasonSignature, spoiled(numbers(func(_, s *big.Int) { s.Add(s, n) }))},
		"X09/r_and_order": {ReasonSignature, spoiled(numbers(func(r, _ *big.Int) { r.Add(r, n) }))},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := tt.make().run(t)
			if got := reasonOf(t, p, err); got != tt.want {
				t.Errorf("got %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}

// What may not be an anchor, whoever configures it (X02).
func TestAnchors(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(*forge)
		says  string
	}{
		"X02/sound":                    {func(*forge) {}, ""},
		"X02/no_path_length":           {func(f *forge) { f.set(extCA(true, true, -1)) }, ""}, // docs/DIVERGENCES.md
		"X02/ca_false":                 {func(f *forge) { f.set(extCA(true, false, -1)) }, "not a CA"},
		"X02/no_basic_constraints":     {func(f *forge) { f.drop(oidBasicConstraints) }, "not a CA"},
		"X02/no_key_usage":             {func(f *forge) { f.drop(oidKeyUsage) }, "keyCertSign"},
		"X02/may_not_sign":             {func(f *forge) { f.set(extKeyUsage(true, x509.KeyUsageCRLSign)) }, "keyCertSign"},
		"X02/name_constraints":         {func(f *forge) { f.set(ext(oidNameConstraints, false, element(tagSequence, element(tagContext0)))) }, "name constraints"},
		"X02/unknown_critical":         {func(f *forge) { f.set(ext(asn1.ObjectIdentifier{1, 2, 3}, true, []byte{5, 0})) }, "critical extension 1.2.3"},
		"X02/key_on_P-224":             {func(f *forge) { f.key = keyOn(elliptic.P224(), "anchor"); f.by = f.key }, "P-224"},
		"X02/RSA_of_1024_bits":         {func(f *forge) { f.key = rsaKey(1024) }, "1024"},
		"X02/a_leaf_of_another_anchor": {func(f *forge) { *f = *leaf("utopia ds", root("utopia iaca")) }, "not a CA"},
	} {
		t.Run(name, func(t *testing.T) {
			f := root("utopia iaca")
			tt.spoil(f)
			c, err := ParseCertificate(f.der(t))
			if err == nil {
				err = c.Anchor()
			}
			if (err == nil) != (tt.says == "") || err != nil && (!strings.Contains(err.Error(), tt.says) || !errors.Is(err, ErrProfile) && !errors.Is(err, ErrMalformed)) {
				t.Errorf("%v, want %q", err, tt.says)
			}
		})
	}
}
