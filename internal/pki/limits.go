package pki

const (
	// MaxCertificateBytes bounds one certificate. The largest real one among
	// the public anchors and document signers is below 2 KiB; parsing cost
	// grows with size, so the bound is checked first.
	MaxCertificateBytes = 16 << 10

	// MaxChain bounds the certificates of one x5chain or x5c. The profiles
	// need one; national PKIs with sub-CAs need three.
	MaxChain = 10

	// maxSignatureChecks bounds the public key work that one chain can cause,
	// whatever cycles and look-alike names it holds. 32 checks on P-384 are
	// about 15 ms.
	maxSignatureChecks = 32

	// minRSABits and maxRSABits bound RSA CAs: below is weak, above is only
	// slow (a 16 KiB certificate could hold a key of 100,000 bits).
	minRSABits = 2048
	maxRSABits = 8192

	// maxExtensions bounds the extensions of one certificate, since duplicates
	// are looked for pairwise.
	maxExtensions = 64

	// maxSerialOctets is RFC 5280 section 4.1.2.2.
	maxSerialOctets = 20

	// MaxCRLBytes and MaxCRLEntries bound one revocation list. An authority has
	// tens of signers; a reader authority with 100,000 lost devices fits.
	MaxCRLBytes   = 4 << 20
	MaxCRLEntries = 100_000

	// MaxCRLs bounds the lists of one set: one for each authority of the world
	// and its regions.
	MaxCRLs = 2000

	// maxCRLDays is Annex B: a new list at least every 90 days.
	maxCRLDays = 90 * day

	// minSerialBits is the length below which a serial cannot hold the 63
	// random bits that Annex B asks for.
	minSerialBits = 63
)
