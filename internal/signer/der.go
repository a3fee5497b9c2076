package signer

import (
	"bytes"
	"encoding/asn1"
	"strings"

	"vidimus/internal/pki"
)

// readDER reads a TBSCertificate or a TBSCertList (RFC 5280, 4.1 and 5.1): what
// crypto/x509 gives to a signer that reads.
func (h *held) readDER(m []byte, now instant) (Kind, error) {
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(m, &whole); err != nil || len(rest) != 0 || whole.Tag != asn1.TagSequence || !whole.IsCompound {
		return "", badForm("DER: not one SEQUENCE, or something behind it")
	}
	// A certificate begins with [0] version, a list with an INTEGER.
	if len(whole.Bytes) > 0 && whole.Bytes[0] == 0xa0 {
		if !h.Policy.signs(KindReaderCertificate) {
			return "", refuse(ReasonKind, "the key does not sign certificates")
		}
		return KindReaderCertificate, h.readCertificate(m, whole.Bytes, now)
	}
	if !h.Policy.signs(KindCRL) {
		return "", refuse(ReasonKind, "the key does not sign revocation lists")
	}
	return KindCRL, h.readCRL(m, whole.Bytes, now)
}

// unsigned is what a signature would be, until there is one.
var unsigned = []byte{0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01}

// frame puts an algorithm and a signature that is none behind what is to be signed, so
// that it can be read by those who read certificates and lists. The algorithm is taken
// from inside, after the elements before it.
func frame(tbs, content []byte, before int) ([]byte, error) {
	for range before {
		var skipped asn1.RawValue
		var err error
		if content, err = asn1.Unmarshal(content, &skipped); err != nil {
			return nil, badForm("DER: %v", err)
		}
	}
	var algorithm asn1.RawValue
	if _, err := asn1.Unmarshal(content, &algorithm); err != nil || algorithm.Tag != asn1.TagSequence {
		return nil, badForm("DER: no algorithm")
	}
	out, err := asn1.Marshal(struct {
		TBS, Algorithm asn1.RawValue
		Signature      asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, asn1.RawValue{FullBytes: algorithm.FullBytes}, asn1.BitString{Bytes: unsigned, BitLength: 8 * len(unsigned)}})
	if err != nil {
		return nil, badForm("DER: %v", err)
	}
	return out, nil
}

// readCertificate takes the certificate of a reader below the key's own, which is that
// of the reader CA.
func (h *held) readCertificate(tbs, content []byte, now instant) error {
	raw, err := frame(tbs, content, 2) // version, serial number
	if err != nil {
		return err
	}
	c, err := pki.ParseCertificate(raw)
	if err != nil {
		return badForm("certificate: %v", err)
	}
	if len(c.Leniencies) > 0 || !bytes.Equal(c.Cert.RawTBSCertificate, tbs) {
		return badForm("certificate: not in DER")
	}
	if findings := pki.Lint(c, pki.ProfileReader, h.leaf); len(findings) > 0 {
		return badPolicy("certificate: it does not conform to %s: %s", pki.ProfileReader, strings.Join(findings, "; "))
	}
	if !h.ownAlgorithm(c.Cert.SignatureAlgorithm.String()) {
		return badPolicy("certificate: an algorithm that is not the key's")
	}
	if err := h.readerCertificate(c); err != nil {
		return err
	}
	if c.NotBefore().After(now.Add(skew)) || c.NotBefore().Before(now.Add(-maxCredentialAge)) && !c.NotBefore().Equal(h.leaf.NotBefore()) || !c.NotAfter().After(now) {
		return badPolicy("certificate: its validity does not begin now")
	}
	return nil
}

// readCRL takes a list of revoked certificates of the key's own.
func (h *held) readCRL(tbs, content []byte, now instant) error {
	list, err := parseTBSCertList(tbs, content)
	if err != nil {
		return err
	}
	signed, algorithm := list.Signed()
	switch {
	case !bytes.Equal(signed, tbs) || len(list.Warnings) > 0:
		return badForm("revocation list: not in the profile of ISO/IEC 18013-5, Annex B")
	case !bytes.Equal(list.RawIssuer, h.leaf.RawSubject) || !bytes.Equal(list.AuthorityKeyID, h.leaf.SubjectKeyID()):
		return badPolicy("revocation list: not of the key's certificate")
	case !list.Number.IsUint64():
		return badPolicy("revocation list: a number of more than 64 bits, after which there would be none")
	case !h.ownAlgorithm(algorithm.String()):
		return badPolicy("revocation list: an algorithm that is not the key's")
	case list.ThisUpdate.After(now.Add(skew)) || list.ThisUpdate.Before(now.Add(-maxAge)):
		return badPolicy("revocation list: not made now")
	case !list.NextUpdate.After(list.ThisUpdate) || list.NextUpdate.Sub(list.ThisUpdate) > maxCRLLife:
		return badPolicy("revocation list: the next one is not promised within %s", maxCRLLife)
	}
	for _, e := range list.Entries() {
		if e.At.After(now.Add(skew)) || e.Serial.Sign() <= 0 || e.Serial.Cmp(h.leaf.Cert.SerialNumber) == 0 {
			return badPolicy("revocation list: an entry that is to come, of no certificate, or the root's own")
		}
	}
	return nil
}

// parseTBSCertList reads a revocation list that nobody has signed yet; content is what
// is in it.
func parseTBSCertList(tbs, content []byte) (*pki.CRL, error) {
	raw, err := frame(tbs, content, 1) // version
	if err != nil {
		return nil, err
	}
	list, err := pki.ParseCRL(raw)
	if err != nil {
		return nil, badForm("revocation list: %v", err)
	}
	return list, nil
}

// ownAlgorithm: ECDSA with the hash of the key's curve.
func (h *held) ownAlgorithm(name string) bool {
	return name == "ECDSA-SHA"+map[int]string{256: "256", 384: "384", 521: "512"}[h.pub.Params().BitSize]
}
