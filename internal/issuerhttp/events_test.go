package issuerhttp_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/webserver"
)

// One source that opens connection after connection with large bodies uses up
// its own allowance: neither the memory of the office nor the turn of another
// source (bad input H02, many at once).
func TestBodiesOfOneSourceAreBounded(t *testing.T) {
	w := newWorld(t, limits{})
	hold := func(peer string, framing string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.registry, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		_, err = fmt.Fprintf(conn, "POST %s/batch HTTP/1.1\r\nHost: x\r\nTest-Peer: %s\r\nContent-Type: application/json\r\n%s\r\n\r\n", issuerhttp.EventsPath, peer, framing)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	// until asks for a source until it is answered with a status.
	until := func(peer string, status int, meanwhile func(n int)) {
		t.Helper()
		for n, deadline := 0, time.Now().Add(time.Minute); ; n++ {
			a := w.do("POST", w.registry+issuerhttp.EventsPath+"/batch", "{}", "Test-Peer", peer, "Content-Type", "application/json")
			switch {
			case a.StatusCode == status && status == 429 && a.Header.Get("Retry-After") == "":
				t.Fatal("429 without Retry-After")
			case a.StatusCode == status:
				return
			case time.Now().After(deadline):
				t.Fatalf("%s: %d %s, want %d", peer, a.StatusCode, a.body, status)
			}
			meanwhile(n)
		}
	}
	var held []net.Conn
	another := func(i int) {
		framing := fmt.Sprintf("Content-Length: %d", webserver.MaxBatchBody)
		if i%2 == 1 {
			framing = "Transfer-Encoding: chunked"
		}
		held = append(held, hold("greedy", framing))
	}
	for i := range 8 {
		another(i)
	}
	// One of them may have been refused for a question of ours beside it.
	until("greedy", 429, func(n int) {
		if n%8 == 7 && n < 64 {
			another(n)
		}
	})
	waits := func(int) {}
	until("modest", 400, waits) // heard, and refused for its empty body
	for _, conn := range held {
		if _, err := io.WriteString(conn, "\r\n"); err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	until("greedy", 400, waits)
}
