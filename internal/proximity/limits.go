package proximity

import "math"

// Limits of engagement and session.
const (
	// MaxURI bounds the text of a QR code before it is decoded: 4 296 characters
	// is what the largest code (version 40, level L) holds.
	MaxURI = 4296

	// MaxEngagement bounds a DeviceEngagement, in bytes, when it comes by NFC.
	MaxEngagement = 64 << 10

	// MaxMethods bounds the retrieval methods of an engagement. Three kinds exist,
	// with one version each.
	MaxMethods = 10

	// MaxRequest bounds a DeviceRequest, in bytes: names and certificates only.
	MaxRequest = 256 << 10

	// MaxMessage bounds a SessionData, in bytes, and with it the DeviceResponse
	// inside: a portrait and biometric templates fit.
	MaxMessage = 4 << 20

	// MaxRequests bounds the requests that RunHolder answers in one session.
	MaxRequests = 16

	// maxCounter is the last counter value of a key, which has four bytes in the
	// IV (9.1.1.5); after it, the session ends.
	maxCounter = math.MaxUint32
)
