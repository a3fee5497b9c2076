package issuer

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"vidimus/internal/citizenhttp"
	"vidimus/internal/delivery"
	"vidimus/internal/notice"
)

// holderNotices makes what tells holders what happened.
func (a *App) holderNotices(id *identity) error {
	n := a.cfg.Notices
	cfg := notice.Config{
		Issuer: a.cfg.PublicURL, Store: a.store, Subjects: a.records, Clock: a.opts.Clock, Languages: []string{n.Language},
		Appeal: map[string]notice.Appeal{}, Signer: id.key, Chain: id.chain, Rand: a.opts.Rand,
	}
	if a.cfg.hasLogin() {
		cfg.Anew = a.cfg.PublicURL + citizenhttp.Path
	}
	for language, appeal := range n.Appeal {
		cfg.Appeal[language] = notice.Appeal{Text: appeal.Text, URL: appeal.URL}
	}
	if n.Webhook != "" {
		sender, err := a.cfg.webhookSender(n.Roots)
		if err != nil {
			return err
		}
		cfg.Webhook, cfg.WebhookURL = sender, n.Webhook
	}
	if n.Mail.Server != "" {
		mail, err := a.mail()
		if err != nil {
			return fmt.Errorf("notices.mail: %w", err)
		}
		cfg.Mail = mailSender{mail}
	}
	late := a.metrics.Counter("vidimus_notices_undeliverable_total", "Notices to holders that could not be delivered within 24 hours.")
	cfg.Tried = func(number uint64, state notice.State, word string) {
		if state == notice.Undeliverable {
			late()
			a.log.Warn("a notice could not be delivered", "number", number, "problem", word)
		}
	}
	var err error
	a.notices, err = notice.New(cfg)
	return err
}

func (a *App) mail() (*delivery.Mail, error) {
	m := a.cfg.Notices.Mail
	opts := delivery.MailOptions{Server: m.Server, From: m.From, User: m.User, Clock: a.opts.Clock, Rand: a.opts.Rand}
	if m.PasswordFile != "" {
		path := a.cfg.Path(m.PasswordFile)
		if err := onlyOurs(path, 0o077, "others may read it", "chmod 600"); err != nil {
			return nil, err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		opts.Password = strings.TrimRight(string(data), "\r\n")
	}
	if m.Roots != "" {
		data, err := os.ReadFile(a.cfg.Path(m.Roots))
		if err != nil {
			return nil, err
		}
		opts.Roots = x509.NewCertPool()
		if !opts.Roots.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("%s holds no certificate", a.cfg.Path(m.Roots))
		}
	}
	return delivery.NewMail(opts)
}

// mailSender is delivery.Mail as notice sees it.
type mailSender struct{ mail *delivery.Mail }

// Send implements notice.Mail.
func (m mailSender) Send(ctx context.Context, to, subject, body string) error {
	return m.mail.SendMail(ctx, to, subject, body)
}

// SendIdentified implements notice.Identified.
func (m mailSender) SendIdentified(ctx context.Context, id, to, subject, body string) error {
	return m.mail.SendIdentified(ctx, id, to, subject, body)
}
