package notice

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"

	"vidimus/internal/audit"
	"vidimus/internal/clock"
	"vidimus/internal/document"
	"vidimus/internal/faults"
	"vidimus/internal/jose"
	"vidimus/internal/problem"
)

// Subjects reads the present state of a person; a refusal of kind not_found
// when there is none.
type Subjects interface {
	Subject(ctx context.Context, person string) (document.Subject, error)
}

// Config is what a Service needs.
type Config struct {
	Issuer   string // iss, the public URL of the office
	Store    Store
	Subjects Subjects
	Clock    clock.Clock

	// Languages of a mail, in their order; the subject line is in the first.
	// None means all. The portal gets all texts.
	Languages []string
	// Appeal is by language. Without one the text says whom to ask.
	Appeal map[string]Appeal
	Zone   *time.Location // of instants in texts; nil is UTC
	// Anew is the address of the pages on which a holder gets offers; "" without.
	Anew string

	Webhook    Webhook // nil: none
	WebhookURL string
	// Signer signs what goes to the portal; Chain is its certificate and those
	// between it and the anchor, DER, leaf first, or nil.
	Signer crypto.Signer
	Chain  [][]byte
	Rand   io.Reader
	Mail   Mail // nil: none

	// Every is how often the outbox is looked at; zero is DefaultEvery.
	Every time.Duration
	// Tried is told of each attempt, for log and metrics: the number of the
	// notice, what became of it, and the channel or problem. It may be nil.
	Tried func(number uint64, state State, word string)
}

// Service delivers notices.
type Service struct {
	cfg    Config
	words  map[string]words
	header map[string]any

	delivering sync.Mutex // two at once would send what is due twice
}

// New checks the configuration.
func New(cfg Config) (*Service, error) {
	if cfg.Issuer == "" || cfg.Store == nil || cfg.Subjects == nil || cfg.Clock == nil {
		return nil, errors.New("notice: issuer, store, subjects and clock are needed")
	}
	if len(cfg.Languages) == 0 {
		cfg.Languages = Languages()
	}
	if cfg.Zone == nil {
		cfg.Zone = time.UTC
	}
	if cfg.Every <= 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Tried == nil {
		cfg.Tried = func(uint64, State, string) {}
	}
	s := &Service{cfg: cfg, words: map[string]words{}}
	for _, language := range Languages() {
		w, err := readWords(language)
		if err != nil {
			return nil, err
		}
		s.words[language] = w
	}
	for _, language := range cfg.Languages {
		if s.words[language] == nil {
			return nil, fmt.Errorf("notice: no texts in language %q", language)
		}
	}
	for language := range cfg.Appeal {
		if s.words[language] == nil {
			return nil, fmt.Errorf("notice: an appeal in language %q, of which there are no texts", language)
		}
	}
	if cfg.Webhook == nil {
		return s, nil
	}
	if cfg.WebhookURL == "" || cfg.Signer == nil || cfg.Rand == nil {
		return nil, errors.New("notice: a webhook needs its address, a signer and randomness")
	}
	thumbprint, err := jose.Thumbprint(cfg.Signer.Public())
	if err != nil {
		return nil, fmt.Errorf("notice: key: %w", err)
	}
	s.header = map[string]any{"typ": TokenType, "kid": jose.EncodeBase64URL(thumbprint)}
	if len(cfg.Chain) > 0 {
		s.header["x5c"] = cfg.Chain
	}
	return s, nil
}

// Run delivers until ctx ends, which is no error, or the store fails.
func (s *Service) Run(ctx context.Context) error {
	for {
		n, err := s.Deliver(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if n == batch {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.cfg.Every):
		}
	}
}

// Deliver makes one attempt at each notice that is due, at most some hundred,
// and says how many there were. An error is one of the store or the audit: the
// notices that it concerns are attempted again.
func (s *Service) Deliver(ctx context.Context) (int, error) {
	s.delivering.Lock()
	defer s.delivering.Unlock()
	due, err := s.cfg.Store.DueNotices(ctx, s.cfg.Clock.Now(), batch)
	if err != nil {
		return 0, fmt.Errorf("reading the notices: %w", err)
	}
	work := make(chan Record, len(due))
	for _, r := range due {
		work <- r
	}
	close(work)
	made := make(chan attempted, len(due))
	var attempts sync.WaitGroup
	for range min(workers, len(due)) {
		attempts.Go(func() {
			for r := range work {
				channel, word, err := s.attempt(ctx, r)
				if err == nil && ctx.Err() != nil {
					// Whether an attempt that was cut off arrived is not known: it is
					// made again.
					return
				}
				if made <- (attempted{r, channel, word, err}); err != nil {
					return
				}
			}
		})
	}
	go func() {
		attempts.Wait()
		close(made)
	}()
	var errs []error
	for a := range made {
		errs = append(errs, s.recordAll(ctx, gather(a, made)))
	}
	return len(due), errors.Join(errs...)
}

// attempted is a notice and what became of it; err is one of the store.
type attempted struct {
	record        Record
	channel, word string
	err           error
}

// gather waits a moment for more: what is written at one time shares a
// transaction.
func gather(first attempted, more <-chan attempted) []attempted {
	all := []attempted{first}
	for enough := time.After(gathering); ; {
		select {
		case a, open := <-more:
			if !open {
				return all
			}
			all = append(all, a)
		case <-enough:
			return all
		}
	}
}

// recordAll writes what became of attempts, in one step of the store.
func (s *Service) recordAll(ctx context.Context, all []attempted) error {
	faults.Point("notice.sent")
	var failed error
	records, did := make([]Record, 0, len(all)), make([]audit.Event, 0, len(all))
	for _, a := range all {
		if a.err != nil {
			failed = errors.Join(failed, a.err)
			continue
		}
		r := s.after(a)
		records = append(records, r)
		if r.State == Waiting {
			did = append(did, audit.Event{})
		} else {
			did = append(did, entry(s.cfg.Issuer, r))
		}
	}
	if err := s.cfg.Store.PutNotices(ctx, records, did); err != nil {
		return errors.Join(failed, fmt.Errorf("recording notices: %w", err))
	}
	for _, r := range records {
		word := r.Channel
		if r.State != Delivered {
			word = r.Problem
		}
		s.cfg.Tried(r.Number, r.State, word)
	}
	return failed
}

// after is the record of a notice after an attempt.
func (s *Service) after(a attempted) Record {
	r, now := a.record, s.cfg.Clock.Now()
	r.Attempts++
	r.Channel, r.Problem = a.channel, a.word
	last := r.Created.Add(Deadline)
	switch {
	case a.word == "":
		r.State = Delivered
	case a.word != ProblemUnreachable || !now.Before(last):
		r.State = Undeliverable
	default:
		r.Next = now.Add(pause(r.Attempts))
		if r.Next.After(last) {
			r.Next = last
		}
	}
	if r.State != Waiting {
		r.Settled = now
	}
	return r
}

// pause is how long to wait after so many failures.
func pause(attempts int) time.Duration {
	p := firstPause
	for range attempts - 1 {
		if p *= 2; p >= longestPause {
			return longestPause
		}
	}
	return p
}

func entry(issuer string, r Record) audit.Event {
	e := audit.Event{
		Time: r.Settled, Action: "notice.deliver", Actor: "notice", Subject: id(issuer, r), Outcome: audit.Done,
		Detail: map[string]string{"event": r.Notice.Cause.JTI, "source": r.Notice.Cause.Source, "reason": r.Channel},
	}
	if r.State == Undeliverable {
		e.Outcome, e.Detail["reason"] = audit.Failed, r.Problem
	}
	return e
}

// attempt sends a notice by the first channel that takes it. Problem is "" when
// one did. The error is one of the store.
func (s *Service) attempt(ctx context.Context, r Record) (channel, problemWord string, err error) {
	if s.cfg.Webhook == nil && s.cfg.Mail == nil {
		return "", ProblemNoChannel, nil
	}
	subject, err := s.subject(ctx, r.Person)
	if problem.KindOf(err) == problem.NotFound {
		return "", ProblemNoPerson, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading the person of a notice: %w", err)
	}
	m := compose(s.cfg.Issuer, r, subject)
	if m.Fact == document.FactMeasureEnded {
		m.Anew = s.cfg.Anew
	}
	now := s.cfg.Clock.Now()
	word := ProblemNoAddress
	if s.cfg.Webhook != nil {
		token, err := s.token(m, r, subject.Number, now)
		if err != nil {
			return "", "", err
		}
		if word = sendWord(ctx, func(ctx context.Context) error {
			return s.cfg.Webhook.Send(ctx, s.cfg.WebhookURL, ContentType, []byte(token))
		}); word == "" {
			return ChannelWebhook, "", nil
		}
		// The portal may come back soon; mail is for what it will not take, and
		// has tries of its own when the portal stays away.
		if word == ProblemUnreachable && now.Before(r.Created.Add(portalPatience)) {
			return "", word, nil
		}
	}
	to := address(subject)
	if s.cfg.Mail == nil || to == "" {
		return "", word, nil
	}
	text := s.mail(m)
	byMail := sendWord(ctx, func(ctx context.Context) error {
		if mail, ok := s.cfg.Mail.(Identified); ok {
			return mail.SendIdentified(ctx, m.ID, to, text.Subject, text.Body)
		}
		return s.cfg.Mail.Send(ctx, to, text.Subject, text.Body)
	})
	switch {
	case byMail == "":
		return ChannelMail, "", nil
	case word == ProblemUnreachable: // whatever mail says, the portal may come back
		return "", word, nil
	}
	return "", byMail, nil
}

// sendWord makes one attempt and gives the problem in a word: the error itself
// may quote an address or a message, and goes nowhere.
func sendWord(ctx context.Context, send func(context.Context) error) string {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	switch err := send(ctx); {
	case err == nil:
		return ""
	case permanent(err):
		return ProblemRefused
	}
	return ProblemUnreachable
}

// subject reads a person, after a merge the one of today.
func (s *Service) subject(ctx context.Context, person string) (document.Subject, error) {
	for range maxMerges {
		subject, err := s.cfg.Subjects.Subject(ctx, person)
		if err != nil || subject.MergedInto == "" {
			return subject, err
		}
		person = subject.MergedInto
	}
	return document.Subject{}, problem.New(problem.NotFound, "no such person")
}

// address is where mail can go to, "" when nowhere. What is no plain address
// (RFC 5321, 4.1.2) could be read as more than one, or as a header.
func address(s document.Subject) string {
	if s.Person == nil {
		return ""
	}
	text := s.Person.Attributes.Text("email_address")
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > maxAddress || strings.ContainsAny(text, "\"<> \r\n") {
		return ""
	}
	return text
}

// mail is the message in the languages of mails, one after the other.
func (s *Service) mail(m Message) Text {
	texts := make([]string, 0, len(s.cfg.Languages))
	for _, language := range slices.Compact(slices.Clone(s.cfg.Languages)) {
		texts = append(texts, s.words[language].text(m, s.cfg.Appeal[language], s.cfg.Zone).Body)
	}
	return Text{Subject: s.words[s.cfg.Languages[0]]["subject"], Body: strings.Join(texts, "\n----------\n\n")}
}
