package cose

// Limits of one message, beyond those of package cbor.
const (
	// MaxHeaders bounds the labels of one header; real messages have at most five.
	MaxHeaders = 32

	// MaxChain bounds the certificates of an x5chain. ISO/IEC 18013-5 paths have
	// one or two below the anchor; ten leaves room for cross certificates.
	MaxChain = 10

	// MaxCertificate bounds one certificate, in bytes; real ones have below 2 kB.
	MaxCertificate = 16 << 10

	// MaxText bounds a typ or content type, in bytes, and MaxKeyID a kid.
	MaxText  = 256
	MaxKeyID = 1024

	// MaxKey bounds an encoded COSE_Key, in bytes: a P-521 key with some labels
	// that are ignored.
	MaxKey = 4 << 10
)
