package mdoc

import "time"

// Limits of reading and of issuing. Package cbor adds its own: 16 levels,
// 10 000 entries of a map, three embedded items inside each other.
const (
	// MaxResponse bounds a DeviceResponse or IssuerSigned, in bytes. The largest
	// sample seen has 138 kB; portraits and biometric templates fit.
	MaxResponse = 4 << 20

	// MaxRequest bounds a DeviceRequest, in bytes: names and certificates only.
	MaxRequest = 256 << 10

	// MaxEngagement bounds a DeviceEngagement inside a transcript, in bytes. A QR
	// code holds less than 3 kB.
	MaxEngagement = 64 << 10

	// MaxDocuments bounds the documents of a response and the DocRequests of a
	// request: each document costs two signature verifications.
	MaxDocuments = 10

	// MaxNameSpaces bounds the namespaces of one document, MSO or ItemsRequest.
	MaxNameSpaces = 64

	// MaxItems bounds the elements of one namespace. The most seen is 46.
	MaxItems = 1000

	// MaxDigestsPerNameSpace bounds the digests of one namespace of an MSO, which
	// holds one for each element that could be shown and may hold decoys.
	MaxDigestsPerNameSpace = 4096

	// MaxChain bounds the certificates of an x5chain. The profile has one, and
	// path validation looks at few; the rest is there to cost us parsing.
	MaxChain = 5

	// MaxReaderAuthAll bounds the signatures of readerAuthAll, one for each trust
	// domain that the reader belongs to.
	MaxReaderAuthAll = 10

	// MaxSkew bounds the tolerance for clocks when validity is checked. More
	// would silently lengthen the life of every document.
	MaxSkew = 300 * time.Second

	// MinSalt and MaxSalt bound the `random` of an item that is issued, in bytes:
	// 16 by ISO/IEC 18013-5, 9.1.2.5; the upper bound keeps a typing error from
	// doubling the size of a credential. DefaultSalt is what is issued unless
	// asked otherwise.
	MinSalt     = 16
	MaxSalt     = 64
	DefaultSalt = 32

	// maxDigestID is the first digestID that may not be issued (second edition);
	// larger ones occur in the field and are accepted with a note.
	maxDigestID = 1 << 31

	// maxNotes bounds the notes of one parsed value: a message full of unknown
	// members must not become a report full of them.
	maxNotes = 16

	// maxDetails bounds the reasons listed in one finding.
	maxDetails = 8
)
