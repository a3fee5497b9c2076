package delivery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"time"

	"vidimus/internal/clock"
)

// MailOptions names the SMTP server and how we come to it.
type MailOptions struct {
	// Server is host:port. Port 465 is TLS from the start, others STARTTLS.
	Server string
	// From is the sender, with or without a name before the address.
	From string
	// User and Password are for AUTH PLAIN; an empty User does without.
	User, Password string
	// Hello is the name by which we greet, "" for localhost.
	Hello   string
	Timeout time.Duration
	// Roots are what the server's certificate leads to; nil means those of the
	// machine.
	Roots *x509.CertPool
	Clock clock.Clock
	Rand  io.Reader // of message ids
}

// Mail sends text to mailboxes. Safe for concurrent use; each message has its
// own connection.
type Mail struct {
	opt  MailOptions
	host string
	port string
	from *mail.Address
}

// NewMail checks the options.
func NewMail(opt MailOptions) (*Mail, error) {
	if opt.Clock == nil || opt.Rand == nil {
		return nil, errors.New("delivery: mail needs a clock and randomness")
	}
	m := &Mail{opt: opt}
	var err error
	if m.host, m.port, err = net.SplitHostPort(opt.Server); err != nil || m.host == "" || m.port == "" {
		return nil, fmt.Errorf("delivery: mail server %.80q is not host:port", opt.Server)
	}
	if m.from, err = sender(opt.From); err != nil {
		return nil, fmt.Errorf("delivery: sender %.80q: %w", opt.From, err)
	}
	if m.opt.Timeout <= 0 {
		m.opt.Timeout = DefaultTimeout
	}
	if m.opt.Hello == "" {
		m.opt.Hello = "localhost"
	}
	return m, nil
}

// SendMail sends one message to one mailbox. Nil means that the server has
// taken it. The error is a *Failure.
func (m *Mail) SendMail(ctx context.Context, to, subject, text string) error {
	var id [16]byte
	if _, err := io.ReadFull(m.opt.Rand, id[:]); err != nil {
		return fail(Unreachable, err)
	}
	return m.SendIdentified(ctx, hex.EncodeToString(id[:]), to, subject, text)
}

// SendIdentified is SendMail with what stands before the @ of the Message-ID
// (letters, digits, - and _, at most 64), so that a message that was sent
// twice, because an answer was lost, can be told from two.
func (m *Mail) SendIdentified(ctx context.Context, id, to, subject, text string) error {
	to, err := address(to)
	if err != nil {
		return err
	}
	body, err := message(m.from, to, subject, text, id, m.opt.Clock.Now())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, m.opt.Timeout)
	defer cancel()
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", m.opt.Server)
	if err != nil {
		return fail(Unreachable, err)
	}
	defer conn.Close()
	// The conversation ends with the context, whatever it waits for.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	return m.converse(&bounded{Conn: conn, left: maxConversation}, to, body)
}

func (m *Mail) converse(conn net.Conn, to string, body []byte) error {
	config := &tls.Config{ServerName: m.host, RootCAs: m.opt.Roots, MinVersion: tls.VersionTLS12}
	secure := m.port == "465"
	plain := atLoopback(conn)
	if secure {
		t := tls.Client(conn, config)
		if err := t.Handshake(); err != nil {
			return fail(Insecure, err)
		}
		conn = t
	}
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return answered(err)
	}
	if err := c.Hello(m.opt.Hello); err != nil {
		return answered(err)
	}
	if offered, _ := c.Extension("STARTTLS"); !secure && offered {
		if err := c.StartTLS(config); err != nil {
			return fail(Insecure, err)
		}
		secure = true
	}
	if !secure && !plain {
		return fail(Insecure, errors.New("the mail server offers no STARTTLS"))
	}
	if m.opt.User != "" {
		// The library sends no password without TLS but to localhost.
		if err := c.Auth(smtp.PlainAuth("", m.opt.User, m.opt.Password, m.host)); err != nil {
			return fail(Refused, errors.New("the mail server does not take our password"))
		}
	}
	if err := c.Mail(m.from.Address); err != nil {
		return answered(err)
	}
	if err := c.Rcpt(to); err != nil {
		return answered(err)
	}
	w, err := c.Data()
	if err != nil {
		return answered(err)
	}
	if _, err := w.Write(body); err != nil {
		return fail(Unreachable, err)
	}
	if err := w.Close(); err != nil {
		return answered(err)
	}
	_ = c.Quit() // it is taken, whatever comes now
	return nil
}

// answered names what the server said: 5yz lasts (RFC 5321, 4.2.1). Its text is
// left out, since it may repeat the address.
func answered(err error) error {
	var said *textproto.Error
	switch {
	case !errors.As(err, &said):
		return fail(Unreachable, err)
	case said.Code/100 == 5:
		return never(Refused, "SMTP %d", said.Code)
	}
	return fail(Refused, fmt.Errorf("SMTP %d", said.Code))
}

// bounded is a connection that says only so much.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
