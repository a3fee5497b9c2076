package shares

const (
	// MaxShares bounds the custodians of one key: more cannot be brought into one
	// room, and x-coordinates are octets.
	MaxShares = 16

	// minThreshold: a share that alone is the key is no share.
	minThreshold = 2

	// maxFile bounds every file of a set: an armored share to a post-quantum
	// recipient has 3 KiB, set.json with 16 of these recipients 35 KiB.
	maxFile = 64 << 10

	// maxFiles bounds the share files that are tried: one for each custodian in
	// each folder, and slack for copies.
	maxFiles = 64

	// maxIdentities bounds the files of identities that are given.
	maxIdentities = MaxShares
)
