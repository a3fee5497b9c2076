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

	// DefaultDays and MaxDays bound the life of a copy. Short lives keep status
	// lists short; 398 days is the life of the signing certificate less a margin.
	DefaultDays = 14
	MaxDays     = 398
)
