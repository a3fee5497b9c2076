package signer

// Kind names one form of message that an office signs. The list is closed.
type Kind string

// Kinds. Those of COSE are Sig_structures (RFC 9052, 4.4), those of JOSE
// signing inputs (RFC 7515, 5.1).
const (
	KindMSO               Kind = "mso"                // COSE, 24(<<MobileSecurityObject>>): ISO/IEC 18013-5, 9.1.2.4
	KindSDJWT             Kind = "sd-jwt"             // JOSE, dc+sd-jwt
	KindStatusJWT         Kind = "status-list-jwt"    // JOSE, statuslist+jwt
	KindStatusCWT         Kind = "status-list-cwt"    // COSE, application/statuslist+cwt
	KindIdentifierList    Kind = "identifier-list"    // COSE, application/identifierlist+cwt
	KindReceipt           Kind = "receipt"            // JOSE, to registries
	KindNotice            Kind = "notice"             // JOSE, to the portal
	KindReconciliation    Kind = "reconciliation"     // JOSE, what comparing a registry found
	KindBackup            Kind = "backup"             // JOSE, digests of a backup
	KindCheckpoint        Kind = "checkpoint"         // JOSE, of the audit record
	KindEvent             Kind = "event"              // JOSE, secevent+jwt of the console and of wallets
	KindMetadata          Kind = "metadata"           // JOSE, of OpenID4VCI
	KindBundle            Kind = "bundle"             // COSE, what offline readers know
	KindVICAL             Kind = "vical"              // COSE, ISO/IEC 18013-5, Annex C
	KindEntityList        Kind = "entity-list"        // JOSE, ETSI TS 119 602
	KindReaderCertificate Kind = "reader-certificate" // TBSCertificate of a reader
	KindCRL               Kind = "crl"                // TBSCertList
	KindProof             Kind = "proof"              // keys.ProofPrefix, ProofNonce octets or none, and the key's own certificate
)

// Kinds is every kind, in the order of this file.
func Kinds() []Kind {
	return []Kind{
		KindMSO, KindSDJWT, KindStatusJWT, KindStatusCWT, KindIdentifierList, KindReceipt, KindNotice, KindReconciliation,
		KindBackup, KindCheckpoint, KindEvent, KindMetadata, KindBundle, KindVICAL, KindEntityList, KindReaderCertificate, KindCRL, KindProof,
	}
}
