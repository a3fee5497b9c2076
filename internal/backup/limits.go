package backup

const (
	// pieceSize bounds one entry of the tar: what is held in memory.
	pieceSize = 4 << 20

	// maxFiles in an archive: an office has some dozens.
	maxFiles = 4096

	// maxName bounds the name of a file, in bytes.
	maxName = 200

	// maxPieces of one file: 4 TB.
	maxPieces = 999_999

	// DefaultMaxBytes bounds what Unpack takes out of an archive altogether.
	DefaultMaxBytes = 1 << 40

	// maxManifest and maxDigests bound the two entries about the others.
	maxManifest = 64 << 10
	maxDigests  = 4 << 20

	// maxIdentities bounds a file of identities, in bytes.
	maxIdentities = 64 << 10
)
