package signer

import (
	"encoding/asn1"
	"slices"
	"unicode"

	"vidimus/internal/pki"
)

// readerExtensions are those that package pki writes into the certificate of a reader,
// each of which Lint has read: what readers do not know, others may believe.
var readerExtensions = []asn1.ObjectIdentifier{
	{2, 5, 29, 14}, // subject key identifier
	{2, 5, 29, 15}, // key usage
	{2, 5, 29, 18}, // issuer alternative name
	{2, 5, 29, 31}, // CRL distribution points
	{2, 5, 29, 35}, // authority key identifier
	{2, 5, 29, 37}, // extended key usage
}

// readerAttributes are those of the name of a reader, as pki.Name has them.
var readerAttributes = []asn1.ObjectIdentifier{
	{2, 5, 4, 3},  // common name
	{2, 5, 4, 5},  // serialNumber
	{2, 5, 4, 6},  // country
	{2, 5, 4, 7},  // locality
	{2, 5, 4, 8},  // state
	{2, 5, 4, 10}, // organization
}

// readerCertificate holds what a conforming certificate of a reader says against what
// the office writes.
func (h *held) readerCertificate(c *pki.Certificate) error {
	o := &h.Policy.Office
	for _, e := range c.Cert.Extensions {
		if !slices.ContainsFunc(readerExtensions, e.Id.Equal) {
			return badPolicy("certificate: extension %s is not one of a reader", e.Id)
		}
		if e.Id.Equal(readerExtensions[2]) && o.Issuer != "" && !o.contact(e.Value) {
			return badPolicy("certificate: the issuer alternative name is not an address of the office")
		}
	}
	for _, uri := range c.Cert.CRLDistributionPoints {
		if o.Issuer != "" && !o.serves(uri) {
			return badPolicy("certificate: a CRL distribution point that is not of the office")
		}
	}
	for _, a := range c.Cert.Subject.Names {
		text, ok := a.Value.(string)
		if !ok || !slices.ContainsFunc(readerAttributes, a.Type.Equal) {
			return badPolicy("certificate: attribute %s is not one of the name of a reader", a.Type)
		}
		// What shows a name turned round or with parts of it hidden.
		for _, r := range text {
			if !unicode.IsPrint(r) {
				return badPolicy("certificate: attribute %s holds what is not to be seen", a.Type)
			}
		}
	}
	if h.leaf.Country != "" && c.Country != h.leaf.Country {
		return badPolicy("certificate: the country is not that of the CA")
	}
	if h.own.spki[string(c.Cert.RawSubjectPublicKeyInfo)] {
		return badPolicy("certificate: for a key of the office itself")
	}
	return nil
}

// contact reads an issuer alternative name, which is the address of the office or one
// below it.
func (o *Office) contact(names []byte) bool {
	var all []asn1.RawValue
	if rest, err := asn1.Unmarshal(names, &all); err != nil || len(rest) != 0 {
		return false
	}
	const uri = 6 // of a GeneralName
	return !slices.ContainsFunc(all, func(n asn1.RawValue) bool {
		text := string(n.Bytes)
		return n.Class != asn1.ClassContextSpecific || n.Tag != uri || !o.own(text) && !o.serves(text)
	})
}
