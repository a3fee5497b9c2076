package gatt

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/internal/proximity"
)

// counted counts the connections that a Connect makes.
func counted(connect Connect, n *int) Connect {
	return func(ctx context.Context) (Link, error) {
		*n++
		return connect(ctx)
	}
}

// A client whose connection fails or drops before the start connects once more,
// and not again; one that drops afterwards is not replaced.
func TestReconnectOnce(t *testing.T) {
	broken := errors.New("le-connection-abort-by-local")
	offer := Offer{Mode: CentralClient, Service: service}
	for name, c := range map[string]struct {
		fail     int // connects that fail at once
		drop     int // connections that drop before Ident is read
		connects int
		want     error
		said     string
	}{
		"none":                {0, 0, 1, nil, ""},
		"one fails":           {1, 0, 2, nil, ""},
		"one drops":           {0, 1, 2, nil, ""},
		"two fail":            {2, 0, 2, ErrUnreached, "no connection: le-connection-abort-by-local"},
		"two drop":            {0, 2, 2, ErrLost, "connection lost: reading Ident: io: read/write on closed pipe: hold the devices nearer and show the code again"},
		"one fails, one goes": {1, 1, 2, ErrLost, "connection lost: reading Ident: io: read/write on closed pipe: hold the devices nearer and show the code again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				radio := NewModel(Conditions{})
				started := make(chan *Transport, 1)
				go func() {
					tr, _ := Open(ctx, radio.Advertise(offer, ident), Options{Mode: CentralClient, Side: Reader})
					started <- tr
				}()
				n := 0
				connect := func(ctx context.Context) (Link, error) {
					n++
					if n <= c.fail {
						return nil, broken
					}
					link, err := radio.Scan(offer)(ctx)
					if n <= c.fail+c.drop {
						link.(*modelLink).wire.disconnect()
					}
					return link, err
				}
				tr, err := Open(ctx, connect, Options{Mode: CentralClient, Side: Holder, Ident: ident})
				if !errors.Is(err, c.want) || c.want == nil && err != nil || n != c.connects {
					t.Errorf("%d connects, %v; want %d, %v", n, err, c.connects, c.want)
				}
				if c.said != "" && (err == nil || err.Error() != CentralClient.String()+": "+c.said) {
					t.Errorf("said %q, want %q", err, c.said)
				}
				if tr != nil {
					tr.Close()
				}
				cancel()
				if server := <-started; server != nil {
					server.Close()
				}
			})
		})
	}
}

// A server lets passing scanners go and waits on, up to a limit; it does not wait
// on when the start was made.
func TestPassingScanners(t *testing.T) {
	offer := Offer{Mode: PeripheralServer, Service: service}
	for _, passing := range []int{0, 1, serverConnects - 1, serverConnects} {
		synctest.Test(t, func(t *testing.T) {
			radio := NewModel(Conditions{})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			n := 0
			go func() {
				for range passing {
					link, err := radio.Scan(offer)(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					link.Close()
				}
				if tr, err := Open(ctx, radio.Scan(offer), Options{Mode: PeripheralServer, Side: Reader}); err == nil {
					tr.Close()
				}
			}()
			tr, err := Open(ctx, counted(radio.Advertise(offer, nil), &n), Options{Mode: PeripheralServer, Side: Holder})
			if want := min(passing+1, serverConnects); n != want {
				t.Errorf("%d passing: %d connects, want %d", passing, n, want)
			}
			if (err == nil) != (passing < serverConnects) || err != nil && !errors.Is(err, ErrLost) {
				t.Errorf("%d passing: %v", passing, err)
			}
			if tr != nil {
				tr.Close()
			}
		})
	}
}

// Nobody comes: the limit is that of the context, and is said as such.
func TestNobody(t *testing.T) {
	for _, side := range []Side{Reader, Holder} {
		for _, mode := range []Mode{CentralClient, PeripheralServer} {
			synctest.Test(t, func(t *testing.T) {
				radio := NewModel(Conditions{})
				offer := Offer{Mode: mode, Service: service}
				connect := radio.Scan(offer)
				if mode.Role(side) == Server {
					connect = radio.Advertise(offer, ident)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				begin := time.Now()
				tr, err := Open(ctx, connect, Options{Mode: mode, Side: side})
				if !errors.Is(err, context.DeadlineExceeded) || tr != nil || time.Since(begin) != 30*time.Second {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
				if len(radio.adverts) != 0 {
					t.Error("still advertised")
				}
			})
		}
	}
}

// One that did not come about, and then nobody: both are said.
func TestNobodyAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("le-connection-abort-by-local")
		n := 0
		connect := func(ctx context.Context) (Link, error) {
			if n++; n == 1 {
				return nil, broken
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := Open(ctx, connect, Options{Mode: PeripheralServer, Side: Reader})
		want := "mdoc peripheral server mode: context deadline exceeded, after no connection: le-connection-abort-by-local"
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, broken) || err.Error() != want {
			t.Errorf("said %q", err)
		}
	})
}

// A peer that connects and does not start is waited for as long as the context.
func TestNoStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, server := NewModel(Conditions{}).connect(ident)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if tr, err := Start(ctx, server, Options{Mode: CentralClient, Side: Reader}); !errors.Is(err, context.DeadlineExceeded) || tr != nil {
			t.Error(err)
		}
		if !server.isClosed() {
			t.Error("the link is open")
		}
	})
}

// A stack that reports an MTU below the least is not sent through.
func TestTinyMTU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := scripted(t, Conditions{MTU: MinMTU - 1}, CentralClient, Reader)
		if err := tr.Send(t.Context(), []byte("x")); !errors.Is(err, proximity.ErrLimit) {
			t.Error(err)
		}
		tr.Close()
	})
}

// Progress is told how far a message is, in bytes of it.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, raw := scripted(t, Conditions{MTU: MinMTU}, PeripheralServer, Reader)
		type told struct {
			stage proximity.Stage
			n     int
		}
		var got []told
		tr.opt.Progress = func(stage proximity.Stage, n int) { got = append(got, told{stage, n}) }
		if err := tr.Send(t.Context(), bytes.Repeat([]byte{1}, 40)); err != nil {
			t.Fatal(err)
		}
		put(t, raw, value{ServerClient, append([]byte{prefixMore}, "0123456789"...)}, value{ServerClient, []byte{prefixLast, 'x'}})
		if _, err := tr.Recv(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []told{{proximity.Sending, 19}, {proximity.Sending, 38}, {proximity.Sending, 40}, {proximity.Receiving, 10}}
		if len(got) != len(want) {
			t.Fatalf("%v", got)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%v", got)
			}
		}
		tr.Close()
	})
}
