package delivery

import "time"

const (
	// DefaultTimeout is for one attempt as a whole.
	DefaultTimeout = 30 * time.Second
	dialTimeout    = 5 * time.Second
	tlsTimeout     = 5 * time.Second
	idleTimeout    = 60 * time.Second

	// maxURL bounds an address.
	maxURL = 2 << 10
	// maxHeader and maxAnswer bound what a webhook answers; its body is read
	// so that the connection can be used again, and thrown away.
	maxHeader = 16 << 10
	maxAnswer = 64 << 10

	// maxConversation bounds all that an SMTP server says, its certificates
	// included.
	maxConversation = 128 << 10
	// maxAddress is that of RFC 5321, 4.5.3.1.3, without the angle brackets.
	maxAddress = 254
	// maxMessageID is the hexadecimal of 32 octets.
	maxMessageID = 64
	// maxSubject and maxText bound a message, in bytes.
	maxSubject = 200
	maxText    = 64 << 10
)
