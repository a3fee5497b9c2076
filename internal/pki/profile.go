package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"
)

// Profile names what a certificate is for. Build and Lint follow its rules.
type Profile string

// Profiles of ISO/IEC 18013-5 Annex B and of our own.
const (
	// ProfileIACA is the root of one issuing authority, Annex B.1.2.
	ProfileIACA Profile = "iaca"
	// ProfileIACALink binds a new IACA root to the old one's key.
	ProfileIACALink Profile = "iaca-link"
	// ProfileDocumentSignerMDL signs mobile driving licences, Annex B.1.4.
	ProfileDocumentSignerMDL Profile = "document-signer-mdl"
	// ProfileDocumentSignerPID signs person identification data in both
	// formats. Rows as the mDL signer's; the EKU is its own.
	ProfileDocumentSignerPID Profile = "document-signer-pid"
	// ProfileStatusSigner signs status lists (second edition: MSO revocation
	// list signer).
	ProfileStatusSigner Profile = "status-signer"
	// ProfileReaderCA is the root of readers.
	ProfileReaderCA Profile = "reader-ca"
	// ProfileReader signs readerAuth, Annex B.1.7.
	ProfileReader Profile = "reader"
	// ProfileAccessCA is the root of OpenID access certificates.
	ProfileAccessCA Profile = "access-ca"
	// ProfileAccess signs OpenID4VP requests and OpenID4VCI metadata.
	ProfileAccess Profile = "access"
	// ProfileVICALSigner signs a list of IACA roots, Annex C.
	ProfileVICALSigner Profile = "vical-signer"
	// ProfileOperationsCA is the root of keys that sign no credential.
	ProfileOperationsCA Profile = "operations-ca"
	// ProfileBundleSigner signs the bundles of offline readers.
	ProfileBundleSigner Profile = "bundle-signer"
	// ProfileReceiptSigner signs receipts for registry events.
	ProfileReceiptSigner Profile = "receipt-signer"
	// ProfileCheckpointSigner signs checkpoints of the audit record.
	ProfileCheckpointSigner Profile = "checkpoint-signer"
	// ProfileRegistrySource signs the events of one registry.
	ProfileRegistrySource Profile = "registry-source"
)

// Profiles is every profile, in the order of this file.
func Profiles() []Profile {
	return []Profile{
		ProfileIACA, ProfileIACALink, ProfileDocumentSignerMDL, ProfileDocumentSignerPID, ProfileStatusSigner,
		ProfileReaderCA, ProfileReader, ProfileAccessCA, ProfileAccess, ProfileVICALSigner, ProfileOperationsCA,
		ProfileBundleSigner, ProfileReceiptSigner, ProfileCheckpointSigner, ProfileRegistrySource,
	}
}

const day = 24 * time.Hour

// rules is one column of the table in Annex B, or of ours.
type rules struct {
	root bool // self-signed
	ca   bool // basicConstraints CA pathLen 0, keyCertSign and cRLSign
	link bool

	maxYears int           // for CAs, calendar years
	max      time.Duration // for leaves

	country, organization bool // mandatory attributes beside CN
	likeIssuer            bool // C and ST as the issuer's

	keyUsage x509.KeyUsage
	// ekus are written by Build. The first is mandatory, the others advised;
	// ownEKU lets the template name others instead. besides is one that we wrote
	// once, and that no other profile may have.
	ekus    []asn1.ObjectIdentifier
	ownEKU  bool
	besides asn1.ObjectIdentifier

	issuerAltName, crlDistribution, dnsName bool
	ed25519                                 bool
}

const (
	caUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	// documentSignerDays and the two below are Annex B's limits. Readers check
	// nothing against them: they bind whoever issues.
	documentSignerDays = 457 * day
	longLeafDays       = 1187 * day
	rootYears          = 20
)

var profiles = map[Profile]rules{
	ProfileIACA: {root: true, ca: true, maxYears: rootYears, country: true, keyUsage: caUsage,
		issuerAltName: true, crlDistribution: true},
	ProfileIACALink: {ca: true, link: true, maxYears: rootYears, country: true, keyUsage: caUsage,
		issuerAltName: true, crlDistribution: true},
	ProfileDocumentSignerMDL: {max: documentSignerDays, country: true, likeIssuer: true, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDMdlDS}, besides: OIDMdocDS, issuerAltName: true, crlDistribution: true, ed25519: true},
	ProfileDocumentSignerPID: {max: documentSignerDays, country: true, likeIssuer: true, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDPIDSigner}, ownEKU: true, issuerAltName: true, crlDistribution: true, ed25519: true,
		dnsName: true},
	ProfileStatusSigner: {max: longLeafDays, country: true, likeIssuer: true, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDStatusSigner}, ownEKU: true},
	ProfileReaderCA: {root: true, ca: true, maxYears: rootYears, keyUsage: caUsage},
	ProfileReader: {max: longLeafDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDReaderAuth, OIDMdocReaderAuth}, crlDistribution: true, ed25519: true},
	ProfileAccessCA: {root: true, ca: true, maxYears: rootYears, keyUsage: caUsage},
	// The access certificate's limit is ours: that of the document signer.
	ProfileAccess: {max: documentSignerDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDAccess}, ownEKU: true, dnsName: true},
	ProfileVICALSigner: {max: longLeafDays, country: true, organization: true, keyUsage: x509.KeyUsageContentCommitment,
		ekus: []asn1.ObjectIdentifier{OIDVICAL, OIDMdocVICAL}, crlDistribution: true},
	ProfileOperationsCA: {root: true, ca: true, maxYears: rootYears, keyUsage: caUsage},
	// Operations leaves may live as long as the standard's longest leaf: a
	// reader pins its bundle signer when it is enrolled.
	ProfileBundleSigner: {max: longLeafDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDBundleSigner}},
	ProfileReceiptSigner: {max: longLeafDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDReceiptSigner}},
	ProfileCheckpointSigner: {max: longLeafDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDCheckpointSigner}},
	ProfileRegistrySource: {max: longLeafDays, keyUsage: x509.KeyUsageDigitalSignature,
		ekus: []asn1.ObjectIdentifier{OIDRegistrySource}},
}

// LongestLife is how long a certificate of the profile may live, 0 for a CA, whose
// years are those of the calendar.
func (p Profile) LongestLife() time.Duration { return profiles[p].max }

// ExtKeyUsages gives the EKUs that Build writes for the profile, the mandatory
// one first; nil for a CA.
func (p Profile) ExtKeyUsages() []asn1.ObjectIdentifier { return slices.Clone(profiles[p].ekus) }

// foreignEKU tells whether an EKU in a certificate of profile p would let it
// stand in for another profile of the table, or for any.
func foreignEKU(p Profile, id asn1.ObjectIdentifier) bool {
	if id.Equal(OIDAnyEKU) {
		return true
	}
	for other, r := range profiles {
		if other == p {
			continue
		}
		if id.Equal(r.besides) || slices.ContainsFunc(r.ekus, id.Equal) {
			return true
		}
	}
	return false
}
