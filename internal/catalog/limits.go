package catalog

// Limits of this package, each with its reason.
const (
	// MaxFile is the size of a configuration file in bytes.
	MaxFile = 1 << 20

	// MaxConfigurations bounds the metadata that every wallet downloads.
	MaxConfigurations = 100

	// MaxElements bounds the elements of one configuration; each costs a digest in
	// every copy. The mDL has about 50 with its age statements.
	MaxElements = 200

	// DefaultBatch and MaxBatch bound the copies of one request: each costs the
	// signer a signature.
	DefaultBatch = 20
	MaxBatch     = 50

	// MaxImage is the size of an image in a data URI, decoded. Every wallet
	// downloads them with the metadata, and in every language.
	MaxImage = 32 << 10

	// MaxImageSide bounds a PNG in pixels: a few octets can stand for gigabytes in
	// the memory of a phone.
	MaxImageSide = 2048

	// MaxStatusPeriodDays is how long anybody could ask a wallet provider to keep a
	// status: longer than copies live.
	MaxStatusPeriodDays = 10 * 366

	// DefaultDays and MaxDays bound the life of a copy. Short lives keep status
	// lists short; 398 days is the life of the signing certificate less a margin.
	DefaultDays = 14
	MaxDays     = 398
)
