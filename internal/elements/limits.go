package elements

// Limits of this package, each with its reason.
const (
	// MaxText is the length of a text element in characters after NFC
	// normalisation (ISO/IEC 18013-5, 7.2.1; PID Rulebook, 3.1).
	MaxText = 150

	// MaxReadText is the length in bytes beyond which a verifier refuses a text
	// instead of warning: far above every honest value, far below a screenful.
	MaxReadText = 4096

	// MaxPicture is the size in bytes of a picture that is read or issued at all.
	// Real portraits are 10 to 60 kB.
	MaxPicture = 1 << 20

	// MaxPortraitIssue is the size in bytes above which issuing warns: a reader
	// fetches the portrait over Bluetooth at 30 to 100 kB/s.
	MaxPortraitIssue = 24 << 10

	// MaxPictureSide and MaxPicturePixels bound a picture before it is decoded:
	// a few hundred bytes of JPEG can announce 65535 x 65535 pixels. A progressive
	// JPEG of four million pixels costs Go's decoder about 50 MB.
	MaxPictureSide   = 4096
	MaxPicturePixels = 4 << 20

	// maxScans bounds the scans of a progressive JPEG: encoders write about ten,
	// and each makes a decoder go over the whole picture again.
	maxScans = 64

	// maxComponents is colours with an alpha channel: nobody's face has more.
	maxComponents = 4

	// maxTiles bounds the tiles of a JPEG 2000: a portrait is one, and each costs
	// a decoder memory, however few bytes it has.
	maxTiles = 256

	// MaxBiometric is the size in bytes of a biometric template.
	MaxBiometric = 256 << 10

	// MaxBytes is the size in bytes of any other byte string.
	MaxBytes = 64 << 10

	// MaxList is the number of items of a list: nationalities, driving
	// privileges, codes of a privilege. A full European licence has 16 categories
	// and seldom more than ten codes each.
	MaxList = 64

	// MaxCode is the length in bytes of a vehicle category, and of a code with its
	// sign and value.
	MaxCode = 40

	// MinYear and MaxYear bound every date. They refuse the "never" dates 0000 and
	// 9999 which registers use for "unknown" and which verifiers would believe.
	MinYear = 1850
	MaxYear = 2199

	// MaxAge bounds the NN of an age statement, two digits by its name.
	MaxAge = 99

	// maxRenderDepth bounds the recursion of Render, beside the depth limit of
	// the CBOR decoder that has seen the bytes before.
	maxRenderDepth = 16
)
