package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
)

// judge applies the rules to a path whose signatures hold, leaf first and
// anchor last; validity comes last, so that "expired" means that nothing else
// is wrong.
func (v *validation) judge(path []*Certificate) *Path {
	leaf, anchor := path[0], path[len(path)-1]
	p := &Path{Leaf: leaf, Anchor: anchor, Chain: path, NotBefore: leaf.NotBefore(), NotAfter: leaf.NotAfter()}
	if v.readable(p) && v.authority(p) && v.leafUsage(p) && v.territory(p) && v.inTime(p) {
		return p
	}
	return nil
}

// readable checks what can be wrong with each certificate by itself.
func (v *validation) readable(p *Path) bool {
	for _, c := range p.Chain {
		if err := c.oddSerial(); err != nil && c != p.Anchor {
			if !v.opt.AllowOddSerial {
				return v.fail(ReasonMalformed, c, err)
			}
			p.warn(err.Error())
		}
		if unknown := c.unknownCritical(); len(unknown) > 0 {
			return v.fail(ReasonCritical, c, fmt.Errorf("extension %s", unknown[0]))
		}
		if c.extension(oidNameConstraints) != nil {
			return v.fail(ReasonCritical, c, errors.New("name constraints are not evaluated"))
		}
		if c != p.Anchor && len(c.AuthorityKeyID()) == 0 {
			p.warn(warnNoAKI)
		}
		for _, s := range c.Leniencies {
			p.warn(warnLenient + ": " + s)
		}
	}
	if err := leafKey(p.Leaf.PublicKey()); err != nil {
		return v.fail(ReasonAlgorithm, p.Leaf, err)
	}
	return true
}

// authority checks that every issuer may issue what is below it, and that the
// leaf is none: step 5.
func (v *validation) authority(p *Path) bool {
	if p.Leaf.IsCA() {
		return v.fail(ReasonCA, p.Leaf, errors.New("the leaf is a CA"))
	}
	below := 0 // certificates between the leaf and c, self-issued ones not counted
	for _, c := range p.Chain[1:] {
		if !c.IsCA() {
			return v.fail(ReasonCA, c, errors.New("the issuer is no CA"))
		}
		if c.Cert.KeyUsage&x509.KeyUsageCertSign == 0 {
			return v.fail(ReasonKeyUsage, c, errors.New("the issuer may not sign certificates"))
		}
		if limit, ok := c.pathLength(); ok && below > limit {
			return v.fail(ReasonPathLength, c, fmt.Errorf("path length %d, %d CAs below", limit, below))
		}
		if c != p.Anchor {
			if !c.SelfIssued() {
				below++
			}
			if c.ExtKeyUsages != nil && len(v.opt.Purposes) > 0 && !c.HasExtKeyUsage(OIDAnyEKU) && !v.serves(c) {
				return v.fail(ReasonEKU, c, errors.New("the issuing CA is for other purposes"))
			}
		}
	}
	return true
}

// leafUsage checks key usage and extended key usage of the leaf, step 6.
func (v *validation) leafUsage(p *Path) bool {
	leaf, want := p.Leaf, v.opt.KeyUsage
	if want == 0 {
		want = x509.KeyUsageDigitalSignature
	}
	switch {
	case leaf.extension(oidKeyUsage) == nil:
		p.warn(warnNoKeyUsage)
	case leaf.Cert.KeyUsage&want == 0:
		return v.fail(ReasonKeyUsage, leaf, errors.New("the leaf may not sign"))
	case leaf.Cert.KeyUsage&caUsage != 0:
		return v.fail(ReasonKeyUsage, leaf, errors.New("the leaf may sign certificates or CRLs"))
	}
	if len(v.opt.Purposes) == 0 && !v.opt.RequireEKU {
		return true
	}
	if leaf.ExtKeyUsages == nil {
		if v.opt.RequireEKU {
			return v.fail(ReasonEKU, leaf, errors.New(warnNoEKU))
		}
		p.warn(warnNoEKU)
		return true
	}
	if !v.serves(leaf) {
		return v.fail(ReasonEKU, leaf, fmt.Errorf("lists %v, wanted one of %v", leaf.ExtKeyUsages, v.opt.Purposes))
	}
	var odd []string
	if !leaf.ExtKeyUsageCritical {
		odd = append(odd, warnEKUNotCritical)
	}
	for _, id := range leaf.ExtKeyUsages {
		if !slices.ContainsFunc(v.opt.Purposes, func(p asn1.ObjectIdentifier) bool { return id.Equal(p) || id.Equal(companion(p)) }) {
			odd = append(odd, warnExtraEKU)
			break
		}
	}
	if v.opt.StrictEKU && len(odd) > 0 {
		return v.fail(ReasonEKU, leaf, errors.New(odd[0]))
	}
	for _, s := range odd {
		p.warn(s)
	}
	return true
}

func (v *validation) serves(c *Certificate) bool {
	return slices.ContainsFunc(v.opt.Purposes, c.HasExtKeyUsage)
}

// territory compares C and ST of leaf and anchor as text, step 7. An issuer of
// one state must not sign for another; several values are no value.
func (v *validation) territory(p *Path) bool {
	if !v.opt.CheckCountry {
		return true
	}
	for _, c := range []*Certificate{p.Leaf, p.Anchor} {
		if vs := values(c.subject, oidAttrCountry); len(vs) != 1 || !vs[0].valid {
			return v.fail(ReasonCountry, c, fmt.Errorf("%d countries in the subject", len(vs)))
		}
		if vs := values(c.subject, oidAttrState); len(vs) > 1 || len(vs) == 1 && !vs[0].valid {
			return v.fail(ReasonState, c, fmt.Errorf("%d states in the subject", len(vs)))
		}
	}
	if p.Leaf.Country != p.Anchor.Country {
		return v.fail(ReasonCountry, p.Leaf, fmt.Errorf("leaf has %q, anchor %q", p.Leaf.Country, p.Anchor.Country))
	}
	switch {
	case p.Leaf.State != "" && p.Anchor.State != "" && p.Leaf.State != p.Anchor.State:
		return v.fail(ReasonState, p.Leaf, fmt.Errorf("leaf has %q, anchor %q", p.Leaf.State, p.Anchor.State))
	case p.Leaf.State == "" && p.Anchor.State != "":
		p.warn(warnNoState)
	}
	return true
}

// inTime checks every validity at Now, both ends included to the second, and
// narrows the path's own.
func (v *validation) inTime(p *Path) bool {
	ok := true
	for _, c := range p.Chain {
		switch {
		case v.opt.Now.Before(c.NotBefore()):
			v.fail(ReasonNotYetValid, c, fmt.Errorf("valid from %s", c.NotBefore().Format("2006-01-02T15:04:05Z")))
			ok = false
		case v.opt.Now.After(c.NotAfter()):
			v.fail(ReasonExpired, c, fmt.Errorf("valid until %s", c.NotAfter().Format("2006-01-02T15:04:05Z")))
			ok = false
		}
		if c.NotBefore().After(p.NotBefore) {
			p.NotBefore = c.NotBefore()
		}
		if c.NotAfter().Before(p.NotAfter) {
			p.NotAfter = c.NotAfter()
		}
	}
	return ok
}

// pathLength gives the path length constraint, if there is one.
func (c *Certificate) pathLength() (int, bool) {
	n := c.Cert.MaxPathLen
	return n, n > 0 || n == 0 && c.Cert.MaxPathLenZero
}

func (c *Certificate) oddSerial() error {
	switch n := c.Cert.SerialNumber; {
	case n.Sign() <= 0:
		return errors.New("serial number is not positive")
	case n.BitLen() > 8*maxSerialOctets-1:
		return errors.New("serial number is longer than 20 octets")
	}
	return nil
}

// warn adds a warning once.
func (p *Path) warn(text string) {
	if !slices.Contains(p.Warnings, text) {
		p.Warnings = append(p.Warnings, text)
	}
}
