package notice

import (
	"context"
	"errors"
)

// Webhook brings a body to an address. Nil means that it was taken.
type Webhook interface {
	Send(ctx context.Context, url, contentType string, body []byte) error
}

// Mail gives a message to a mail server. Nil means that the server took it.
type Mail interface {
	Send(ctx context.Context, to, subject, text string) error
}

// Identified is a Mail that puts the id of a notice into the Message-ID, so
// that a repeat can be told from another message.
type Identified interface {
	SendIdentified(ctx context.Context, id, to, subject, text string) error
}

// ErrPermanent: the same message will never be taken. A channel returns it,
// bare or wrapped, or an error with a method Permanent() bool that says so;
// every other error means that a later attempt may succeed.
var ErrPermanent = errors.New("refused for good")

func permanent(err error) bool {
	var told interface{ Permanent() bool }
	return errors.Is(err, ErrPermanent) || errors.As(err, &told) && told.Permanent()
}

// Channels, as in Record.Channel.
const (
	ChannelWebhook = "webhook"
	ChannelMail    = "mail"
)

// Problems, as in Record.Problem. The list is closed.
const (
	// ProblemNoChannel: neither a webhook nor a mail server is configured.
	ProblemNoChannel = "no-channel"
	// ProblemNoAddress: the person has no email address that mail can go to.
	ProblemNoAddress = "no-address"
	// ProblemNoPerson: there is no record of the person any more.
	ProblemNoPerson = "no-person"
	// ProblemRefused: the last channel refused it for good.
	ProblemRefused = "refused"
	// ProblemUnreachable: the last attempt failed, and a later one may not.
	ProblemUnreachable = "unreachable"
)
