package issuer_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/jose"
	"vidimus/internal/notice"
)

// post is a mail server without TLS on this machine.
type post struct {
	ln net.Listener

	mu       sync.Mutex
	busy     bool // 451 instead of taking anything
	envelope []string
	messages []string
	refusals int
}

func newPost(t *testing.T) *post {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &post{ln: ln}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *post) serve(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(text string) { fmt.Fprintf(conn, "%s\r\n", text) }
	say("220 post")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		p.mu.Lock()
		switch verb {
		case "DATA":
			var b strings.Builder
			say("354 go on")
			for {
				line, err := r.ReadString('\n')
				if err != nil || line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			p.messages = append(p.messages, b.String())
			if p.busy {
				p.refusals++
				say("451 later") // after it has seen all of it
			} else {
				say("250 taken")
			}
		case "QUIT":
			say("221 bye")
		case "RCPT", "MAIL":
			p.envelope = append(p.envelope, rest)
			fallthrough
		default:
			say("250 ok")
		}
		p.mu.Unlock()
	}
}

func (p *post) set(busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = busy
}

func (p *post) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.messages)
}

// letter is a message as a human reads it.
type letter struct{ id, to, subject, text string }

func (p *post) letters(t *testing.T) (out []letter) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.messages {
		msg, err := mail.ReadMessage(strings.NewReader(m))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, msg.Body))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, letter{msg.Header.Get("Message-Id"), msg.Header.Get("To"), subject, string(text)})
	}
	return out
}

// reachable gives the people an address.
func (s *speaker) reachable(person string) {
	s.t.Helper()
	s.say(person, registryclient.PersonPut{Attributes: map[string]any{
		"family_name": "Canary", "given_name": "Erika", "birth_date": "1984-01-26", "email_address": "erika@mail.example",
	}})
	s.say(person, registryclient.DocumentPut{
		Number: "DL-9", Type: "mdl", IssueDate: "2024-06-15", ExpiryDate: "2034-06-15", IssuingAuthority: "Utopia Roads", IssuingCountry: "UT",
	})
}

// settle waits until no notice is waiting.
func (o *office) settle() {
	o.t.Helper()
	o.soon("no notice waits", func() bool {
		o.must(o.app.Notify(o.t.Context()))
		n, _, err := o.app.Store().WaitingNotices(o.t.Context())
		o.must(err)
		return n == 0
	})
}

// Holders read what happened, why and what they can do, in their language; the
// subject line says nothing of it.
func TestNoticesByMail(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	o := newOffice(t, func(c *issuer.Config) {
		c.Notices.Mail = issuer.Mail{Server: p.ln.Addr().String(), From: "Utopia <office@office.example>"}
		c.Notices.Appeal = map[string]issuer.Appeal{}
		for _, l := range notice.Languages() {
			c.Notices.Appeal[l] = issuer.Appeal{Text: "Appeal in " + l + ".", URL: "https://appeal.example/" + l}
		}
	})
	o.serve()
	o.speaker().reachable("P-9")
	o.settle()
	said := map[string]bool{}
	for i, language := range notice.Languages() {
		o.cfg.Notices.Language = language
		o.restart()
		s := o.speaker()
		before := p.count()
		id := fmt.Sprintf("M-%d", i)
		s.say("P-9", ban(id, registryclient.CourtBan, func(r *registryclient.Orders) { r.LegalBasis = "Act 7" }))
		o.settle()
		got := p.letters(t)[before:]
		if len(got) != 1 {
			t.Fatalf("%s: %d letters", language, len(got))
		}
		l := got[0]
		for _, no := range []string{"Canary", "Erika", "P-9", "DL-9", "M-", "court", "Court", "ban", "licence", "1984-01-26"} {
			if strings.Contains(l.subject, no) {
				t.Errorf("%s: the subject says %q", language, l.subject)
			}
		}
		for _, want := range []string{"Utopia Court", "Act 7", "Appeal in " + language, "https://appeal.example/" + language} {
			if !strings.Contains(l.text, want) {
				t.Errorf("%s: the text lacks %q:\n%s", language, want, l.text)
			}
		}
		if l.to != "<erika@mail.example>" || said[l.subject+l.text] || strings.Contains(l.text, "1984-01-26") {
			t.Errorf("%s: %+v", language, l)
		}
		said[l.subject+l.text] = true
		if strings.Contains(o.log.String(), "erika@mail.example") || strings.Contains(o.log.String(), "Canary") {
			t.Error("the log knows the holder")
		}
	}

	t.Run("a letter that was lost is the same letter", func(t *testing.T) {
		p.set(true)
		before := p.count()
		o.speaker().say("P-9", registryclient.MeasureLifted{ID: "M-0", Reason: "x"})
		// The next try is counted from when the office has written down that
		// this one failed, not from when the mail server said so.
		o.soon("a first try, written down", func() bool {
			records, err := o.app.Store().Notices(t.Context(), "P-9", 100)
			o.must(err)
			return p.count() > before && slices.ContainsFunc(records, func(r notice.Record) bool {
				return r.State == notice.Waiting && r.Problem != ""
			})
		})
		p.set(false)
		o.clock.Advance(time.Minute)
		o.settle()
		got := p.letters(t)[before:]
		if len(got) < 2 || got[0].id == "" || got[0].id != got[len(got)-1].id || got[0].text != got[len(got)-1].text {
			t.Errorf("%+v", got)
		}
	})
	records, err := o.app.Store().Notices(t.Context(), "P-9", 100)
	o.must(err)
	delivered := 0
	for _, r := range records {
		if r.State == notice.Delivered && r.Channel == notice.ChannelMail {
			delivered++
		}
	}
	if n := o.audited("notice.deliver", `"done"`); delivered < 5 || n != delivered {
		t.Errorf("%d delivered, %d lines of audit", delivered, n)
	}
	if n := o.audited("mail.example"); n != 0 {
		t.Error("an address is in the audit record")
	}
}

// Who cannot be reached is on record as that, after a day of tries or at once.
func TestUndeliverable(t *testing.T) {
	t.Parallel()
	p := newPost(t)
	o := newOffice(t, func(c *issuer.Config) {
		c.Notices.Mail = issuer.Mail{Server: p.ln.Addr().String(), From: "office@office.example"}
	}).serve().people()
	s := o.speaker()
	o.settle()
	state := func(person, measure string) (string, string) {
		t.Helper()
		records, err := o.app.Store().Notices(t.Context(), person, 100)
		o.must(err)
		for _, r := range records {
			if r.Notice.Measure == measure {
				return string(r.State), r.Problem
			}
		}
		t.Fatalf("no notice about %s", measure)
		return "", ""
	}
	s.say("P-1", ban("M-1", registryclient.CourtBan)) // has no address
	o.settle()
	if got, why := state("P-1", "M-1"); got != "undeliverable" || why != notice.ProblemNoAddress {
		t.Errorf("%s %s", got, why)
	}
	// What is no address is taken as it is, and nobody but the office is told.
	s.say("P-8", registryclient.PersonPut{Attributes: map[string]any{
		"family_name": "Nowhere", "given_name": "N", "birth_date": "1984-01-26", "email_address": "n/a",
	}})
	s.say("P-8", registryclient.DocumentPut{
		Number: "DL-8", Type: "mdl", IssueDate: "2024-06-15", ExpiryDate: "2034-06-15", IssuingAuthority: "Utopia Roads", IssuingCountry: "UT",
	})
	s.say("P-8", ban("M-8", registryclient.CourtBan))
	o.settle()
	if got, why := state("P-8", "M-8"); got != "undeliverable" || why != notice.ProblemNoAddress {
		t.Errorf("no address: %s %s", got, why)
	}
	s.reachable("P-9")
	o.settle()
	p.set(true)
	s.say("P-9", ban("M-2", registryclient.CourtBan))
	for range 30 {
		o.must(o.app.Notify(t.Context()))
		o.clock.Advance(40 * time.Minute)
	}
	if got, why := state("P-9", "M-2"); got != "waiting" || why != notice.ProblemUnreachable {
		t.Errorf("after 20 hours: %s %s", got, why)
	}
	o.clock.Advance(4 * time.Hour)
	o.settle()
	if got, why := state("P-9", "M-2"); got != "undeliverable" || why != notice.ProblemUnreachable {
		t.Errorf("after a day: %s %s", got, why)
	}
	if n := o.audited("notice.deliver", "failed", notice.ProblemUnreachable); n != 1 {
		t.Errorf("%d lines of audit", n)
	}
	_, _, body := o.get("http://" + o.app.Addresses().Metrics + "/metrics")
	if !strings.Contains(body, "vidimus_notices_undeliverable_total ") || strings.Contains(body, "vidimus_notices_undeliverable_total 0") || !strings.Contains(body, "vidimus_notices_waiting 0") {
		t.Error("the metrics do not say it")
	}
}

// A citizens' portal gets every language under the signature of the office;
// mail is for what it does not take.
func TestNoticesByWebhook(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var tokens []string
	answer := http.StatusNoContent
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Content-Type") != notice.ContentType || r.Method != http.MethodPost {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		tokens = append(tokens, string(body))
		w.WriteHeader(answer)
	}))
	defer portal.Close()
	p := newPost(t)
	o := newOffice(t, func(c *issuer.Config) {
		c.Notices.Webhook = portal.URL + "/notices"
		c.Notices.Mail = issuer.Mail{Server: p.ln.Addr().String(), From: "office@office.example"}
	}).serve()
	s := o.speaker()
	s.reachable("P-9")
	o.settle()
	s.say("P-9", ban("M-1", registryclient.CourtBan))
	o.settle()
	mu.Lock()
	last := tokens[len(tokens)-1]
	answer = http.StatusGone
	mu.Unlock()
	signed, err := jose.Parse(last)
	o.must(err)
	o.must(signed.Verify(o.receiptKey()))
	var c notice.Claims
	o.must(json.Unmarshal(signed.Payload, &c))
	if c.Subject != "P-9" || c.Measure != "M-1" || c.Audience != o.cfg.Notices.Webhook || c.Issuer != o.cfg.PublicURL || len(c.Texts) != 4 || c.Fact != "court-ban" {
		t.Errorf("%+v", c)
	}
	for language, text := range c.Texts {
		if text.Subject == "" || text.Body == "" || strings.Contains(text.Subject, "M-1") {
			t.Errorf("%s: %+v", language, text)
		}
	}
	if p.count() != 0 {
		t.Error("what the portal took was mailed too")
	}
	s.say("P-9", ban("M-2", registryclient.CourtBan))
	o.settle()
	if p.count() != 1 {
		t.Errorf("%d letters for what the portal does not take", p.count())
	}
}
