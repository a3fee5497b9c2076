package pki

import "encoding/asn1"

// Extended key usages of ISO/IEC 18013-5 (arc id-mdl-kp 1.0.18013.5.1) and
// ISO/IEC 23220-4 (arc id-mdoc-kp 1.0.23220.4.1). The link and IACA numbers
// name certificates in lists; they are no EKU inside a certificate.
var (
	OIDMdlDS          = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 2}
	OIDMdlLink        = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 4}
	OIDReaderAuth     = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 6}
	OIDMdlIACA        = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 7}
	OIDVICAL          = asn1.ObjectIdentifier{1, 0, 18013, 5, 1, 8}
	OIDMdocDS         = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 2}
	OIDMdocReaderAuth = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 6}
	OIDMdocVICAL      = asn1.ObjectIdentifier{1, 0, 23220, 4, 1, 8}
)

// companion gives the ISO/IEC 23220 usage that the second edition advises
// beside one of ISO/IEC 18013-5, nil when there is none.
func companion(id asn1.ObjectIdentifier) asn1.ObjectIdentifier {
	switch {
	case id.Equal(OIDMdlDS):
		return OIDMdocDS
	case id.Equal(OIDReaderAuth):
		return OIDMdocReaderAuth
	case id.Equal(OIDVICAL):
		return OIDMdocVICAL
	}
	return nil
}

// OIDStatusSigner is id-kp-oauthStatusSigning of the Token Status List
// specification, section 10.
var OIDStatusSigner = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 30}

// OIDOCSPSigning is id-kp-OCSPSigning, OIDAnyEKU is anyExtendedKeyUsage
// (RFC 5280 section 4.2.1.12), which never stands for a purpose here.
var (
	OIDOCSPSigning = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 9}
	OIDAnyEKU      = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// PrivateArc is where the EKUs of our own live. It is the UUID
// 417e97b8-df2b-490e-bfa6-6c05777c9cec in seven numbers (four, four, four,
// four, four, six and six hexadecimal digits) below 1.2.840.113556.1.8000.2554,
// the arc that Microsoft opened to everyone for UUIDs. The arc 2.25 of
// ITU-T X.667 holds the UUID as one number of 128 bits, and crypto/x509 refuses
// to read a certificate with such an extended key usage.
var PrivateArc = asn1.ObjectIdentifier{1, 2, 840, 113556, 1, 8000, 2554, 16766, 38840, 57131, 18702, 49062, 7079287, 8166636}

// Extended key usages of our own. OIDPIDSigner is a default: the EKU of PID
// signers is configuration, since each country may name its own.
var (
	OIDPIDSigner      = private(1)
	OIDAccess         = private(2)
	OIDBundleSigner   = private(3)
	OIDReceiptSigner  = private(4)
	OIDRegistrySource = private(5)
	// OIDCheckpointSigner is for checkpoints of an audit record.
	OIDCheckpointSigner = private(6)
)

func private(n int) asn1.ObjectIdentifier {
	return append(append(asn1.ObjectIdentifier{}, PrivateArc...), n)
}

// Extensions.
var (
	oidSubjectKeyID      = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidKeyUsage          = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName    = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidIssuerAltName     = asn1.ObjectIdentifier{2, 5, 29, 18}
	oidBasicConstraints  = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidNameConstraints   = asn1.ObjectIdentifier{2, 5, 29, 30}
	oidCRLDistribution   = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies          = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidPolicyMappings    = asn1.ObjectIdentifier{2, 5, 29, 33}
	oidAuthorityKeyID    = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidPolicyConstraints = asn1.ObjectIdentifier{2, 5, 29, 36}
	oidExtKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidFreshestCRL       = asn1.ObjectIdentifier{2, 5, 29, 46}
	oidInhibitAnyPolicy  = asn1.ObjectIdentifier{2, 5, 29, 54}
	oidAttrCommonName    = asn1.ObjectIdentifier{2, 5, 4, 3}
	oidAttrSerialNumber  = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidAttrCountry       = asn1.ObjectIdentifier{2, 5, 4, 6}
	oidAttrLocality      = asn1.ObjectIdentifier{2, 5, 4, 7}
	oidAttrState         = asn1.ObjectIdentifier{2, 5, 4, 8}
	oidAttrOrganization  = asn1.ObjectIdentifier{2, 5, 4, 10}
)
