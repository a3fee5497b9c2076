package cbor

// Limits of decoding. The largest real sample measured has 138 kB, 46 elements
// and 8 levels; each limit leaves room above that and stops a bomb early.
const (
	// MaxMessage bounds one message, in bytes: a portrait and biometric
	// templates fit. Callers that expect less pass less to UnmarshalLimit.
	MaxMessage = 4 << 20

	// MaxDepth bounds the nesting of arrays, maps and tags. The content of a
	// tag-24 byte string counts from zero again.
	MaxDepth = 16

	// MaxEmbeddings bounds how deep tag-24 items lie inside each other. The
	// deepest legal case is DeviceAuthenticationBytes, which holds
	// DeviceEngagementBytes, which holds EDeviceKeyBytes: three.
	MaxEmbeddings = 3

	// MaxItems bounds the items of one array and the pairs of one map.
	MaxItems = 10_000

	// MaxNodes bounds all items of a message together, embedded ones included,
	// so that many small arrays cannot do what one large array may not.
	MaxNodes = 100_000

	// MaxTagChain bounds tags that directly follow each other; no format read
	// here uses more than one.
	MaxTagChain = 2

	// maxBignum bounds the bytes of a bignum (tags 2 and 3). Serial numbers of
	// certificates have at most 20.
	maxBignum = 64

	// maxDateText bounds the text of a date (tags 0 and 1004). A date and time
	// with nanoseconds and an offset has 35 bytes.
	maxDateText = 64

	// maxExponent bounds the exponent of decimal fractions and bigfloats (tags
	// 4 and 5): evaluating 1e1000000000 would fill the memory.
	maxExponent = 1024

	// maxFindings bounds what Lint returns.
	maxFindings = 32

	// maxDiagnosis bounds the text that Diagnose returns, in bytes.
	maxDiagnosis = 1 << 20
)
