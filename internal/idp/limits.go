package idp

import "time"

const (
	// timeout is for one request to the provider; a person waits for three.
	timeout = 10 * time.Second
	// maxAnswer bounds an answer of the provider: key sets with certificates
	// make the largest.
	maxAnswer = 1 << 20
	// maxHeader bounds the header of one.
	maxHeader = 64 << 10
	// maxToken bounds an ID token.
	maxToken = 32 << 10

	// StateLifetime is how long a login may take: the person looks for a card,
	// types a PIN, receives a message.
	StateLifetime = 15 * time.Minute
	// defaultMaxAge is how long ago the login at the provider may be.
	defaultMaxAge = 10 * time.Minute
	// skew is what two clocks may differ by.
	skew = time.Minute
	// freshness is how old a token may be that came from the token endpoint
	// this very moment, beside skew.
	freshness = 5 * time.Minute

	// discoveryLifetime is how long the provider's metadata is believed; its
	// keys are fetched anew when a token names one that is not known.
	discoveryLifetime = time.Hour
	// discoveryPause is how long nobody asks again after a failure: while a
	// provider is down, each login would wait for the time-out of the one
	// before it.
	discoveryPause = 5 * time.Second

	// maxPerson bounds a person number, maxName a name to greet by.
	maxPerson, maxName = 128, 200
	// maxCode bounds the code of a callback.
	maxCode = 4 << 10
	// maxReturn bounds the page that a login comes back to.
	maxReturn = 3 << 10
	// maxCookie is what browsers keep of one cookie, with its name.
	maxCookie = 4000
	// minSecret is the least that keys are derived from, in bytes.
	minSecret = 32
)
