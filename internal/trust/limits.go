package trust

import "vidimus/internal/cbor"

const (
	// MaxVICAL bounds a list. The largest real one holds 14 certificates in
	// 21 kB; 4 MiB would hold every authority of the world.
	MaxVICAL = cbor.MaxMessage

	// MaxEntries bounds the certificates of a list.
	MaxEntries = 5_000

	// maxFolderFiles, maxFileBytes and maxFolderDepth bound a folder of
	// anchors, so that a wrong path is refused and not read for ever.
	maxFolderFiles = 1_000
	maxFileBytes   = 1 << 20
	maxFolderDepth = 4

	// maxTypes bounds the doctypes and vcts of one anchor.
	maxTypes = 256
)
