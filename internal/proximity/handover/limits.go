package handover

const (
	// MaxMessage bounds an NDEF message, in bytes: the file of a tag says its size
	// in two bytes, of which two values are reserved.
	MaxMessage = 0xfffe

	// MaxRecords bounds the records of a message. A handover has one for itself,
	// one for the engagement, and one for each of three carriers.
	MaxRecords = 16

	// MaxAuxiliary bounds the auxiliary references of a carrier.
	MaxAuxiliary = 8
)
