package policy

// Limits of this package, each with its reason.
const (
	// MaxFile is the size of a policy file in bytes: a hundred profiles fit.
	MaxFile = 1 << 20

	// MaxVersion is the length of the name of a policy: a date, a number, a hash.
	MaxVersion = 64

	// MaxProfiles is the number of profiles; an officer chooses from a list.
	MaxProfiles = 100

	// MaxElements is the number of elements asked for in one document. The mDL has
	// about 40 in all.
	MaxElements = 100

	// MaxValues is the number of values that one element may be asked to have:
	// the countries of the world, once.
	MaxValues = 250

	// MaxAgeStatements is what a reader may ask in one retrieval (ISO/IEC 18013-5,
	// 7.2.5): more would measure the age.
	MaxAgeStatements = 2
)
