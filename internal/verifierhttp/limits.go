package verifierhttp

import "time"

const (
	// Shown is how long a verdict is there at most.
	Shown = 60 * time.Second
	// maxFrame is a picture of the camera, 1280 by 960 as JPEG, with room; maxSide
	// bounds what is decoded, and with it the time for one.
	maxFrame, maxSide = 1 << 20, 2048
	// maxForm is a photograph of a telephone beside the fields of the form.
	maxForm = 12 << 20
	// smallForm is one without a picture; of larger ones so many are taken at a time,
	// or those who send them slowly would fill the memory.
	smallForm, maxUploads = 64 << 10, 2
	// maxField of a form: a code has up to 4,296 characters.
	maxField, maxParts = 8 << 10, 8
	// Frames of one browser: the script sends four a second and waits for each
	// answer.
	framesPerSecond, framesBurst = 8, 16
	// Requests of one browser otherwise: it asks twice a second while it follows.
	requestsPerSecond, requestsBurst = 20, 60
	// Codes of one terminal, from whomever: a reading takes three seconds, and who
	// holds up a thousand codes in a minute wants no answer.
	codesPerMinute, codesBurst = 30, 20
	// sessionLifetime bounds the cookie of a reading: the longest one, and its verdict.
	sessionLifetime = 10 * time.Minute
	// maxSteps of a reading: two for each document of a profile, and some.
	maxSteps = 64
	// Text of strangers is cut after so many bytes.
	maxName, maxValue, maxDetail = 120, 300, 1000
	// maxChecks bounds what a hostile answer can put on a page.
	maxChecks, maxValues = 400, 100
)
