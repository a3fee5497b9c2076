package i18n

const (
	// maxAccept and maxRanges bound what is read of Accept-Language: browsers
	// send a handful of ranges.
	maxAccept = 1 << 10
	maxRanges = 16
	// maxRetold bounds a text that is looked for among ours: names of certificates
	// and addresses of lists stand in it, and strangers write those.
	maxRetold = 1 << 10
)
