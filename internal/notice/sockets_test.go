package notice

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"vidimus/internal/clock"
	"vidimus/internal/delivery"
)

// mailServer takes one message after the other and gives them on.
func mailServer(t *testing.T, answer string) (address string, messages chan string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	messages = make(chan string, 10)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			converse(conn, answer, messages)
		}
	}()
	return ln.Addr().String(), messages
}

func converse(conn net.Conn, answer string, messages chan string) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	fmt.Fprint(conn, "220 hello\r\n")
	for in.Scan() {
		switch verb, _, _ := strings.Cut(in.Text(), " "); verb {
		case "RCPT":
			fmt.Fprint(conn, answer+"\r\n")
		case "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var text strings.Builder
			for in.Scan() && in.Text() != "." {
				text.WriteString(in.Text() + "\n")
			}
			messages <- text.String()
			fmt.Fprint(conn, "250 taken\r\n")
		case "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

// mailbox is delivery.Mail as notice sees it.
type mailbox struct{ *delivery.Mail }

func (m mailbox) Send(ctx context.Context, to, subject, text string) error {
	return m.SendMail(ctx, to, subject, text)
}

// Over real connections, by what the office uses: what a portal refuses goes
// by mail, what it does not take now is tried again.
func TestSockets(t *testing.T) {
	for _, test := range []struct {
		name   string
		portal int
		rcpt   string
		want   Record
	}{
		{"portal takes it", 204, "250 ok", Record{State: Delivered, Channel: ChannelWebhook}},
		{"portal knows nobody", 410, "250 ok", Record{State: Delivered, Channel: ChannelMail}},
		{"portal is ill", 503, "250 ok", Record{State: Waiting, Problem: ProblemUnreachable}},
		{"neither takes it", 410, "550 nobody here", Record{State: Undeliverable, Problem: ProblemRefused}},
		{"mail later", 410, "451 busy", Record{State: Waiting, Problem: ProblemUnreachable}},
	} {
		var posted string
		portal := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			posted = r.Header.Get("Content-Type") + " " + string(body)
			rw.WriteHeader(test.portal)
		}))
		address, messages := mailServer(t, test.rcpt)
		mail, err := delivery.NewMail(delivery.MailOptions{Server: address, From: "Office <office@office.example>", Clock: clock.System{}, Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.cfg.Webhook, w.cfg.WebhookURL, w.cfg.Mail = delivery.NewWebhook(delivery.WebhookOptions{AllowInsecureLoopback: true}), portal.URL, mailbox{mail}
		w.add("P")
		w.deliver(w.service(), 1)
		portal.Close()
		if r := w.store.records[0]; r.State != test.want.State || r.Channel != test.want.Channel || r.Problem != test.want.Problem {
			t.Errorf("%s: %+v", test.name, r)
		}
		if !strings.HasPrefix(posted, ContentType+" ey") {
			t.Errorf("%s: posted %.60s", test.name, posted)
		}
		if test.want.Channel == ChannelMail {
			var m string
			select {
			case m = <-messages:
			default:
			}
			if !strings.Contains(m, "Subject: Eine Nachricht zu Ihren digitalen Dokumenten") || !strings.Contains(m, "To: ") {
				t.Errorf("%s: %s", test.name, m)
			}
		}
	}
}
