package issuerhttp_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bad input H03: who sends a byte now and then is cut off by a deadline that
// begins once, and keeps nobody else waiting meanwhile.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, limits{})
	w.fill()
	cutOff := func(begin, dribble string) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(w.public, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, begin); err != nil {
			t.Error(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, conn)
			ended <- err
		}()
		patience := time.After(time.Minute) // the deadlines are five and ten seconds
		for {
			select {
			case err := <-ended:
				var slow net.Error
				if errors.As(err, &slow) && slow.Timeout() {
					t.Error(err)
				}
				return
			case <-patience:
				t.Errorf("%.20q: never cut off", begin)
				return
			case <-time.After(time.Second):
				_, _ = io.WriteString(conn, dribble) // an error is the end that ended tells of
			}
		}
	}
	var slow sync.WaitGroup
	for range 100 {
		slow.Go(func() { cutOff("POST /office/nonce HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n") })
		slow.Go(func() {
			cutOff("POST /office/token HTTP/1.1\r\nHost: x\r\nContent-Type: "+form+"\r\nContent-Length: 1000\r\n\r\n", "a")
		})
	}
	for range 20 {
		w.want(w.do("POST", w.at("/nonce"), ""), 200)
	}
	w.want(w.enrol().ask("/credential", w.request("mdl", 2)), 200)
	slow.Wait()
}
