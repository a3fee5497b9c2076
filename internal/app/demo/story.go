package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"vidimus/internal/app/verifier"
	"vidimus/internal/clock"
	"vidimus/internal/elements"
	"vidimus/internal/fetch"
	"vidimus/internal/mdoc"
	"vidimus/internal/policy"
	"vidimus/internal/qr"
	"vidimus/internal/trust"
	"vidimus/internal/verification"
	"vidimus/internal/wallet"
)

// copies is how many of each credential the wallet fetches.
const copies = 5

// What the reader and the portal ask for (package policy), and where the portal
// is.
const (
	atTheRoadside = "right-to-drive"
	atThePortal   = "personal-data"
	portalURL     = "https://portal.example"
)

// story is one run: the actors, and what they hold in their hands.
type story struct {
	options Options
	clock   clock.Clock
	tell    *narration
	dir     string
	fail    context.CancelCauseFunc

	office  *premises
	people  []person
	reader  *reader
	anchors *trust.Store
	web     *fetch.Client
	store   *wallet.Store
	wallet  *wallet.Wallet

	offer *offer
	link  string // of the offer, as the wallet scanned it
	meet  *encounter
	ended *annulment // of the licence

	nonce, identified string // the portal's, and the SD-JWT with key binding

	show func() // what there is to see after the line of a step
}

// scene is one step. do gives what happened in a line, and may leave in
// story.show what there is to see.
type scene struct {
	who, standard string
	about         string // for errors: what was tried
	do            func(context.Context) (line string, err error)
}

// hero is the person of the story.
func (s *story) hero() person { return s.people[0] }

func (s *story) scenes() []scene {
	return []scene{
		{office, "ISO/IEC 18013-5, Annex B", "opening", s.open},
		{registry, "RFC 8417, RFC 8935", "stating a person", s.state},
		{office, "OpenID4VCI 1.0, 4", "making an offer", s.makeOffer},
		{holder, "OpenID4VCI 1.0, 6 to 8; RFC 9449", "fetching the credentials", s.accept},
		{police, "Token Status List, 8.1 and 9.3", "fetching anchors and status lists", s.synchronize},
		{holder, "ISO/IEC 18013-5, 8.2.2.3", "showing its QR code", s.engage},
		{police, "ISO/IEC 18013-5, 9.1.1 and 9.1.4", "asking in an encrypted session", s.ask},
		{police, "ISO/IEC 18013-5, 9.3.1", "verifying the licence", s.licence("licence", policy.Green, policy.Valid)},
		{registry, "RFC 8417", "annulling the licence", s.annul},
		{police, "Token Status List, 8.1", "fetching the status lists again", s.refresh},
		{holder, "ISO/IEC 18013-5, 8 and 9.1", "showing the licence again", s.again},
		{police, "ISO/IEC 18013-5 second edition, 12.3.6", "verifying the licence again", s.licence("licence-revoked", policy.Red, policy.Revoked)},
		{holder, "RFC 9901, 4.3 and 7.2", "showing the identity", s.showIdentity},
		{portal, "RFC 9901, 7.3; SD-JWT VC", "verifying the identity", s.identity},
	}
}

// play tells the scenes in their order, up to the first that goes wrong.
func (s *story) play(ctx context.Context) error {
	for i, sc := range s.scenes() {
		s.tell.number, s.show = i+1, nil
		line, err := "", context.Cause(ctx)
		if err == nil {
			line, err = sc.do(ctx)
			if cause := context.Cause(ctx); err != nil && cause != nil {
				err = cause
			}
		}
		if err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i+1, sc.who, sc.about, err)
		}
		s.tell.step(sc.who, line, sc.standard)
		if s.show != nil {
			s.show()
		}
	}
	return nil
}

func (s *story) open(ctx context.Context) (string, error) {
	var err error
	if s.people, err = people(s.clock.Now()); err != nil {
		return "", err
	}
	if err := s.office.open(ctx, s.dir, s.options.logger(), s.fail); err != nil {
		return "", err
	}
	if s.reader, err = newReader(s.clock); err != nil {
		return "", err
	}
	s.reader.office = s.office.cfg.PublicURL
	return "opens with fresh keys, certificates and database, on " + s.office.cfg.PublicURL, nil
}

func (s *story) state(ctx context.Context) (string, error) {
	sent, err := s.introduce(ctx, s.hero())
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("states %s: portrait, right to drive B and A, two documents; %d signed events taken", s.hero().Name(), sent), nil
}

// introduce pushes the events of a person.
func (s *story) introduce(ctx context.Context, p person) (int, error) {
	events, err := p.events(s.office.cfg.Authority, s.clock.Now())
	if err != nil {
		return 0, err
	}
	sent, err := s.office.push(ctx, events...)
	return len(sent), err
}

func (s *story) makeOffer(ctx context.Context) (string, error) {
	var err error
	if s.offer, err = s.office.offer(ctx, s.hero().Number); err != nil {
		return "", err
	}
	code, err := qr.Encode(s.offer.Link)
	s.show = func() {
		s.tell.code(code)
		s.tell.aside(s.offer.Link)
		s.tell.aside("by another channel, such as a letter: tx_code " + s.tell.paint("1", s.offer.TxCode))
	}
	return "offers her licence and identity to a wallet, by QR code", err
}

func (s *story) accept(ctx context.Context) (string, error) {
	code, err := qr.Encode(s.offer.Link)
	if err != nil {
		return "", err
	}
	if s.link, err = scan(code); err != nil {
		return "", fmt.Errorf("scanning the QR code: %w", err)
	}
	if s.anchors, err = writeTrust(s.trustDir(), &s.office.cfg, s.reader.root, s.clock.Now()); err != nil {
		return "", err
	}
	s.reader.trust = s.anchors
	if s.store, err = wallet.OpenStore(filepath.Join(s.dir, "wallet")); err != nil {
		return "", err
	}
	s.web = fetch.New(fetch.Options{AllowInsecureLoopback: true, UserAgent: "vidimus-demo"})
	if s.wallet, err = wallet.New(wallet.Config{
		Store: s.store, Clock: s.clock, Rand: rand.Reader, Web: s.web, AllowInsecure: true, Trust: s.anchors, Progress: s.progress,
	}); err != nil {
		return "", err
	}
	batches, err := s.wallet.Accept(ctx, s.link, wallet.AcceptOptions{TxCode: s.offer.TxCode, Copies: copies})
	if err != nil {
		return "", err
	}
	var kinds []string
	for _, b := range batches {
		if len(b.Copies) != copies {
			return "", fmt.Errorf("%d copies of %s came instead of %d", len(b.Copies), b.Configuration, copies)
		}
		kinds = append(kinds, b.Configuration)
	}
	if len(batches) != 3 {
		return "", fmt.Errorf("%q were fetched: three kinds are in the story", kinds)
	}
	return fmt.Sprintf("fetches %d copies each of %s, every copy with a key of its own", copies, strings.Join(kinds, ", ")), nil
}

// progress is what the wallet tells of itself.
func (s *story) progress(line string) {
	if s.options.Verbose {
		s.tell.aside(s.tell.paint("2", line))
	}
}

func (s *story) synchronize(ctx context.Context) (string, error) {
	if err := s.reader.synchronize(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("has %d anchors, fetches the status list (%d bytes) and goes off line", len(s.anchors.All()), s.reader.weight()), s.keepLists("")
}

func (s *story) engage(context.Context) (string, error) {
	var err error
	if s.meet, err = engage(); err != nil {
		return "", err
	}
	s.show = func() {
		s.tell.code(s.meet.shown)
		s.tell.aside(s.meet.scanned)
	}
	return "shows a QR code with a key for one session", nil
}

func (s *story) ask(ctx context.Context) (string, error) {
	if err := s.meet.run(ctx, s.wallet, s.anchors, s.request); err != nil {
		return "", err
	}
	who, what, err := s.meet.question()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("asks in an encrypted session, signed as %s, for %s; she agrees", who, what), nil
}

func (s *story) request(t mdoc.SessionTranscript) ([]byte, error) {
	return s.reader.request(atTheRoadside, elements.MDLDocType, t)
}

// licence judges what the session brought, and holds the verdict against what
// the story tells.
func (s *story) licence(name string, colour policy.Colour, status policy.Status) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		defer s.meet.reader.Close()
		r := s.reader.judge(atTheRoadside, s.meet.answer, s.meet.reader)
		if err := s.keepPresentation(name, s.meet); err != nil {
			return "", err
		}
		return s.verdict(name, r, colour, status)
	}
}

// verdict shows a report. What was shown must be genuine, and proven to be the
// holder's, also when it is revoked.
func (s *story) verdict(of string, r *verification.Report, colour policy.Colour, status policy.Status) (string, error) {
	s.options.verdict(of, r)
	var shown bytes.Buffer
	verifier.WriteText(&shown, r, s.options.Colours, s.options.Verbose)
	if r.Colour != colour || r.Verdict.Status != status || r.Verdict.Authenticity != policy.Genuine {
		return "", fmt.Errorf("the verdict should be %s and %s, and is:\n%s", colour, status, shown.String())
	}
	s.show = func() { s.tell.aside(shown.String()) }
	passed := 0
	for _, c := range checks(r) {
		if c.Result == verification.Pass {
			passed++
		}
	}
	return fmt.Sprintf("finds it %s: %d of %d checks passed, without a network", strings.ToUpper(string(colour)), passed, len(checks(r))), nil
}

func checks(r *verification.Report) []verification.Check {
	list := append([]verification.Check(nil), r.Checks...)
	for _, d := range r.Documents {
		list = append(list, d.Checks...)
	}
	return list
}

func (s *story) annul(ctx context.Context) (string, error) {
	var err error
	if s.ended, err = s.office.annul(ctx, s.hero().Licence); err != nil {
		return "", err
	}
	if s.ended.State != "covered" {
		return "", fmt.Errorf("the receipt says %q, not that every copy is covered", s.ended.State)
	}
	return fmt.Sprintf("annuls licence %s; the office's signed receipt: covered, all %d copies revoked", s.hero().Licence, copies), nil
}

func (s *story) refresh(ctx context.Context) (string, error) {
	if err := s.reader.synchronize(ctx); err != nil {
		return "", err
	}
	return "comes back to the network and fetches the status list again", s.keepLists("-after")
}

func (s *story) again(ctx context.Context) (string, error) {
	if _, err := s.engage(ctx); err != nil {
		return "", err
	}
	s.show = nil // one such code is enough
	if _, err := s.ask(ctx); err != nil {
		return "", err
	}
	return "shows another copy of the licence, in a new session", nil
}

func (s *story) showIdentity(context.Context) (string, error) {
	p, _ := s.reader.policy.Profile(atThePortal)
	asked, ok := p.Document(policy.FormatSDJWT, elements.PIDVCT)
	if !ok {
		return "", errors.New("the policy does not ask for an identity as SD-JWT")
	}
	var claims []string
	for _, e := range asked.Elements {
		if !e.Optional {
			claims = append(claims, strings.Join(e.Path, "."))
		}
	}
	s.nonce = rand.Text()
	var err error
	if s.identified, err = s.wallet.PresentSDJWT(wallet.SDJWTPresentation{VCT: elements.PIDVCT, Claims: claims, Nonce: s.nonce, Audience: portalURL}); err != nil {
		return "", err
	}
	return fmt.Sprintf("discloses %d claims of the PID to a portal, its key signs the portal's nonce", len(claims)), s.keepFile("identity.sd-jwt", []byte(s.identified))
}

func (s *story) identity(context.Context) (string, error) {
	return s.verdict("identity", s.reader.judgeToken(atThePortal, s.identified, s.nonce, portalURL), policy.Green, policy.Valid)
}

// close lets go of everything, in the order in which it leans on each other.
func (s *story) close() error {
	if s.web != nil {
		s.web.Close()
	}
	if s.reader != nil {
		s.reader.web.Close()
	}
	var errs []error
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(append(errs, s.office.close())...)
}
