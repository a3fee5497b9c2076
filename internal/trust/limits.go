package trust

import (
	"time"

	"vidimus/internal/cbor"
)

const (
	// MaxVICAL bounds a list. The largest real one holds 14 certificates in
	// 21 kB; 4 MiB would hold every authority of the world.
	MaxVICAL = cbor.MaxMessage

	// MaxEntries bounds the certificates of a list.
	MaxEntries = 5_000

	// MaxEntityList bounds a list of trusted entities. The Union's list of
	// wallet providers has some 20 kB; every provider of the world would fit.
	MaxEntityList = 4 << 20

	// maxEntityServices and maxServiceCertificates bound one trusted entity:
	// real ones have two services with one certificate each, and a few while
	// keys change.
	maxEntityServices      = 100
	maxServiceCertificates = 20

	// MaxTrustedList bounds a trusted list in XML: the largest of the Union has
	// 6 MB. maxTrustedServices bounds one provider: the history of some is long.
	MaxTrustedList     = 16 << 20
	maxTrustedServices = 1_000

	// maxXMLTokens, maxXMLDepth and maxXMLAttributes bound its structure.
	maxXMLTokens     = 1_000_000
	maxXMLDepth      = 64
	maxXMLAttributes = 32

	// maxEntityListAge is six months: the longest time between two lists (ETSI TS
	// 119 602 Annex E). entityListSkew is how far clocks may differ.
	maxEntityListAge = 184 * 24 * time.Hour
	entityListSkew   = 5 * time.Minute

	// maxFolderFiles, maxFileBytes and maxFolderDepth bound a folder of
	// anchors, so that a wrong path is refused and not read for ever.
	maxFolderFiles = 1_000
	maxFileBytes   = 1 << 20
	maxFolderDepth = 4

	// maxAsked bounds the answers that a store remembers: purposes and types of the
	// documents that people hold.
	maxAsked = 100

	// maxTypes bounds the doctypes and vcts of one anchor.
	maxTypes = 256
)
