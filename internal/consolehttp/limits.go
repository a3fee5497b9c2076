package consolehttp

const (
	// maxFields bounds a form: the largest has some 30 fields, each category
	// one.
	maxFields = 80
	// maxCopies, maxHistory and maxNotices bound a page; the history has pages.
	maxCopies  = 200
	maxHistory = 25
	maxNotices = 20
	// maxRequests bounds a list of requests: what was decided makes room.
	maxRequests = 100
	// maxSaid bounds what wallets said on the page of a history, and maxBatches
	// the batches that are looked through for it.
	maxSaid    = 50
	maxBatches = 200

	// An officer clicks; every click is some requests.
	perSecond, burst = 5, 60
	// Logins that fail: a typed code, a link used twice. Nobody guesses 256
	// bits; what is bounded is the work that guessing makes.
	failuresPerSecond, failuresBurst = 1.0 / 30, 20
)
