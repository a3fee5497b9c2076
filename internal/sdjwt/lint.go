package sdjwt

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// lint reads a prepared copy back, as a verifier with all disclosures would,
// and compares the claims with those that were to be issued.
func (p *Prepared) lint(c Copy, cnf []byte) error {
	// The signature and the header add about 1.5 KiB, with x5c 5 KiB.
	if len(p.payload)*4/3+len(p.disclosures) > maxSize-16<<10 {
		return fmt.Errorf("%w: credential larger than %d bytes", ErrLimit, maxSize)
	}
	payload, err := decodeObject(p.payload)
	if err != nil {
		return fmt.Errorf("reading the payload: %w", err)
	}
	rest := string(p.disclosures)
	disclosures := make([]Disclosure, 0, p.t.count)
	for rest != "" {
		var encoded string
		encoded, rest, _ = strings.Cut(rest, "~")
		d, err := parseDisclosure(encoded)
		if err != nil {
			return err
		}
		disclosures = append(disclosures, d)
	}
	if len(disclosures) != p.t.count {
		return fmt.Errorf("%d disclosures, %d expected", len(disclosures), p.t.count)
	}
	got, err := process(payload, disclosures)
	if err != nil {
		return err
	}
	want, err := p.t.wantCopy(c, cnf)
	if err != nil {
		return err
	}
	if !sameJSON(got.Claims, want) {
		return fmt.Errorf("the claims read back differ from those to be issued")
	}
	return checkTimes(got)
}

// wantCopy is what the payload of one copy has to say.
func (t *Template) wantCopy(c Copy, cnf []byte) (map[string]any, error) {
	want := maps.Clone(t.want)
	if c.Issuer != "" {
		want["iss"] = c.Issuer
	}
	if c.Subject != "" {
		if _, twice := want["sub"]; twice {
			return nil, fmt.Errorf("sub is both a claim and of the copy")
		}
		want["sub"] = c.Subject
	}
	if !c.IssuedAt.IsZero() {
		want["iat"] = decimal(uint64(c.IssuedAt.Unix()))
	}
	if !c.NotBefore.IsZero() {
		want["nbf"] = decimal(uint64(c.NotBefore.Unix()))
	}
	if !c.Expires.IsZero() {
		want["exp"] = decimal(uint64(c.Expires.Unix()))
	}
	if cnf != nil {
		key, err := decodeObject(cnf)
		if err != nil {
			return nil, fmt.Errorf("cnf: %w", err)
		}
		want["cnf"] = key
	}
	if c.Status != nil {
		list := map[string]any{"idx": decimal(c.Status.Index), "uri": c.Status.URI}
		want["status"] = map[string]any{"status_list": list}
	}
	return want, nil
}

// checkTimes refuses a copy that could never be valid.
func checkTimes(p *Payload) error {
	if p.timeErr != nil {
		return p.timeErr
	}
	if p.Expires.IsZero() {
		return nil
	}
	if !p.NotBefore.IsZero() && !p.NotBefore.Before(p.Expires) {
		return fmt.Errorf("nbf is not before exp")
	}
	if !p.IssuedAt.IsZero() && !p.IssuedAt.Before(p.Expires) {
		return fmt.Errorf("iat is not before exp")
	}
	return nil
}

func decimal(n uint64) number { return number(strconv.FormatUint(n, 10)) }
