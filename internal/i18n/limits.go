package i18n

const (
	// maxAccept and maxRanges bound what is read of Accept-Language: browsers
	// send a handful of ranges.
	maxAccept = 1 << 10
	maxRanges = 16
)
