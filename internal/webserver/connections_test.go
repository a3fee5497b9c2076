package webserver

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// serveLimited serves at most limit connections; /wait says that it has begun
// and answers when told to.
func serveLimited(t *testing.T, limit int) (addr string, begun, answer chan struct{}) {
	t.Helper()
	begun, answer = make(chan struct{}), make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			begun <- struct{}{}
			<-answer
		}
		w.WriteHeader(http.StatusNoContent)
	})
	s, err := listen("test", "127.0.0.1:0", h, nil, slog.New(slog.DiscardHandler), limit)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s.Addr().String(), begun, answer
}

type peer struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *peer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &peer{t, c, bufio.NewReader(c)}
}

func (p *peer) ask(path string) {
	p.t.Helper()
	if _, err := io.WriteString(p, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		p.t.Fatal(err)
	}
}

// answered reports whether an answer comes, and not the end.
func (p *peer) answered() bool {
	p.t.Helper()
	resp, err := http.ReadResponse(p.r, nil)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		p.t.Fatal("neither an answer nor the end")
	}
	return err == nil && resp.StatusCode == http.StatusNoContent
}

// Connections that are held open keep nobody out.
func TestIdleConnectionsGiveWay(t *testing.T) {
	addr, _, _ := serveLimited(t, 1)
	silent := dial(t, addr)
	p := dial(t, addr)
	p.ask("/")
	if !p.answered() {
		t.Error("the newcomer got no answer")
	}
	if silent.answered() {
		t.Error("who never asked is still there")
	}
}

// The one that has waited longest gives way, whoever is served stays, and the
// books are empty in the end.
func TestConnectionBooks(t *testing.T) {
	conn := map[string]net.Conn{}
	names := map[net.Conn]string{nil: "nobody"}
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		near, far := net.Pipe()
		t.Cleanup(func() { near.Close(); far.Close() })
		conn[n], names[near] = near, n
	}
	c := newConnections(3)
	for i, step := range []struct {
		who   string
		state http.ConnState
		drop  string
	}{
		{"a", http.StateNew, "nobody"}, {"b", http.StateNew, "nobody"}, {"c", http.StateNew, "nobody"},
		{"a", http.StateActive, "nobody"}, {"a", http.StateIdle, "nobody"}, // a is now last of those who wait
		{"d", http.StateNew, "b"},
		{"b", http.StateActive, "nobody"}, {"b", http.StateClosed, "nobody"}, // news of who was sent away
		{"a", http.StateActive, "nobody"}, {"c", http.StateActive, "nobody"}, {"d", http.StateActive, "nobody"},
		{"e", http.StateNew, "e"}, {"e", http.StateClosed, "nobody"}, // all are served
		{"c", http.StateIdle, "nobody"},
		{"e", http.StateNew, "c"},
		{"a", http.StateHijacked, "nobody"}, {"d", http.StateClosed, "nobody"}, {"e", http.StateClosed, "nobody"}, {"c", http.StateClosed, "nobody"},
	} {
		if got := names[c.note(conn[step.who], step.state)]; got != step.drop {
			t.Fatalf("step %d, %s is %v: %s is sent away, want %s", i, step.who, step.state, got, step.drop)
		}
	}
	if len(c.all) != 0 || c.waiting.Len() != 0 {
		t.Errorf("%d connections, %d waiting are left in the books", len(c.all), c.waiting.Len())
	}
}

// Who is being served is not cut off for a newcomer, who is sent away.
func TestServedConnectionsStay(t *testing.T) {
	addr, begun, answer := serveLimited(t, 2)
	var busy []*peer
	for range 2 {
		p := dial(t, addr)
		p.ask("/wait")
		<-begun
		busy = append(busy, p)
	}
	late := dial(t, addr)
	_, _ = io.WriteString(late, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if late.answered() {
		t.Error("the third connection is served")
	}
	close(answer)
	for i, p := range busy {
		if !p.answered() {
			t.Errorf("request %d was cut off", i)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	for files, want := range map[uint64]int{0: minConnections, 100: minConnections, 1024: 204, 20_000: 4000, 1 << 20: MaxConnections, ^uint64(0): MaxConnections} {
		if got := connectionsFor(files); got != want {
			t.Errorf("%d open files: %d connections, want %d", files, got, want)
		}
	}
}

// A peer that dawdles is cut off at the end, which is no failure of ours.
func TestRunCutsWhoDawdles(t *testing.T) {
	begun := make(chan struct{})
	s, err := Listen("test", "127.0.0.1:0", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
	}), nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, 20*time.Millisecond, s) }()
	p := dial(t, s.Addr().String())
	p.ask("/")
	<-begun
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("%v", err)
	}
	if p.answered() {
		t.Error("the request was answered")
	}
}
