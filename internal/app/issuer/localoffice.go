package issuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// OpenOffice gives a desk at the running office of this machine or, when none
// runs, at one that is opened for this desk alone, without listeners: the same
// requests, the same answers. Close it.
func OpenOffice(ctx context.Context, cfg *Config, opts Options) (*Desk, error) {
	if running(ctx, cfg.Listen.Office) && cfg.HasState() { // without, it is another office that listens there
		d, err := OpenDesk(cfg)
		if err == nil {
			d.http.Timeout = 0 // a backup takes as long as it takes
		}
		return d, err
	}
	a, err := open(ctx, *cfg, opts)
	if err != nil {
		return nil, err
	}
	h, token, err := a.officeHandler()
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return &Desk{base: "http://" + cfg.Listen.Office, token: token, http: &http.Client{Transport: localTransport{h}}, close: a.Close}, nil
}

// Close lets go of an office that was opened for this desk alone.
func (d *Desk) Close() error {
	if d.close == nil {
		return nil
	}
	return d.close()
}

// running tells whether somebody listens where the office would.
func running(ctx context.Context, addr string) bool {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// localTransport serves requests by a handler of this process.
type localTransport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t localTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "127.0.0.1:0", r.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	reader, writer := io.Pipe()
	w := &localWriter{header: http.Header{}, pipe: writer, begun: make(chan struct{})}
	go func() {
		defer func() {
			v := recover()
			w.WriteHeader(http.StatusOK)
			switch v {
			case nil:
				writer.Close()
			case http.ErrAbortHandler:
				writer.CloseWithError(io.ErrUnexpectedEOF)
			default:
				writer.CloseWithError(fmt.Errorf("the office failed: %v", v))
			}
		}()
		t.handler.ServeHTTP(w, in)
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		reader.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Body: reader, ContentLength: -1, Request: r,
	}, nil
}

type localWriter struct {
	header http.Header
	pipe   *io.PipeWriter

	once   sync.Once
	begun  chan struct{}
	status int
	sent   http.Header
}

func (w *localWriter) Header() http.Header { return w.header }

func (w *localWriter) WriteHeader(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

func (w *localWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if len(p) == 0 {
		return 0, nil
	}
	return w.pipe.Write(p)
}

// Flush implements http.Flusher: nothing is kept back.
func (w *localWriter) Flush() { w.WriteHeader(http.StatusOK) }
