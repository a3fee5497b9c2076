package webserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A refusal that does not depend on the body does not wait for it, and what
// comes of it after all is never taken for a request.
func TestUnheardBody(t *testing.T) {
	w := serveEngine(t)
	for name, head := range map[string]string{
		"one octet":         "Content-Length: 1\r\n",
		"200 KiB":           "Content-Length: 204800\r\n",
		"1 MiB":             "Content-Length: 1048576\r\n",
		"chunks":            "Transfer-Encoding: chunked\r\n",
		"waits to be asked": "Content-Length: 1048576\r\nExpect: 100-continue\r\n",
		"too long":          "Content-Length: 99999999\r\n",
		"too long, waits":   "Content-Length: 99999999\r\nExpect: 100-continue\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(ReadTimeout / 2)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST /unheard HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n", head)
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			want := http.StatusForbidden
			if strings.HasPrefix(name, "too long") {
				want = http.StatusRequestEntityTooLarge
			}
			if _, err := io.ReadAll(res.Body); err != nil || res.StatusCode != want || !res.Close {
				t.Errorf("%d, close %t, %v", res.StatusCode, res.Close, err)
			}
		})
	}
	// Who sends all of it hears the answer all the same.
	for _, size := range []int{1, 10 << 10, 300 << 10, 4 << 20} {
		res, body := w.do(t, "POST", "/unheard", http.Header{"Content-Type": {"application/json"}}, strings.NewReader(strings.Repeat("x", size)))
		if res.StatusCode != http.StatusForbidden || !strings.Contains(body, "access_denied") {
			t.Errorf("%d octets: %d %s", size, res.StatusCode, body)
		}
	}
	// Where the body was read the connection stays.
	res := w.raw(t, "POST /office HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
	if res == nil || res.StatusCode != http.StatusOK || res.Close {
		t.Error("closed after a body that was read")
	}
}
