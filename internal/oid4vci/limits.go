package oid4vci

const (
	// maxRequest bounds a credential request: 50 proofs of 1 KiB, or one with
	// a key attestation of 100 keys and its chain.
	maxRequest = 512 << 10

	// maxProof bounds one proof or key attestation.
	maxProof = 128 << 10

	// maxAttestedKeys bounds attested_keys: twice the largest batch.
	maxAttestedKeys = 100

	// maxSmall bounds deferred and notification requests, nonce and error
	// responses.
	maxSmall = 16 << 10

	// maxOffer bounds a credential offer object.
	maxOffer = 32 << 10

	// maxOfferURI bounds an offer URI: a full offer, percent-encoded.
	maxOfferURI = 3 * maxOffer

	// maxMetadata bounds issuer and server metadata. Those with inline logos
	// reach some hundred KiB.
	maxMetadata = 2 << 20

	// maxResponse bounds a credential response: 50 credentials with portraits.
	maxResponse = 4 << 20

	// maxDetails bounds the objects in authorization_details: one for each
	// configuration that anyone offers.
	maxDetails = 64

	// maxConfigurations bounds the identifiers in an offer.
	maxConfigurations = 64

	// maxIdentifier bounds identifiers, codes and other opaque strings.
	maxIdentifier = 4 << 10

	// maxURL bounds a URL.
	maxURL = 2 << 10

	// maxTxDescription is the bound of section 4.1.1 in characters.
	maxTxDescription = 300

	// maxTxLength bounds tx_code.length: nobody types more.
	maxTxLength = 64

	// maxLanguages bounds the ranges of an Accept-Language header that are
	// looked at; browsers send under ten.
	maxLanguages = 32

	// maxLanguage bounds one of them; BCP 47 tags that anyone uses are shorter.
	maxLanguage = 35

	// maxPath bounds a claims path pointer.
	maxPath = 16
)
