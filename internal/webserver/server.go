package webserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server is one bound listener with its handler.
type Server struct {
	name string
	ln   net.Listener
	http *http.Server
}

// http1 is all that is spoken: HTTP/2 and its floods are for a proxy before us.
func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// Listen binds addr ("127.0.0.1:0" takes a free port) and prepares to serve h
// with the limits of this package; a nil config serves plain HTTP. Nothing is
// served before Run.
func Listen(name, addr string, h http.Handler, config *tls.Config, log *slog.Logger) (*Server, error) {
	return listen(name, addr, h, config, log, connectionLimit())
}

func listen(name, addr string, h http.Handler, config *tls.Config, log *slog.Logger, limit int) (*Server, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for %s: %w", name, err)
	}
	return &Server{name: name, ln: ln, http: &http.Server{
		Handler:           h,
		TLSConfig:         config,
		Protocols:         http1(),
		ReadHeaderTimeout: ReadHeaderTimeout,
		ReadTimeout:       ReadTimeout,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       IdleTimeout,
		MaxHeaderBytes:    MaxHeaderBytes,
		ConnState:         newConnections(limit).observe,
		// What the library has to say concerns broken peers: it must not be
		// louder than the program itself.
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}, nil
}

// Addr is where the server is bound.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close unbinds without waiting. It is for a server that was never run.
func (s *Server) Close() error { return errors.Join(s.http.Close(), ignoreClosed(s.ln.Close())) }

func (s *Server) serve() error {
	var err error
	if s.http.TLSConfig != nil {
		err = s.http.ServeTLS(s.ln, "", "")
	} else {
		err = s.http.Serve(s.ln)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving %s: %w", s.name, err)
}

// Run serves until ctx ends or one server fails, then lets the requests under
// way finish for at most ShutdownTimeout, and cuts what is left: a peer that
// dawdles is no error.
func Run(ctx context.Context, servers ...*Server) error { return run(ctx, ShutdownTimeout, servers...) }

func run(ctx context.Context, patience time.Duration, servers ...*Server) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() { failed <- s.serve() }()
	}
	var first error
	ended := 0
	select {
	case <-ctx.Done():
	case first = <-failed:
		ended++
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	errs := []error{first}
	done := make(chan error, len(servers))
	for _, s := range servers {
		go func() { done <- s.http.Shutdown(stop) }()
	}
	for range servers {
		if err := <-done; err != nil && !errors.Is(err, context.DeadlineExceeded) {
			errs = append(errs, fmt.Errorf("stopping: %w", err))
		}
	}
	for _, s := range servers {
		_ = s.http.Close()
	}
	for ; ended < len(servers); ended++ {
		if err := <-failed; err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
