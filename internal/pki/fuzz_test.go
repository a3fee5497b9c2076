package pki

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"testing"
	"time"
)

func seeds(f *testing.F) {
	for _, c := range annexD(f) {
		f.Add(c.Raw)
	}
	for i, a := range realAnchors(f) {
		if i%6 == 0 {
			raw, err := hex.DecodeString(a.DER)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	r := root("utopia iaca")
	f.Add(leaf("utopia ds", r).with(func(l *forge) { l.serial = []byte{0x80}; l.set(ext(oidCRLDistribution, false, nil)) }).der(f))
}

// FuzzParseCertificate: what fails gives nothing; what crypto/x509 reads and we
// do not is a matter of our stricter rules, but what we read without leniency,
// crypto/x509 reads alike.
func FuzzParseCertificate(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseCertificate(raw)
		if err != nil {
			if c != nil || !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v, %v", c, err)
			}
			return
		}
		if !bytes.Equal(c.Raw, raw) || !bytes.Contains(raw, c.Cert.RawTBSCertificate) || c.Cert.SerialNumber == nil {
			t.Fatal("not the received bytes")
		}
		std, err := x509.ParseCertificate(raw)
		if (err == nil) != (len(c.Leniencies) == 0) {
			t.Fatalf("crypto/x509: %v; leniencies %q", err, c.Leniencies)
		}
		if err == nil && (!std.NotBefore.Equal(c.NotBefore()) || !bytes.Equal(std.RawIssuer, c.RawIssuer) || len(std.ExtKeyUsage)+len(std.UnknownExtKeyUsage) != len(c.ExtKeyUsages)) {
			t.Fatal("reads otherwise in crypto/x509")
		}
		for _, p := range Profiles() {
			Lint(c, p, nil)
			Lint(c, p, c)
		}
		if again, err := ParsePEM(EncodePEM(c)); err != nil || !again[0].Equal(c) {
			t.Fatalf("PEM: %v", err)
		}
		_ = c.String()
	})
}

// FuzzValidate: no chain that an attacker can write leads to an anchor, unless
// its leaf is byte for byte one that the anchor's key signed.
func FuzzValidate(f *testing.F) {
	d := annexD(f)
	ds, iaca := d["ds_certificate"], d["iaca_certificate"]
	f.Add(ds.Raw, iaca.Raw, uint8(0))
	f.Add(ds.Raw, []byte{}, uint8(3))
	f.Add(iaca.Raw, ds.Raw, uint8(255))
	r := root("utopia iaca")
	f.Add(leaf("ds", r).der(f), r.der(f), uint8(9))
	f.Fuzz(func(t *testing.T, a, b []byte, flags uint8) {
		opt := mdl
		opt.Now = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
		opt.RequireEKU, opt.StrictEKU, opt.CheckCountry = flags&1 != 0, flags&2 != 0, flags&4 != 0
		opt.AllowRSA, opt.AllowOddSerial, opt.MaxIntermediates = flags&8 != 0, flags&16 != 0, int(flags>>6)
		chain := [][]byte{a}
		if len(b) > 0 {
			chain = append(chain, b)
		}
		p, err := Validate(chain, []*Certificate{iaca}, opt)
		if err != nil {
			var pe *PathError
			if p != nil || !errors.As(err, &pe) || pe.Reason == "" {
				t.Fatalf("%v, %v", p, err)
			}
			return
		}
		if !p.Leaf.Equal(ds) || !p.Anchor.Equal(iaca) {
			t.Fatalf("a path from %s to %s", p.Leaf, p.Anchor)
		}
		if opt.Now.Before(p.NotBefore) || opt.Now.After(p.NotAfter) {
			t.Fatal("outside its own validity")
		}
	})
}
