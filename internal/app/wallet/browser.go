package wallet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// browser is the browser of whoever sits at this machine: the address is printed,
// and the answer comes to a port of the loopback address (RFC 8252, section 7.3).
type browser struct {
	say      func(line string)
	listener net.Listener
	server   *http.Server
	back     chan string
}

// callback is the path of the redirect_uri.
const callback = "/callback"

const (
	// loginTime is how long the holder has for the login: longer than a pushed
	// request lives anywhere.
	loginTime = 10 * time.Minute
	// maxCallback bounds the head of a request to our port, in bytes.
	maxCallback = 16 << 10
)

func newBrowser(say func(string)) (*browser, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the end of a login: %w", err)
	}
	b := &browser{say: say, listener: l, back: make(chan string, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callback, b.returned)
	b.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: maxCallback}
	go func() { _ = b.server.Serve(l) }() // ends with Close
	return b, nil
}

func (b *browser) returned(w http.ResponseWriter, r *http.Request) {
	select {
	case b.back <- b.Redirect() + "?" + r.URL.RawQuery:
	default: // it came before: the first counts
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	fmt.Fprintln(w, "Done: back to the wallet.")
}

// Redirect implements wallet.Browser.
func (b *browser) Redirect() string { return "http://" + b.listener.Addr().String() + callback }

// Open implements wallet.Browser.
func (b *browser) Open(ctx context.Context, address string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	b.say("open in a browser: " + address)
	select {
	case back := <-b.back:
		return back, nil
	case <-ctx.Done():
		return "", errors.New("nobody came back from the login")
	}
}

// Close ends the listener, with whatever is still being answered.
func (b *browser) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return b.server.Shutdown(ctx)
}
