package document

import "time"

const (
	// MaxText is the longest text value, in characters: the limit of
	// ISO/IEC 18013-5, 7.2.1 and of the PID Rulebook.
	MaxText = 150
	// MaxFreeText bounds text of a document type that we do not know.
	MaxFreeText = 1000
	// MaxNumber bounds person and document numbers: they are keys of stores.
	MaxNumber = 64
	// MaxWord bounds kinds, types, categories and codes.
	MaxWord = 64
	// MaxPrivileges and MaxCodes: there are some 20 categories and 100 codes.
	MaxPrivileges = 64
	MaxCodes      = 100
	// MaxAttributes bounds the facts of one person or document; the standards
	// name about 40.
	MaxAttributes = 64
	// MaxItems bounds each array and object inside an attribute.
	MaxItems = 32
	// MaxDepth bounds the nesting of an attribute's value.
	MaxDepth = 4
	// MaxDocuments and MaxEntitlements bound one person, so that the cost of
	// one event stays bounded. A renewed document may take a new number.
	MaxDocuments    = 200
	MaxEntitlements = 50
	// MaxMeasures bounds one person over a life, MaxRevisions what was ever
	// said of one measure.
	MaxMeasures  = 200
	MaxRevisions = 100
	// MaxMeasureID bounds the id of a measure. A source chooses at most
	// MaxNumber; a merge may put the number of a person before it.
	MaxMeasureID = 2*MaxNumber + 1
	// MaxAhead is by how much the clock of a registry may be ahead of ours in
	// a fact that cannot lie in the future.
	MaxAhead = 5 * time.Minute
	// MaxTable bounds the file of effects.
	MaxTable = 64 << 10
	// MaxImage is the largest image in bytes. A credential of more than 24 KiB
	// compresses badly; this leaves registries room, the catalogue may ask
	// for less.
	MaxImage = 256 << 10
	// MaxPixels bounds width and height of an image, so that a decoder that
	// believes the header allocates at most 64 MiB.
	MaxPixels = 4096
	// MinYear and MaxYear bound every date: what lies outside is a mistake or
	// a way to say never, for which the member is left out.
	MinYear = 1850
	MaxYear = 2199
)
